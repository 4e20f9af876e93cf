import json

import pytest

from shim import UserError
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, is_v1, sent
from tests.unit.engine.vault import Vault, eventually, lease_of, token_of


async def test_a_login_gives_a_living_token_and_its_address(mount: Vault, pachd: Pachd) -> None:
    response = await mount.write("login/robot:x")
    assert response.data == {
        "user_token": token_of(response),
        "pachd_address": pachd.address,
    }
    assert pachd.subject_of(token_of(response)) == "robot:x"
    lease = lease_of(response)
    assert (lease.type, lease.ttl, lease.renewable) == ("pachyderm_tokens", 1200, True)
    assert response.warnings == []


async def test_one_call_to_pachd_and_none_to_storage(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:warm")
    pachd.forget()
    mount.calls.clear()
    for _ in range(5):
        await mount.write("login/robot:x")
    assert sum(pachd.counts().values()) == 5
    assert not [name for name in mount.calls if name.startswith("Storage")]
    await mount.backend.invalidate("config")
    await mount.write("login/robot:x")
    assert mount.calls["Storage/Get"] == 1


async def test_one_connection_is_kept(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:x")
    await mount.write("login/robot:y")
    assert pachd.connections == 1


async def test_the_connection_of_a_replaced_configuration_is_closed(
    mount: Vault, pachd: Pachd
) -> None:
    for _ in range(3):
        await mount.write("login/robot:x")
        await mount.write("config", ttl="10m")
    await mount.write("login/robot:x")
    await eventually(lambda: pachd.connections == 1)
    await mount.ask("delete", "config")
    await eventually(lambda: pachd.connections == 0)


async def test_the_address_is_given_back_as_written(vault: Vault, pachd: Pachd) -> None:
    written = f"grpc://localhost:{pachd.port}"
    await vault.write("config", admin_token=pachd.root_token, pachd_address=written)
    response = await vault.write("login/robot:x")
    assert response.data is not None
    assert response.data["pachd_address"] == written


@pytest.mark.parametrize("operation", ["create", "update"])
async def test_operations(mount: Vault, operation: str) -> None:
    assert token_of(await mount.ask(operation, "login/robot:x"))


async def test_what_the_lease_keeps_is_json_and_no_more_than_needed(
    mount: Vault, pachd: Pachd
) -> None:
    response = await mount.write("login/robot:x")
    internal = dict(lease_of(response).internal)
    assert json.loads(json.dumps(internal)) == internal
    assert pachd.root_token not in json.dumps(internal)
    end = internal.pop("token_end")
    true_end = pachd.ends(token_of(response))
    assert true_end is not None
    assert true_end - 5 < end <= true_end
    expected = {
        "user_token": token_of(response),
        "subject": "robot:x",
        "pachd_address": pachd.address,
        "cluster_id": pachd.cluster.id,
        "generation": "1.x" if is_v1(pachd) else "2.x",
        "ttl": 1200,
        "max_ttl": 0 if is_v1(pachd) else 24 * 3600,
    }
    assert internal == {name: value for name, value in expected.items() if value}


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("test", "one colon"),
        ("robot:", "one colon"),
        (":x", "one colon"),
        ("robot:a:b", "one colon"),
        ("robot:robot:x", "one colon"),
        ("robot:a\x00b", "control"),
        ("robot:a\tb", "control"),
        ("robot:" + "x" * 123, "longer than 128"),
        ("user:me@example.com", "not among allowed_subjects"),
        ("github:me", "not among allowed_subjects"),
        ("Robot:x", "not among allowed_subjects"),
        ("pach:root", "own"),
    ],
)
async def test_a_subject_that_is_refused_is_never_asked_of_pachd(
    mount: Vault, pachd: Pachd, subject: str, why: str
) -> None:
    with pytest.raises(UserError, match=why):
        await mount.write(f"login/{subject}")
    assert pachd.journal() == []


@pytest.mark.parametrize(
    "subject", ["robot:x", "robot:-a", "robot:a.b", "robot:a b", "robot:é", "robot:" + "x" * 122]
)
async def test_names_both_generations_take(mount: Vault, pachd: Pachd, subject: str) -> None:
    response = await mount.write(f"login/{subject}")
    assert pachd.subject_of(token_of(response)) == subject


async def test_denied_wins_over_allowed(mount: Vault) -> None:
    await mount.write("config", allowed_subjects="robot:a*", denied_subjects="robot:ab*")
    await mount.write("login/robot:ac")
    with pytest.raises(UserError, match="denied_subjects"):
        await mount.write("login/robot:abc")
    with pytest.raises(UserError, match="not among allowed_subjects"):
        await mount.write("login/robot:b")


async def test_nobody_is_allowed_where_the_list_is_empty(mount: Vault) -> None:
    await mount.write("config", allowed_subjects=[])
    with pytest.raises(UserError, match=r"\(none\)"):
        await mount.write("login/robot:x")


async def test_the_admins_own_subject_is_refused(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", allowed_subjects="*")
    own = "robot:admin" if is_v1(pachd) else "pach:root"
    with pytest.raises(UserError, match="engine's own admin"):
        await mount.write(f"login/{own}")
    assert mint_calls(pachd) == 0


async def test_a_type_pachd_does_not_know_is_the_callers_mistake(
    mount: Vault, pachd: Pachd
) -> None:
    await mount.write("config", allowed_subjects="*")
    words = "unrecognized prefix: foo" if is_v1(pachd) else "write robot:<name>, not foo:"
    with pytest.raises(Exception, match=words) as refusal:
        await mount.write("login/foo:bar")
    assert isinstance(refusal.value, UserError) or refusal.value.status == 400  # type: ignore[attr-defined]


async def test_1x_other_types_where_they_are_listed(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    await mount1.write("config", allowed_subjects="robot:*,github:*,pipeline:p")
    for subject in ("github:me", "pipeline:p"):
        assert v1.subject_of(token_of(await mount1.write(f"login/{subject}"))) == subject


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("user:me@example.com", "need crash_safe=true"),
        ("group:a", "write robot:<name>, not group:"),
        ("pipeline:p", "write robot:<name>, not pipeline:"),
        ("internal:auth-server", "write robot:<name>, not internal:"),
    ],
)
async def test_2x_robots_only(
    mount2: Vault, v2: Simulator[PachdV2], subject: str, why: str
) -> None:
    await mount2.write("config", allowed_subjects="*")
    with pytest.raises(UserError, match=why):
        await mount2.write(f"login/{subject}")
    assert mint_calls(v2) == 0


@pytest.mark.parametrize(
    ("denied", "why"), [("github:alice", "denied_subjects"), ("", "engine's own admin")]
)
async def test_1x_another_spelling_of_a_refused_subject_gets_no_token(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, denied: str, why: str
) -> None:
    """Only pachd knows that GitHub spells this user in lower case."""
    with Simulator(PachdV1(admin="github:root" if denied else "github:alice")) as pachd:
        monkeypatch.setattr(pachd.cluster, "canonical", str.lower)
        await vault.write(
            "config",
            admin_token=pachd.root_token,
            pachd_address=pachd.address,
            allowed_subjects="github:*",
            denied_subjects=denied,
        )
        before = pachd.live()
        with pytest.raises(UserError, match=why):
            await vault.write("login/github:Alice")
        await eventually(lambda: pachd.counts()["RevokeAuthToken"] == 1)
        await eventually(lambda: pachd.live() == before)
        bob = await vault.write("login/github:Bob")
        assert lease_of(bob).internal["subject"] == "github:bob"


async def test_an_unverified_configuration_learns_its_admin_before_the_first_token(
    vault: Vault, v1: Simulator[PachdV1]
) -> None:
    await vault.write("config", admin_token=v1.root_token, pachd_address=v1.address, verify=False)
    with pytest.raises(UserError, match="engine's own admin"):
        await vault.write("login/robot:admin")
    assert mint_calls(v1) == 0


async def test_warnings_for_what_is_not_a_field(mount: Vault) -> None:
    response = await mount.write("login/robot:x", bogus=1, subject="robot:y")
    assert response.warnings == [
        "Endpoint ignored these unrecognized parameters: [bogus]",
        "Endpoint replaced the value of these parameters with the values captured from the"
        " endpoint's path: [subject]",
    ]
    assert lease_of(response).internal["subject"] == "robot:x"


async def test_only_the_admin_token_calls(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:x")
    assert sent(pachd) == {pachd.root_token}


def mint_calls(pachd: Pachd) -> int:
    counts = pachd.counts()
    return counts["GetAuthToken"] + counts["GetRobotToken"]
