"""Names with several addresses, of which some are dead, and names that are not found in time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from shim.grpc import Channel, Method, Patience, RpcError, Server, lookup, race
from shim.proto import health_pb2 as health
from tests.loopback import needs_ipv6
from tests.unit.grpc.certificates import client_context, server_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

CHECK = Method(
    "/grpc.health.v1.Health/Check", health.HealthCheckRequest, health.HealthCheckResponse
)
SIX, FOUR = socket.AF_INET6, socket.AF_INET
LONG = Patience(lookup=20, connect=20, greeting=20, whole=20)
BACKLOG = 3  # connections, more than a backlog of none holds


class Names:
    """What ``socket.getaddrinfo`` answers, for names of ours, and who asked."""

    def __init__(self) -> None:
        self.known: dict[str, list[tuple[int, str]]] = {}
        self.hanging: dict[str, threading.Event] = {}
        self.asked: list[str] = []
        self.threads: list[threading.Thread] = []

    def look_up(self, host: str, port: object, *_: object, **__: object) -> list[Any]:
        self.asked.append(host)
        self.threads.append(threading.current_thread())
        if host in self.hanging:
            self.hanging[host].wait(60)
        return [
            (family, socket.SOCK_STREAM, 6, "", (ip, 0) if family == FOUR else (ip, 0, 0, 0))
            for family, ip in self.known[host]
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found.look_up)
    yield found
    for event in found.hanging.values():
        event.set()


@contextlib.contextmanager
def swallowing(host: str, port: int = 0) -> Iterator[int]:
    """A port whose packets are dropped: a queue that is full, of connections nobody accepts."""
    family = SIX if ":" in host else FOUR
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(BACKLOG):
            caller = stack.enter_context(socket.socket(family))
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.asynccontextmanager
async def serving(host: str = "127.0.0.1", pem: Path | None = None) -> AsyncIterator[int]:
    server = Server()
    try:
        yield await server.listen_tcp(host, 0, server_context(pem, pem) if pem else None)
    finally:
        server.close()


async def connected(port: int, **options: Any) -> float:
    """The seconds a dial of the name takes."""
    channel = Channel.tcp("pachd.test", port, **options)
    started = time.monotonic()
    try:
        await channel.connect()
    finally:
        await channel.close()
    return time.monotonic() - started


@needs_ipv6
async def test_one_address_whose_packets_are_swallowed(names: Names) -> None:
    names.known["pachd.test"] = [(SIX, "::1"), (FOUR, "127.0.0.1")]
    async with serving() as port:
        with swallowing("::1", port):
            took = await connected(port, patience=LONG)
    assert 0.25 <= took < 5  # not the 20 s that the first has


async def test_one_address_that_refuses_is_no_wait(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(race, "_HEAD_START", 60)
    names.known["pachd.test"] = [(SIX, "::1"), (FOUR, "127.0.0.1")]
    async with serving() as port:
        assert await connected(port, patience=LONG) < 5


@needs_ipv6
async def test_families_take_turns(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three dead addresses of one family hold the other up for one head start."""
    monkeypatch.setattr(race, "_HEAD_START", 0.5)
    names.known["pachd.test"] = [*((FOUR, f"127.0.0.{last}") for last in (2, 3, 4)), (SIX, "::1")]
    async with serving("::1") as port:
        with contextlib.ExitStack() as stack:
            for last in (2, 3, 4):
                stack.enter_context(swallowing(f"127.0.0.{last}", port))
            assert 0.5 <= await connected(port, patience=LONG) < 1.5


async def test_one_address_where_another_answers_tls(
    names: Names, pem: Path, tmp_path: Path
) -> None:
    """As grpc-go has it: it is the whole of a connection that an address has to give."""
    names.known["pachd.test"] = [(FOUR, "127.0.0.2"), (FOUR, "127.0.0.1")]

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        writer.close()

    async with serving(pem=pem) as port:
        trust = client_context(pem, pem)
        async with await asyncio.start_server(babble, "127.0.0.2", port):
            await connected(port, tls=trust, server_hostname="localhost", patience=LONG)


@pytest.mark.parametrize("name", ["localhost.", "LocalHost"])
async def test_a_name_as_dns_has_it_and_the_certificate_has_not(
    names: Names, pem: Path, name: str
) -> None:
    names.known[name] = [(FOUR, "127.0.0.1")]
    async with serving(pem=pem) as port:
        channel = Channel.tcp(name, port, tls=client_context(pem, pem))
        await channel.connect(10)
        await channel.close()
    assert names.asked == [name]


@needs_ipv6
async def test_no_address_answers_and_each_is_told(names: Names) -> None:
    names.known["pachd.test"] = [(SIX, "::1"), (FOUR, "127.0.0.1")]
    with swallowing("::1") as port, pytest.raises(RpcError) as failure:
        await connected(port, patience=Patience(connect=0.5))
    assert failure.value.message == (
        f"pachd.test:{port}: 127.0.0.1:{port}: connection refused; "
        f"[::1]:{port}: no connection within 0.5 s"
    )


async def test_the_whole_has_an_end(names: Names) -> None:
    names.known["pachd.test"] = [(FOUR, f"127.0.0.{last}") for last in range(1, 9)]
    with socket.create_server(("", 0)) as mute:
        started = time.monotonic()
        with pytest.raises(RpcError, match=r"no HTTP/2 from the server within 0\.4 s"):
            await connected(mute.getsockname()[1], patience=Patience(greeting=0.4, whole=1))
    assert time.monotonic() - started < 2.5


async def test_sockets_are_closed(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that answer, the second has not to stay."""
    monkeypatch.setattr(race, "_HEAD_START", 0)
    ended = asyncio.Event()
    names.known["pachd.test"] = [(FOUR, "127.0.0.2"), (FOUR, "127.0.0.1")]

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.2", 0) as mute:
        port = mute.sockets[0].getsockname()[1]
        with pytest.raises(RpcError):
            await connected(port, patience=Patience(greeting=0.1))
        await asyncio.wait_for(ended.wait(), 10)


@needs_ipv6
async def test_an_address_is_not_looked_up(names: Names) -> None:
    async with serving() as port, serving("::1") as six:
        for host, at in (("127.0.0.1", port), ("::1", six), ("::1%lo", six), ("::1%1", six)):
            channel = Channel.tcp(host, at)
            await channel.connect(10)
            await channel.close()
    assert names.asked == []


@pytest.mark.parametrize("zone", ["none7", "4000000000", "9" * 30, "9" * 5000, "x" * 5000])
async def test_a_zone_that_there_is_not(names: Names, zone: str) -> None:
    channel = Channel.tcp(f"fe80::1%{zone}", 1)
    with pytest.raises(RpcError, match="no such interface"):
        await channel.connect(10)


async def test_a_look_up_that_hangs_holds_nobody_else_up(names: Names) -> None:
    names.known = {"dead.test": [], "pachd.test": [(FOUR, "127.0.0.1")]}
    names.hanging["dead.test"] = threading.Event()
    async with serving() as port:
        dead = [Channel.tcp("dead.test", port, patience=Patience(lookup=0.3)) for _ in range(50)]
        dials = asyncio.gather(*(each.connect() for each in dead), return_exceptions=True)
        await asyncio.sleep(0.1)  # they have begun
        await connected(port, patience=LONG)
        for failure in await dials:
            assert isinstance(failure, RpcError)
            assert failure.message == (
                f"dead.test:{port}: the look-up of the name dead.test took longer than 0.3 s"
            )
    assert names.asked.count("dead.test") == 1
    assert all(thread.daemon for thread in names.threads)
    assert threading.main_thread() not in names.threads


async def test_those_who_ask_for_one_name_share_its_answer(names: Names) -> None:
    names.known = {"pachd.test": [(FOUR, "127.0.0.1")]}
    names.hanging["pachd.test"] = threading.Event()
    found = [asyncio.create_task(lookup.LOOKUPS.find("pachd.test")) for _ in range(3)]
    await asyncio.sleep(0)
    found[0].cancel()
    await asyncio.sleep(0)
    names.hanging["pachd.test"].set()
    assert await found[1] == await found[2] == [lookup.Place(FOUR, ("127.0.0.1", 0))]
    assert found[0].cancelled()
    assert names.asked == ["pachd.test"]
    await lookup.LOOKUPS.find("pachd.test")
    assert names.asked == ["pachd.test"] * 2  # an answer is not kept


async def test_as_many_look_ups_at_once_as_there_are_threads(names: Names) -> None:
    lookups = lookup.Lookups(2)
    for number in range(3):
        names.known[f"{number}.test"] = [(FOUR, "127.0.0.1")]
        names.hanging[f"{number}.test"] = threading.Event()
    found = [asyncio.create_task(lookups.find(f"{number}.test")) for number in range(3)]
    await asyncio.sleep(0.1)  # in which a third would begin
    assert sorted(names.asked) == ["0.test", "1.test"]
    names.hanging["0.test"].set()
    await asyncio.wait_for(found[0], 10)
    names.hanging["2.test"].set()
    await asyncio.wait_for(found[2], 10)  # though the second still hangs
    names.hanging["1.test"].set()
    await asyncio.wait_for(found[1], 10)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Patience(connect=0.2), r"no connection within 0\.2 s"),
        (Patience(whole=0.2), r"no connection within 0\.[012]\d? s"),  # what the others left
    ],
)
async def test_the_step_that_ran_out_is_named(limits: Patience, words: str) -> None:
    with swallowing("127.0.0.1") as port:
        channel = Channel.tcp("127.0.0.1", port, patience=limits)
        with pytest.raises(RpcError, match=f"^UNAVAILABLE: 127.0.0.1:{port}: {words}$"):
            await channel.connect()
