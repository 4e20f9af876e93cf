"""What a caller may cost: the size of a body, and how many requests of a mount run at once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.framework import opening, servicer
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.framework.plugin import Plugin

LONGEST = 1 << 20
SECRET = pb.Secret(internal_data='{"secret_type":"loan","book":"é"}')


def body(size: int, filler: str = "x") -> str:
    """A JSON object of so many bytes, or one less."""
    frame = '{"a":"%s"}'
    return frame % (filler * ((size - len(frame % "")) // len(filler.encode())))


@pytest.mark.parametrize("operation", ["create", "update", "patch", "read", "delete", "list"])
@pytest.mark.parametrize("filler", ["x", "é", "\\u003c", "["])
async def test_a_body_beyond_the_limit_is_refused_unseen(
    plugin: Plugin, operation: str, filler: str
) -> None:
    await plugin.setup()
    error = (await plugin.handle(operation, "things/a", body(LONGEST + 7, filler))).err
    assert (error.err_type, error.err_code) == (3, 413)
    assert "1,048,576 bytes" in error.err_msg
    assert (await plugin.handle("update", "things/a", "[" * LONGEST + "[")).err.err_code == 413


@pytest.mark.parametrize("filler", ["x", "é"])
async def test_a_body_up_to_the_limit_is_taken(plugin: Plugin, filler: str) -> None:
    await plugin.setup()
    reply = await plugin.handle("update", "strict", body(LONGEST - 100, filler))
    assert "unknown fields" in reply.err.err_msg


@pytest.mark.parametrize("operation", ["renew", "revoke"])
async def test_what_the_host_asks_has_no_limit(plugin: Plugin, operation: str) -> None:
    """The body is the one that the lease was asked for with, by an older version perhaps."""
    await plugin.setup()
    secret = pb.Secret(internal_data=SECRET.internal_data)
    secret.lease_options.issue_time.seconds = 0
    reply = await plugin.handle(operation, "lease", body(5 * LONGEST), secret=secret)
    assert not reply.HasField("err")
    assert plugin.toys[0].happened[0].startswith(operation)


async def test_no_body_is_looked_at_for_a_path_or_an_existence(plugin: Plugin) -> None:
    await plugin.setup()
    big = body(31 * LONGEST)
    resolved = await plugin.handle("resolve-path", "things/a", big)
    assert json.loads(resolved.response.data) == {"path": "things/a"}
    for text, told in ((big, False), ("no JSON", True)):
        request = pb.Request(operation="update", path="things/a", data=text)
        args = pb.HandleExistenceCheckArgs(request=request)
        found = await plugin.call("HandleExistenceCheck", args, pb.HandleExistenceCheckReply)
        assert (found.check_found, found.exists) == (told, False)


@pytest.mark.parametrize("path", ["things/a", "things/" + "a" * 20_000, "things/" + "a" * 300_000])
async def test_a_long_path_before_it_changes_nothing(plugin: Plugin, path: str) -> None:
    """It may not be whole in the first frames: then the request is read to its end."""
    await plugin.setup()
    resolved = await plugin.handle("resolve-path", path, body(2 * LONGEST))
    assert json.loads(resolved.response.data) == {"path": path}
    assert (await plugin.handle("update", path, body(2 * LONGEST))).err.err_code == 413


@given(
    st.builds(
        pb.Request,
        id=st.text(max_size=9),
        operation=st.text(max_size=9),
        path=st.text(max_size=300),
        data=st.text(max_size=300),
        entity_id=st.text(max_size=9),
    ),
    st.integers(0, 2**32 - 1),
)
def test_an_opening_tells_the_truth_or_nothing(request: pb.Request, storage_id: int) -> None:
    whole = pb.HandleRequestArgs(request=request, storage_id=storage_id).SerializeToString()
    size = len(request.data.encode())
    expected = opening.Opening(request.operation, request.path, size) if size else None
    told = [opening.read(whole[:length]) for length in range(len(whole) + 1)]
    assert told[-1] == expected
    assert set(told) <= {None, expected}


@given(st.binary())
def test_an_opening_of_anything(head: bytes) -> None:
    opening.read(head)


async def test_a_mount_has_its_own_bound_and_the_host_none(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicer, "MOST_RUNNING", 2)
    await plugin.setup()
    await plugin.setup("another")
    toy, other = plugin.toys
    waiting = [asyncio.create_task(plugin.handle("read", "wait")) for _ in range(2)]
    async with asyncio.timeout(10):
        while toy.waiting < 2:  # noqa: ASYNC110 - it tells in its own time
            await asyncio.sleep(0.01)
    refused = (await plugin.handle("read", "things/a")).err
    assert (refused.err_type, refused.err_code) == (3, 429)
    revoked = await plugin.handle("revoke", "lease", secret=SECRET)
    assert not revoked.HasField("err")
    assert not (await plugin.handle("rollback", "")).HasField("err")
    plugin.mount_id = "another"
    assert not (await plugin.handle("read", "things/a")).HasField("err")
    toy.kept.set()
    await asyncio.gather(*waiting)
    plugin.mount_id = "AAAAAAAAAA"
    assert not (await plugin.handle("read", "things/a")).HasField("err")
    assert other.happened == []
