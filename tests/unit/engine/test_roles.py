"""``roles/`` and ``creds/``: what may be written, and what comes of it."""

from typing import Any

import pytest

from shim import Alias, BackendError, CodedError, Entity, UserError
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, is_v1
from tests.unit.engine.vault import Vault, lease_of, token_of

ANN = Entity(
    id="e-1",
    name="ann",
    metadata={"team": "ml", "bad": "a:b", "blank": "a b", "empty": ""},
    aliases=[Alias(name="ann@corp", mount_accessor="ldap_1", metadata={"uid": "7"})],
)


async def subject_of(mount: Vault, pachd: Pachd, role: str = "r", **asked: Any) -> str | None:
    return pachd.subject_of(token_of(await mount.ask("read", f"creds/{role}", **asked)))


async def test_write_read_list_patch_delete(mount: Vault) -> None:
    assert (await mount.ask("list", "roles/")).data == {}
    await mount.write("roles/r", subject="robot:x", ttl="30m")
    assert (await mount.read("roles/r")).data == {
        "subject": "robot:x",
        "ttl": "30m0s",
        "max_ttl": None,
        "renewable": None,
        "grants": [],
        "allow_cluster_grants": False,
    }
    await mount.write("roles/r", max_ttl="2h", renewable=False)
    await mount.ask("patch", "roles/r", ttl=None, renewable=None)
    shown = (await mount.read("roles/r")).data
    assert shown is not None
    assert (shown["subject"], shown["ttl"], shown["max_ttl"]) == ("robot:x", None, "2h0m0s")
    assert shown["renewable"] is None
    await mount.write("roles/q", subject="robot:y")
    assert (await mount.ask("list", "roles/")).data == {"keys": ["q", "r"]}
    await mount.ask("delete", "roles/r")
    await mount.ask("delete", "roles/r")
    assert (await mount.read("roles/r")).data is None


async def test_what_is_not_there_is_a_404(mount: Vault) -> None:
    for operation, path in (("patch", "roles/r"), ("read", "creds/r"), ("update", "creds/r")):
        with pytest.raises(CodedError) as refusal:
            await mount.ask(operation, path)
        assert refusal.value.status == 404


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "missing required field 'subject'"),
        ({"subject": "x"}, "one colon"),
        ({"subject": "robot:a:b"}, "one colon"),
        ({"subject": "robot:{{random}}:x"}, "one colon"),
        ({"subject": "robot:{{identity.entity.name}}:x"}, "one colon"),
        ({"subject": "{{identity.entity.name}}"}, "must start with robot:"),
        ({"subject": "user:{{identity.entity.name}}"}, "must start with robot:"),
        ({"subject": "{{random}}"}, "must start with robot:"),
        ({"subject": "robot:{{identity.groups.ids}}"}, "unknown template parameter"),
        ({"subject": "robot:{{}}"}, "unknown template parameter"),
        ({"subject": "robot:{{random"}, "unbalanced"),
        ({"subject": "robot:random}}"}, "unbalanced"),
        ({"subject": "user:me@x"}, "not among allowed_subjects"),
        ({"subject": "pach:root"}, "own"),
        ({"subject": "robot:x", "ttl": 0}, "must be > 0s"),
        ({"subject": "robot:x", "max_ttl": "500ms"}, "must be > 0s"),
        ({"subject": "robot:x", "ttl": "2h", "max_ttl": "1h"}, "longer than max_ttl"),
        ({"subject": "robot:x", "grants": "repo:default/a=repoReader"}, "ephemeral"),
        ({"subject": "robot:{{identity.entity.name}}", "grants": "repo:a=READER"}, "ephemeral"),
        ({"subject": "robot:{{random}}", "grants": "repo:a"}, "invalid grants"),
        ({"subject": "robot:{{random}}", "grants": "secret:a=x"}, "invalid grants"),
        ({"subject": "robot:{{random}}", "grants": '["repo:a=READER"]'}, "or as a JSON list"),
        ({"subject": "robot: {{random}}"}, "blanks around"),
        ({"subject": "robot:{{random}}\u00a0"}, "blanks around"),
        ({"subject": "robot:\u2060{{random}}"}, "invisible"),
        ({"subject": "robot:{{random}}", "grants": "repo:a*=READER"}, "names no project or repo"),
        ({"subject": "robot:{{random}}", "grants": ["repo:a=READER", None]}, "got null"),
        ({"subject": "robot:{{random}}", "grants": "project:a b=x"}, "invalid grants"),
    ],
)
async def test_a_mistake_is_told_and_nothing_stored(
    mount: Vault, data: dict[str, Any], why: str
) -> None:
    with pytest.raises(UserError, match=why):
        await mount.write("roles/r", **data)
    assert "roles/r" not in mount.entries


async def test_a_subject_cannot_be_unset(mount: Vault) -> None:
    await mount.write("roles/r", subject="robot:x")
    with pytest.raises(UserError, match="subject cannot be unset"):
        await mount.ask("patch", "roles/r", subject=None)


@pytest.mark.parametrize(
    ("template", "subject"),
    [
        ("robot:x", "robot:x"),
        ("robot:{{identity.entity.name}}", "robot:ann"),
        ("robot:{{ identity.entity.id }}-ci", "robot:e-1-ci"),
        ("robot:{{identity.entity.metadata.team}}.a", "robot:ml.a"),
        ("robot:{{identity.entity.aliases.ldap_1.name}}", "robot:ann@corp"),
        ("robot:{{identity.entity.aliases.ldap_1.metadata.uid}}", "robot:7"),
    ],
)
async def test_templates(mount: Vault, pachd: Pachd, template: str, subject: str) -> None:
    mount.entities["e-1"] = ANN
    await mount.write("roles/r", subject=template)
    assert await subject_of(mount, pachd, entity_id="e-1") == subject


@pytest.mark.parametrize(
    "value", ["metadata.bad", "metadata.blank", "metadata.empty", "metadata.no", "aliases.x.name"]
)
async def test_a_value_that_is_missing_or_hostile(mount: Vault, pachd: Pachd, value: str) -> None:
    mount.entities["e-1"] = ANN
    await mount.write("roles/r", subject=f"robot:{{{{identity.entity.{value}}}}}")
    for entity_id in ("e-1", "e-2", ""):
        with pytest.raises(UserError, match=f"needs identity.entity.{value} of the caller"):
            await subject_of(mount, pachd, entity_id=entity_id)


@pytest.mark.parametrize("name", ["admin", "a:b", "a b", "", "a\n", "ä", "a/b", "x{{random}}"])
async def test_a_name_that_would_be_another(
    mount1: Vault, v1: Simulator[PachdV1], name: str
) -> None:
    mount1.entities["e"] = Entity(id="e", name=name)
    await mount1.write("roles/r", subject="robot:{{identity.entity.name}}")
    before = v1.live()
    with pytest.raises(UserError):
        await subject_of(mount1, v1, entity_id="e")
    assert v1.live() == before


async def test_allowed_and_denied_are_asked_at_use_too(mount: Vault, pachd: Pachd) -> None:
    mount.entities["e-1"] = ANN
    await mount.write("roles/self", subject="robot:{{identity.entity.name}}")
    await mount.write("roles/r", subject="robot:x")
    await mount.write("config", denied_subjects="robot:ann,robot:x")
    for role in ("self", "r"):
        with pytest.raises(UserError, match="denied"):
            await subject_of(mount, pachd, role, entity_id="e-1")
    await mount.write("config", denied_subjects=[], allowed_subjects="robot:y*")
    with pytest.raises(UserError, match="not among"):
        await subject_of(mount, pachd)


async def test_random_differs_each_time_and_has_128_bits(mount: Vault, pachd: Pachd) -> None:
    await mount.write("roles/r", subject="robot:ci-{{random}}")
    subjects = {await subject_of(mount, pachd) for _ in range(5)}
    assert len(subjects) == 5
    assert {len(bytes.fromhex(s.removeprefix("robot:ci-"))) for s in subjects if s} == {16}


async def test_which_ttl_wins(mount: Vault, pachd: Pachd) -> None:
    await mount.write("roles/r", subject="robot:x")
    assert lease_of(await mount.read("creds/r")).ttl == 1200  # config's
    await mount.write("roles/r", ttl="30m", max_ttl="2h", renewable=False)
    answer = await mount.read("creds/r")
    assert (lease_of(answer).ttl, lease_of(answer).renewable) == (1800, False)
    assert lease_of(await mount.write("creds/r", ttl="40m")).ttl == 2400
    answer = await mount.write("creds/r", ttl="3h")
    assert lease_of(answer).ttl == 7200
    assert "the role's max_ttl" in answer.warnings[0]
    await mount.write("config", max_ttl="1h")
    answer = await mount.write("creds/r", ttl="3h")
    assert lease_of(answer).ttl == 3600
    mount.max_ttl = 600
    answer = await mount.write("creds/r", ttl="3h")
    assert lease_of(answer).ttl == 600
    assert answer.warnings
    for ttl in (0, "500ms"):
        with pytest.raises(UserError, match="must be > 0s"):
            await mount.write("creds/r", ttl=ttl)


async def test_2x_max_ttl_of_the_role_ends_the_token(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await mount2.write("roles/r", subject="robot:x", ttl="10m", max_ttl="2h")
    answer = await mount2.read("creds/r")
    assert lease_of(answer).max_ttl == 7200
    ends = v2.ends(token_of(answer))
    assert ends is not None
    assert abs(ends - lease_of(answer).internal["token_end"]) < 5
    await mount2.write("roles/r", max_ttl="10m")
    mount2.hold(lease_of(answer), age=300)
    renewed = lease_of(await mount2.renew(lease_of(answer), 3600))
    assert renewed.ttl == 3600  # by what it was granted with


async def test_a_role_deleted_while_its_leases_live(mount: Vault, pachd: Pachd) -> None:
    await mount.write("roles/r", subject="robot:x")
    lease = lease_of(await mount.read("creds/r"))
    await mount.ask("delete", "roles/r")
    lease = lease_of(await mount.renew(lease, 600))
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


async def test_grants_of_the_other_generation_are_refused_when_written(
    mount: Vault, pachd: Pachd
) -> None:
    wrong = "project:default=projectViewer" if is_v1(pachd) else "repo:images=READER"
    with pytest.raises(BackendError, match="invalid grants"):
        await mount.write("roles/r", subject="robot:{{random}}", grants=wrong)
    assert "roles/r" not in mount.entries


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["a", "b", "c", "d", "e"]),
        ({"after": "b", "limit": "3"}, ["c", "d", "e"]),
        ({"after": "b", "limit": 2}, ["c", "d"]),
        ({"after": "bb"}, ["c", "d", "e"]),
        ({"after": "", "limit": 0}, ["a", "b", "c", "d", "e"]),
        ({"limit": -1}, ["a", "b", "c", "d", "e"]),
        ({"limit": 1}, ["a"]),
        ({"after": "e"}, None),
    ],
)
async def test_a_page_of_the_list(
    mount: Vault, asked: dict[str, Any], names: list[str] | None
) -> None:
    for name in "edcba":
        await mount.write(f"roles/{name}", subject="robot:x")
    answer = await mount.ask("list", "roles/", **asked)
    assert answer.data == ({"keys": names} if names else {})
    assert answer.warnings == []
