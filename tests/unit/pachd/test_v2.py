"""What 2.x does beyond the recorded cases: states, grants, permissions, the pool's deadlock."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from tests.pachd import ManualClock, PachdV2, Simulator
from tests.pachd.database import POOL_SIZE
from tests.pachd.proto import auth_v2_pb2 as pb
from tests.pachd.roles import EVERY_PERMISSION, ROLES
from tests.unit.pachd.caller import Caller
from tests.unit.pachd.refused import refused, status

WHO = "/auth_v2.API/WhoAmI"
MINT = "/auth_v2.API/GetRobotToken"
BIND = "/auth_v2.API/ModifyRoleBinding"
BINDING = "/auth_v2.API/GetRoleBinding"
ROTATE = "/auth_v2.API/RotateRootToken"
PERMISSIONS = "/auth_v2.API/GetPermissions"
NOT_ACTIVATED = "the auth service is not activated"
CLUSTER = pb.Resource(type=pb.CLUSTER)
REPO = pb.Resource(type=pb.REPO, name="default/images")
PROJECT = pb.Resource(type=pb.PROJECT, name="default")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pachd(clock: ManualClock) -> Iterator[Simulator[PachdV2]]:
    with Simulator(PachdV2(clock=clock)) as simulator:
        yield simulator


@pytest.fixture
def call(pachd: Simulator[PachdV2]) -> Iterator[Caller]:
    with Caller(pachd.address) as caller:
        yield caller


def test_activation() -> None:
    with Simulator(PachdV2(active=False)) as pachd, Caller(pachd.address) as call:
        for path in (WHO, MINT, BINDING, ROTATE):
            with refused(StatusCode.UNIMPLEMENTED, NOT_ACTIVATED):
                call(path)
        with refused(StatusCode.UNIMPLEMENTED, NOT_ACTIVATED):
            call("/auth_v2.API/Authorize", resource=CLUSTER)
        assert call("/versionpb_v2.API/GetVersion").major == 2
        call("/auth_v2.API/Activate", root_token="root")
        assert call(WHO, "root").username == "pach:root"


def test_without_a_licence_only_admins_do_anything(pachd: Simulator[PachdV2], call: Caller) -> None:
    user = call(MINT, pachd.root_token, robot="user").token
    pachd.cluster.enterprise_active = False
    with refused(StatusCode.UNKNOWN) as outcome:
        call(WHO, user)
    assert "Pachyderm Enterprise is not active in this cluster" in outcome.message
    assert call(WHO, pachd.root_token).username == "pach:root"


@pytest.mark.parametrize("resource", [PROJECT, REPO], ids=["project", "repo"])
def test_a_grant_replaces_a_principals_entry(
    pachd: Simulator[PachdV2], call: Caller, resource: pb.Resource
) -> None:
    root = pachd.root_token
    call(BIND, root, resource=resource, principal="robot:other", roles=["repoReader"])
    for roles in (["repoReader", "repoWriter"], ["repoOwner"], []):
        call(BIND, root, resource=resource, principal="robot:user", roles=roles)
        entries = call(BINDING, root, resource=resource).binding.entries
        assert sorted(entries["robot:user"].roles if roles else []) == roles
        assert ("robot:user" in entries) is bool(roles)
        assert list(entries["robot:other"].roles) == ["repoReader"]


def test_a_missing_resource_has_no_role_binding(pachd: Simulator[PachdV2], call: Caller) -> None:
    nowhere = pb.Resource(type=pb.REPO, name="default/nowhere")
    with refused(StatusCode.UNKNOWN, "no role binding exists for REPO default/nowhere"):
        call(BIND, pachd.root_token, resource=nowhere, principal="robot:x", roles=["repoReader"])
    assert not call(BINDING, pachd.root_token, resource=nowhere).binding.entries


def test_who_may_grant(pachd: Simulator[PachdV2], call: Caller) -> None:
    root = pachd.root_token
    user = call(MINT, root, robot="user").token
    grant: dict[str, Any] = {"resource": REPO, "principal": "robot:other", "roles": ["repoReader"]}
    with refused(StatusCode.PERMISSION_DENIED) as outcome:
        call(BIND, user, **grant)
    assert outcome.message.startswith(
        "robot:user is not authorized to perform this operation - needs permissions "
        "[REPO_MODIFY_BINDINGS] on REPO default/images. "
    )
    call(BIND, root, resource=PROJECT, principal="robot:user", roles=["projectOwner"])
    call(BIND, user, **grant)


def test_permissions_come_from_cluster_project_and_repo(
    pachd: Simulator[PachdV2], call: Caller
) -> None:
    root = pachd.root_token
    user = call(MINT, root, robot="user").token
    assert call(PERMISSIONS, user, resource=CLUSTER).roles == ["projectCreator"]
    call(BIND, root, resource=PROJECT, principal="robot:user", roles=["repoWriter"])
    call(BIND, root, resource=REPO, principal="robot:user", roles=["repoReader"])
    found = call(PERMISSIONS, user, resource=REPO)
    assert found.roles == ["repoReader", "repoWriter"]
    assert {pb.REPO_READ, pb.REPO_WRITE} <= set(found.permissions)
    wanted = [pb.REPO_WRITE, pb.REPO_DELETE]
    answer = call("/auth_v2.API/Authorize", user, resource=REPO, permissions=wanted)
    assert (answer.authorized, answer.satisfied, answer.missing) == (
        False,
        [pb.REPO_WRITE],
        [pb.REPO_DELETE],
    )
    other = "/auth_v2.API/GetPermissionsForPrincipal"
    assert call(other, root, resource=REPO, principal="robot:user") == found
    with refused(StatusCode.PERMISSION_DENIED):
        call(other, user, resource=REPO, principal="robot:user")


def test_cluster_admins_may_do_everything() -> None:
    known = set(EVERY_PERMISSION) - {pb.PERMISSION_UNKNOWN}
    assert set(ROLES["clusterAdmin"].permissions) == known


def test_an_expired_token_is_told_until_its_row_is_deleted(
    pachd: Simulator[PachdV2], call: Caller, clock: ManualClock
) -> None:
    token = call(MINT, pachd.root_token, robot="user", ttl=5).token
    clock.advance(5.01)
    assert pachd.subject_of(token) is None
    assert pachd.live() == {"pach:root": 1}
    with refused(StatusCode.INTERNAL, "token expiration is in the past"):
        call(WHO, token)
    call("/auth_v2.API/DeleteExpiredAuthTokens", pachd.root_token)
    with refused(StatusCode.UNAUTHENTICATED):
        call(WHO, token)


@pytest.mark.parametrize("ttl", [0, 60])
def test_a_principal_has_128_characters(pachd: Simulator[PachdV2], call: Caller, ttl: int) -> None:
    assert call(MINT, pachd.root_token, robot="é" * 122, ttl=ttl).token
    with refused(StatusCode.UNKNOWN) as outcome:
        call(MINT, pachd.root_token, robot="é" * 123, ttl=ttl)
    clause = "could not generate and insert auth token: "
    assert outcome.message.startswith(clause) is (ttl > 0)
    assert outcome.message.endswith("character varying(128) (SQLSTATE 22001)")


def test_rotation_of_the_root_token(pachd: Simulator[PachdV2], call: Caller) -> None:
    before = pachd.root_token
    assert call(ROTATE, before, root_token="chosen").root_token == "chosen"
    assert pachd.root_token == "chosen"
    assert pachd.live() == {"pach:root": 1}
    with refused(StatusCode.UNAUTHENTICATED):
        call(WHO, before)


def test_rotation_is_refused_where_the_environment_holds_the_token() -> None:
    cluster = PachdV2(root_token_in_environment=True)
    message = "RotateRootToken() is disabled when the root token is configured in the environment"
    with Simulator(cluster) as pachd, Caller(pachd.address) as call:
        with refused(StatusCode.UNKNOWN, message):
            call(ROTATE, pachd.root_token)
        assert call(WHO, pachd.root_token).username == "pach:root"


def mint_at_once(pachd: Simulator[PachdV2], number: int, timeout: float) -> list[StatusCode]:
    """Mint so many tokens at the same time."""
    with Caller(pachd.address) as call, ThreadPoolExecutor(number) as threads:

        def mint(_: int) -> StatusCode:
            try:
                call(MINT, pachd.root_token, robot="user", timeout=timeout)
            except grpc.RpcError as error:
                return status(error)
            return StatusCode.OK

        call(WHO, pachd.root_token)  # the connection stands
        return list(threads.map(mint, range(number)))


def test_sixteen_checked_calls_deadlock(pachd: Simulator[PachdV2], call: Caller) -> None:
    pachd.cluster.database.round_trip = 0.5
    codes = mint_at_once(pachd, 16, timeout=1.5)
    assert codes == [StatusCode.DEADLINE_EXCEEDED] * 16
    assert call(WHO, pachd.root_token).username == "pach:root", "deadlines have freed the pool"


def test_fewer_calls_than_connections_do_not(pachd: Simulator[PachdV2]) -> None:
    pachd.cluster.database.round_trip = 0.05
    codes = mint_at_once(pachd, POOL_SIZE - 4, timeout=30)
    assert codes == [StatusCode.OK] * (POOL_SIZE - 4)
    assert pachd.live()["robot:user"] == POOL_SIZE - 4
