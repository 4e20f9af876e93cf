"""What the engine asks of a pachd of either generation."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shim import Masked
    from vault_plugin.grants import Grant
    from vault_plugin.pachyderm.release import Release


class Right(enum.StrEnum):
    """What an admin token may do; the value completes "may" in `check`."""

    MINT = "mint tokens"
    RESTORE = "restore tokens"
    EXTRACT = "tell which tokens there are"
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


class TokenInfo(NamedTuple):
    """A token that pachd holds: its hash (`tokens.hashed`), whose it is, when it ends.

    `expires` is Unix seconds, None for never.
    """

    hash: str
    subject: str
    expires: float | None


class Api(Protocol):
    """pachd's auth, version and admin API. Every method raises PachdError.

    `generation` is ``1.x`` or ``2.x``, `release` the version's numbers, None until they are known.
    A token lasts at most `longest` seconds (None: no limit); `extends` tells whether a token's
    life can be changed once it is minted, `endless` whether `mint` can give one without end.
    """

    generation: str
    longest: int | None
    extends: bool
    release: Release | None

    @property
    def endless(self) -> bool:
        """Whether a token that `mint` is asked for without an end has none."""

    async def version(self) -> str:
        """Pachd's version, such as ``2.11.6``; needs no token. Sets `release`."""

    async def cluster_id(self) -> str:
        """The id the cluster gives itself, which anyone can claim; needs no token.

        Empty where this release has no such call, or refuses it.
        """

    async def who_am_i(self, token: Masked) -> Identity:
        """Whose token `token` is."""

    async def rights(self, admin: Masked) -> frozenset[Right]:
        """What `admin` may do."""

    async def mint(self, admin: Masked, subject: str, ttl: int | None) -> Minted:
        """A new token of `subject` that ends in `ttl` seconds, more than 0; None: never.

        Where the release is not `endless`, None gives `longest`.

        Once pachd is asked, this is not given up though the task is cancelled: else nobody would
        know the token. ``asyncio.Task.cancelling`` tells.
        """

    async def extend(self, admin: Masked, token: Masked, ttl: int) -> None:
        """Let `token` last at least `ttl` seconds from now; it is never shortened.

        BAD_CALLER may speak of `admin` or of `token`: 1.x does not tell them apart.
        """

    async def revoke(self, caller: Masked, token: Masked) -> int:
        """End `token`; gives how many tokens that ended, 0 when it was already gone.

        `caller` may be the token itself. An error never means that the token is gone, and a
        return always does.
        """

    async def revoke_subject(self, admin: Masked, subject: str) -> int | None:
        """End every token of `subject`; gives how many, None where pachd does not tell.

        UserError where it cannot be done.
        """

    def extract(self, admin: Masked) -> AsyncIterator[TokenInfo]:
        """Every token of robots, and of nobody else; on 2.x also those that have expired.

        Raises UserError where this release cannot tell, BackendError for an answer that makes
        no sense.
        """

    async def check_crash_safe(self) -> None:
        """Raise UserError where this release cannot mint crash-safe."""

    async def check_subject(self, subject: str) -> None:
        """Raise UserError for a subject that is too long for this release."""

    async def restore(self, admin: Masked, token: Masked, subject: str, ends: float | None) -> None:
        """Make `token`, which the caller chose, one of `subject`.

        It ends at `ends` (Unix seconds; None: never), which must be well in the future: less
        than a second from pachd's now means never.
        """

    async def check_grant(self, grant: Grant) -> None:
        """Raise UserError for a grant this release does not have."""

    async def grant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """Let `grant` be all that `subject` may do on its resource."""

    async def ungrant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """Take away all that `subject` may do on the resource; one that is gone is no error."""

    async def rotate_root(self, admin: Masked, token: Masked) -> None:
        """Make `token` the only one of the root user."""
