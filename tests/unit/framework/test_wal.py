import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from shim import ReadOnlyStorage, Request, wal
from tests.unit.engine.vault import Vault
from tests.unit.framework.toy import Toy


def age(vault: Vault, seconds: float) -> None:
    """Make every entry as old as if it had been written `seconds` before."""
    for key, value in vault.entries.items():
        record = json.loads(value)
        vault.entries[key] = json.dumps({**record, "created": record["created"] - seconds}).encode()


async def test_an_old_entry_is_undone_once(vault: Vault, toy: Toy) -> None:
    await wal.put(vault.host.storage, "mint", {"a": 1}, min_age=600)
    age(vault, 601)
    await vault.ask("rollback", "")
    await vault.ask("rollback", "")
    assert toy.happened == ["periodic", "undo mint {'a': 1}", "periodic"]
    assert vault.entries == {}


async def test_a_young_entry_waits_unless_told_to_hurry(vault: Vault, toy: Toy) -> None:
    await wal.put(vault.host.storage, "mint", {}, min_age=600)
    await vault.ask("rollback", "")
    assert toy.happened == ["periodic"]
    await vault.ask("rollback", "", immediate=True)
    assert toy.happened[-1] == "undo mint {}"


async def test_a_failed_undo_is_kept_and_tried_again(vault: Vault, toy: Toy) -> None:
    await wal.put(vault.host.storage, "mint", {}, min_age=600)
    toy.undo_fails = True
    await vault.ask("rollback", "", immediate=True)
    assert len(vault.entries) == 1
    toy.undo_fails = False
    await vault.ask("rollback", "", immediate=True)
    assert vault.entries == {}


async def test_what_was_done_is_forgotten(vault: Vault, toy: Toy) -> None:
    entry = await wal.put(vault.host.storage, "mint", {}, min_age=600)
    await wal.delete(vault.host.storage, entry)
    await vault.ask("rollback", "", immediate=True)
    assert toy.happened == ["periodic"]


async def test_what_is_written_over_waits_anew(vault: Vault, toy: Toy) -> None:
    storage = vault.host.storage
    entry = await wal.put(storage, "mint", {}, min_age=600)
    await vault.ask("rollback", "")
    assert await wal.put(storage, "given", {"a": 1}, min_age=1200, entry=entry) == entry
    age(vault, 601)
    await vault.ask("rollback", "")
    assert toy.happened == ["periodic", "periodic"]
    age(vault, 600)
    await vault.ask("rollback", "", immediate=True)
    assert toy.happened[-1] == "undo given {'a': 1}"
    assert vault.entries == {}


async def test_an_entry_read_as_young_is_not_read_again_before_its_time(
    vault: Vault, toy: Toy
) -> None:
    await wal.put(vault.host.storage, "mint", {}, min_age=600)
    await vault.ask("rollback", "")
    vault.calls.clear()
    await vault.ask("rollback", "")
    assert vault.calls["Storage/Get"] == 0
    await wal.put(vault.host.storage, "mint", {"b": 2}, min_age=0)
    await vault.ask("rollback", "")
    assert toy.happened[-1] == "undo mint {'b': 2}"
    assert len(vault.entries) == 1


async def test_a_node_that_may_not_write_says_so_in_the_hosts_words(vault: Vault) -> None:
    vault.read_only = True
    with pytest.raises(ReadOnlyStorage, match=r"^cannot write to readonly storage$"):
        await wal.put(vault.host.storage, "mint", {}, min_age=600)


async def test_what_fails_has_its_turn_after_the_others(vault: Vault, toy: Toy) -> None:
    for number in range(3):
        await wal.put(vault.host.storage, "mint", {"n": number}, min_age=0)
    first = min(vault.entries)
    undone = []

    async def undo(request: Request, kind: str, data: Mapping[str, Any]) -> None:
        del request, kind
        undone.append(data["n"])
        await asyncio.Event().wait()  # until the host gives the rollback up

    young: dict[str, float] = {}
    for _ in range(4):
        rollback = wal.roll_back(vault.request("rollback", "", {}), undo, young)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rollback, 0.1)
    assert sorted(undone[:3]) == [0, 1, 2]
    assert undone[3] == undone[0] == json.loads(vault.entries[first])["data"]["n"]


async def test_who_may_not_write_undoes_nothing(vault: Vault, toy: Toy) -> None:
    await wal.put(vault.host.storage, "mint", {}, min_age=600)
    age(vault, 601)
    vault.read_only = True  # while it still believes to be the active node
    await wal.roll_back(vault.request("rollback", "", {}), toy.undo, {})
    assert toy.happened == []
    assert len(vault.entries) == 1
