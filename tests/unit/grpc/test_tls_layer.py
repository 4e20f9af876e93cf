"""The TLS layer alone, between a real socket and a link that notes what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import weakref
from typing import TYPE_CHECKING

import pytest

from shim import http2
from shim.grpc import Limits
from shim.grpc.tls import Tls
from tests.unit.grpc.by_hand import ByHand
from tests.unit.grpc.certificates import client_context, server_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


class Told:
    """Stands for a link; notes what it is told; `then` acts within each piece of data."""

    def __init__(self, then: Callable[[Told], None] = lambda link: None) -> None:
        self.core = http2.Connection(http2.Role.SERVER, Limits(), 0.0)
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.peer = "a client"
        self.written = 0
        self.told: list[object] = []
        self.news = asyncio.Event()
        self._then = then

    def _note(self, what: object) -> None:
        self.told.append(what)
        self.news.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._note("made")

    def handshake_failed(self, cause: Exception) -> None:
        self._note(("failed", type(cause)))

    def data_received(self, data: bytes) -> None:
        if data:  # else the link hears of a read that made no record
            self._note(data)
            self._then(self)

    def eof_received(self) -> bool:
        self._note("eof")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._note(("lost", exc and type(exc)))

    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")

    async def until(self, done: Callable[[list[object]], bool]) -> list[object]:
        """Wait for it; gives all that was told."""
        async with asyncio.timeout(20):
            while not done(self.told):
                self.news.clear()
                await self.news.wait()
        return self.told

    async def until_lost(self) -> list[object]:
        """Wait for the end, and for anything that might be told after it."""
        await self.until(lambda told: isinstance(told[-1:][0] if told else None, tuple))
        for _ in range(5):
            await asyncio.sleep(0)
        return self.told


@contextlib.asynccontextmanager
async def ends(
    link: Told, pem: Path, limit: float = 20, send_buffer: int | None = None
) -> AsyncIterator[ByHand]:
    """A server's layer over one end of a socket pair; gives the client at the other."""
    ours, theirs = socket.socketpair()
    if send_buffer is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    layer = Tls(server_context(pem, pem), link, limit)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: layer, ours)
    with theirs:
        yield ByHand(theirs, client_context(pem, pem), serves=False)
    if not transport.is_closing():
        transport.abort()
    await asyncio.sleep(0)


async def agreed(link: Told, client: ByHand) -> None:
    """Have the handshake done at both ends."""
    await client.agree()
    await client.send()
    await link.until(lambda told: "made" in told)


async def test_records_that_come_together_are_handed_over_together(pem: Path) -> None:
    link = Told()
    async with ends(link, pem) as client:
        await client.agree()
        for piece in (b"a" * 1000, b"b" * 1000, b"c" * 20_000):
            client.tls.write(piece)
        await client.send()  # the handshake's last words among them
        told = await link.until(lambda told: len(told) > 1)
        assert told == ["made", b"a" * 1000 + b"b" * 1000 + b"c" * 20_000]
        client.sock.shutdown(socket.SHUT_WR)  # without a close_notify
        assert (await link.until_lost())[2:] == ["eof", ("lost", None)]


async def test_bytes_that_come_one_by_one(pem: Path) -> None:
    link = Told(lambda link: link.transport.write(b"pong"))
    async with ends(link, pem) as client:
        await client.agree()
        client.tls.write(b"ping")
        client.tls.write(b"ping")
        for byte in client.outgoing.read():
            client.outgoing.write(bytes([byte]))
            await client.send()
            await asyncio.sleep(0)
        assert await client.read_exactly(8) == b"pongpong"
        assert link.told == ["made", b"ping", b"ping"]


@pytest.mark.parametrize("words", [[b"last words"], []])
async def test_the_peers_close_notify_is_answered_after_what_came_before_it(
    pem: Path, words: list[bytes]
) -> None:
    link = Told()
    async with ends(link, pem) as client:
        await client.agree()
        for word in words:
            client.tls.write(word)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.tls.unwrap()
        await client.send()
        assert await link.until_lost() == ["made", *words, "eof", ("lost", None)]
        assert await client.read() == b""


async def test_what_was_written_before_a_close_arrives_and_a_close_notify_after_it(
    pem: Path,
) -> None:
    size = 3_000_000

    def answer(link: Told) -> None:
        link.transport.write(bytes(size))
        link.transport.close()
        link.transport.write(b"too late")
        link.transport.close()

    link = Told(answer)
    async with ends(link, pem) as client:
        await client.agree()
        client.tls.write(b"?")
        await client.send()
        await link.until(lambda told: b"?" in told)
        assert link.transport.is_closing()
        assert await client.read_exactly(size) == bytes(size)
        assert await client.read() == b""  # a close_notify; an end without one raises
        assert (await link.until_lost())[-1] == ("lost", None)  # and ours is not waited for
        assert len([what for what in link.told if isinstance(what, tuple)]) == 1


async def test_nothing_is_told_after_an_abort_but_the_loss(pem: Path) -> None:
    link = Told(lambda link: link.transport.abort())
    async with ends(link, pem) as client:
        await client.agree()
        client.tls.write(b"?")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.tls.unwrap()
        await client.send()
        assert await link.until_lost() == ["made", b"?", ("lost", None)]
        with pytest.raises((EOFError, ConnectionError)):
            await client.read()


async def test_a_link_that_cuts_as_soon_as_it_is_made_is_given_no_data(pem: Path) -> None:
    class Cutting(Told):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.abort()

    link = Cutting()
    async with ends(link, pem) as client:
        await client.agree()
        client.tls.write(b"?")
        await client.send()
        assert await link.until_lost() == ["made", ("lost", None)]


async def test_a_forged_record_ends_the_connection_with_an_alert(pem: Path) -> None:
    link = Told()
    async with ends(link, pem) as client:
        await client.agree()
        client.tls.write(b"good")
        client.outgoing.write(bytes.fromhex("1703030020") + bytes(32))
        await client.send()
        assert await link.until_lost() == ["made", b"good", ("lost", ssl.SSLError)]
        with pytest.raises(ssl.SSLError, match="bad record mac"):
            await client.read()


async def test_what_is_written_after_a_close_counts_as_nothing(pem: Path) -> None:
    """Else a peer that takes nothing would look as if it took that."""
    link = Told()
    async with ends(link, pem) as client:
        await agreed(link, client)
        link.transport.close()
        before = link.written
        link.written += 1_000
        link.transport.write(bytearray(1_000))
        assert link.written == before


async def test_a_reader_that_pauses_the_writer(pem: Path) -> None:
    link = Told()
    async with ends(link, pem) as client:
        await agreed(link, client)
        link.transport.set_write_buffer_limits(high=100_000)
        written, before = 0, link.written
        while "paused" not in link.told:
            link.transport.write(bytes(10_000))
            written += 10_000
        assert 100_000 < link.transport.get_write_buffer_size() < 120_000
        # The link counts what it writes, the layer what TLS adds: 22 bytes to each record.
        added = link.written - before
        assert added == written // 10_000 * 22
        assert await client.read_exactly(written) == bytes(written)
        await link.until(lambda told: "resumed" in told)
        assert link.transport.get_write_buffer_size() == 0
        assert link.told == ["made", "paused", "resumed"]


def chain(pem: Path, folder: Path) -> Path:
    """The certificate, and 200 times again."""
    long = folder / "long.pem"
    text = pem.read_text()
    long.write_text(text + text[text.index("-----BEGIN CERT") :] * 200)
    return long


async def test_a_peer_that_does_not_take_the_handshake_is_cut(pem: Path, tmp_path: Path) -> None:
    """Its certificates are too many for the socket and for the transport's buffer."""
    link = Told()
    async with ends(link, chain(pem, tmp_path), send_buffer=4096) as client:
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        await client.send()
        assert await link.until_lost() == [("failed", ConnectionResetError)]


async def test_a_failed_handshake_is_not_left_to_the_collector(pem: Path) -> None:
    link = Told()
    ours, theirs = socket.socketpair()
    layers = [Tls(server_context(pem, pem), link, 20)]
    gone = weakref.ref(layers[0])
    gc.disable()
    try:
        with theirs:
            await asyncio.get_running_loop().connect_accepted_socket(layers.pop, ours)
            theirs.sendall(b"no TLS")
            assert await link.until_lost() == [("failed", ssl.SSLError)]
            await asyncio.sleep(0.01)
        assert gone() is None
    finally:
        gc.enable()


async def test_a_handshake_that_is_not_finished_in_time(pem: Path) -> None:
    link = Told()
    async with ends(link, pem, limit=0.1) as client:
        assert not await client.receive()
        assert await link.until_lost() == [("failed", TimeoutError)]


async def test_a_finished_handshake_has_all_the_time(pem: Path) -> None:
    link = Told()
    async with ends(link, pem, limit=0.3) as client:
        await agreed(link, client)
        await asyncio.sleep(0.5)
        assert link.told == ["made"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions(pem: Path, version: ssl.TLSVersion) -> None:
    link = Told(lambda link: link.transport.write(b"pong"))
    async with ends(link, pem) as client:
        context = client.tls.context
        context.minimum_version = context.maximum_version = version
        client = ByHand(client.sock, context, serves=False)
        await client.agree()
        client.tls.write(b"ping")
        await client.send()
        assert await client.read_exactly(4) == b"pong"
        spoken = link.transport.get_extra_info("ssl_object")
        assert spoken.version() == client.tls.version()
        assert spoken.getpeercert()
        assert link.transport.get_extra_info("socket").family == socket.AF_UNIX
