"""Grants of ephemeral robots: there before the token, gone with the lease."""

import pytest

from shim import BackendError, UserError
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, add_admin, entries, is_v1, kill
from tests.unit.engine.vault import Vault, lease_of, token_of

SUBJECT = "robot:ci-{{random}}"


async def grant(mount: Vault, pachd: Pachd, **more: object) -> None:
    text = "repo:images=WRITER" if is_v1(pachd) else "repo:default/images=repoWriter"
    await mount.write("config", allowed_grants=text)
    await mount.write("roles/r", **{"subject": SUBJECT, "grants": text, **more})


async def test_there_before_the_token_and_gone_with_the_lease(mount: Vault, pachd: Pachd) -> None:
    await grant(mount, pachd)
    before = entries(pachd)
    pachd.forget()
    answer = await mount.read("creds/r")
    subject = pachd.subject_of(token_of(answer))
    called = [call.method for call in pachd.journal()]
    bind = "SetScope" if is_v1(pachd) else "ModifyRoleBinding"
    assert called.index(bind) < called.index("RestoreAuthToken")
    assert any(subject in found for found in entries(pachd).values())  # type: ignore[operator]
    assert mount.log_entries == []
    for _ in range(2):
        await mount.revoke(mount.hold(lease_of(answer)))
        assert entries(pachd) == before
    assert pachd.subject_of(token_of(answer)) is None


async def test_2x_several_roles_on_one_resource(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    grants = [
        "project:default=projectViewer",
        "project:default=projectWriter",
        "cluster=debugger",
        "cluster=projectCreator",
    ]
    await mount2.write("config", allowed_grants=grants)
    await mount2.write("roles/r", subject=SUBJECT, grants=grants)
    before = entries(v2)
    answer = await mount2.read("creds/r")
    subject = v2.subject_of(token_of(answer))
    had = [set(found[subject]) for found in entries(v2).values() if subject in found]  # type: ignore[operator,index]
    assert {"projectViewer", "projectWriter"} in had
    assert {"debugger", "projectCreator"} in had
    await mount2.revoke(lease_of(answer))
    assert entries(v2) == before


async def test_what_is_not_there_is_a_400_and_leaves_nothing(mount: Vault, pachd: Pachd) -> None:
    good = "repo:images=READER" if is_v1(pachd) else "repo:default/images=repoReader"
    wrong = ["repo:no=READER"] if is_v1(pachd) else ["repo:default/no=repoReader", "project:p=x"]
    await mount.write("config", allowed_grants=[good, *wrong])
    before, tokens = entries(pachd), pachd.live()
    for text in wrong:
        await mount.write("roles/r", subject=SUBJECT, grants=[good, text])
        with pytest.raises(BackendError) as refusal:
            await mount.read("creds/r")
        assert refusal.value.status == 400
        assert (entries(pachd), pachd.live(), mount.log_entries) == (before, tokens, [])


async def test_the_resource_is_deleted_meanwhile(mount: Vault, pachd: Pachd) -> None:
    await grant(mount, pachd)
    lease = lease_of(await mount.read("creds/r"))
    if isinstance(pachd.cluster, PachdV1):
        del pachd.cluster.access._of["images"]
    else:
        del pachd.cluster.bindings._of[next(k for k in pachd.cluster.bindings._of if "/" in k[1])]
    await mount.revoke(lease)
    assert sum(pachd.live().values()) == 1


async def test_2x_an_admin_that_may_not_grant(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await mount2.write("config", admin_token=add_admin(v2))
    await grant(mount2, v2)
    with pytest.raises(BackendError, match="needs permissions") as refusal:
        await mount2.read("creds/r")
    assert refusal.value.status == 400
    assert mount2.log_entries == []


async def test_an_admin_token_that_died_leaves_no_log(mount: Vault, pachd: Pachd) -> None:
    await grant(mount, pachd)
    kill(pachd, pachd.root_token)
    with pytest.raises(BackendError, match="write a valid admin_token"):
        await mount.read("creds/r")
    assert mount.log_entries == []


async def test_config_is_deleted_meanwhile(
    mount: Vault, pachd: Pachd, caplog: pytest.LogCaptureFixture
) -> None:
    await grant(mount, pachd)
    lease = lease_of(await mount.read("creds/r"))
    await mount.ask("delete", "config")
    await mount.revoke(lease)
    assert sum(pachd.live().values()) == 1
    assert "who has no token now, stay" in caplog.text


async def test_the_admin_is_bad_meanwhile_and_mended(mount: Vault, pachd: Pachd) -> None:
    await grant(mount, pachd)
    before = entries(pachd)
    lease = lease_of(await mount.read("creds/r"))
    token = add_admin(pachd) if is_v1(pachd) else None
    kill(pachd, pachd.root_token)
    with pytest.raises(BackendError):
        await mount.revoke(lease)
    assert pachd.subject_of(lease.internal["user_token"]) is None  # by itself
    if isinstance(pachd.cluster, PachdV2):
        pachd.cluster.activated_by("newroottoken")
        token = "newroottoken"
    await mount.write("config", admin_token=token)
    await mount.revoke(lease)
    subject = lease.internal["subject"]
    assert not any(subject in found for found in entries(pachd).values())  # type: ignore[operator]
    assert before


async def test_only_ephemeral(mount: Vault, pachd: Pachd) -> None:
    with pytest.raises(UserError, match="ephemeral"):
        await grant(mount, pachd, subject="robot:x")
