"""Whose token it is: pachd is asked, where gRPC is installed."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Tuple
from urllib.parse import urlsplit

from pachyderm_vault.command.kept import Note

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
        return f"unknown: there is no token in {file}"
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
    """Address, token and authorities of what is kept in a file; empty for what is not there."""
    try:
        text = file.read_text(encoding="utf-8")
        kept = Note.beside(file).pachd_address
    except (OSError, UnicodeDecodeError):
        return "", "", b""
    try:
        contexts = json.loads(text)["v2"]["contexts"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        return kept, text.strip(), b""  # a bare token
    for context in contexts:
        if context.get("session_token") and context["pachd_address"].endswith(kept):
            trust = base64.b64decode(context.get("server_cas", ""))
            return context["pachd_address"], context["session_token"], trust
    return "", "", b""
