"""TLS by hand on a real socket: what is sent when, and in which pieces, is the test's choice."""

from __future__ import annotations

import asyncio
import socket
import ssl


class ByHand:
    """One end of a connection. It reads only when told to."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, serves: bool) -> None:
        context.set_alpn_protocols(["h2"])
        sock.setblocking(False)
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=serves,
            server_hostname=None if serves else "localhost",
        )

    @classmethod
    async def dial(cls, path: str, context: ssl.SSLContext) -> ByHand:
        """A client of the server at `path`; TLS is not begun."""
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, path)
        return cls(sock, context, serves=False)

    async def receive(self) -> bool:
        """Take what has come from the socket; False at its end."""
        async with asyncio.timeout(20):
            data = await asyncio.get_running_loop().sock_recv(self.sock, 1 << 18)
        self.incoming.write(data)
        return bool(data)

    async def send(self) -> None:
        """Send what TLS has to say."""
        await asyncio.get_running_loop().sock_sendall(self.sock, self.outgoing.read())

    async def agree(self) -> None:
        """Finish the handshake; the last of it is not sent yet. Raises EOFError."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send()
                if not await self.receive():
                    raise EOFError from None
            else:
                return

    async def read(self) -> bytes:
        """Some plaintext; nothing after a close_notify. Raises EOFError at an end without one."""
        while True:
            try:
                return self.tls.read(1 << 14)
            except ssl.SSLZeroReturnError:  # and we have said one, too
                return b""
            except ssl.SSLWantReadError:
                if not await self.receive():
                    raise EOFError from None

    async def read_exactly(self, size: int) -> bytes:
        """So much plaintext. Raises EOFError where the peer says close_notify before."""
        data = b""
        while len(data) < size:
            piece = await self.read()
            if not piece:
                raise EOFError
            data += piece
        return data
