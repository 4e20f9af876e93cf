"""What 1.x does beyond the recorded cases: states of activation, licence, grants, traps."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from tests.pachd import Auth, ManualClock, PachdV1, Simulator
from tests.pachd.proto import auth_v1_pb2 as pb
from tests.pachd.tokens import hashed
from tests.unit.pachd.caller import Caller
from tests.unit.pachd.refused import refused

WHO = "/auth.API/WhoAmI"
GET = "/auth.API/GetAuthToken"
EXTEND = "/auth.API/ExtendAuthToken"
REVOKE = "/auth.API/RevokeAuthToken"
RESTORE = "/auth.API/RestoreAuthToken"
ADMINS = "/auth.API/GetAdmins"
SET_SCOPE = "/auth.API/SetScope"
NOT_ACTIVATED = "the auth service is not activated"
PARTIALLY = "the auth service is only partially activated"
BAD_TOKEN = "provided auth token is corrupted or has expired (try logging in again)"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pachd(clock: ManualClock) -> Iterator[Simulator[PachdV1]]:
    cluster = PachdV1(clock=clock, identity_providers=["GitHub", "okta"])
    with Simulator(cluster) as simulator:
        yield simulator


@pytest.fixture
def call(pachd: Simulator[PachdV1]) -> Iterator[Caller]:
    with Caller(pachd.address) as caller:
        yield caller


@pytest.mark.parametrize("path", [WHO, GET, EXTEND, REVOKE, RESTORE, ADMINS, SET_SCOPE])
def test_nothing_works_before_activation(path: str) -> None:
    with Simulator(PachdV1(auth=Auth.INACTIVE)) as pachd, Caller(pachd.address) as call:
        with refused(StatusCode.UNIMPLEMENTED, NOT_ACTIVATED):
            call(path, pachd.root_token)
        assert call("/versionpb.API/GetVersion").major == 1


def test_activation_and_back(pachd: Simulator[PachdV1], call: Caller) -> None:
    admin = pachd.root_token
    call("/auth.API/Deactivate", admin)
    with refused(StatusCode.UNIMPLEMENTED, NOT_ACTIVATED):
        call(WHO, admin)
    token = call("/auth.API/Activate", subject="robot:boss").pach_token
    assert call(WHO, token).username == "robot:boss"
    assert call(WHO, token).ttl == -1
    with refused(StatusCode.UNAUTHENTICATED, BAD_TOKEN):
        call(WHO, admin)


def test_methods_differ_while_activation_is_partial() -> None:
    with Simulator(PachdV1(auth=Auth.PARTIAL)) as pachd, Caller(pachd.address) as call:
        for path in (ADMINS, RESTORE, "/auth.API/ExtractAuthTokens"):
            with refused(StatusCode.UNAVAILABLE, PARTIALLY):
                call(path, pachd.root_token)
        for path in (EXTEND, REVOKE):
            with refused(StatusCode.UNIMPLEMENTED, NOT_ACTIVATED):
                call(path, pachd.root_token)
        for path in (WHO, GET):
            with refused(StatusCode.UNAUTHENTICATED, BAD_TOKEN):
                call(path, pachd.root_token)
        call("/auth.API/Deactivate")
        assert pachd.cluster.auth is Auth.INACTIVE


def test_without_a_licence_only_admins_do_anything(pachd: Simulator[PachdV1], call: Caller) -> None:
    admin = pachd.root_token
    user = call(GET, admin, subject="robot:user").token
    pachd.cluster.enterprise_active = False
    for path in ("/auth.API/Authorize", "/auth.API/GetScope"):
        with refused(StatusCode.UNKNOWN) as outcome:
            call(path, user)
        assert "only cluster admins can perform any operations" in outcome.message
    assert call("/auth.API/Authorize", admin, repo="images", scope=pb.OWNER).authorized
    assert call(WHO, user).username == "robot:user"


def test_grants_are_given_and_taken_one_principal_at_a_time(
    pachd: Simulator[PachdV1], call: Caller
) -> None:
    admin = pachd.root_token
    user = call(GET, admin, subject="robot:user").token
    for scope in (pb.READER, pb.OWNER, pb.NONE):
        call(SET_SCOPE, admin, username="robot:user", repo="images", scope=scope)
        assert call("/auth.API/GetScope", user, repos=["images"]).scopes == [scope]
        assert call("/auth.API/Authorize", user, repo="images", scope=pb.WRITER).authorized is (
            scope == pb.OWNER
        )
    assert not call("/auth.API/GetACL", admin, repo="images").entries


def test_who_may_grant(pachd: Simulator[PachdV1], call: Caller) -> None:
    admin = pachd.root_token
    user = call(GET, admin, subject="robot:user").token
    grant: dict[str, Any] = {"username": "robot:other", "repo": "images", "scope": pb.READER}
    with refused(
        StatusCode.UNKNOWN,
        "robot:user is not authorized to perform this operation on the repo images, "
        "must have at least OWNER access",
    ):
        call(SET_SCOPE, user, **grant)
    call(SET_SCOPE, admin, username="robot:user", repo="images", scope=pb.OWNER)
    call(SET_SCOPE, user, **grant)
    with refused(StatusCode.UNKNOWN, "repo nowhere not found"):
        call(SET_SCOPE, admin, username="robot:other", repo="nowhere", scope=pb.READER)


def test_admins_come_and_go_but_one_stays(pachd: Simulator[PachdV1], call: Caller) -> None:
    admin = pachd.root_token
    call("/auth.API/ModifyAdmins", admin, add=["robot:second"], remove=["robot:admin"])
    assert call(ADMINS, admin).admins == ["robot:second"]
    with refused(StatusCode.UNKNOWN) as outcome:
        call("/auth.API/ModifyAdmins", admin, add=["robot:admin"])
    assert "must be an admin to call ModifyClusterRoleBinding" in outcome.message


def test_identity_providers_name_subjects(pachd: Simulator[PachdV1], call: Caller) -> None:
    assert call(GET, pachd.root_token, subject="okta:a@b").subject == "okta:a@b"
    with refused(StatusCode.UNKNOWN, "subject has unrecognized prefix: google:"):
        call(GET, pachd.root_token, subject="google:a@b")


@pytest.mark.parametrize(("ttl", "alive", "dead"), [(1, 1.9, 2.5), (10, 9.9, 10.5)])
def test_leases_end_a_little_late(
    pachd: Simulator[PachdV1],
    call: Caller,
    clock: ManualClock,
    ttl: int,
    alive: float,
    dead: float,
) -> None:
    token = call(GET, pachd.root_token, subject="robot:user", ttl=ttl).token
    clock.advance(alive)
    assert call(WHO, token).username == "robot:user"
    clock.advance(dead - alive)
    with refused(StatusCode.UNAUTHENTICATED, BAD_TOKEN):
        call(WHO, token)
    assert pachd.live() == {"robot:admin": 1}


@pytest.mark.parametrize(("left", "ttl"), [(0.5, -1), (-0.5, -1), (3.5, 3)])
def test_a_restored_last_second_never_ends(
    pachd: Simulator[PachdV1], call: Caller, clock: ManualClock, left: float, ttl: int
) -> None:
    end = Timestamp()
    end.FromNanoseconds(round((clock.now() + left) * 1e9))
    info = pb.TokenInfo(subject="robot:user", source=pb.TokenInfo.GET_TOKEN)
    token = pb.HashedAuthToken(hashed_token=hashed("mine"), token_info=info, expiration=end)
    call(RESTORE, pachd.root_token, token=token)
    assert call(WHO, "mine").ttl == ttl


def test_an_extension_may_equal_what_is_left(pachd: Simulator[PachdV1], call: Caller) -> None:
    token = call(GET, pachd.root_token, subject="robot:user", ttl=100).token
    call(EXTEND, pachd.root_token, token=token, ttl=100)
    with refused(
        StatusCode.UNKNOWN, "provided TTL (99) is shorter than token's existing TTL (100)"
    ):
        call(EXTEND, pachd.root_token, token=token, ttl=99)


@pytest.mark.parametrize(("passed", "ttl"), [(0, 100), (30, 70), (99.5, -1)])
def test_a_users_own_new_token_lives_as_long_as_the_old(
    pachd: Simulator[PachdV1], call: Caller, clock: ManualClock, passed: float, ttl: int
) -> None:
    token = call(GET, pachd.root_token, subject="robot:user", ttl=100).token
    clock.advance(passed)
    # In its last second the old token's TTL reads 0, which etcd takes for no lease.
    assert call(WHO, call(GET, token, ttl=5000).token).ttl == ttl
