"""``tokens/`` and ``tokens/<subject>``: what pachd holds, whoever minted it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from shim import (
    COMMA_LIST,
    INT,
    STRING,
    Action,
    Field,
    Operation,
    Path,
    Response,
    UserError,
    listing,
    show_duration,
)
from vault_plugin import inventory, moments

if TYPE_CHECKING:
    from shim import Request
    from vault_plugin.inventory import Count
    from vault_plugin.mount import Mount

ROBOT = "robot:"
MOST_NAMES = 1000  # of subjects in an answer
_ROBOTS_ALONE = "pachd tells of the tokens of robots alone: those of other subjects are not counted"

SUM_DESCRIPTION = """
What pachd holds of living tokens, whoever minted them, summed up:

    $ vault read pachyderm/tokens

`endless_subjects` have tokens without an end, `outlasting_subjects` tokens that last longer than
max_ttl allows: both may be left behind by another engine or by hand. End them with
`vault write -f pachyderm/revoke/<subject>` on Pachyderm 2.x. The admin's own subject is among
them where its token has no end. `vault list pachyderm/tokens` gives all subjects.

Asks pachd for its whole list (ExtractAuthTokens), which tells of robots alone. On 2.x that needs
the role clusterAdmin, on 1.x Pachyderm 1.11.9 or later.
"""

LIST_DESCRIPTION = """
The subjects that have living tokens, whoever minted them:

    $ vault list pachyderm/tokens
"""

SUBJECT_DESCRIPTION = """
How many living tokens pachd holds of a subject, whoever minted them, and when they end:

    $ vault read pachyderm/tokens/robot:ci
"""

_COUNTED = {
    "tokens": Field(kind=INT, description="How many tokens live."),
    "endless": Field(kind=INT, description="How many of them have no end."),
    "earliest_end": Field(kind=STRING, description="When the first ends; null: none does."),
    "latest_end": Field(kind=STRING, description="When the last ends; null: none does."),
}
_SUMMED = {
    "subjects": Field(kind=INT, description="How many subjects have living tokens."),
    **_COUNTED,
    "endless_subjects": Field(kind=COMMA_LIST, description="Who has tokens without an end."),
    "outlasting_subjects": Field(
        kind=COMMA_LIST, description="Who has tokens that last longer than max_ttl."
    ),
}


class Inventory:
    """Asks the pachd of one mount for what it holds."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self._asking = asyncio.Lock()  # the list may be long, and is in memory once

    async def counts(self, request: Request, only: str = "") -> dict[str, Count]:
        """By subject. Raises UserError where pachd cannot tell, PachdError."""
        session = await self._mount.session(request.storage)
        api = await session.api()
        async with self._asking:
            return await inventory.by_subject(api.extract(session.config.admin_token), only)

    async def longest(self, request: Request) -> int:
        """Seconds that a token of this engine's own lasts at most."""
        config = (await self._mount.session(request.storage)).config
        maximum = await request.system.max_lease_ttl()
        margin = 2 * config.request_timeout  # by which a token is asked for more than its lease
        return min(config.max_ttl or maximum, maximum) + margin


def paths(mount: Mount) -> list[Path]:
    """All three."""
    held = Inventory(mount)
    return [_total(mount, held), _names(mount, held), _subject(mount, held)]


def _total(mount: Mount, held: Inventory) -> Path:
    @mount.retried
    async def read(request: Request) -> Response:
        counts = await held.counts(request)
        longest = await held.longest(request)
        end = time.time() + longest
        warnings = [_ROBOTS_ALONE]
        named = {
            "endless_subjects": [s for s, count in counts.items() if count.endless],
            "outlasting_subjects": [s for s, count in counts.items() if count.outlasts(end)],
        }
        for name, subjects in named.items():
            if len(subjects) > MOST_NAMES:
                warnings.append(f"{name} are {len(subjects)}: {MOST_NAMES} of them are named")
        if named["outlasting_subjects"]:
            warnings.append(f"outlasting are tokens that last longer than {show_duration(longest)}")
        first = {name: sorted(subjects)[:MOST_NAMES] for name, subjects in named.items()}
        data = {"subjects": len(counts), **_shown(inventory.total(counts)), **first}
        return Response(data=data, warnings=warnings)

    return Path(
        template="tokens",
        synopsis="What pachd holds of living tokens, summed up.",
        description=SUM_DESCRIPTION,
        operations={
            Operation.READ: Action(
                handler=read, summary="Sum up pachd's living tokens", answers=_SUMMED
            )
        },
    )


def _names(mount: Mount, held: Inventory) -> Path:
    @mount.retried
    async def names(request: Request) -> Response:
        response = listing(sorted(await held.counts(request)))
        response.warnings.append(_ROBOTS_ALONE)
        return response

    return Path(
        template="tokens/",
        synopsis="List the subjects that have living tokens.",
        description=LIST_DESCRIPTION,
        operations={
            Operation.LIST: Action(
                handler=names,
                summary="List the subjects that have living tokens",
                answers={"keys": Field(kind=COMMA_LIST, description="The subjects.")},
            )
        },
    )


def _subject(mount: Mount, held: Inventory) -> Path:
    @mount.retried
    async def read(request: Request) -> Response:
        subject = request.fields["subject"]
        if not subject.startswith(ROBOT):
            raise UserError(f"{_ROBOTS_ALONE}; write tokens/robot:<name>")
        counts = await held.counts(request, subject)
        return Response(data=_shown(counts.get(subject, inventory.Count())))

    return Path(
        template="tokens/{subject}",
        synopsis="What pachd holds of a subject's living tokens.",
        description=SUBJECT_DESCRIPTION,
        fields={
            "subject": Field(
                kind=STRING, description="Whose tokens: robot:<name>.", pattern="[^/].*"
            )
        },
        operations={
            Operation.READ: Action(
                handler=read, summary="Count a subject's living tokens", answers=_COUNTED
            )
        },
    )


def _shown(count: Count) -> dict[str, Any]:
    return {
        "tokens": count.tokens,
        "endless": count.endless,
        "earliest_end": None if count.earliest is None else moments.show(count.earliest),
        "latest_end": None if count.latest is None else moments.show(count.latest),
    }
