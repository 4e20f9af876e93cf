"""Which subjects the engine acts for."""

from __future__ import annotations

import fnmatch
import unicodedata
from dataclasses import dataclass

from shim import UserError

LONGEST = 128  # characters; 2.x stores no longer principal
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode categories: control, format, separators


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
    # None of these is printable, and most subjects are, which is told quickly.
    if not subject.isprintable() and any(
        unicodedata.category(character) in _UNSEEN for character in subject
    ):
        raise UserError("invalid subject: it holds control or invisible characters")


def _matches(subject: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(subject, glob) for glob in globs)
