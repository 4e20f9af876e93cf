"""Dialling: where to, and in words why not."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  asyncio imports these two at the first look-up of a
import contextlib
import encodings.idna  # noqa: F401  name, when the interpreter may be gone, or another, on disk
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim.grpc.status import RpcError, Status
from shim.grpc.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.grpc.client_link import ClientLink


@dataclass(frozen=True)
class Target:
    """A unix socket's path, or a TCP host and port."""

    path: str | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def dial(
    target: Target,
    make: Callable[[], ClientLink],
    tls: ssl.SSLContext | None,
    server_hostname: str | None,
    limit: float,
) -> ClientLink:
    """Connect within `limit` seconds, TLS and the server's SETTINGS included.

    Raises RpcError(UNAVAILABLE), naming the address and the cause.
    """
    loop = asyncio.get_running_loop()
    link = make()
    transport: asyncio.WriteTransport | None = None
    try:
        protocol = link if tls is None else Tls(tls, link, limit, server_hostname)
        async with asyncio.timeout(limit):
            if target.path is not None:
                transport, _ = await loop.create_unix_connection(lambda: protocol, target.path)
            else:
                transport, _ = await loop.create_connection(
                    lambda: protocol, target.host, target.port
                )
            await link.ready
    except TimeoutError:
        _abandon(link, transport)
        raise RpcError(Status.UNAVAILABLE, f"{target}: no connection within {limit:g} s") from None
    except (OSError, ValueError) as error:  # the latter for a name that DNS or TLS cannot carry
        _abandon(link, transport)
        raise RpcError(Status.UNAVAILABLE, f"{target}: {cause(error)}") from error
    except BaseException:
        _abandon(link, transport)
        raise
    return link


def _abandon(link: ClientLink, transport: asyncio.WriteTransport | None) -> None:
    link.ready.cancel()  # where it is not done: asyncio would complain that nobody heeds it
    if transport is not None and not link.lost:
        transport.abort()


def cause(error: BaseException) -> str:
    """Why a connection failed, in words for an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the certificate was not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return f"the name was not resolved: {error.strerror}"
    if isinstance(error, ValueError):
        return f"no valid host name: {error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    with contextlib.suppress(IndexError):
        return str(error.args[0])
    return "the connection was closed while it was set up"
