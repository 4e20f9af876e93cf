"""Whose token it is: pachd is asked, where gRPC is installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Tuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 5.0  # seconds
METHODS = ("/auth_v2.API/WhoAmI", "/auth.API/WhoAmI")  # 2.x, 1.x: the name is field 1 of both


def told(file: Path) -> str:
    """The subject of the token in `file`, or why it cannot be told."""
    try:
        import grpc
    except ImportError:
        return "unknown: pachd is asked where pachyderm-vault[sdk] or [legacy] is installed"
    address, token, trust = _read(file)
    if not address:
        return "unknown: a bare token does not say which pachd to ask"
    where = urlsplit(address if "://" in address else f"grpc://{address}")
    target = f"{where.hostname}:{where.port or 30650}"
    if trust or where.scheme in ("grpcs", "https"):
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(trust or None))
    else:
        channel = grpc.insecure_channel(target)
    said = ""
    with channel:
        for method in METHODS:
            try:
                ask: Any = channel.unary_unary(method)
                answer: bytes = ask(b"", timeout=TIMEOUT, metadata=(("authn-token", token),))
            except grpc.RpcError as error:  # noqa: PERF203  the other generation is asked next
                said = said or str(error.details())
            else:
                return first_field(answer)
    return f"unknown: pachd at {target} says: {said}"


def first_field(message: bytes) -> str:
    """The text of field 1, which both generations send first."""
    if message[:1] != b"\x0a":
        return ""
    length, at, shift = 0, 1, 0
    while True:
        length |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return message[at : at + length].decode("utf-8", "replace")


def _read(file: Path) -> Tuple[str, str, bytes]:
    """Address, token and authorities of the active context; empty for what is not there."""
    import base64

    from pachyderm_vault.command.kept import Note

    try:
        v2 = json.loads(file.read_text(encoding="utf-8"))["v2"]
        lease = Note.beside(file)
        for context in v2["contexts"].values():
            if context.get("session_token") and context["pachd_address"].endswith(
                lease.pachd_address
            ):
                trust = base64.b64decode(context.get("server_cas", ""))
                return context["pachd_address"], context["session_token"], trust
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return "", "", b""
