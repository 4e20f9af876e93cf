import json
import socket
import time
from datetime import datetime
from typing import Any

import pytest

from shim import CodedError, ReadOnlyStorage, UserError
from tests.pachd import Auth, PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, add_admin
from tests.unit.engine.vault import Vault, lease_of, token_of

LONG = "a-token-of-no-pachd"


async def test_a_write_is_verified_and_read_back_without_the_token(
    vault: Vault, pachd: Pachd
) -> None:
    await vault.write("config", admin_token=pachd.root_token, pachd_address=pachd.address)
    shown = (await vault.read("config")).data
    assert shown == {
        "pachd_address": pachd.address,
        "ca_cert": "",
        "tls_server_name": "",
        "ttl": "768h0m0s",
        "max_ttl": "768h0m0s",
        "renewable": True,
        "allowed_subjects": ["robot:*"],
        "denied_subjects": [],
        "request_timeout": "10s",
        "max_in_flight": 6,
        "crash_safe": False,
        "rotation_period": "0s",
        "allowed_grants": [],
        "admin_subject": "robot:admin" if isinstance(pachd.cluster, PachdV1) else "pach:root",
        "admin_expires": None,
        "pachyderm_version": "1.13.4" if isinstance(pachd.cluster, PachdV1) else "2.11.6",
        "cluster_id": pachd.cluster.id,
    }


async def test_unconfigured(vault: Vault) -> None:
    assert (await vault.read("config")).data is None
    for path in ("login/robot:x", "renew", "revoke"):
        with pytest.raises(UserError, match="no configuration"):
            await vault.write(path, user_token="t")
    with pytest.raises(UserError, match="no configuration"):
        await vault.read("version")
    assert (await vault.read("version/client-only")).data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "missing required field 'admin_token'"),
        ({"admin_token": "t"}, "missing required field 'pachd_address'"),
        ({"admin_token": ""}, "invalid admin_token: empty string"),
        ({"admin_token": " t"}, "invalid admin_token: it holds blanks"),
        ({"admin_token": "t\n"}, "invalid admin_token"),
        ({"admin_token": "é"}, "invalid admin_token"),
        ({"pachd_address": ""}, "invalid pachd_address: empty string"),
        ({"pachd_address": "tcp://x"}, "invalid pachd_address: scheme 'tcp'"),
        ({"pachd_address": "unix:///x"}, "invalid pachd_address: "),
        ({"ttl": 0}, r"invalid TTL duration \(must be > 0s\)"),
        ({"ttl": "500ms"}, r"invalid TTL duration \(must be > 0s\)"),
        ({"ttl": -5}, "invalid ttl: a duration cannot be negative"),
        ({"ttl": "2h", "max_ttl": "1h"}, "invalid ttl: longer than max_ttl"),
        ({"request_timeout": "61s"}, "invalid request_timeout"),
        ({"max_in_flight": 0}, "invalid max_in_flight"),
        ({"pachd_address": "grpcs://x", "ca_cert": "nonsense"}, "invalid ca_cert"),
        ({"ca_cert": "nonsense"}, "invalid ca_cert"),
        ({"tls_server_name": "a..b"}, "invalid tls_server_name"),
        ({"tls_server_name": "pachd:30650"}, "invalid tls_server_name"),
        ({"allowed_subjects": {"a": 1}}, "invalid allowed_subjects"),
        ({"allowed_subjects": ["robot:a", None]}, "allowed_subjects: expected text, got null"),
        ({"allowed_grants": [None]}, "allowed_grants: expected text, got null"),
        ({"denied_subjects": '["robot:evil"]'}, "invalid denied_subjects: .* JSON list"),
        ({"denied_subjects": "robot:a robot:b"}, "invalid denied_subjects: .* separated by commas"),
        ({"denied_subjects": "evil"}, "invalid denied_subjects: 'evil' can match no subject"),
        ({"allowed_subjects": ["robot:a", ""]}, "invalid allowed_subjects: ''"),
        ({"allowed_grants": "cluster=*"}, "invalid allowed_grants"),
    ],
)
async def test_a_mistake_is_told_and_nothing_is_stored(
    vault: Vault, v2: Simulator[PachdV2], data: dict[str, Any], why: str
) -> None:
    good = {"admin_token": v2.root_token, "pachd_address": v2.address}
    missing = not data or data == {"admin_token": "t"}
    with pytest.raises(UserError, match=why):
        await vault.write("config", **(data if missing else {**good, **data}))
    assert vault.entries == {}


async def test_unknown_fields(vault: Vault) -> None:
    with pytest.raises(CodedError, match=r'^unknown fields: \["bogus" "other"\]$') as refusal:
        await vault.write("config", other="x", bogus=1)
    assert refusal.value.status == 422


async def test_an_admin_token_that_cannot_mint_is_refused(vault: Vault, pachd: Pachd) -> None:
    await vault.write("config", admin_token=pachd.root_token, pachd_address=pachd.address)
    login = await vault.write("login/robot:plain")
    assert login.data is not None
    before = dict(vault.entries)
    with pytest.raises(UserError, match="robot:plain, whose token admin_token is, may not mint"):
        await vault.write("config", admin_token=login.data["user_token"])
    with pytest.raises(UserError, match=r"could not be verified.*unknown to pachd"):
        await vault.write("config", admin_token="nope")
    assert vault.entries == before


async def test_an_unreachable_pachd_is_refused_unless_told_not_to_verify(vault: Vault) -> None:
    with socket.socket() as unserved:
        unserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unserved.getsockname()[1]}"
        with pytest.raises(UserError, match=f"could not be verified: pachd at {address}"):
            await vault.write("config", admin_token="t", pachd_address=address)
        assert vault.entries == {}
        await vault.write("config", admin_token="t", pachd_address=address, verify=False)
    shown = (await vault.read("config")).data
    assert shown is not None
    assert shown["admin_subject"] is None


async def test_unset_fields_keep_their_value(mount: Vault) -> None:
    await mount.write("config", max_ttl="2h")
    shown = (await mount.read("config")).data
    assert shown is not None
    assert (shown["ttl"], shown["max_ttl"]) == ("20m0s", "2h0m0s")


async def test_a_patch_changes_and_null_brings_back_the_default(mount: Vault) -> None:
    await mount.write("config", allowed_subjects="robot:a*,robot:b*")
    await mount.ask(
        "patch", "config", ttl="10m", allowed_subjects=None, denied_subjects=["robot:z"]
    )
    shown = (await mount.read("config")).data
    assert shown is not None
    assert shown["ttl"] == "10m0s"
    assert shown["allowed_subjects"] == ["robot:*"]
    assert shown["denied_subjects"] == ["robot:z"]
    with pytest.raises(UserError, match="admin_token cannot be unset"):
        await mount.ask("patch", "config", admin_token=None)


async def test_nothing_to_patch(vault: Vault) -> None:
    with pytest.raises(CodedError, match="no configuration to patch") as refusal:
        await vault.ask("patch", "config", ttl="10m")
    assert refusal.value.status == 404


async def test_delete(mount: Vault) -> None:
    await mount.ask("delete", "config")
    assert mount.entries == {}
    assert (await mount.read("config")).data is None
    await mount.ask("delete", "config")


@pytest.mark.parametrize("operation", ["update", "patch"])
async def test_the_stored_token_is_never_sent_to_a_new_address(
    mount: Vault, pachd: Pachd, operation: str
) -> None:
    before = dict(mount.entries)
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        thief.settimeout(0.3)
        there = f"127.0.0.1:{thief.getsockname()[1]}"
        for change in (
            {"pachd_address": there},
            {"pachd_address": there, "verify": False},
            {"tls_server_name": "evil"},
            {"ca_cert": "x"},
        ):
            with pytest.raises(UserError, match="must carry admin_token"):
                await mount.ask(operation, "config", **change)
        assert mount.entries == before
        with pytest.raises(TimeoutError):
            thief.accept()
    assert pachd.journal() == []


async def test_a_write_of_the_same_address_needs_no_token(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", pachd_address=pachd.address, ttl="1h")


async def test_plain_text_beyond_this_machine_warns(vault: Vault) -> None:
    response = await vault.write(
        "config", admin_token=LONG, pachd_address="192.0.2.1", verify=False
    )
    assert ["plain text" in warning for warning in response.warnings] == [True]
    response = await vault.write(
        "config", admin_token=LONG, pachd_address="grpcs://192.0.2.1", verify=False
    )
    assert response.warnings == []


async def test_what_is_wider_than_the_mount_or_unsafe_warns(mount: Vault, pachd: Pachd) -> None:
    mount.max_ttl = 3600
    response = await mount.write("config", max_ttl="2h", max_in_flight=20)
    assert [w.split()[0] for w in response.warnings][:1] == ["max_ttl"]
    assert any("deadlock" in w for w in response.warnings) == isinstance(pachd.cluster, PachdV2)


async def test_a_configuration_written_by_another_node_is_taken_up(
    mount: Vault, pachd: Pachd
) -> None:
    await mount.write("login/robot:x")
    stored = json.loads(mount.entries["config"])
    mount.entries["config"] = json.dumps({**stored, "ttl": 77, "from_the_future": 1}).encode()
    assert lease_of(await mount.write("login/robot:x")).ttl == 1200
    await mount.backend.invalidate("another/key")
    assert lease_of(await mount.write("login/robot:x")).ttl == 1200
    await mount.backend.invalidate("config")
    assert lease_of(await mount.write("login/robot:x")).ttl == 77


async def test_a_configuration_of_an_older_version_is_enough(vault: Vault, pachd: Pachd) -> None:
    old = {"admin_token": pachd.root_token, "pachd_address": pachd.address}
    vault.entries["config"] = json.dumps(old).encode()
    assert token_of(await vault.write("login/robot:x"))
    with pytest.raises(UserError, match="this is the admin token"):
        await vault.write("revoke", user_token=pachd.root_token)


async def test_auth_not_activated_is_told(vault: Vault) -> None:
    with Simulator(PachdV2(active=False)) as pachd, pytest.raises(UserError, match="auth activate"):
        await vault.write("config", admin_token="t", pachd_address=pachd.address)
    with (
        Simulator(PachdV1(auth=Auth.INACTIVE)) as pachd1,
        pytest.raises(UserError, match="auth activate"),
    ):
        await vault.write("config", admin_token="t", pachd_address=pachd1.address)
    assert vault.entries == {}


async def test_a_write_that_storage_refuses_changes_nothing(mount: Vault, other: Pachd) -> None:
    await mount.write("login/robot:x")
    mount.read_only = True
    with pytest.raises(ReadOnlyStorage, match=r"^cannot write to readonly storage$"):
        await mount.write(
            "config", admin_token=other.root_token, pachd_address=other.address, verify=False
        )
    assert other.journal() == []
    await mount.write("login/robot:x")


async def test_the_least_privilege_is_enough(vault: Vault, pachd: Pachd) -> None:
    admin = add_admin(pachd, "robot:vault", ttl=3600)
    await vault.write("config", admin_token=admin, pachd_address=pachd.address)
    shown = (await vault.read("config")).data
    assert shown is not None
    assert shown["admin_subject"] == "robot:vault"
    ends = datetime.fromisoformat(shown["admin_expires"]).timestamp()
    assert abs(ends - time.time() - 3600) < 10
    lease = lease_of(await vault.write("login/robot:x"))
    await vault.revoke(lease)
    assert pachd.live()["robot:x"] == 0


async def test_verify_is_not_stored_and_asks_by_default(vault: Vault, pachd: Pachd) -> None:
    where = {"admin_token": pachd.root_token, "pachd_address": pachd.address}
    await vault.write("config", **where, verify=False)
    assert pachd.journal() == []
    assert "verify" not in json.loads(vault.entries["config"])
    await vault.write("config", ttl="1h")
    assert pachd.counts()["WhoAmI"] > 0


async def test_a_new_token_unverified_forgets_whose_the_old_was(mount: Vault, pachd: Pachd) -> None:
    admin = add_admin(pachd)
    await mount.write("config", admin_token=admin, verify=False)
    shown = (await mount.read("config")).data
    assert shown is not None
    assert (shown["admin_subject"], shown["pachyderm_version"]) == (None, None)
    with pytest.raises(UserError, match="engine's own admin"):
        await mount.write("login/robot:vault")


async def test_a_write_without_the_token_unverified_keeps_what_was_verified(mount: Vault) -> None:
    before = (await mount.read("config")).data
    await mount.write("config", ttl="1h", verify=False)
    after = (await mount.read("config")).data
    assert before is not None
    assert after is not None
    assert after["admin_subject"] == before["admin_subject"]
    assert after["pachyderm_version"] == before["pachyderm_version"]


@pytest.mark.parametrize("null", ["ca_cert", "tls_server_name"])
async def test_unsetting_how_pachd_is_trusted_must_carry_the_token(vault: Vault, null: str) -> None:
    trust = {"ca_cert": "", "tls_server_name": "pachd"}
    await vault.write(
        "config", admin_token="t", pachd_address="grpcs://127.0.0.1:1", **trust, verify=False
    )
    stored = json.loads(vault.entries["config"])
    vault.entries["config"] = json.dumps({**stored, "ca_cert": "PEM"}).encode()
    with pytest.raises(UserError, match=f"a change of {null} must carry admin_token"):
        await vault.ask("patch", "config", **{null: None}, verify=False)


async def test_the_token_is_stored_once_and_shown_nowhere(mount: Vault, pachd: Pachd) -> None:
    assert list(mount.entries) == ["config"]
    assert pachd.root_token in mount.entries["config"].decode()
    shown = await mount.read("config")
    assert pachd.root_token not in json.dumps(shown.data)
    helped = await mount.ask("help", "config")
    assert "Sensitive" in json.dumps(helped.data) or "sensitive" in json.dumps(helped.data)
    assert pachd.root_token not in json.dumps(helped.data)


async def test_a_certificate_that_is_not_ascii_is_a_mistake(vault: Vault) -> None:
    with pytest.raises(UserError, match="invalid ca_cert"):
        await vault.write("config", admin_token="t", pachd_address="grpcs://x", ca_cert="é")


async def test_trust_that_is_of_no_use_warns(vault: Vault, v2: Simulator[PachdV2]) -> None:
    response = await vault.write(
        "config", admin_token=v2.root_token, pachd_address=v2.address, tls_server_name="pachd"
    )
    assert [warning.split(" for ")[0] for warning in response.warnings] == [
        "ca_cert and tls_server_name do nothing"
    ]


async def test_what_an_older_version_took_is_told_and_hinders_nothing(
    mount: Vault, pachd: Pachd
) -> None:
    stored = json.loads(mount.entries["config"])
    mount.entries["config"] = json.dumps({**stored, "denied_subjects": ["evil"]}).encode()
    await mount.backend.invalidate("config")
    answer = await mount.write("config", ttl="10m")
    said = "denied_subjects holds 'evil', which can match nothing"
    assert [said in warning for warning in answer.warnings] == [True]
    checked = (await mount.read("check")).data
    assert checked is not None
    assert said in checked["problems"][0]
    await mount.write("config/rotate")
    assert token_of(await mount.write("login/robot:x"))
    assert pachd.live()["robot:x"] == 1


async def test_a_short_admin_token_is_taken_with_a_warning(vault: Vault) -> None:
    with Simulator(PachdV2(root_token="iamroot")) as pachd:
        answer = await vault.write("config", admin_token="iamroot", pachd_address=pachd.address)
        assert ["fewer than 16 characters" in warning for warning in answer.warnings] == [True]
        checked = (await vault.read("check")).data
        assert checked is not None
        assert "fewer than 16 characters" in checked["problems"][0]
        assert token_of(await vault.write("login/robot:x"))
        await vault.write("config/rotate")
        assert (await vault.write("config", ttl="10m")).warnings == []
