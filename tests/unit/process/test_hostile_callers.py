"""What callers send who mean no good: the engine's process answers, lives on and tells nothing."""

import asyncio
import time

import pytest

from shim.grpc import Method
from shim.proto import backend_pb2 as pb
from tests.unit.process.hostile import SECRET, Caller, checked
from tests.unit.process.mounted import LATE, Mounted, mounted
from tests.unit.process.plugin_host import MOUNT

EXISTS = Method(
    "/pb.Backend/HandleExistenceCheck", pb.HandleExistenceCheckArgs, pb.HandleExistenceCheckReply
)
REQUESTS = 1_500
MEGABYTE = 1_000_000


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_request_is_answered_and_nothing_is_told(seed: int) -> None:
    async with mounted() as mount:
        caller = Caller(seed)

        async def send(request: pb.Request) -> None:
            checked(request, await mount.send(request))

        for _ in range(0, REQUESTS, 50):
            await asyncio.gather(*(send(caller.request()) for _ in range(50)))
        for _ in range(200):
            args = pb.HandleExistenceCheckArgs(request=caller.request())
            await mount.host.channel.unary(EXISTS, args, timeout=LATE, metadata=MOUNT)
        await is_well(mount)
        assert not mount.logged(SECRET)
        assert all(isinstance(line["@message"], str) for line in mount.host.plugin.logs)


async def is_well(mount: Mounted) -> None:
    version = await mount.ask("read", "version/client-only")
    assert "client-version" in version.response.data


def bodies(size: int) -> dict[str, str]:
    """Bodies of about so many bytes, each of which is hard on somebody."""
    return {
        "units": '{"ttl":"%s"}' % ("1ns" * (size // 3)),
        "digits": '{"ttl":%s}' % ("9" * size),
        "name": '{"%s":1}' % ("x" * size),
        "escapes": '{"user_token":"%s"}' % ("\\u003c" * (size // 6)),
        "depth": "[" * size,
    }


def login(body: str) -> pb.Request:
    return pb.Request(operation="update", path="login/robot:x", data=body)


@pytest.mark.parametrize("body", bodies(MEGABYTE).values(), ids=bodies(MEGABYTE))
async def test_a_megabyte_holds_nobody_up(body: str) -> None:
    async with mounted() as mount:
        started = time.monotonic()
        reply, _ = await asyncio.gather(mount.send(login(body)), is_well(mount))
        assert time.monotonic() - started < 4
    checked(login(body), reply)
    assert '"error"' in reply.response.data


async def test_thirty_one_mebibytes_are_refused_undecoded() -> None:
    """Two abreast of all that the host asks for one write, and a small request among them."""
    request = login(bodies(31 << 20)["depth"])
    resolve = pb.Request(operation="resolve-path", path=request.path, data=request.data)
    exists = pb.HandleExistenceCheckArgs(request=request)
    exists.request.path = "config"
    async with mounted() as mount:

        async def write() -> pb.HandleRequestReply:
            await mount.send(resolve)
            await mount.host.channel.unary(EXISTS, exists, timeout=LATE, metadata=MOUNT)
            return await mount.send(request)

        first, second, _ = await asyncio.gather(write(), write(), is_well(mount))
        assert (first.err.err_code, second.err.err_code) == (413, 413)
        await is_well(mount)
        assert not [line for line in mount.host.plugin.logs if line["@level"] == "error"]
