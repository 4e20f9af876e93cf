"""What the engine asks of a pachd of either generation."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shim import Masked
    from vault_plugin.grants import Grant


class Right(enum.StrEnum):
    """What an admin token may do; the value completes "may" in `check`."""

    MINT = "mint tokens"
    RESTORE = "restore tokens"
    REVOKE_SUBJECT = "revoke all tokens of a subject"
    GRANT = "grant access to projects and repos"
    ROTATE_ROOT = "rotate the root token"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose token it is, and when it ends (Unix seconds; None: never)."""

    subject: str
    expires: float | None


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token, and its subject as pachd spells it (1.x knows its users' names itself)."""

    token: Masked
    subject: str


class Api(Protocol):
    """pachd's auth and version API. Every method raises PachdError.

    `generation` is ``1.x`` or ``2.x``. A token lasts at most `longest` seconds (None: no limit);
    `extends` tells whether a token's life can be changed once it is minted.
    """

    generation: str
    longest: int | None
    extends: bool

    async def version(self) -> str:
        """Pachd's version, such as ``2.11.6``; needs no token."""

    async def who_am_i(self, token: Masked) -> Identity:
        """Whose token `token` is."""

    async def rights(self, admin: Masked) -> frozenset[Right]:
        """What `admin` may do."""

    async def mint(self, admin: Masked, subject: str, ttl: int | None) -> Minted:
        """A new token of `subject` that ends in `ttl` seconds, more than 0; None: never.

        Once pachd is asked, this is not given up though the task is cancelled: else nobody would
        know the token. ``asyncio.Task.cancelling`` tells.
        """

    async def extend(self, admin: Masked, token: Masked, ttl: int) -> None:
        """Let `token` last at least `ttl` seconds from now; it is never shortened.

        BAD_CALLER may speak of `admin` or of `token`: 1.x does not tell them apart.
        """

    async def revoke(self, caller: Masked, token: Masked) -> int:
        """End `token`; gives how many tokens that ended, 0 when it was already gone.

        `caller` may be the token itself. An error never means that the token is gone.
        """

    async def revoke_subject(self, admin: Masked, subject: str) -> int:
        """End every token of `subject`; gives how many. UserError where it cannot be done."""

    async def restore(self, admin: Masked, token: Masked, subject: str, ends: float | None) -> None:
        """Make `token`, which the caller chose, one of `subject`.

        It ends at `ends` (Unix seconds; None: never), which must be well in the future: less
        than a second from pachd's now means never.
        """

    def check_grant(self, grant: Grant) -> None:
        """Raise UserError for a grant this generation does not have."""

    async def grant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """Let `grant` be all that `subject` may do on its resource."""

    async def ungrant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """Take away all that `subject` may do on the resource; one that is gone is no error."""

    async def rotate_root(self, admin: Masked, token: Masked) -> None:
        """Make `token` the only one of the root user."""
