"""Dialling: where to, and in words why not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim.grpc import race
from shim.grpc.bare import Bare
from shim.grpc.cause import cause, overdue
from shim.grpc.lookup import LOOKUPS, Place
from shim.grpc.status import RpcError, Status
from shim.grpc.tls import Tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from shim.grpc.client_link import ClientLink
    from shim.grpc.patience import Patience


@dataclass(frozen=True)
class Target:
    """A unix socket's path, or a TCP host and port. An IPv6 host may have a zone."""

    path: str | None = None
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """It as an `:authority`, where a zone's % is no character (RFC 3986, 3.2.2)."""
        return str(self).replace("%", "%25")


async def dial(
    target: Target,
    make: Callable[[], ClientLink],
    tls: ssl.SSLContext | None,
    server_hostname: str | None,
    patience: Patience,
) -> ClientLink:
    """Connect, TLS and the server's SETTINGS included.

    Of a name's addresses the first that answers is taken; where no gRPC server greets us there,
    TLS included, the others are tried, as grpc-go does.
    Raises RpcError(UNAVAILABLE), naming the address and the cause.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + patience.whole
    failed: dict[Place, str] = {}
    try:
        places = await _places(target, min(patience.lookup, patience.whole))
        while left := [place for place in places if place not in failed]:
            limit = end - clock()
            if failed and limit <= 0:
                break
            won = await race.connect(left, failed, min(patience.connect, limit))
            if won is None:
                break
            place, sock = won
            try:
                limit = min(patience.greeting, end - clock())
                return await _greeted(sock, make(), tls, server_hostname, limit)
            except OSError as error:
                failed[place] = cause(error)
    except (OSError, ValueError) as error:  # the latter for a name that DNS or TLS cannot carry
        raise RpcError(Status.UNAVAILABLE, f"{target}: {cause(error)}") from error
    raise RpcError(Status.UNAVAILABLE, f"{target}: {_causes(failed)}")


def certified(host: str) -> str:
    """The name that a certificate has to hold for `host`: no brackets, zone or root's dot in it."""
    return host.strip("[]").partition("%")[0].rstrip(".")


async def _places(target: Target, limit: float) -> list[Place]:
    """Where `target` may be, in the order to try it. An IP address is not looked up."""
    if target.path is not None:
        return [Place(socket.AF_UNIX, target.path)]
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        pass
    else:
        return [_literal(address, target.port)]
    try:
        async with asyncio.timeout(limit):
            found = await LOOKUPS.find(target.host)
    except TimeoutError:
        took = f"the look-up of the name {target.host} took longer than {limit:g} s"
        raise TimeoutError(took) from None
    return race.interleaved(place.at(target.port) for place in found)


def _literal(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> Place:
    """Raises OSError for a zone that is none of this machine's interfaces."""
    if address.version == 4:
        return Place(socket.AF_INET, (str(address), port))
    host, _, zone = str(address).partition("%")
    return Place(socket.AF_INET6, (host, port, 0, _scope(zone) if zone else 0))


def _scope(zone: str) -> int:
    """An interface's number, of that or of its name."""
    try:
        scope = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
        socket.if_indextoname(scope)
    except (OSError, OverflowError, ValueError):
        raise OSError("no such interface") from None
    return scope


async def _greeted(
    sock: socket.socket,
    link: ClientLink,
    tls: ssl.SSLContext | None,
    server_hostname: str | None,
    limit: float,
) -> ClientLink:
    """The link on `sock`, once the server has greeted it. Raises OSError, ValueError."""
    transport: asyncio.WriteTransport | None = None
    try:
        protocol = Bare(link) if tls is None else Tls(tls, link, limit, server_hostname)
        async with asyncio.timeout(limit):
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: protocol, sock=sock
            )
            await link.ready
    except BaseException as error:
        link.ready.cancel()  # where it is not done: asyncio would complain that nobody heeds it
        if transport is None:
            sock.close()
        elif not link.lost:
            transport.abort()
        if isinstance(error, TimeoutError):
            agreed = not isinstance(protocol, Tls) or protocol.made
            step = "no HTTP/2 from the server" if agreed else "no TLS handshake"
            raise overdue(step, limit) from None
        raise
    return link


def _causes(failed: dict[Place, str]) -> str:
    """Why, for each place where it is not the same for all."""
    if len(set(failed.values())) == 1:
        return next(iter(failed.values()))
    return "; ".join(f"{place}: {why}" for place, why in failed.items())
