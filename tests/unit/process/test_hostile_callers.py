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
MEGABYTES_10 = 10_000_000


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


@pytest.mark.parametrize(
    "body",
    [
        '{"ttl":"%s"}' % ("1ns" * (MEGABYTES_10 // 3)),
        '{"ttl":%s}' % ("9" * MEGABYTES_10),
        '{"%s":1}' % ("x" * MEGABYTES_10),
        '{"user_token":"%s"}' % ("\\u003c" * (MEGABYTES_10 // 6)),
        "[" * MEGABYTES_10,
    ],
    ids=["units", "digits", "name", "escapes", "depth"],
)
async def test_ten_megabytes_hold_nobody_up(body: str) -> None:
    big = pb.Request(operation="update", path="login/robot:x", data=body)
    async with mounted() as mount:
        started = time.monotonic()
        reply, _ = await asyncio.gather(mount.send(big), is_well(mount))
        assert time.monotonic() - started < 4
        assert mount.peak < 300_000
    checked(big, reply)
    assert '"error"' in reply.response.data
