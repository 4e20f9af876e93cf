"""Who writes config bounds what who writes roles may grant."""

import json
import re
import shlex
from typing import Any

import pytest

from shim import CodedError, UserError
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, entries, is_v1
from tests.unit.engine.vault import Vault, lease_of, token_of
from vault_plugin.grants import check_allowed, meaningless, parse

SUBJECT = "robot:ci-{{random}}"
ADMIN = {"subject": SUBJECT, "grants": ["cluster=clusterAdmin"], "allow_cluster_grants": True}
COMMAND = re.compile(r"`(vault patch \S+ .+)`")


async def obey(mount: Vault, refusal: CodedError) -> None:
    """Do what the refusal says to do."""
    match = COMMAND.search(str(refusal))
    assert match is not None
    _, operation, path, assignment = shlex.split(match[1])
    assert path.startswith("team/pachyderm/")
    name, _, value = assignment.partition("=")
    await mount.ask(operation, path.removeprefix("team/pachyderm/"), **{name: value})


def old_role(mount: Vault, **values: Any) -> None:
    """A role as 0.1.0 stored it."""
    unset = {"ttl": 0, "max_ttl": 0, "renewable": None}
    mount.entries["roles/old"] = json.dumps({**unset, **values}).encode()


async def test_a_role_cannot_make_a_cluster_admin(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    before = entries(v2), v2.live()
    with pytest.raises(CodedError, match=r"cluster=clusterAdmin are not among") as refusal:
        await mount2.write("roles/r", **ADMIN)
    assert refusal.value.status == 400
    assert "roles/r" not in mount2.entries
    old_role(mount2, **ADMIN)
    with pytest.raises(CodedError, match="config \\(none\\)") as refusal:
        await mount2.read("creds/old")
    assert refusal.value.status == 400
    assert (entries(v2), v2.live()) == before
    await obey(mount2, refusal.value)
    assert token_of(await mount2.read("creds/old"))


async def test_the_command_keeps_what_is_allowed(mount: Vault, pachd: Pachd) -> None:
    one, another = (
        ("repo:im*=READER", "repo:models=WRITER")
        if is_v1(pachd)
        else ("repo:default/im*=repoReader", "repo:default/models=repoWriter")
    )
    await mount.write("config", allowed_grants=one)
    old_role(mount, subject=SUBJECT, grants=[one.replace("*", "ages"), another])
    with pytest.raises(CodedError, match="not among") as refusal:
        await mount.read("creds/old")
    assert f"the grants {another} are" in str(refusal.value)
    await obey(mount, refusal.value)
    shown = (await mount.read("config")).data
    assert shown is not None
    assert shown["allowed_grants"] == [one, another]


async def test_renewal_and_revocation_do_not_ask(mount: Vault, pachd: Pachd) -> None:
    text = "repo:images=WRITER" if is_v1(pachd) else "repo:default/images=repoWriter"
    await mount.write("config", allowed_grants=text)
    await mount.write("roles/r", subject=SUBJECT, grants=text)
    before = entries(pachd)
    answer = await mount.read("creds/r")
    await mount.ask("patch", "config", allowed_grants=None)
    with pytest.raises(CodedError, match="not among"):
        await mount.read("creds/r")
    lease = lease_of(await mount.renew(lease_of(answer), 600))
    await mount.revoke(lease)
    assert {k: v for k, v in entries(pachd).items() if v} == {k: v for k, v in before.items() if v}
    assert pachd.subject_of(token_of(answer)) is None


async def test_the_roles_own_word_is_ignored_with_a_warning(mount: Vault) -> None:
    answer = await mount.write("roles/r", subject="robot:x", allow_cluster_grants=True)
    assert "allow_cluster_grants" in answer.warnings[0]
    assert "allowed_grants in config" in answer.warnings[0]
    answer = await mount.ask("patch", "roles/r", allow_cluster_grants=False)
    assert answer.warnings
    assert (await mount.write("roles/r", ttl="1m")).warnings == []


@pytest.mark.parametrize(
    ("grant", "allowed"),
    [
        ("repo:default/images=repoReader", "repo:default/images=repoReader"),
        ("repo:default/images=repoReader", "repo:default/*=repoReader"),
        ("repo:default/images=repoReader", "repo:*/*=repo*"),
        ("repo:default/images=repoReader", "repo:default/im[a-z]ges=repo[RW]*"),
        ("repo:images=READER", "repo:*=READER"),
        ("project:default=projectViewer", "project:*=project*"),
        ("cluster=debugger", "cluster=debugger"),
    ],
)
def test_allowed(grant: str, allowed: str) -> None:
    assert meaningless([allowed], "") == []
    check_allowed(parse([grant]), ["repo:no/no=no", allowed], "m/")


@pytest.mark.parametrize(
    ("grant", "allowed"),
    [
        ("repo:default/images=repoReader", "repo:*=repoReader"),
        ("repo:default/images=repoReader", "repo:default?images=repoReader"),
        ("repo:default/images=repoOwner", "repo:default/*=repoReader"),
        ("repo:other/images=repoReader", "repo:default/*=repoReader"),
        ("repo:images=READER", "repo:*/*=READER"),
        ("project:default=projectOwner", "project:*=projectViewer"),
        ("project:default=projectViewer", "repo:*=*"),
        ("cluster=clusterAdmin", "cluster=debugger"),
        ("cluster=clusterAdmin", "project:*=*"),
        ("cluster=clusterAdmin", "cluster=*"),
        ("cluster=clusterAdmin", "*"),
        ("cluster=clusterAdmin", "*=*"),
        ("project:p=x", "*:*=*"),
    ],
)
def test_not_allowed(grant: str, allowed: str) -> None:
    with pytest.raises(CodedError, match="not among"):
        check_allowed(parse([grant]), [allowed], "m/")


def test_each_role_on_a_resource_is_asked_for() -> None:
    both = parse(["project:p=projectViewer", "project:p=projectOwner"])
    with pytest.raises(CodedError, match="the grants project:p=projectOwner are"):
        check_allowed(both, ["project:p=projectViewer"], "m/")


MEANINGLESS = [
    '["repo:default/*=repoReader"]',
    "repo:default/images",
    "repo",
    "*",
    "*=*",
    "*:*=*",
    "cluster",
    "cluster=*",
    "cluster=debug*",
    "cluster:x=debugger",
    "rep*:default/a=repoReader",
    "repo:a/b/c=repoReader",
    "repo:default/=repoReader",
    "repo:/a=repoReader",
    "repo:=repoReader",
    "repo:default/a=",
    "repo:default/a b=repoReader",
    "repo:default/[=repoReader",
    "repo:default/[z-a]=repoReader",
    "repo:default/a=repo-reader",
    "project:a/b=projectViewer",
    'repo:"default/a"=repoReader',
    "",
]


@pytest.mark.parametrize("entry", MEANINGLESS)
async def test_an_entry_that_can_match_nothing_is_refused(mount: Vault, entry: str) -> None:
    before = dict(mount.entries)
    with pytest.raises(UserError, match=r"invalid allowed_grants: .*write grants as roles do"):
        await mount.ask("patch", "config", allowed_grants=[entry])
    assert mount.entries == before


@pytest.mark.parametrize("verify", [True, False])
async def test_an_entry_of_the_other_generation(mount: Vault, pachd: Pachd, verify: bool) -> None:
    wrong = ["repo:default/*=repoReader", "project:*=*", "cluster=debugger", "repo:*=repo*"]
    if not is_v1(pachd):
        wrong = ["repo:*=READER", "repo:images=repoReader"]
    for entry in wrong:
        with pytest.raises(UserError, match="can match no grant of Pachyderm"):
            await mount.ask("patch", "config", allowed_grants=[entry], verify=verify)


async def test_moved_to_the_other_generation_it_is_told(
    mount1: Vault, v1: Simulator[PachdV1], v2: Simulator[PachdV2]
) -> None:
    await mount1.write("config", allowed_grants="repo:*=READER")
    answer = await mount1.write("config", admin_token=v2.root_token, pachd_address=v2.address)
    assert any("repo:*=READER" in warning for warning in answer.warnings)
    checked = (await mount1.read("check")).data
    assert checked is not None
    assert "allowed_grants holds 'repo:*=READER'" in checked["problems"][0]
    assert v1.address
