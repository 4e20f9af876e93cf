"""pachd's address, as pachctl takes it."""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORT = 30650  # pachd's Kubernetes NodePort
_TLS = {"grpc": False, "http": False, "grpcs": True, "https": True}
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_ZONE_IN_URL = re.compile(r"%25(?=.)")  # RFC 6874
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where pachd listens, and whether TLS is spoken there."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def is_host(text: str) -> bool:
    """Whether `text` can be a host's name or IPv4 address."""
    return _HOST.fullmatch(text) is not None


def is_certified(text: str) -> bool:
    """Whether `text` can be what a certificate is for: a host, or an IPv6 address."""
    return is_host(text) or _is_ipv6(text.removeprefix("[").removesuffix("]"))


def _is_ipv6(text: str) -> bool:
    try:
        return not ipaddress.IPv6Address(text).scope_id
    except ValueError:
        return False


@functools.lru_cache(maxsize=128)  # each renewal and revocation compares two that seldom change
def parse(text: str) -> Address:
    """The address in `text`: ``[scheme://]host[:port]``.

    ``grpc://`` (also without a scheme) and ``http://`` are plain text, ``grpcs://`` and
    ``https://`` are TLS. IPv6 stands in brackets, its zone after a % or, as in URLs, a %25; no host
    means this machine. A name is not put into its ASCII form, as Go does not.
    Raises ValueError with words that say what to write.
    """
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("holds blanks; write host[:port]")
    scheme, mark, rest = text.rpartition("://")
    if mark and scheme not in _TLS:
        raise ValueError(f"scheme '{scheme}' is none of grpc, grpcs, http, https")
    if text.startswith("unix:"):
        raise ValueError("a Unix socket is not supported; write host:port")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("not an address; write host[:port], an IPv6 host in brackets") from None
    if parts.path or parts.query or parts.fragment or "@" in rest or rest.endswith(("?", "#")):
        raise ValueError("write host[:port] alone, without path, user or query")
    if rest.startswith("["):
        host = _ZONE_IN_URL.sub("%", host or "")
        ipaddress.IPv6Address(host)
    elif host and not host.isascii():
        raise ValueError(f"'{host}' is not ASCII; write it as DNS has it, xn--...")
    elif host and not is_host(host):
        raise ValueError(f"'{host}' is not a host name; write host[:port]")
    elif not host and port is None:
        raise ValueError("names no host; write host[:port]")
    if port == 0:
        raise ValueError("port 0 cannot be dialled")
    return Address(host or "localhost", port or DEFAULT_PORT, _TLS[scheme or "grpc"])
