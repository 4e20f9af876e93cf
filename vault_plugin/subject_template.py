"""Subjects of roles: literal, made of the caller's identity, or one for each lease."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from shim import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim import Entity

RANDOM = "random"
_REFERENCE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_VALUE = re.compile(r"[A-Za-z0-9._@-]+")
_PREFIX = "robot:"


def _alias(entity: Entity, accessor: str) -> str:
    return next((a.name for a in entity.aliases if a.mount_accessor == accessor), "")


def _alias_metadata(entity: Entity, accessor: str, key: str) -> str:
    return next(
        (a.metadata.get(key, "") for a in entity.aliases if a.mount_accessor == accessor), ""
    )


# What may stand in braces, and where its value comes from; `random` apart.
_SOURCES: tuple[tuple[re.Pattern[str], Callable[..., str]], ...] = (
    (re.compile(r"identity\.entity\.name"), lambda entity: entity.name),
    (re.compile(r"identity\.entity\.id"), lambda entity: entity.id),
    (re.compile(r"identity\.entity\.metadata\.(.+)"), lambda entity, k: entity.metadata.get(k, "")),
    (re.compile(r"identity\.entity\.aliases\.([^.]+)\.name"), _alias),
    (re.compile(r"identity\.entity\.aliases\.([^.]+)\.metadata\.(.+)"), _alias_metadata),
)


def references(template: str) -> list[str]:
    """What stands in braces in `template`, in order; none where it is a plain subject."""
    return _REFERENCE.findall(template)


def check(template: str) -> None:
    """Raise UserError unless `template` is literal or one that `render` can fill."""
    found = references(template)
    if found and not template.startswith(_PREFIX):
        raise UserError(f"invalid subject: a template must start with {_PREFIX}")
    for reference in found:
        if reference != RANDOM and _source(reference) is None:
            raise UserError(
                f"invalid subject: unknown template parameter '{reference}'; write"
                " identity.entity.name, .id, .metadata.<key>,"
                " .aliases.<accessor>.name, .aliases.<accessor>.metadata.<key>, or random"
            )
    if "{{" in _REFERENCE.sub("", template) or "}}" in _REFERENCE.sub("", template):
        raise UserError("invalid subject: unbalanced braces")


def is_ephemeral(template: str) -> bool:
    """Whether each lease has a subject of its own."""
    return RANDOM in references(template)


def needs_identity(template: str) -> bool:
    """Whether the caller's entity has a part in the subject."""
    return any(reference != RANDOM for reference in references(template))


def sample(template: str) -> str:
    """A subject as short as `template` can make one, to tell whether any would be well formed."""
    return _REFERENCE.sub("x", template)


def render(template: str, entity: Entity | None) -> str:
    """The subject for a caller who is `entity`.

    Raises UserError where the caller has no entity, or a value of theirs is empty or could
    make it another subject than was meant.
    """

    def value(match: re.Match[str]) -> str:
        reference = match.group(1)
        if reference == RANDOM:
            return secrets.token_hex(16)
        found = _source(reference)
        text = found[1](entity, *found[0].groups()) if found and entity is not None else ""
        if not _VALUE.fullmatch(text):
            raise UserError(
                f"the role's subject needs {reference} of the caller, made of letters, digits and"
                " ._@- alone: log in to Vault with an identity that has it"
            )
        return text

    return _REFERENCE.sub(value, template)


def _source(reference: str) -> tuple[re.Match[str], Callable[..., str]] | None:
    for pattern, source in _SOURCES:
        match = pattern.fullmatch(reference)
        if match is not None:
            return match, source
    return None
