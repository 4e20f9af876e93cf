"""The life of a real plugin process, watched from the host's side of its socket and pipes."""

import asyncio
import json
import os
import stat
import time
from pathlib import Path

import pytest

from shim.grpc import RpcError, Status
from shim.process.life import Life
from shim.proto import health_pb2 as health
from shim.services.controller import SHUTDOWN
from shim.services.health import CHECK
from tests.unit.process import echo_plugin, plugin_host
from tests.unit.process.plugin_host import (
    AS_ROOT,
    NOBODY,
    SOON,
    Connected,
    connect,
    connected,
    is_error,
    launch,
    refused,
)


def left_in(folder: Path, pattern: str = "*") -> list[Path]:
    return list(folder.glob(pattern))


def children(host: Connected) -> str:
    return host.plugin.proc(f"task/{host.plugin.process.pid}/children").read_text().strip()


# Starting


@pytest.mark.parametrize("cookie", [None, "", "wrong"])
async def test_without_the_cookie_it_says_what_it_is_and_exits_1(cookie: str | None) -> None:
    status, stdout, stderr = await refused(VAULT_BACKEND_PLUGIN=cookie)
    assert status == 1
    assert stdout == b""
    assert stderr.decode() == echo_plugin.ABOUT + "\n"


async def test_container_multiplexing_is_refused_in_one_line() -> None:
    status, stdout, stderr = await refused(PLUGIN_MULTIPLEX_GRPC="true")
    assert (status, stdout) == (1, b"")
    assert "PLUGIN_MULTIPLEX_GRPC" in is_error(stderr)


async def test_a_host_without_automtls_is_refused_in_one_line() -> None:
    status, stdout, stderr = await refused(PLUGIN_CLIENT_CERT=None)
    assert (status, stdout) == (1, b"")
    assert "AutoMTLS" in is_error(stderr)


async def test_a_broken_host_certificate_is_refused_in_one_line() -> None:
    status, stdout, stderr = await refused(PLUGIN_CLIENT_CERT="nonsense")
    assert (status, stdout) == (1, b"")
    assert "host's certificate" in is_error(stderr)


async def test_pure_python_protobuf_is_refused_in_one_line() -> None:
    status, stdout, stderr = await refused(PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    assert (status, stdout) == (1, b"")
    assert "upb" in is_error(stderr)


@pytest.mark.parametrize(
    ("offered", "chosen"), [("5", "5"), ("3,4", "4"), ("4,3", "4"), (None, "3")]
)
async def test_the_line_names_the_version_agreed_on(offered: str | None, chosen: str) -> None:
    async with launch(PLUGIN_PROTOCOL_VERSIONS=offered) as plugin:
        core, version, network, path, protocol, certificate = plugin.fields
        assert (core, version, network, protocol) == ("1", chosen, "unix", "grpc")
        assert len(os.fsencode(path)) < 108
        assert len(certificate) > 50
        assert "=" not in certificate


async def test_metadata_mode_without_automtls_is_served_in_plain_text() -> None:
    async with connected(PLUGIN_CLIENT_CERT=None, VAULT_PLUGIN_METADATA_MODE="true") as host:
        assert host.plugin.fields[5] == ""
        assert json.loads(await host.ask("status"))["host_version"] == "1.20.0"


async def test_it_exits_when_no_host_connects() -> None:
    async with launch(ECHO_PATIENCE="0.2") as plugin:
        assert await plugin.ended() == 0
        assert not plugin.socket.parent.exists()


# Standard streams


async def test_stdout_is_the_line_and_nothing_before_or_after() -> None:
    async with connected(ECHO_PRINTS="before the handshake") as host:
        assert host.plugin.fields[0] == "1"  # and echo printed before it
        await host.ask("print", "x" * 100_000)
        status = json.loads(await host.ask("status"))
        assert (status["stdin"], status["stdout"]) == ("/dev/null", "/dev/null")
        stdout = host.plugin.process.stdout
        assert stdout is not None
        assert await asyncio.wait_for(stdout.read(), SOON) == b""


async def test_stderr_is_one_json_object_a_line_whoever_writes_to_it() -> None:
    async with connected(ECHO_PRINTS="before the handshake") as host:
        await host.ask("log", "a\nb")
        await host.ask("print", "to standard\nerror")
        with pytest.raises(RpcError) as error:
            await host.ask("raise", "hvs.secret")
        assert error.value.code == Status.UNKNOWN
        await host.ask("raise later", "hvs.secret")
        await host.shut_down()
        await host.plugin.ended()
    logs = host.plugin.logs  # every line parses
    [printed] = [line for line in logs if line["@module"] == "stdout"]  # of several prints
    assert printed["@level"] == "warn"
    assert str(printed["@message"]).startswith("print() reaches nobody: standard output is the")
    assert str(printed["@message"]).endswith("it said: before the handshake")
    for line in logs:
        assert type(line["@message"]) is str
        assert type(line["@level"]) is str
        assert type(line["@timestamp"]) is str
    [said] = [line for line in logs if line["@message"] == "said"]
    assert (said["@module"], said["what"], said["count"]) == ("echo.talk", "a\nb", 7)
    assert [line["@message"] for line in logs if line["@module"] == "stderr"] == [
        "to standard",
        "error",
    ]
    [died] = [line for line in logs if line["@module"] == "uncaught"]
    assert died["@message"] == "ValueError"
    [failed] = [line for line in logs if "HandleRequest failed" in line["@message"]]
    assert failed["@level"] == "error"
    [stray] = [line for line in logs if line["@message"] == "Exception in callback fail"]
    assert stray["stacktrace"].endswith("RuntimeError")
    assert b"hvs.secret" not in b"".join(host.plugin.stderr)


# The socket


async def test_socket_is_the_owners_alone_in_a_directory_of_its_own(tmp_path: Path) -> None:
    async with launch(TMPDIR=str(tmp_path)) as plugin:
        folder = plugin.socket.parent
        assert folder.parent == tmp_path
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(plugin.socket.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(plugin.socket.stat().st_mode)


@AS_ROOT
async def test_socket_group_may_connect(tmp_path: Path) -> None:
    async with launch(
        PLUGIN_UNIX_SOCKET_DIR=str(tmp_path), PLUGIN_UNIX_SOCKET_GROUP=str(NOBODY)
    ) as plugin:
        assert plugin.socket.parent.parent == tmp_path
        assert plugin.socket.stat().st_gid == NOBODY
        assert stat.S_IMODE(plugin.socket.stat().st_mode) == 0o660
        assert plugin.socket.parent.stat().st_gid == NOBODY
        assert stat.S_IMODE(plugin.socket.parent.stat().st_mode) == 0o710


async def test_unknown_socket_group_is_refused_and_nothing_left(tmp_path: Path) -> None:
    status, stdout, stderr = await refused(
        TMPDIR=str(tmp_path), PLUGIN_UNIX_SOCKET_GROUP="no-such-group"
    )
    assert (status, stdout) == (1, b"")
    assert "no-such-group" in is_error(stderr)
    assert not left_in(tmp_path)


@pytest.mark.parametrize("folder", ["not-there", "d" * 100])
async def test_unusable_socket_directory_is_refused_in_one_line(
    folder: str, tmp_path: Path
) -> None:
    if len(folder) == 100:
        (tmp_path / folder).mkdir()
    status, stdout, stderr = await refused(TMPDIR=str(tmp_path / folder))
    assert (status, stdout) == (1, b"")
    assert "TMPDIR" in is_error(stderr)
    assert not left_in(tmp_path, "*/*")


# TLS


@pytest.mark.parametrize("shown", ["another", "none"])
async def test_wrong_or_missing_client_certificate_is_refused(shown: str) -> None:
    async with launch() as plugin:
        if shown == "another":
            channel = plugin.channel(plugin_host.host_certificate())
        else:
            channel = plugin.channel(plugin_host.NO_CERTIFICATE)
        with pytest.raises(RpcError) as error:
            await channel.unary(SHUTDOWN, plugin_host.NOTHING, timeout=SOON)
        assert error.value.code == Status.UNAVAILABLE
        await channel.close()
        async with connect(plugin) as host:  # and it lives on for the host
            assert await host.ask("status")


async def test_plain_text_is_refused() -> None:
    async with launch() as plugin:
        reader, writer = await asyncio.open_unix_connection(str(plugin.socket))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9))
        answer = await asyncio.wait_for(reader.read(), SOON)
        assert b"\x00\x00\x00\x04" not in answer  # a TLS alert at most, no SETTINGS
        writer.close()
        await writer.wait_closed()
        async with connect(plugin) as host:
            assert await host.ask("status")


# Ending


async def test_shutdown_is_answered_then_it_ends_within_2_seconds(tmp_path: Path) -> None:
    async with connected(TMPDIR=str(tmp_path)) as host:
        await host.ask("status")
        begun = time.monotonic()
        await host.shut_down()
        assert await host.plugin.ended() == 0
        assert time.monotonic() - begun < 2
    assert not left_in(tmp_path)
    assert [line["@message"] for line in host.plugin.logs if line["@module"] == "echo.talk"] == [
        "closed"
    ]


async def test_shutdown_lets_calls_at_hand_end() -> None:
    async with connected() as host:
        asked = asyncio.create_task(host.ask("sleep", "0.3"))
        await host.ask("status")  # asked later, answered: the other is under way
        await host.channel.unary(SHUTDOWN, plugin_host.NOTHING, timeout=SOON)
        assert await asked == ""
        assert await host.plugin.ended() == 0


async def test_shutdown_does_not_wait_for_a_busy_thread() -> None:
    async with connected() as host:
        await host.ask("occupy a thread")
        begun = time.monotonic()
        await host.shut_down()
        assert await host.plugin.ended() == 0
        assert time.monotonic() - begun < 2


async def test_it_ends_when_the_last_connection_is_lost(tmp_path: Path) -> None:
    async with connected(TMPDIR=str(tmp_path)) as host:
        await host.ask("status")
        await host.channel.close()
        assert await host.plugin.ended() == 0
    assert not left_in(tmp_path)


async def test_the_last_connection_counts_with_or_without_a_broker_stream() -> None:
    async with launch() as plugin:
        channel = plugin.channel()
        request = health.HealthCheckRequest(service="plugin")
        await channel.unary(CHECK, request, timeout=SOON)
        await channel.close()
        assert await plugin.ended() == 0
    assert plugin.logs[-2]["@message"] == "stopping: the host's last connection is gone"


async def test_a_host_that_came_is_not_waited_for_any_more() -> None:
    life = Life()
    life.begin(0.01)
    life.connections(1)
    await asyncio.sleep(0.05)
    assert not life.over.is_set()
    life.connections(2)
    life.connections(1)
    assert not life.over.is_set()
    life.connections(0)
    assert life.over.is_set()


async def test_it_ends_when_the_host_closes_its_stream_and_says_no_more() -> None:
    async with connected() as host:
        await host.ask("status")
        await host.broker.done_writing()
        assert await host.plugin.ended() == 0


async def test_one_process_no_child() -> None:
    async with connected() as host:
        await host.ask("status")
        assert not children(host)


@AS_ROOT
async def test_no_port_listens() -> None:
    async with connected() as host:
        await host.ask("status")
        held = {os.readlink(link) for link in host.plugin.proc("fd").iterdir()}
        assert any(name.startswith("socket:") for name in held)
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            _, *sockets = host.plugin.proc(f"net/{protocol}").read_text().splitlines()
            assert not held & {f"socket:[{line.split()[9]}]" for line in sockets}
