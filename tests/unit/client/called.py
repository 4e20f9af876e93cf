"""A source and a server of gRPC's for calls that carry a token."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import grpc
from grpc import StatusCode

from pachyderm_vault.calls import EXPIRED, UNKNOWN
from pachyderm_vault.lease import Credentials
from pachyderm_vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSALS = [(StatusCode.UNAUTHENTICATED, f"{UNKNOWN} (try logging in again)")]
REFUSALS += [(StatusCode.INTERNAL, EXPIRED)]


class Source:
    """As a `TokenSource`: gives ``old`` until that is refused, then ``new``."""

    def __init__(self) -> None:
        self.given = "old"
        self.refusals: list[str] = []
        self.replaces = True
        self.error: Exception | None = None
        self.address = "here"

    def at_hand(self) -> Credentials | None:
        return None if self.error else self._credentials()

    def credentials(self, timeout: float = 30) -> Credentials:
        del timeout
        if self.error is not None:
            raise self.error
        return self._credentials()

    def refused(self, credentials: Credentials, timeout: float = 30) -> Credentials | None:
        del timeout
        self.refusals.append(str(credentials.token))
        if not self.replaces:
            return None
        self.given = "new"
        return self.credentials()

    def _credentials(self) -> Credentials:
        ends = datetime.max.replace(tzinfo=timezone.utc)  # noqa: UP017  Python 3.9 runs it, too
        return Credentials(Secret(self.given), self.address, ends, "l")


class Server(grpc.GenericRpcHandler):
    """Takes ``new`` and refuses ``old``; streams end with it after two answers."""

    def __init__(self) -> None:
        self.known = {"new"}
        self.refusal = REFUSALS[0]
        self.calls: list[tuple[str, list[str]]] = []
        self.slow = 0.0  # seconds before it refuses
        self.late = False  # refuses after the first answer

    def service(self, details: Any) -> Any:
        name = details.method.rpartition("/")[2]
        make: dict[str, Any] = {
            "One": grpc.unary_unary_rpc_method_handler(self._one),
            "ExtendAuthToken": grpc.unary_unary_rpc_method_handler(self._one),
            "Many": grpc.unary_stream_rpc_method_handler(self._many),
            "Up": grpc.stream_unary_rpc_method_handler(self._up),
            "Both": grpc.stream_stream_rpc_method_handler(self._both),
        }
        return make.get(name)

    def _admit(self, name: str, context: Any) -> None:
        tokens = [str(v) for k, v in context.invocation_metadata() if k == "authn-token"]
        self.calls.append((name, tokens))
        if len(tokens) != 1 or tokens[0] not in self.known:
            time.sleep(self.slow)
            context.abort(*self.refusal)

    def _one(self, body: bytes, context: Any) -> bytes:
        self._admit("One", context)
        return body

    def _many(self, body: bytes, context: Any) -> Iterator[bytes]:
        if self.late:
            self.calls.append(("Many", []))
            yield body
            context.abort(*self.refusal)
        self._admit("Many", context)
        yield from (body, body)

    def _up(self, bodies: Iterator[bytes], context: Any) -> bytes:
        self._admit("Up", context)
        return b"".join(bodies)

    def _both(self, bodies: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self._admit("Both", context)
        yield from bodies
