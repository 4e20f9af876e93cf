"""pb.Backend over a real socket, as the host calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shim.grpc import RpcError, Status
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.framework.plugin import Plugin


async def test_before_setup_there_is_no_instance(plugin: Plugin) -> None:
    for name in ("Type", "SpecialPaths"):
        with pytest.raises(RpcError, match="no backend instance found") as refusal:
            await plugin.call(name, pb.Empty(), pb.Empty)
        assert refusal.value.code is Status.UNKNOWN


async def test_setup_that_cannot_reach_the_host_fails_in_text(plugin: Plugin) -> None:
    assert "broker id 8" in await plugin.setup(broker_id=8)


async def test_type_and_special_paths(plugin: Plugin) -> None:
    assert await plugin.setup() == ""
    assert (await plugin.call("Type", pb.Empty(), pb.TypeReply)).type == 1
    paths = (await plugin.call("SpecialPaths", pb.Empty(), pb.SpecialPathsReply)).paths
    assert list(paths.root) == ["root/*"]
    assert list(paths.unauthenticated) == ["open"]
    assert list(paths.local_storage) == ["wal/"]
    assert list(paths.seal_wrap_storage) == ["things/"]
    assert list(paths.write_forwarded_storage) == ["afar/"]
    assert list(paths.binary) == ["body"]
    assert list(paths.limited) == ["loan", "things/*"]
    assert list(paths.allow_snapshot_read) == ["things/*"]


async def test_resolve_path_is_answered_by_the_path_itself(plugin: Plugin) -> None:
    with pytest.raises(RpcError, match="no backend instance found"):
        await plugin.handle("resolve-path", "any/where")
    await plugin.setup()
    reply = await plugin.handle("resolve-path", "any/where")
    assert json.loads(reply.response.data) == {"path": "any/where"}
    assert plugin.toys[0].happened == []


async def test_a_path_without_existence_check_is_not_looked_into(plugin: Plugin) -> None:
    await plugin.setup()
    request = pb.Request(operation="update", path="strict", data="no JSON")
    args = pb.HandleExistenceCheckArgs(request=request)
    reply = await plugin.call("HandleExistenceCheck", args, pb.HandleExistenceCheckReply)
    assert reply == pb.HandleExistenceCheckReply()


async def test_setup_touches_no_storage_and_initialize_may(plugin: Plugin) -> None:
    await plugin.setup()
    assert plugin.toys[0].happened == []
    reply = await plugin.call("Initialize", pb.InitializeArgs(), pb.InitializeReply)
    assert not reply.HasField("err")
    assert plugin.toys[0].happened == ["initialize []"]


async def test_mounts_are_apart_and_a_second_setup_replaces(plugin: Plugin) -> None:
    await plugin.setup("one")
    await plugin.setup("two")
    args = pb.InvalidateKeyArgs(key="k")
    await plugin.call("InvalidateKey", args, pb.Empty, "two")
    assert [toy.happened for toy in plugin.toys] == [[], ["invalidate k"]]
    await plugin.setup("one")
    assert plugin.toys[0].happened == ["close"]
    await plugin.call("Cleanup", pb.Empty(), pb.Empty, "one")
    assert plugin.toys[2].happened == ["close"]
    assert (await plugin.call("Type", pb.Empty(), pb.TypeReply, "two")).type == 1
    with pytest.raises(RpcError):
        await plugin.call("Type", pb.Empty(), pb.TypeReply, "one")
    await plugin.call("Cleanup", pb.Empty(), pb.Empty, "one")


@pytest.mark.parametrize("ids", [("a", "b"), ("",)])
async def test_one_multiplex_id_and_no_more(plugin: Plugin, ids: tuple[str, ...]) -> None:
    with pytest.raises(RpcError, match="multiplex_id"):
        await plugin.call("Type", pb.Empty(), pb.TypeReply, *ids)


@pytest.mark.parametrize(
    ("how", "kind", "code", "message"),
    [
        ("coded", 3, 418, "a teapot"),
        ("denied", 8, 0, "no"),
        ("unrecoverable", 10, 0, "hopeless"),
        ("plain", 0, 0, "broken"),
        ("unforeseen", 2, 0, "internal error: ZeroDivisionError"),
        ("slow", 0, 0, "the request took too long"),
    ],
)
async def test_errors_on_the_wire(
    plugin: Plugin, how: str, kind: int, code: int, message: str
) -> None:
    await plugin.setup()
    error = (await plugin.handle("read", f"fail/{how}")).err
    assert (error.err_type, error.err_code, error.err_msg) == (kind, code, message)


async def test_a_users_mistake_is_a_response(plugin: Plugin) -> None:
    await plugin.setup()
    reply = await plugin.handle("read", "fail/user")
    assert not reply.HasField("err")
    assert json.loads(reply.response.data) == {"error": "write something else"}


async def test_what_nobody_foresaw_is_logged_without_its_text(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    await plugin.setup()
    await plugin.handle("read", "fail/unforeseen")
    assert "ZeroDivisionError" in caplog.text
    assert "toy.py" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(("path", "kind"), [("nowhere", 6), ("things/", 5)])
async def test_unsupported(plugin: Plugin, path: str, kind: int) -> None:
    await plugin.setup()
    assert (await plugin.handle("delete", path)).err.err_type == kind


async def test_no_answer_is_no_response(plugin: Plugin) -> None:
    await plugin.setup()
    assert not (await plugin.handle("read", "things/none")).HasField("response")
    reply = await plugin.handle("rollback", "")
    assert not reply.HasField("response")
    assert not reply.HasField("err")


async def test_a_lease_on_the_wire(plugin: Plugin) -> None:
    await plugin.setup()
    response = (await plugin.handle("read", "lease")).response
    options = response.secret.lease_options
    assert (options.TTL, options.MaxTTL) == (60 * 10**9, 120 * 10**9)
    assert options.renewable
    assert options.issue_time.seconds == -62135596800
    assert json.loads(response.data) == {"loaned": True}
    assert json.loads(response.secret.internal_data) == {
        "book": "é",
        "n": [1],
        "secret_type": "loan",
    }
    options.increment = 33 * 10**9
    renewed = (await plugin.handle("renew", "lease", secret=response.secret)).response
    assert renewed.secret.internal_data == response.secret.internal_data
    assert renewed.data == "null"
    assert plugin.toys[0].happened == ["renew {'book': 'é', 'n': [1]} 33"]


@pytest.mark.parametrize("internal", ["null", "", "{}", "[]", '{"secret_type": 5}'])
async def test_a_lease_of_nobody_is_an_error_and_no_crash(plugin: Plugin, internal: str) -> None:
    await plugin.setup()
    secret = pb.Secret(internal_data=internal)
    assert "the lease is of type" in (await plugin.handle("revoke", "x", secret=secret)).err.err_msg
    assert "without a lease" in (await plugin.handle("revoke", "x")).err.err_msg


@pytest.mark.parametrize("body", ["null", "", "[]", "5", '"text"'])
async def test_a_body_that_is_no_object_is_an_empty_one(plugin: Plugin, body: str) -> None:
    await plugin.setup()
    reply = await plugin.handle("update", "strict", body)
    assert json.loads(reply.response.data) == {}


async def test_the_existence_check(plugin: Plugin) -> None:
    async def check(path: str) -> pb.HandleExistenceCheckReply:
        args = pb.HandleExistenceCheckArgs(request=pb.Request(operation="update", path=path))
        return await plugin.call("HandleExistenceCheck", args, pb.HandleExistenceCheckReply)

    await plugin.setup()
    found = await check("things/a")
    assert (found.check_found, found.exists) == (True, False)
    await plugin.handle("create", "things/a", '{"size": 1}')
    found = await check("things/a")
    assert (found.check_found, found.exists) == (True, True)
    assert not (await check("lease")).check_found
    assert (await check("nowhere")).err.err_type == 6


@pytest.mark.parametrize("metadata_mode", [True])
async def test_in_metadata_mode_no_work_is_done(plugin: Plugin) -> None:
    assert await plugin.setup() == ""
    assert (await plugin.call("Type", pb.Empty(), pb.TypeReply)).type == 1
    await plugin.call("SpecialPaths", pb.Empty(), pb.SpecialPathsReply)
    for name in ("Initialize", "InvalidateKey", "HandleRequest", "HandleExistenceCheck"):
        with pytest.raises(RpcError, match="metadata mode"):
            await plugin.call(name, pb.Empty(), pb.Empty)
    assert plugin.toys[0].happened == []
    await plugin.call("Cleanup", pb.Empty(), pb.Empty)
