"""A method of a service, as both ends name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)


@dataclass(frozen=True)
class Method(Generic[Req, Rep]):
    """`path` is `/package.Service/Method`; `request` and `reply` are protobuf message classes."""

    path: str
    request: type[Req]
    reply: type[Rep]
