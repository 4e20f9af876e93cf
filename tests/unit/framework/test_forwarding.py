"""What a node that may not write does: it has the host forward, before any handler runs."""

from collections.abc import AsyncIterator
from pathlib import Path as FilePath

import pytest

from shim import (
    Action,
    Backend,
    Host,
    Lease,
    LeaseType,
    Operation,
    Path,
    Request,
    Response,
)
from shim.framework.errors import READ_ONLY, ReadOnly
from shim.framework.host import ReplicationState, SystemViewError
from tests.unit.engine.vault import Vault

STANDBY = ReplicationState.PERFORMANCE_STANDBY | ReplicationState.DR_DISABLED  # OpenBao's too
SECONDARY = ReplicationState.PERFORMANCE_SECONDARY | ReplicationState.DR_DISABLED
FORWARDED = [
    (STANDBY, False),
    (STANDBY, True),
    (STANDBY | ReplicationState.PERFORMANCE_SECONDARY, True),
    (SECONDARY, False),
    (ReplicationState.DR_SECONDARY, False),
    (ReplicationState.DR_SECONDARY, True),
]
ANSWERED = [
    (ReplicationState.UNKNOWN, False),
    (ReplicationState.PERFORMANCE_PRIMARY | ReplicationState.DR_DISABLED, False),
    (ReplicationState.PERFORMANCE_DISABLED | ReplicationState.DR_DISABLED, False),
    (ReplicationState.PERFORMANCE_PRIMARY | ReplicationState.DR_PRIMARY, False),
    (SECONDARY, True),
]
ASKS = "SystemView/ReplicationState"


class Ledger:
    """An engine that notes what ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def backend(self) -> Backend:
        note = self._note
        return Backend(
            title="Ledger",
            description="",
            paths=[
                Path(
                    template="entry",
                    synopsis="",
                    description="",
                    strict=True,
                    operations={
                        Operation.READ: Action(handler=note, summary=""),
                        Operation.UPDATE: Action(handler=note, summary="", writes=True),
                        Operation.DELETE: Action(handler=note, summary="", writes=True),
                    },
                )
            ],
            lease_types=[LeaseType(name="loan", renew=note, revoke=self._end)],
            undo=self._undo,
            periodic=self._end,
        )

    async def _note(self, request: Request) -> Response:
        self.ran.append(request.operation)
        return Response(lease=request.lease)

    async def _end(self, request: Request) -> None:
        self.ran.append(request.operation)

    async def _undo(self, *_: object) -> None:
        self.ran.append("undo")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def vault(ledger: Ledger, tmp_path: FilePath) -> AsyncIterator[Vault]:
    async with Vault(ledger.backend()) as host:
        yield host


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
@pytest.mark.parametrize(("state", "local"), FORWARDED)
async def test_a_write_is_forwarded_before_its_handler_runs(
    vault: Vault, ledger: Ledger, state: ReplicationState, local: bool, operation: str
) -> None:
    vault.state, vault.local = state, local
    with pytest.raises(ReadOnly) as refusal:
        await vault.ask(operation, "entry")
    assert str(refusal.value) == READ_ONLY
    assert ledger.ran == []


@pytest.mark.parametrize(("state", "local"), ANSWERED)
async def test_a_node_that_may_write_answers(
    vault: Vault, ledger: Ledger, state: ReplicationState, local: bool
) -> None:
    vault.state, vault.local = state, local
    await vault.ask("update", "entry")
    assert ledger.ran == ["update"]


async def test_reads_and_help_are_answered_by_any_node(vault: Vault, ledger: Ledger) -> None:
    vault.state = STANDBY
    await vault.read("entry")
    await vault.ask("help", "entry")
    assert ledger.ran == ["read"]
    assert not vault.calls


async def test_what_a_write_says_is_judged_by_the_node_that_may_write(vault: Vault) -> None:
    vault.state = STANDBY
    with pytest.raises(ReadOnly):
        await vault.ask("update", "entry", unknown=1)


async def test_a_lease_is_renewed_and_revoked_where_the_host_asks(
    vault: Vault, ledger: Ledger
) -> None:
    vault.state = STANDBY
    lease = vault.hold(Lease(type="loan", ttl=60))
    await vault.renew(lease)
    await vault.revoke(lease)
    assert ledger.ran == ["renew", "revoke"]


async def test_only_a_node_that_may_write_rolls_back(vault: Vault, ledger: Ledger) -> None:
    vault.state = STANDBY
    await vault.ask("rollback", "")
    assert ledger.ran == []
    assert set(vault.calls) == {ASKS}
    vault.state = ReplicationState.PERFORMANCE_PRIMARY
    await vault.ask("rollback", "")
    assert ledger.ran == ["rollback"]


async def test_yes_is_remembered_and_no_is_not(vault: Vault, ledger: Ledger) -> None:
    vault.state = STANDBY
    for _ in range(2):
        with pytest.raises(ReadOnly):
            await vault.ask("update", "entry")
    assert vault.calls[ASKS] == 2
    vault.state = ReplicationState.PERFORMANCE_PRIMARY
    for _ in range(3):
        await vault.ask("update", "entry")
    assert vault.calls[ASKS] == 3
    assert ledger.ran == ["update"] * 3


async def test_a_host_that_does_not_tell_is_no_yes(vault: Vault, ledger: Ledger) -> None:
    request = vault.request("update", "entry", {})
    gone = Host(vault.host._channel)
    await gone.close()
    request.system = gone.system
    with pytest.raises(SystemViewError):
        await vault.backend.dispatch(request)
    assert ledger.ran == []
