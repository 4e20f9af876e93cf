"""Many clusters and an enterprise server, set up as ``docs/enterprise.md`` says, in one process."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.integration.conftest import ROOT
from tests.integration.documents import blocks
from tests.integration.mount import PLUGIN, Login, Mount, Refused
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV1, PachdV2, Simulator

SUBJECTS = {
    "pachyderm-v1": "robot:test",
    "pachyderm": "robot:test",
    "pachyderm-enterprise": "robot:licence-report",
}
Mounts = dict[str, Mount]


def run(server: VaultServer, commands: list[str], **variables: str) -> None:
    """Type the commands as root, with the server's binary as ``vault``."""
    binary = server.directory / "bin" / "vault"
    binary.parent.mkdir(exist_ok=True)
    if not binary.exists():
        binary.symlink_to(server.binary)
    environment = server.environment(server.root_token)
    environment["PATH"] = f"{binary.parent}:{environment['PATH']}"
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", "\n".join(commands)],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def mounts(server: VaultServer, plugin_file: Path) -> Iterator[Mounts]:
    """A mount for each of three servers, each block of the document typed with that server's."""
    assert plugin_file.exists()
    register, *each = (block.commands() for block in blocks(ROOT / "docs" / "enterprise.md"))
    with (
        Simulator(PachdV1()) as v1,
        Simulator(PachdV2()) as v2,
        Simulator(PachdV2()) as enterprise,  # the same program and API; another port and auth
    ):
        run(server, register, PLUGIN_DIRECTORY=str(server.plugin_directory))
        made = {}
        servers: list[Simulator[PachdV1] | Simulator[PachdV2]] = [v1, v2, enterprise]
        for path, pachd, commands in zip(SUBJECTS, servers, each, strict=False):
            server.told.tokens.add(pachd.root_token)
            run(server, commands, ADMIN_TOKEN=pachd.root_token, ADDRESS=pachd.address)
            made[path] = Mount(server, path, pachd)
        yield made
        for path in made:
            server.disable(path)


@pytest.fixture
def logins(mounts: Mounts) -> dict[str, Login]:
    return {path: mounts[path].login(subject) for path, subject in SUBJECTS.items()}


def test_each_knows_its_own_server_in_one_process(mounts: Mounts) -> None:
    for path, mount in mounts.items():
        found = mount.read("check")
        assert found["pachd_address"] == mount.pachd.address
        assert found["generation"] == ("1.x" if path == "pachyderm-v1" else "2.x")
        assert found["problems"] == []
    assert len(mounts["pachyderm"].server.plugin_pids(PLUGIN)) == 1


def test_a_token_of_one_is_worth_nothing_at_another(
    mounts: Mounts, logins: dict[str, Login]
) -> None:
    for home, login in logins.items():
        assert login.address == mounts[home].pachd.address
        assert mounts[home].who_am_i(login.token) == SUBJECTS[home]
        for mount in (mount for path, mount in mounts.items() if path != home):
            with pytest.raises(grpc.RpcError):
                mount.who_am_i(login.token)
            assert mount.write("revoke", {"user_token": login.token})["data"]["revoked"] == 0
        assert mounts[home].alive(login)


def test_revoking_at_one_leaves_the_others(mounts: Mounts, logins: dict[str, Login]) -> None:
    mounts["pachyderm"].write("revoke/robot:test")
    assert not mounts["pachyderm"].alive(logins["pachyderm"])
    mounts["pachyderm-v1"].ask("PUT", "/v1/sys/leases/revoke-prefix/pachyderm", {"sync": True})
    assert mounts["pachyderm-v1"].alive(logins["pachyderm-v1"])
    mounts["pachyderm-enterprise"].revoke(logins["pachyderm-enterprise"])
    assert not mounts["pachyderm-enterprise"].alive(logins["pachyderm-enterprise"])


def test_the_admin_token_of_another_server_is_refused(mounts: Mounts) -> None:
    enterprise, cluster = mounts["pachyderm-enterprise"], mounts["pachyderm"]
    with pytest.raises(Refused, match="admin_token") as told:
        enterprise.configure(admin_token=cluster.pachd.root_token)
    assert told.value.status == 400
    assert enterprise.read("check")["problems"] == []


def test_an_outage_of_one_is_nothing_to_the_others(mounts: Mounts) -> None:
    mounts["pachyderm-v1"].pachd.die()
    with pytest.raises(Refused, match="connection refused"):
        mounts["pachyderm-v1"].login()
    assert mounts["pachyderm"].login().token
    assert mounts["pachyderm-enterprise"].login("robot:licence-report").token
    mounts["pachyderm-v1"].pachd.restart()
    assert mounts["pachyderm-v1"].login().token


def test_the_enterprise_mount_allows_few(mounts: Mounts) -> None:
    with pytest.raises(Refused, match="robot:test"):
        mounts["pachyderm-enterprise"].login("robot:test")


def test_a_policy_names_the_mount(mounts: Mounts) -> None:
    root = mounts["pachyderm"].server.client()
    rule = 'path "pachyderm/login/*" { capabilities = ["create", "update"] }'
    root.sys.create_or_update_policy("east", rule)
    token = root.auth.token.create(policies=["east"])["auth"]["client_token"]
    assert mounts["pachyderm"].login(token=token).token
    with pytest.raises(Refused, match="permission denied"):
        mounts["pachyderm-v1"].login(token=token)
