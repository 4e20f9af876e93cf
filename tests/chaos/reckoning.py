"""What a scenario's load has come to: every token accounted for, and seen to end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.chaos.ledger import after_all, irrevocable, settled, unrevoked
from tests.chaos.load import CONFIGS, LIVES
from tests.chaos.record import Loss
from tests.integration.leftovers import ADMIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.conftest import Chaos
    from tests.chaos.load import Load
    from tests.chaos.record import Record
    from tests.chaos.stage import Stage
    from tests.integration.leftovers import Leftover
    from tests.integration.mount import Mount

SETTLING = 60.0  # seconds: the host tries a failed revocation again after ten, then twenty
HANGING = 60.0  # seconds; the host itself gives a request up after 90
# Seconds until nothing is left of a load: its last lease has ended, a minute later what the log
# says of it is due, and then comes the host's next call for a rollback.
ENDING = 240.0
SLACK = 5.0  # seconds, of request_timeout and of a busy machine


def reckon(run: Chaos, on: Stage[Any], load: Load, blows: Sequence[float], *notes: str) -> Record:
    """Account for all that `load` left behind on `on`, stop its servers, and save the record.

    `blows` are the trials, by their times in Unix seconds: what is lost must have been in the
    making at one of them. Then pachd's clock is put forward, and it must be dead. At full size
    all leases are waited for before that, and every log entry: what they leave is lost too.
    """
    losses = Counter[Loss]()
    lost: dict[str, Leftover] = {}
    orphans = 0
    for mount in on.mounts:
        ended = load.tally.ended[mount.path]
        now = settled(mount, ended, SETTLING)
        lost |= {token.hash: token for token in now.lost}
        orphans += len(now.orphans)
        losses[Loss.LEASE] += len(now.gone)
        losses[Loss.REVOCATION] += unrevoked(now, ended)
        losses[Loss.CONFIG] += not whole(mount)
    losses[Loss.CONFIG] += len(load.tally.broken)
    losses[Loss.HANG] += load.tally.hung(HANGING)
    for mount in on.mounts if run.full else ():
        now = after_all(mount, ENDING)
        lost |= {token.hash: token for token in now.lost}
        losses[Loss.TOKEN] += len(now.logged | now.given)
        losses[Loss.GRANT] += len(now.granted)
        losses[Loss.REVOCATION] += len(now.leased)
    losses[Loss.TOKEN] += len(lost)
    losses[Loss.REVOCATION] += irrevocable(on.mounts[0].server)
    for server in on.servers:
        server.stop()  # and its logs are whole
        losses[Loss.SECRET] += len(server.shown())
    record = run.record(
        trials=len(blows),
        answered=load.answered,
        refused=load.refused,
        losses=+losses,
        notes=[f"Known by the log alone, and ended by it: {orphans} tokens.", *notes],
    )
    for token in lost.values():
        assert in_the_making(token, blows)
    on.clock.leap(max(LIVES) + SLACK)
    for mount in on.mounts:
        assert set(mount.pachd.live()) <= {ADMIN, "pach:root"}
    return record


def in_the_making(token: Leftover, blows: Sequence[float]) -> bool:
    """Whether it may have been made at one of `blows`, by when it ends."""
    assert token.end is not None
    made = [token.end - life for life in LIVES]
    return any(abs(one - blow) < SLACK for one in made for blow in blows)


def whole(mount: Mount) -> bool:
    """Whether config is one that was written."""
    read = mount.read("config")
    return {name: read.get(name) for name in CONFIGS[0]} in CONFIGS
