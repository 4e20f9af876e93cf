"""The services beside the backend, called as the host calls them."""

import asyncio
import ssl
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf import empty_pb2

from shim.grpc import RpcError, Server, Status
from shim.proto import health_pb2 as health
from shim.proto import logical_pb2 as logical
from shim.proto import multiplexing_pb2 as multiplexing
from shim.proto import plugin_pb2 as plugin
from shim.services import Broker, Version, broker
from shim.services.health import CHECK
from shim.services.multiplexing import SUPPORT
from shim.services.stdio import STREAM_STDIO
from shim.services.version import VERSION
from tests.unit.process.plugin_host import (
    HOST,
    MOUNT,
    SOON,
    connected,
    host_certificate,
    offering,
)

OTHER_MOUNT = (("multiplex_id", "zyxWVU9876"),)


async def test_health_knows_the_plugin_and_nothing_else() -> None:
    async with connected() as host:
        for service in ("plugin", ""):
            request = health.HealthCheckRequest(service=service)
            reply = await host.channel.unary(CHECK, request, timeout=SOON)
            assert reply.status == health.HealthCheckResponse.SERVING
        request = health.HealthCheckRequest(service="another")
        with pytest.raises(RpcError) as error:
            await host.channel.unary(CHECK, request, timeout=SOON)
        assert error.value.code == Status.NOT_FOUND


async def test_multiplexing_is_supported_and_the_version_told() -> None:
    async with connected() as host:
        request = multiplexing.MultiplexingSupportRequest()
        assert (await host.channel.unary(SUPPORT, request, timeout=SOON)).supported
        reply = await host.channel.unary(VERSION, logical.Empty(), timeout=SOON, metadata=MOUNT)
        assert reply.plugin_version == "v1.2.3"


@pytest.mark.parametrize("version", ["", "v0.1.0", "v1.2.3-rc.1+build.5", "v10.20.30"])
def test_version_is_semantic_with_a_leading_v(version: str) -> None:
    Version(version)


@pytest.mark.parametrize("version", ["1.2.3", "v1", "v1.2", "v01.2.3", "v1.2.3-", "v1.2.3\n", "v"])
def test_a_version_the_host_cannot_read_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="semantic version"):
        Version(version)


async def test_stdio_stays_open_and_silent_until_the_end() -> None:
    async with connected() as host, host.channel.stream(STREAM_STDIO) as stdio:
        await stdio.send(empty_pb2.Empty())
        await stdio.done_writing()
        reading = asyncio.ensure_future(stdio.receive())
        await host.ask("print", "noise")
        await host.ask("status")
        assert not reading.done()
        await host.broker.done_writing()
        await host.plugin.ended()
        assert await asyncio.wait_for(reading, SOON) is None


async def test_dial_back_with_the_address_sent_before_setup(tmp_path: Path) -> None:
    async with (
        connected() as host,
        offering(tmp_path, host.plugin, {"greeting": b"hello"}) as address,
    ):
        await host.announce(1, address)
        await host.ask("status")  # the announcement is read by now: same connection, in order
        assert await host.setup(1) == ""
        assert await host.ask("greeting") == "hello"


async def test_dial_back_with_the_address_sent_after_setup(tmp_path: Path) -> None:
    async with (
        connected() as host,
        offering(tmp_path, host.plugin, {"greeting": b"hello"}) as address,
    ):
        setup = asyncio.create_task(host.setup(7))
        await host.ask("status")
        assert not setup.done()
        await host.announce(7, address)
        assert await setup == ""
        assert await host.ask("greeting") == "hello"


async def test_many_mounts_have_a_host_each(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        connected() as host,
        offering(tmp_path / "a", host.plugin, {"name": b"first"}) as first,
        offering(tmp_path / "b", host.plugin, {"name": b"second"}) as second,
    ):
        await host.announce(2, second)
        await host.announce(1, first)
        assert await host.setup(1, MOUNT) == ""
        assert await host.setup(2, OTHER_MOUNT) == ""
        assert await host.ask("name", mount=MOUNT) == "first"
        assert await host.ask("name", mount=OTHER_MOUNT) == "second"


async def test_an_address_that_never_comes_is_an_error_in_words() -> None:
    async with connected() as host:
        assert "broker id 99" in await host.setup(99)
        assert await host.ask("status")


async def test_a_false_host_gets_no_call(tmp_path: Path) -> None:
    impostor = host_certificate()
    async with (
        connected() as host,
        offering(tmp_path, host.plugin, {"greeting": b"hello"}, impostor) as address,
    ):
        await host.announce(1, address)
        await host.setup(1)
        with pytest.raises(RpcError):
            await host.ask("greeting")


class OneMessage:
    """A broker stream that carries what it is given, then ends."""

    def __init__(self, *infos: plugin.ConnInfo) -> None:
        self.infos = list(infos)

    async def receive(self) -> plugin.ConnInfo | None:
        return self.infos.pop(0) if self.infos else None

    async def send(self, message: plugin.ConnInfo) -> None:
        raise AssertionError("the plugin offers no services of its own")


class Recorder:
    """Stands for the server, to get at the broker's handler."""

    def stream(self, method: Any, handler: Any) -> None:
        self.handler = handler


async def told(*infos: plugin.ConnInfo) -> tuple[Broker, list[bool]]:
    left: list[bool] = []
    recorder, made = Recorder(), Broker(None, "localhost", lambda: left.append(True))
    made.register(cast("Server", recorder))
    await recorder.handler(OneMessage(*infos), None)
    return made, left


async def test_an_address_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "PATIENCE", 0.05)
    info = plugin.ConnInfo(service_id=4, network="unix", address="/nowhere")
    made, left = await told(info)
    assert left == [True]
    await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError, match="broker id 4"):
        await made.dial(4, timeout=0.01)


async def test_an_address_is_given_out_once_and_only_unix_ones() -> None:
    made, _ = await told(
        plugin.ConnInfo(service_id=4, network="unix", address="/nowhere"),
        plugin.ConnInfo(service_id=5, network="tcp", address="127.0.0.1:1"),
    )
    await (await made.dial(4)).close()
    for used in (4, 5):
        with pytest.raises(TimeoutError):
            await made.dial(used, timeout=0.01)


def test_the_hosts_certificate_is_p521() -> None:
    """What all of the above was shown with: OpenBao's and Vault's kind of certificate."""
    assert ssl.PEM_cert_to_DER_cert(HOST.pem).find(bytes.fromhex("2b81040023")) > 0  # secp521r1
