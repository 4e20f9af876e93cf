"""What a client meets on each release, and that what is said done is done."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from shim import BackendError, Masked, UserError
from tests.pachd import LeapingClock, PachdV1, PachdV2, Simulator
from tests.pachd.releases import V1_RELEASES, V2_RELEASES
from tests.pachd.tokens import hashed
from tests.unit.engine.cluster import (
    Pachd,
    add_admin,
    add_token,
    entries,
    kill,
    of_release,
    upgrade,
)
from tests.unit.engine.conftest import configured
from tests.unit.engine.vault import Vault, lease_of, settle, token_of
from vault_plugin.engine import backend
from vault_plugin.grants import parse
from vault_plugin.pachyderm.client import Endpoint
from vault_plugin.pachyderm.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

# Anything but on the cluster, as the release has it.
ANY_REPO = ["repo:*=*"]
ANY_GRANT = ["repo:*/*=*", "project:*=*"]
RELEASES = [*V1_RELEASES, *V2_RELEASES]
WITHOUT_RESTORE = ["1.8", "1.10"]
WITHOUT_PROJECTS = ["2.0", "2.4"]
# Where OK to a revocation proves nothing.
SILENT = [*WITHOUT_RESTORE, *WITHOUT_PROJECTS]


@pytest.fixture
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pachd(release: str) -> Iterator[Pachd]:
    with of_release(release) as cluster:
        yield cluster


@pytest.fixture
async def mount(vault: Vault, pachd: Pachd) -> Vault:
    return await allowing(vault, pachd)


async def allowing(vault: Vault, pachd: Pachd, token: str = "", **fields: Any) -> Vault:
    """A mount for `pachd` whose roles may grant anything but on the cluster."""
    named = isinstance(pachd.cluster, PachdV2) and pachd.cluster.release.projects
    allowed = ANY_GRANT if named else ANY_REPO
    return await configured(vault, pachd, token, allowed_grants=allowed, **fields)


async def allow_all(mount: Vault) -> None:
    """Let config allow what it may have allowed before an upgrade, and remember the release."""
    stored = json.loads(mount.entries["config"])
    stored["allowed_grants"] = [*ANY_REPO, *ANY_GRANT]
    mount.entries["config"] = json.dumps(stored).encode()
    await mount.backend.invalidate("config")


def on(*releases: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("release", releases, indirect=True)


async def problems(mount: Vault) -> list[str]:
    data = (await mount.read("check")).data
    assert data is not None
    return list(data["problems"])


async def revoked(mount: Vault, path: str, **data: Any) -> Any:
    answer = (await mount.write(path, **data)).data
    assert answer is not None
    return answer["revoked"]


async def upgraded(pachd: Pachd, release: str) -> None:
    """Put a cluster of `release` in the place, and let the engine hear that the old one went."""
    upgrade(pachd, release)
    await settle()


def ignore_revocations(pachd: Pachd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the change of a revocation be lost, as where the database fails at its commit."""
    for name in ("delete", "delete_subject"):
        if hasattr(pachd.cluster.tokens, name):
            monkeypatch.setattr(pachd.cluster.tokens, name, lambda key: 0)


# The story on each


@on(*RELEASES)
async def test_all_is_well(mount: Vault, pachd: Pachd, release: str) -> None:
    assert await problems(mount) == []
    version = (await mount.read("version")).data
    assert version is not None
    assert version["server-version"] == ".".join(map(str, pachd.cluster.release.version))
    lease = lease_of(await mount.write("login/robot:x", ttl="5m"))
    renewed = lease_of(await mount.renew(lease, 600))
    assert renewed.ttl == 600
    await mount.revoke(renewed)
    assert pachd.live()["robot:x"] == 0


@on(*RELEASES)
async def test_a_login_is_one_call(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:x")
    assert list(pachd.counts().values()) == [1]


@on(*RELEASES)
@pytest.mark.parametrize("gone", ["config", "admin", "neither"])
async def test_a_living_token_of_a_lease_is_revoked(mount: Vault, pachd: Pachd, gone: str) -> None:
    lease = lease_of(await mount.write("login/robot:x"))
    if gone == "config":
        await mount.ask("delete", "config", force=True)
    elif gone == "admin":
        kill(pachd, pachd.root_token)
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


@on(*RELEASES)
async def test_a_dead_token_of_a_lease_blocks_nothing(mount: Vault, pachd: Pachd) -> None:
    lease = lease_of(await mount.write("login/robot:x"))
    kill(pachd, token_of_lease(lease))
    await mount.revoke(lease)


@on(*SILENT)
@pytest.mark.parametrize("by_itself", [False, True])
async def test_a_token_that_lives_on_is_never_called_revoked(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch, by_itself: bool
) -> None:
    lease = lease_of(await mount.write("login/robot:x"))
    if by_itself:
        await mount.ask("delete", "config", force=True)
    ignore_revocations(pachd, monkeypatch)
    with pytest.raises(BackendError, match="did not revoke the token"):
        await mount.revoke(lease)
    monkeypatch.undo()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


@on(*RELEASES)
async def test_revoke_counts(mount: Vault, pachd: Pachd) -> None:
    token = add_token(pachd, "robot:x")
    assert await revoked(mount, "revoke", user_token=token) == 1
    assert pachd.subject_of(token) is None
    assert await revoked(mount, "revoke", user_token=token) == 0
    assert await revoked(mount, "revoke", user_token="f" * 32) == 0


@on(*V2_RELEASES)
async def test_revoke_of_a_subject_counts(mount: Vault, pachd: Pachd) -> None:
    for _ in range(3):
        add_token(pachd, "robot:x")
    other = add_token(pachd, "robot:y")
    assert await revoked(mount, "revoke/robot:x") == 3
    assert pachd.live()["robot:x"] == 0
    assert await revoked(mount, "revoke/robot:x") == 0
    assert pachd.subject_of(other) == "robot:y"


@on(*WITHOUT_PROJECTS)
async def test_revoke_of_a_subject_says_what_it_cannot_know(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_token(pachd, "user:kim")
    answer = await mount.write("revoke/user:kim")
    assert answer.data == {"revoked": None}
    assert "does not tell" in answer.warnings[0]
    add_token(pachd, "robot:x")
    ignore_revocations(pachd, monkeypatch)
    with pytest.raises(BackendError, match="did not revoke the tokens of robot:x"):
        await mount.write("revoke/robot:x")


async def test_a_release_remembered_for_a_newer_one_does_not_make_a_living_token_dead(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that was put back to an older release since config was written."""
    with of_release("2.11") as pachd:
        mount = await allowing(vault, pachd)
        await upgraded(pachd, "2.4")
        lease = lease_of(await mount.write("login/robot:x"))
        ignore_revocations(pachd, monkeypatch)
        with pytest.raises(BackendError, match="did not revoke the token"):
            await mount.revoke(lease)


# 1.11.8 to 1.13.2: an unknown token is not found


@on("1.12")
async def test_112_a_log_entry_of_a_dead_token_is_settled(mount: Vault, pachd: Pachd) -> None:
    await mount.ask("patch", "config", crash_safe=True)
    lease = lease_of(await mount.write("login/robot:x", ttl="5m"))
    kill(pachd, token_of_lease(lease))
    assert mount.given_entries
    mount.age_log(3600)
    await mount.roll_back()
    assert mount.given_entries == []


@on("1.12", "1.13")
async def test_an_interrupted_rotation_settles(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config/rotate")
    assert pachd.live()["robot:admin"] == 1
    assert await problems(mount) == []


@on("1.10", "1.12", "1.13")
async def test_a_missing_repo_is_told_from_a_missing_token(mount: Vault, release: str) -> None:
    if release in WITHOUT_RESTORE:
        return
    await mount.write("roles/r", subject="robot:{{random}}", grants="repo:nosuch=READER")
    with pytest.raises(BackendError, match="write a project or repo that exists") as refusal:
        await mount.read("creds/r")
    assert refusal.value.status == 400
    assert await revoked(mount, "revoke", user_token="f" * 32) == 0


# Before 1.11.9: no RestoreAuthToken


@on(*WITHOUT_RESTORE)
async def test_what_needs_restore_is_refused_where_it_is_written(
    mount: Vault, pachd: Pachd
) -> None:
    needed = r"needs Pachyderm 1\.11\.9 or later; this cluster runs 1\.\d+\.\d+"
    before = dict(mount.entries)
    with pytest.raises(UserError, match=f"minting crash-safe {needed}"):
        await mount.ask("patch", "config", crash_safe=True)
    with pytest.raises(UserError, match=f"grants {needed}"):
        await mount.write("roles/r", subject="robot:{{random}}", grants="repo:images=READER")
    for path in ("tokens", "tokens/robot:x"):
        with pytest.raises(UserError, match=f"which tokens there are {needed}"):
            await mount.read(path)
    with pytest.raises(UserError, match=needed):
        await mount.ask("list", "tokens/")
    assert mount.entries == before


@on(*WITHOUT_RESTORE)
async def test_what_was_stored_unseen_is_named_by_check_and_at_use(
    vault: Vault, pachd: Pachd
) -> None:
    role = {"subject": "robot:{{random}}", "grants": "repo:images=READER"}
    await vault.write("roles/r", **role)  # before there is a configuration
    mount = await allowing(vault, pachd, crash_safe=True, verify=False)
    named = await problems(mount)
    assert len(named) == 2
    assert named[0].startswith("minting crash-safe needs Pachyderm 1.11.9")
    assert named[1].startswith("roles/r: a role with grants needs Pachyderm 1.11.9")
    for path in ("login/robot:x", "creds/r"):
        with pytest.raises(UserError, match=r"needs Pachyderm 1\.11\.9"):
            await mount.ask("update", path)
    assert mount.log_entries == []


@on(*WITHOUT_RESTORE)
async def test_rotation_mints_where_it_cannot_restore(mount: Vault, pachd: Pachd) -> None:
    old = pachd.root_token
    await mount.write("config/rotate")
    assert pachd.subject_of(old) is None
    assert pachd.live()["robot:admin"] == 1
    assert token_of(await mount.write("login/robot:x"))


async def test_110_a_rotated_token_ends_and_is_extended_and_all_say_so(vault: Vault) -> None:
    clock = LeapingClock()
    with of_release("1.10", clock=clock) as pachd:
        mount = await allowing(vault, pachd, rotation_period="30d")
        assert "needs Pachyderm 1.11.0" in (await problems(mount))[0]
        answer = await mount.write("config/rotate")
        assert "gives none without" in answer.warnings[0]
        config = (await mount.read("config")).data
        assert config is not None
        assert config["admin_expires"] is not None
        stored = mount.entries["config"]
        assert b'"admin_life": 259' in stored


async def test_18_a_rotated_token_has_no_end_again(vault: Vault) -> None:
    with of_release("1.8") as pachd:
        mount = await allowing(vault, pachd)
        assert (await mount.write("config/rotate")).warnings == []
        config = (await mount.read("config")).data
        assert config is not None
        assert config["admin_expires"] is None


@pytest.mark.parametrize(
    ("release", "endless"), [("1.8", True), ("1.10", False), ("1.12", True), ("2.0", True)]
)
async def test_a_token_without_end_where_there_is_one(release: str, endless: bool) -> None:
    with of_release(release) as pachd:
        where = Endpoint(pachd.address)
        async with Cluster(where, request_timeout=10, max_in_flight=6) as cluster:
            api = await cluster.api()
            assert api.endless is endless
            minted = await api.mint(Masked(pachd.root_token), "robot:x", None)
            ends = pachd.ends(minted.token.reveal())
            longest = None if endless else pytest.approx(time.time() + (api.longest or 0), abs=5)
            assert ends == longest


async def test_17_tells_no_end_and_none_is_made_up(vault: Vault) -> None:
    cluster = PachdV1(release="1.8")
    cluster.release = dataclasses.replace(cluster.release, version=(1, 7, 3), tells_end=False)
    with Simulator(cluster) as pachd:
        mount = await allowing(vault, pachd)
        assert await problems(mount) == []
        with pytest.raises(UserError, match=r"when a token ends needs Pachyderm 1\.7\.5"):
            await mount.write("renew", user_token=add_token(pachd, "robot:x"))


# Before 2.5.0: no projects, and short subjects


@on(*WITHOUT_PROJECTS)
async def test_repos_are_named_without_a_project(mount: Vault, pachd: Pachd) -> None:
    await mount.write("roles/r", subject="robot:{{random}}", grants="repo:images=repoReader")
    before = entries(pachd)
    lease = lease_of(await mount.read("creds/r"))
    assert entries(pachd) != before
    await mount.revoke(lease)
    assert entries(pachd) == before
    assert await problems(mount) == []


@on(*WITHOUT_PROJECTS)
@pytest.mark.parametrize(
    ("grant", "why"),
    [
        ("project:default=projectViewer", r"needs Pachyderm 2\.5\.0 or later; this cluster runs 2"),
        ("repo:images=projectViewer", r"needs Pachyderm 2\.5\.0 or later"),
        ("repo:default/images=repoReader", r"write repo:<repo>=<role>, .* repo:images=repoReader"),
    ],
)
async def test_grants_of_projects_are_refused_where_they_are_written(
    mount: Vault, pachd: Pachd, grant: str, why: str
) -> None:
    with pytest.raises(UserError, match=why):
        await mount.write("roles/r", subject="robot:{{random}}", grants=grant)
    assert "roles/r" not in mount.entries


@on(*WITHOUT_PROJECTS)
@pytest.mark.parametrize("glob", ["repo:default/*=repoReader", "project:*=projectViewer"])
async def test_allowed_grants_are_of_the_release(mount: Vault, release: str, glob: str) -> None:
    with pytest.raises(UserError, match=f"no grant of Pachyderm {release}"):
        await mount.ask("patch", "config", allowed_grants=[glob])


@on(*WITHOUT_PROJECTS)
async def test_a_grant_that_cannot_be_there_is_taken_away(pachd: Pachd) -> None:
    """A log entry of before the check: pachd has no such resource, so nothing is left to do."""
    (grant,) = parse(["project:default=projectViewer"])
    where = Endpoint(pachd.address)
    async with Cluster(where, request_timeout=10, max_in_flight=6) as cluster:
        await (await cluster.api()).ungrant(Masked(pachd.root_token), "robot:x", grant)


@on(*WITHOUT_PROJECTS)
@pytest.mark.parametrize("crash_safe", [False, True])
async def test_a_subject_too_long_is_the_callers_mistake(
    mount: Vault, pachd: Pachd, crash_safe: bool
) -> None:
    await mount.ask("patch", "config", crash_safe=crash_safe)
    fits = f"robot:{'x' * 58}"
    assert token_of(await mount.write(f"login/{fits}"))
    with pytest.raises(
        BackendError, match=r"shorter subject: 64 .* before Pachyderm 2\.5\.0"
    ) as no:
        await mount.write(f"login/{fits}x")
    assert no.value.status == 400
    with pytest.raises(UserError, match=r"longer than 64 .* needs Pachyderm 2\.5\.0"):
        await mount.write("roles/r", subject=f"{fits}x")
    with pytest.raises(UserError, match="longer than 64"):
        await mount.write("roles/r", subject=f"robot:{'x' * 27}{{{{random}}}}")
    assert mount.log_entries == []


# Upgraded under a mount


@pytest.mark.parametrize("fresh", [False, True], ids=["this process", "a new process"])
@pytest.mark.parametrize(
    ("before", "after"),
    [("1.13", "2.0"), ("1.13", "2.11"), ("1.8", "2.0"), ("2.11", "1.13"), ("2.0", "1.8")],
)
async def test_another_generation_is_noticed_at_the_next_call(
    vault: Vault, before: str, after: str, fresh: bool
) -> None:
    with of_release(before) as pachd:
        mount = await allowing(vault, pachd)
        await mount.write("login/robot:x")
        await upgraded(pachd, after)
        if fresh:
            mount.replace(backend())
        version = (await mount.read("version")).data
        assert version is not None
        assert version["server-version"].startswith(after[:2])
        lease = lease_of(await mount.write("login/robot:x"))
        await mount.revoke(lease_of(await mount.renew(lease)))
        assert pachd.live()["robot:x"] == 0


@pytest.mark.parametrize("fresh", [False, True], ids=["this process", "a new process"])
async def test_an_upgrade_brings_its_features(vault: Vault, fresh: bool) -> None:
    """What config remembers of the release denies nothing that is there now."""
    with of_release("2.4") as pachd:
        mount = await allowing(vault, pachd)
        await allow_all(mount)
        await upgraded(pachd, "2.11")
        if fresh:
            mount.replace(backend())
        grant = "repo:default/images=repoReader,project:default=projectViewer"
        await mount.write("roles/r", subject="robot:{{random}}", grants=grant)
        assert token_of(await mount.read("creds/r"))
        if fresh:
            mount.replace(backend())
        assert token_of(await mount.read("creds/r"))
        assert await revoked(mount, "revoke", user_token=add_token(pachd, "robot:y")) == 1


async def test_grants_of_the_other_generation_are_judged_by_what_is_there(vault: Vault) -> None:
    with of_release("1.13") as pachd:
        mount = await allowing(vault, pachd)
        await allow_all(mount)
        await upgraded(pachd, "2.11")
        await mount.write(
            "roles/r", subject="robot:{{random}}", grants="repo:default/images=repoReader"
        )
        assert token_of(await mount.read("creds/r"))


async def test_an_admin_token_near_its_end_after_an_upgrade(vault: Vault) -> None:
    """Config says 1.x, which extends; what is there cannot."""
    with of_release("1.13") as pachd:
        mount = await allowing(vault, pachd, add_admin(pachd, ttl=3600))
        await upgraded(pachd, "2.0")
        assert isinstance(pachd.cluster, PachdV2)
        stored = json.loads(mount.entries["config"])
        pachd.cluster.tokens.insert(hashed(stored["admin_token"]), "robot:vault", 3600)
        near = {**stored, "admin_expires": time.time() + 60, "admin_life": 3600}
        mount.entries["config"] = json.dumps(near).encode()
        await mount.roll_back()


def token_of_lease(lease: Any) -> str:
    token: str = lease.internal["user_token"]
    return token
