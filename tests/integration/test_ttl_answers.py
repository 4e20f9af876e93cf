"""The answers of ``docs/ttl.md``, asked of the real server; the rest are unit tests it names."""

import re
import time
from typing import Any

import pytest

from tests.integration.conftest import ROOT
from tests.integration.mount import Login, Mount, Refused, eventually
from tests.integration.tuning import tune
from tests.pachd.tokens import hashed

HOUR = 3600
DAY = 24 * HOUR
SYSTEM_MAXIMUM = 768 * HOUR  # where the server's configuration says nothing
TIMEOUT = 10  # request_timeout's default
LONGEST_1X = 30 * DAY - TIMEOUT
OVER = ("reached its longest life: log in again", "past the max TTL", "lease not found")
# On 2.x the token ends with max_ttl, but for the moment that the login took.
LEFT = "the time left to (max_ttl|the token)"
CLOSE = 5  # seconds that may pass between a login and a look


def patch(mount: Mount, path: str, **fields: Any) -> None:
    """Change these fields alone; None brings a default back."""
    headers = {"Content-Type": "application/merge-patch+json"}
    mount.ask("PATCH", f"/v1/{mount.path}/{path}", fields, **headers)


def creds(mount: Mount, **fields: Any) -> Login:
    """A token by the role ``r``."""
    answer = mount.write("creds/r", fields)
    return Login(
        token=answer["data"]["user_token"],
        lease=answer["lease_id"],
        seconds=answer["lease_duration"],
        renewable=answer["renewable"],
        address=answer["data"]["pachd_address"],
    )


def role(mount: Mount, **fields: Any) -> None:
    mount.write("roles/r", {"subject": "robot:r", **fields})


def left(mount: Mount, login: Login) -> float:
    """Seconds the token has at pachd."""
    end = mount.pachd.ends(login.token)
    assert end is not None
    return end - time.time()


def renewal(mount: Mount, login: Login, increment: int = 0) -> tuple[int, list[str]]:
    """The seconds the lease now lasts, and the warnings that came with them."""
    body = {"lease_id": login.lease, "increment": increment}
    answer = mount.ask("PUT", "/v1/sys/leases/renew", body)
    return answer["lease_duration"], answer["warnings"] or []


def refused(mount: Mount, path: str, **fields: Any) -> str:
    with pytest.raises(Refused) as told:
        mount.write(path, fields)
    assert told.value.status == 400
    return " ".join(told.value.errors)


# Which TTL wins?


def test_request_wins_over_role_over_config_over_mount_over_system(mount: Mount) -> None:
    role(mount, ttl="7m")
    tune(mount, default_lease_ttl="9m")
    assert creds(mount, ttl="6m").seconds == 360
    assert creds(mount).seconds == 420
    patch(mount, "roles/r", ttl=None)
    assert creds(mount).seconds == mount.login().seconds == 300
    patch(mount, "config", ttl=None)
    assert creds(mount).seconds == mount.login().seconds == 540
    tune(mount, default_lease_ttl="0")
    systems = LONGEST_1X if mount.extends else SYSTEM_MAXIMUM
    assert creds(mount).seconds == mount.login().seconds == systems


def test_every_maximum_cuts_and_warns(mount: Mount) -> None:
    def cut(path: str) -> tuple[int, str]:
        answer = mount.write(path, {"ttl": "9000h"})
        return answer["lease_duration"], " ".join(answer["warnings"])

    seconds, warning = cut("login/robot:test")
    if mount.extends:
        assert (seconds, "the longest life pachd gives" in warning) == (LONGEST_1X, True)
    else:
        assert (seconds, "the mount's max_lease_ttl" in warning) == (SYSTEM_MAXIMUM, True)
    tune(mount, max_lease_ttl="4h")
    seconds, warning = cut("login/robot:test")
    assert (seconds, "the mount's max_lease_ttl of 4h" in warning) == (4 * HOUR, True)
    patch(mount, "config", max_ttl="3h")
    seconds, warning = cut("login/robot:test")
    assert (seconds, "config's max_ttl of 3h" in warning) == (3 * HOUR, True)
    role(mount, max_ttl="2h")
    seconds, warning = cut("creds/r")
    assert (seconds, "the role's max_ttl of 2h" in warning) == (2 * HOUR, True)
    patch(mount, "roles/r", max_ttl="8h")
    assert cut("creds/r")[0] == 3 * HOUR


def test_a_mount_may_be_tuned_beyond_the_server(mount: Mount) -> None:
    tune(mount, max_lease_ttl="1000h")
    assert mount.login(ttl="900h").seconds == (LONGEST_1X if mount.extends else 900 * HOUR)


def test_a_batch_token_bounds_its_leases(mount: Mount) -> None:
    mount.server.client().sys.create_or_update_policy(
        "bounded", 'path "pachyderm/*" { capabilities = ["create", "update"] }'
    )
    body = {"type": "batch", "ttl": "2s", "policies": ["bounded"]}
    token = mount.ask("POST", "/v1/auth/token/create", body)["auth"]["client_token"]
    login = mount.login(token=token)
    assert login.seconds <= 2
    eventually(lambda: not mount.alive(login))


# What does a change do to living leases?


def test_a_changed_config_leaves_living_leases_as_they_were_granted(mount: Mount) -> None:
    patch(mount, "config", max_ttl="2h")
    login = mount.login()
    patch(mount, "config", ttl="1m", max_ttl="2m")
    assert renewal(mount, login) == (300, [])
    assert renewal(mount, login, HOUR) == (HOUR, [])
    patch(mount, "config", max_ttl="9h")
    seconds, warnings = renewal(mount, login, 5 * HOUR)
    assert 2 * HOUR - CLOSE <= seconds <= 2 * HOUR
    assert re.search(LEFT, warnings[0])


def test_a_changed_or_deleted_role_leaves_living_leases_as_they_were_granted(
    mount: Mount,
) -> None:
    role(mount, ttl="5m", max_ttl="2h")
    login = creds(mount)
    mount.write("roles/r", {"subject": "robot:other", "ttl": "1m", "max_ttl": "2m"})
    assert renewal(mount, login) == (300, [])
    mount.ask("DELETE", "/v1/pachyderm/roles/r")
    assert renewal(mount, login) == (300, [])
    assert 2 * HOUR - CLOSE <= renewal(mount, login, 5 * HOUR)[0] <= 2 * HOUR
    assert mount.who_am_i(login.token) == "robot:r"
    mount.revoke(login)
    assert not mount.alive(login)


def test_a_mount_tuned_lower_cuts_living_leases_at_their_renewal(mount: Mount) -> None:
    login = mount.login(ttl="1h")
    tune(mount, default_lease_ttl="1m", max_lease_ttl="10m")
    found = mount.ask("PUT", "/v1/sys/leases/lookup", {"lease_id": login.lease})
    assert found["data"]["ttl"] > HOUR - CLOSE - 60
    seconds, warnings = renewal(mount, login)
    assert 600 - CLOSE <= seconds <= 600
    assert "the mount's maximum" in " ".join(warnings)


def test_a_mount_tuned_higher_moves_no_end_that_the_token_has(mount: Mount) -> None:
    tune(mount, max_lease_ttl="1h")
    login = mount.login()
    tune(mount, max_lease_ttl="5h")
    seconds, warnings = renewal(mount, login, 3 * HOUR)
    if mount.extends:
        assert (seconds, warnings) == (3 * HOUR, [])
    else:
        assert HOUR - CLOSE <= seconds <= HOUR
        assert warnings
    assert left(mount, login) >= seconds


# What may a renewal reach, and when does it end?


def test_a_renewal_takes_longer_and_shorter_increments(mount: Mount) -> None:
    login = mount.login()
    for increment in (HOUR, 60, 600):
        assert renewal(mount, login, increment) == (increment, [])
        assert left(mount, login) >= increment
    assert renewal(mount, login) == (300, [])


def test_renewal_reaches_max_ttl_and_ends(mount: Mount) -> None:
    patch(mount, "config", ttl="2s", max_ttl="4s")
    login = mount.login()
    began = time.monotonic()

    def again() -> None:
        seconds, warnings = renewal(mount, login, HOUR)
        assert seconds <= 4 - int(time.monotonic() - began)
        assert re.search(LEFT, warnings[0])

    def until_refused() -> None:
        while True:
            again()
            time.sleep(0.1)

    with pytest.raises(Refused) as told:
        until_refused()
    assert time.monotonic() - began > 1
    assert any(word in str(told.value) for word in OVER)
    eventually(lambda: not mount.alive(login))


def test_a_lease_that_is_not_renewable_is_refused(mount: Mount) -> None:
    with pytest.raises(Refused, match="lease is not renewable"):
        mount.renew(mount.login(renewable=False))


def test_a_lease_whose_token_is_gone_says_so(mount: Mount) -> None:
    login = mount.login()
    mount.pachd.cluster.tokens.delete(hashed(login.token))
    with pytest.raises(Refused, match="expired or was revoked at pachd: log in again"):
        mount.renew(login)
    mount.revoke(login)


# How long does the token itself last?


def test_the_token_outlives_the_lease_by_request_timeout(mount: Mount) -> None:
    login = mount.login(renewable=False)
    assert 300 + TIMEOUT - CLOSE <= left(mount, login) <= 300 + TIMEOUT
    patch(mount, "config", request_timeout="30s")
    login = mount.login(renewable=False)
    assert 330 - CLOSE <= left(mount, login) <= 330


def test_2x_a_renewable_token_is_minted_for_its_longest_life(mount: Mount) -> None:
    def near(login: Login, seconds: int) -> bool:
        expected = (login.seconds if mount.extends else seconds) + TIMEOUT
        return expected - CLOSE <= left(mount, login) <= expected

    assert near(mount.login(), DAY)
    assert near(mount.login(ttl="3d"), 3 * DAY)
    patch(mount, "config", max_ttl="2h")
    assert near(mount.login(), 2 * HOUR)
    role(mount, max_ttl="1h")
    assert near(creds(mount), HOUR)


# What happens at pachd when a lease ends, is revoked, fails to be revoked?


def test_at_the_end_of_a_lease_its_token_is_dead(mount: Mount) -> None:
    login = mount.login(ttl="1s")
    assert left(mount, login) > TIMEOUT  # it would live on by itself
    eventually(lambda: not mount.alive(login))
    assert mount.pachd.counts()["RevokeAuthToken"] == 1


def test_a_revoked_lease_s_token_is_dead_at_once(mount: Mount) -> None:
    login = mount.login()
    mount.revoke(login)
    assert not mount.alive(login)


def test_a_failed_revocation_keeps_the_lease_and_can_be_repeated(mount: Mount) -> None:
    login = mount.login()
    mount.pachd.die()
    with pytest.raises(Refused, match=f"pachd at {mount.pachd.address}"):
        mount.revoke(login)
    mount.pachd.restart()
    assert mount.alive(login)
    assert mount.ask("PUT", "/v1/sys/leases/lookup", {"lease_id": login.lease})["data"]
    mount.revoke(login)
    assert not mount.alive(login)


# What does the end of the Vault token do?


def test_the_parent_tokens_end_ends_the_lease(mount: Mount) -> None:
    body = {"ttl": "1s", "policies": ["root"]}
    token = mount.ask("POST", "/v1/auth/token/create", body)["auth"]["client_token"]
    login = mount.login(token=token, ttl="1h")
    assert login.seconds == HOUR
    eventually(lambda: not mount.alive(login))


# What do 0, nothing, too long and too short mean?


@pytest.mark.parametrize("nothing", [{}, {"ttl": None}, {"ttl": ""}], ids=str)
def test_nothing_is_the_next_in_order(mount: Mount, nothing: dict[str, Any]) -> None:
    if nothing.get("ttl") == "":
        role(mount)
        for path in ("config", "roles/r"):
            assert "must be > 0s" in refused(mount, path, **nothing)
    else:
        role(mount, **nothing)
    assert creds(mount, **nothing).seconds == mount.login(**nothing).seconds == 300
    assert renewal(mount, mount.login(), 0) == (300, [])


@pytest.mark.parametrize("zero", [0, "0s", "500ms"])
def test_zero_is_a_mistake_everywhere(mount: Mount, zero: object) -> None:
    role(mount)
    for path in ("login/robot:test", "creds/r"):
        assert "must be > 0s" in refused(mount, path, ttl=zero)
    for field in ("ttl", "max_ttl"):
        assert "must be > 0s" in refused(mount, "config", **{field: zero})
        assert "must be > 0s" in refused(mount, "roles/r", **{field: zero})


@pytest.mark.parametrize("wrong", [-1, "-5s", "soon"])
def test_negative_and_nonsense_are_mistakes(mount: Mount, wrong: object) -> None:
    role(mount)
    for path in ("login/robot:test", "creds/r", "config", "roles/r"):
        assert "ttl" in refused(mount, path, ttl=wrong).lower()
    for path in ("config", "roles/r"):
        assert "max_ttl" in refused(mount, path, max_ttl=wrong)


def test_too_long_is_cut_at_each_login(mount: Mount) -> None:
    patch(mount, "config", ttl="9000h")
    role(mount, ttl="9000h")
    tune(mount, max_lease_ttl="2h")
    for path in ("login/robot:test", "creds/r"):
        answer = mount.write(path)
        assert answer["lease_duration"] == 2 * HOUR
        assert "capped to 2h" in answer["warnings"][0]


def test_a_second_is_a_second(mount: Mount) -> None:
    login = mount.login(ttl="1.9s")
    assert login.seconds == 1
    assert left(mount, login) > 1


def test_the_increment_of_renew(mount: Mount) -> None:
    if not mount.extends:
        assert "cannot extend" in refused(mount, "renew", user_token=mount.login().token)
        return
    token = mount.login().token
    assert mount.write("renew", {"user_token": token})["data"]["ttl"] >= 300
    for wrong in (0, "0s", -1, "soon"):
        assert "increment" in refused(mount, "renew", user_token=token, increment=wrong)
    short = mount.write("renew", {"user_token": token, "increment": 1})
    assert "nothing changed" in short["warnings"][0]
    tune(mount, max_lease_ttl="2h")
    long = mount.write("renew", {"user_token": token, "increment": "9h"})
    assert long["data"]["ttl"] == 2 * HOUR
    assert "capped to 2h" in long["warnings"][0]


# The document


def test_every_answer_names_tests_that_are_there() -> None:
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text())
    }
    answers = re.split(r"^## ", (ROOT / "docs" / "ttl.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(answers) >= 8
    for answer in answers:
        _, _, named = answer.partition("\nTests: ")
        assert named, f"no test: {answer.splitlines()[0]}"
        assert set(re.findall(r"`(test_\w+)`", named)) - there == set()
