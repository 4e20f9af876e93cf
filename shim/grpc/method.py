"""A method of a service, as both ends name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)


@dataclass(frozen=True)
class Method(Generic[Req, Rep]):
    """`path` is `/package.Service/Method`; `request` and `reply` are protobuf message classes.

    A client takes a reply of at most `max_reply` bytes, None for its `Limits.max_message`.
    """

    path: str
    request: type[Req]
    reply: type[Rep]
    max_reply: int | None = None
