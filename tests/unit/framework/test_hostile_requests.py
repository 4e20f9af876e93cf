"""Bodies, lease data and log entries that no client library makes."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.framework import durations, payload, wal
from shim.framework.errors import ErrorType
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.engine.vault import Vault
    from tests.unit.framework.plugin import Plugin
    from tests.unit.framework.toy import Toy

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)
REFUSED = {
    "{": "not JSON: Expecting property name enclosed in double quotes at character 1",
    "\ufeff{}": "not JSON: Expecting value at character 0",
    '{"a":1e400}': "a number that is too large",
    '{"a":-1e400}': "a number that is too large",
    '{"a":NaN}': "a number that is too large",
    '{"a":Infinity}': "a number that is too large",
    '{"a":%s}' % ("9" * 5000): "a number that is too large",
    '{"a":"\\ud800"}': "text with half of a surrogate pair",
    '{"\\uDFFF":1}': "text with half of a surrogate pair",
    "[" * 100_000: "nested too deeply",
}


@given(st.text() | JSON.map(json.dumps))
def test_what_can_be_read_can_be_sent_back(text: str) -> None:
    try:
        value = payload.decode(text)
    except ValueError:
        return
    assert payload.decode(pb.Response(data=payload.encode(value)).data) == value


@pytest.mark.parametrize("text", ["", "null", "[1]", "5", '"x"'])
def test_what_is_no_object_is_an_empty_one(text: str) -> None:
    assert payload.decode(text) == {}


def test_whole_surrogate_pairs_are_a_character() -> None:
    assert payload.decode('{"a":"\\ud83d\\ude00","b":"\\\\ud800"}') == {"a": "😀", "b": "\\ud800"}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=[*REFUSED.values()])
async def test_a_body_that_cannot_be_taken_is_the_callers_mistake(
    plugin: Plugin,
    text: str,
    words: str,
) -> None:
    await plugin.setup()
    reply = await plugin.handle("update", "things/a", text)
    assert json.loads(reply.response.data) == {"error": f"invalid request body: {words}"}


async def test_resolve_path_does_not_look_at_the_body(plugin: Plugin) -> None:
    await plugin.setup()
    reply = await plugin.handle("resolve-path", "things/a", "[" * 100_000)
    assert json.loads(reply.response.data) == {"path": "things/a"}


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("operation", ["renew", "revoke"])
async def test_lease_data_that_cannot_be_read_is_tried_again(
    plugin: Plugin,
    operation: str,
    text: str,
) -> None:
    await plugin.setup()
    reply = await plugin.handle(operation, "lease", secret=pb.Secret(internal_data=text))
    assert reply.err.err_type == ErrorType.UNKNOWN
    assert reply.err.err_msg.startswith("the lease's internal data cannot be read: ")


def test_a_duration_of_megabytes_is_none() -> None:
    with pytest.raises(ValueError, match=r"^not a duration$"):
        durations.parse("1ns" * 1_000_000)


async def test_an_unreadable_log_entry_does_not_stop_the_others(
    vault: Vault, toy: Toy, caplog: pytest.LogCaptureFixture
) -> None:
    vault.entries[f"{wal.PREFIX}0"] = b'{"token": "hunter2"'
    await wal.put(vault.host.storage, "mint", {}, min_age=600)
    await vault.ask("rollback", "", immediate=True)
    assert toy.happened == ["periodic", "undo mint {}"]
    assert list(vault.entries) == [f"{wal.PREFIX}0"]
    assert "rollback of the entry 0 failed, kept: JSONDecodeError" in caplog.text


async def test_what_nobody_foresaw_is_logged_by_its_type(
    vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    async def undo(*_: Any) -> None:
        raise KeyError("hunter2")

    vault.backend.undo = undo
    await wal.put(vault.host.storage, "mint", {}, min_age=600)
    with caplog.at_level(logging.DEBUG):
        await vault.ask("rollback", "", immediate=True)
    assert "kept: KeyError" in caplog.text
    assert "hunter2" not in caplog.text
