"""TLS between a socket and a link, in as few steps as one read and one write can have.

asyncio's own layer does more: it polls once more after each read, keeps a queue of what it has not
encrypted yet, and waits for the peer's close_notify. A link needs none of that. What it writes is
encrypted at once, so its transport's buffer is the socket's, and so are the limits of that and the
news of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import TYPE_CHECKING, Any, Final, cast

from shim import http2
from shim.grpc.landing import LANDING
from shim.http2.flood import SIP

if TYPE_CHECKING:
    from shim.grpc.bare import Above

log = logging.getLogger(__name__)

#: the longest plaintext of a TLS record (RFC 8446, 5.1): one read of OpenSSL gives one whole
_RECORD: Final = 1 << 14


class Tls(asyncio.BufferedProtocol, asyncio.Transport):
    """The protocol of a socket's transport, and the transport of `link`.

    The link is made when the handshake is done, within `limit` seconds; where it fails, the link's
    `handshake_failed` is called instead, and the peer is told by an alert. Raises ValueError for a
    `server_hostname` that no certificate can carry.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        link: Above,
        limit: float,
        server_hostname: str | None = None,
    ) -> None:
        context.options |= ssl.OP_NO_RENEGOTIATION  # RFC 9113, 9.2.1; a write would wait for a read
        self._link = link
        self._limit = limit
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=link.core.role is http2.Role.SERVER,
            server_hostname=server_hostname,
        )
        self._socket: asyncio.Transport
        self._watch: asyncio.TimerHandle | None = None
        #: whether the handshake is done
        self.made = False
        self._open = False
        self._cause: Exception | None = None

    # asyncio.BufferedProtocol, for the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._socket = cast("asyncio.Transport", transport)
        self._watch = self._link.loop.call_later(
            self._limit, self._fail, TimeoutError(f"no TLS handshake within {self._limit:g} s")
        )
        self._shake_hands()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the socket's bytes go."""
        return LANDING.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt what has come and hand it to the link in one piece."""
        self._incoming.write(LANDING.buffer[:nbytes])
        if self.made:
            self._read(nbytes)
        else:
            self._shake_hands()

    def eof_received(self) -> None:
        """The socket's transport closes; there is nobody to say close_notify to."""
        if self._open:
            self._open = False
            self._link.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the link, once."""
        self._open = False
        self._stop_watch()
        cause = self._cause or exc
        if self.made:
            self._link.connection_lost(cause)
        else:
            self._link.handshake_failed(cause or ConnectionResetError())

    def pause_writing(self) -> None:
        """Pass it on; a peer that does not even take a handshake is cut."""
        if self.made:
            self._link.pause_writing()
        else:
            self._socket.abort()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._link.resume_writing()

    # asyncio.Transport, for the link

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encrypt and send. A buffer in memory takes all of it."""
        if not self._open:
            self._link.written -= len(data)  # it was counted, and is dropped
            return
        if not data:
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:  # nothing of the peer's: OpenSSL itself is at its end
            self._fail(error)
        else:
            self._send(len(data))

    def close(self) -> None:
        """Send what is left and a close_notify, and close. The peer's is not waited for."""
        if self._open:
            self._open = False
            with contextlib.suppress(ssl.SSLError):  # that theirs has not come
                self._tls.unwrap()
            self._send()
            self._socket.close()

    def abort(self) -> None:
        """Close at once."""
        self._open = False
        self._socket.abort()

    def is_closing(self) -> bool:
        """Whether the connection is being closed, or lost."""
        return self._socket.is_closing()

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes that the socket has not taken yet."""
        return self._socket.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the link is to pause, in encrypted bytes."""
        self._socket.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell the ``ssl_object``, and what the socket's transport tells."""
        return self._tls if name == "ssl_object" else self._socket.get_extra_info(name, default)

    # Both ways

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._stop_watch()
        self.made = self._open = True
        self._link.connection_made(self)  # its first words go with the last of the handshake
        self._read(SIP)

    def _read(self, came: int) -> None:
        """Give the link every whole record that has come; OpenSSL keeps the part of the next.

        Of less than `SIP` bytes that make no record it hears, too: it counts such reads.
        """
        records: list[bytes] = []
        fault: ssl.SSLError | None = None
        ended = False
        try:
            while self._incoming.pending:
                record = self._tls.read(_RECORD)
                if not record:  # their close_notify
                    ended = True
                    break
                records.append(record)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            fault = error
        if (records or came < SIP) and self._open:
            self._link.data_received(records[0] if len(records) == 1 else b"".join(records))
        if not self._open:
            return
        if fault is not None:
            self._fail(fault)
        elif ended:
            self._link.eof_received()
            self.close()
        elif self._outgoing.pending:
            self._send()

    def _send(self, counted: int = 0) -> None:
        """Give the socket all that is encrypted, of which the link has counted so many bytes."""
        sealed = self._outgoing.read()
        self._link.written += len(sealed) - counted
        self._socket.write(sealed)

    def _fail(self, cause: Exception) -> None:
        """Send the alert, where there is one and room for it, and close."""
        self._cause = cause.with_traceback(None)  # its frames hold us, which we would hold
        if self.made:
            log.warning("the connection with %s was cut: TLS: %s", self._link.peer, cause)
        self._open = False
        self._send()
        self._socket.abort()

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
