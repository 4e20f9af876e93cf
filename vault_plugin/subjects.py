"""Which subjects the engine acts for."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim import UserError
from vault_plugin import globs
from vault_plugin.invisible import INVISIBLE

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 128  # characters; 2.x stores no longer principal
# Unicode categories: control, format, half of a pair, and blanks of which there is but one in use.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
_TYPE_GLOB = re.compile(r"[\w.*?\[\]!-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """Globs of subjects that may (`allowed`) and may not (`denied`) be logged in; denied wins.

    `admin_subject` is the engine's own and always refused, as every ``pach:`` subject is.
    """

    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    admin_subject: str

    def check(self, subject: str) -> None:
        """Raise UserError unless a token may be had for `subject`."""
        check_form(subject)
        self.check_reserved(subject)
        self.check_denied(subject)
        if not _matches(subject, self.allowed):
            listed = ", ".join(self.allowed) or "none"
            raise UserError(
                f"subject '{subject}' is not among allowed_subjects in config ({listed})"
            )

    def check_reserved(self, subject: str) -> None:
        """Raise UserError for the engine's own subject and pachd's internal ones."""
        if subject == self.admin_subject:
            raise UserError(
                f"subject '{subject}' is the engine's own admin; use config/rotate for its token"
            )
        if subject.startswith("pach:"):
            raise UserError("subjects of the type pach: are pachd's own and cannot be used")

    def check_denied(self, subject: str) -> None:
        """Raise UserError for a subject that `denied` matches."""
        if _matches(subject, self.denied):
            raise UserError(f"subject '{subject}' is denied by denied_subjects in config")


def check_form(subject: str) -> None:
    """Raise UserError unless `subject` is ``<type>:<name>`` as both generations take it."""
    kind, _, name = subject.partition(":")
    if not kind or not name or ":" in name:
        raise UserError(
            f"invalid subject '{subject}': write <type>:<name> with one colon, such as robot:name"
        )
    if len(subject) > LONGEST:
        raise UserError(f"invalid subject: longer than {LONGEST} characters")
    if kind != kind.strip() or name != name.strip():
        raise UserError("invalid subject: it holds blanks around its type or its name")
    if subject.isascii() and subject.isprintable():
        return  # as most are
    if INVISIBLE.search(subject) or any(
        character != " " and unicodedata.category(character) in _UNSEEN for character in subject
    ):
        raise UserError("invalid subject: it holds control or invisible characters")


def check_globs(field: str, listed: Iterable[str]) -> None:
    """Raise UserError for the first of `listed` that can match no subject."""
    for glob in meaningless(listed):
        raise UserError(
            f"invalid {field}: '{globs.written(glob)}' can match no subject; write globs of"
            " <type>:<name>, separated by commas or as a JSON list, such as robot:ci-*,user:*"
        )


def meaningless(listed: Iterable[str]) -> list[str]:
    """Those of `listed` that can match no subject: each needs a type, a colon and a name.

    A wildcard may stand for the colon too, as in ``*``.
    """
    return [glob for glob in listed if not _can_match(glob)]


def _can_match(glob: str) -> bool:
    if ":" not in glob:
        return any(map(_can_match, globs.with_colon(glob)))
    kind, _, name = glob.partition(":")
    if not _TYPE_GLOB.fullmatch(kind) or '"' in name or any(c.isspace() for c in glob):
        return False
    kind_example, name_example = globs.example(kind), globs.example(name)
    if kind_example is None or name_example is None:
        return False
    try:
        check_form(f"{kind_example}:{name_example}")
    except UserError:
        return False
    return True


def _matches(subject: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(subject, glob) for glob in globs)
