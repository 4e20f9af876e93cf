"""One RPC as the server saw it: the journal's entry and the service's view of the caller."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol

from google.protobuf.message import Message
from grpc import StatusCode

from tests.pachd.refusal import Refusal, not_signed_in


@dataclass
class Call:
    """Who called what, and how it ended (``code`` is None while it runs)."""

    path: str
    tokens: tuple[str, ...] = field(repr=False)
    subject: str | None = None
    code: StatusCode | None = None

    @property
    def service(self) -> str:
        return self.path.rpartition("/")[0].lstrip("/")

    @property
    def method(self) -> str:
        return self.path.rpartition("/")[2]

    def token(self) -> str:
        """Return the caller's token, raising what pachd answers to none or several."""
        if len(self.tokens) > 1:
            raise Refusal("multiple authentication token keys found in context")
        if not self.tokens:
            raise not_signed_in()
        return self.tokens[0]


# Request types differ by method, so here they can only be Any.
Handler = Callable[[Call, Any], Awaitable[Message]]
# A stream's messages are bytes: nobody here looks into them. To the wire every call is two streams.
Stream = Callable[["Call", AsyncIterator[bytes]], AsyncIterator[bytes]]
Methods = Mapping[str, tuple[type[Message], Handler]]


def typed(messages: ModuleType, handlers: Mapping[str, Handler]) -> Methods:
    """Put beside each method's handler the type of its request, which bears its name."""
    return {name: (getattr(messages, f"{name}Request"), h) for name, h in handlers.items()}


class Pachd(Protocol):
    """What the gRPC server needs of a generation."""

    id: str
    root_token: str

    @property
    def services(self) -> Mapping[str, Methods]:
        """Return every method by full service name and method name."""
        ...

    @property
    def streams(self) -> Mapping[str, Stream]:
        """Return every method that streams, by its path."""
        ...

    def unknown(self, service: str, method: str, *, served: bool) -> Refusal:
        """Say that there is no such method, or that its service is not ``served``."""
        ...

    async def admit(self, call: Call, request: Message) -> None:
        """Refuse the call, or let it pass to its handler."""
        ...

    def subject_of(self, token: str) -> str | None:
        """Return whose token this is; None when pachd would not take it."""
        ...

    def ends(self, token: str) -> float | None:
        """Return when this token ends (Unix seconds), None for never; LookupError if unknown."""
        ...

    def live(self) -> Mapping[str, int]:
        """Return how many tokens that pachd would take each subject has."""
        ...
