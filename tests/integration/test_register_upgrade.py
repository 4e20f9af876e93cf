"""An upgrade and a rollback amid logins, with live leases: not one token is lost on either way."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest
import requests

from scripts.registration import build, nodes, plan, steps
from scripts.registration.server import Server
from tests.integration.conftest import StartServer
from tests.integration.mount import PLUGIN, Login, Mount, Refused, eventually
from tests.integration.openbao import START_SECONDS
from tests.integration.register import NEWER, VERSION, file_name, refused, register, registered
from tests.pachd import PachdV1, PachdV2, Simulator, When

LEASES = 10
MINTS = ("GetAuthToken", "GetRobotToken")
SLOW = 6.0  # seconds for a mint: longer than the server lets a plugin take to end
BETWEEN = 10  # logins answered before a change and after it

pytestmark = pytest.mark.timeout(300)


class Traffic:
    """Logins as `subject`, one after the other in two threads, until its context ends."""

    def __init__(self, mount: Mount, subject: str) -> None:
        self.logins: list[Login] = []
        self.refused: Counter[str] = Counter()
        self._mount = mount
        self._subject = subject
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._flow) for _ in range(2)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        """Back when there were more logins than before."""
        wanted = len(self.logins) + BETWEEN
        eventually(lambda: len(self.logins) >= wanted, START_SECONDS)

    def _flow(self) -> None:
        while not self._over.is_set():
            try:
                self.logins.append(self._mount.login(self._subject))
            except (Refused, requests.RequestException) as refused:
                self.refused[str(refused)] += 1


@pytest.fixture
def installed(
    another: StartServer, plugin_file: Path, pachd: Simulator[PachdV1 | PachdV2]
) -> Mount:
    """A mount as `scripts/register` makes it, configured."""
    server = another(bare=True)
    server.place(file_name(VERSION), plugin_file)
    registered(server)
    mount = Mount(server, "pachyderm", pachd)
    mount.configure()
    return mount


def change(mount: Mount, *arguments: str) -> None:
    """Run `scripts/register` amid logins; no lease and no token may be lost by it."""
    subject = f"robot:during-{arguments[0].removeprefix('--')}"
    with Traffic(mount, subject) as traffic:
        traffic.go_on()
        registered(mount.server, *arguments)
        traffic.go_on()
    print(f"{len(traffic.logins)} logins, refused: {dict(traffic.refused)}")
    assert traffic.refused == {}  # they wait while the plugin starts
    # Every login's token lives and has its lease, and pachd has no token beside them.
    assert mount.pachd.live()[subject] == len(traffic.logins)
    leases = mount.ask("LIST", f"/v1/sys/leases/lookup/pachyderm/login/{subject}")["data"]["keys"]
    assert len(leases) == len(traffic.logins)
    outlived(mount, traffic.logins)


def outlived(mount: Mount, logins: list[Login]) -> None:
    """Hold when every lease of `logins` renews, every token still works, and both then end."""
    for login in logins:
        assert mount.alive(login)
        assert mount.renew(login, increment=900) == 900
        mount.revoke(login)
        assert not mount.alive(login)


def version(mount: Mount) -> str:
    return f"v{mount.read('version/client-only')['client-version']}"


def test_leases_outlive_an_upgrade_and_a_rollback(
    installed: Mount, newer_plugin_file: Path
) -> None:
    mount = installed
    config = mount.read("config")
    first = [mount.login(f"robot:first-{number}") for number in range(LEASES)]
    mount.server.place(file_name(NEWER), newer_plugin_file)

    change(mount, "--file", str(newer_plugin_file))
    assert version(mount) == NEWER
    assert mount.read("config") == config
    outlived(mount, first[: LEASES // 2])

    second = [mount.login(f"robot:second-{number}") for number in range(LEASES)]
    change(mount, "--rollback", VERSION)
    assert version(mount) == VERSION
    outlived(mount, first[LEASES // 2 :] + second)

    # All that is left is the admin's own.
    assert set(mount.pachd.live()) <= {mount.pachd.subject_of(mount.pachd.root_token)}


def test_a_zip_gives_way_to_the_executable_and_back(
    another: StartServer,
    zip_file: Path,
    newer_plugin_file: Path,
    pachd: Simulator[PachdV1 | PachdV2],
) -> None:
    server = another(bare=True)
    server.place(file_name(VERSION), zip_file)
    registered(server, "--file", str(zip_file))
    mount = Mount(server, "pachyderm", pachd)
    mount.configure()
    first = [mount.login(f"robot:first-{number}") for number in range(LEASES)]
    server.place(file_name(NEWER), newer_plugin_file)
    change(mount, "--file", str(newer_plugin_file))
    assert version(mount) == NEWER
    second = [mount.login(f"robot:second-{number}") for number in range(LEASES)]
    outlived(mount, first)
    change(mount, "--rollback", VERSION)
    outlived(mount, second)


def test_the_mounts_of_one_server_can_be_upgraded_one_by_one(
    installed: Mount, newer_plugin_file: Path
) -> None:
    server = installed.server
    registered(server, "--path", "beside")
    server.place(file_name(NEWER), newer_plugin_file)
    beside = Mount(server, "beside", installed.pachd)
    registered(server, "--file", str(newer_plugin_file), "--path", "beside")
    assert (version(installed), version(beside)) == (VERSION, NEWER)
    both = ("--file", str(newer_plugin_file), "--path", "beside", "--path", "pachyderm")
    assert "switch beside/" not in registered(server, *both)
    assert (version(installed), version(beside)) == (NEWER, NEWER)
    assert "nothing to do" in register(server, *both).stdout


def test_a_version_that_cannot_start_leaves_the_mount_as_it_is(
    installed: Mount, newer_plugin_file: Path
) -> None:
    server = installed.server
    login = installed.login()
    spoiled = server.plugin_directory / file_name(NEWER)
    spoiled.write_bytes(newer_plugin_file.read_bytes() + b" ")
    spoiled.chmod(0o755)
    ran = register(server, "--file", str(newer_plugin_file), "--apply")
    assert ran.returncode == 1
    assert "checksums did not match" in ran.stderr
    assert f"{file_name(NEWER)} is not the file that was registered" in ran.stderr
    assert version(installed) == VERSION
    assert server.http("GET", "/v1/sys/mounts/pachyderm-trial")[0] == 400  # unmounted again

    spoiled.unlink()
    server.place(file_name(NEWER), newer_plugin_file)
    assert "done" in registered(server, "--file", str(newer_plugin_file))
    assert version(installed) == NEWER
    outlived(installed, [login])


def test_a_switch_that_fails_after_its_trial_is_undone(
    installed: Mount, newer_plugin_file: Path
) -> None:
    server = installed.server
    login = installed.login()
    server.register(PLUGIN, newer_plugin_file, version=NEWER)
    newer = build.read(newer_plugin_file)
    (server.plugin_directory / PLUGIN).write_text("spoiled between the two")
    asked = Server(server.environment(server.root_token))
    switch = steps.switch(newer, "pachyderm", (), VERSION, plan.registered(asked, VERSION))
    with pytest.raises(nodes.FailedError, match=f"pachyderm/ is back on {VERSION}"):
        switch.run(asked)
    mounted = server.http("GET", "/v1/sys/mounts/pachyderm")[1]["data"]
    assert mounted["plugin_version"] == mounted["running_plugin_version"] == VERSION
    assert version(installed) == VERSION
    outlived(installed, [login])


def test_where_the_way_back_fails_too_it_says_what_runs(
    installed: Mount, newer_plugin_file: Path
) -> None:
    server = installed.server
    server.register(PLUGIN, newer_plugin_file, version=NEWER)
    newer = build.read(newer_plugin_file)
    for file in (PLUGIN, file_name(VERSION)):
        (server.plugin_directory / file).unlink()
        (server.plugin_directory / file).write_text("spoiled between the two")
    asked = Server(server.environment(server.root_token))
    switch = steps.switch(newer, "pachyderm", (), VERSION, plan.registered(asked, VERSION))
    with pytest.raises(nodes.FailedError) as failed:
        switch.run(asked)
    assert str(failed.value).count("checksums did not match") == 2
    assert f"the way back to {VERSION} fails" in str(failed.value)
    assert "pachyderm/ has no plugin now" in str(failed.value)
    answer = server.http("GET", "/v1/pachyderm/version/client-only")[1]
    assert server.kind.no_plugin in str(answer)


def test_what_a_broken_off_run_left_is_completed(installed: Mount, newer_plugin_file: Path) -> None:
    server = installed.server
    server.place(file_name(NEWER), newer_plugin_file)
    plugin = {"type": PLUGIN, "config": {"plugin_version": VERSION}}
    left = {**plugin, "description": steps.TRIAL}
    assert server.http("POST", "/v1/sys/mounts/pachyderm-trial", left)[0] == 204
    registered(server, "--file", str(newer_plugin_file))
    assert version(installed) == NEWER
    # Tuned and not yet reloaded.
    assert (
        server.http("POST", "/v1/sys/mounts/pachyderm/tune", {"plugin_version": VERSION})[0] == 204
    )
    assert version(installed) == NEWER
    registered(server, "--rollback", VERSION)
    assert version(installed) == VERSION


def test_a_trial_that_fails_and_cannot_be_unmounted_says_both(
    installed: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "SETTLE_SECONDS", 0.0)
    server = installed.server
    policy = """path "sys/mounts" { capabilities = ["read"] }
        path "sys/mounts/tried" { capabilities = ["update"] }"""
    assert server.http("PUT", "/v1/sys/policies/acl/no-delete", {"policy": policy})[0] == 204
    made = server.http("POST", "/v1/auth/token/create", {"policies": ["no-delete"]})[1]
    asked = Server(server.environment(made["auth"]["client_token"]))
    other = build.Build(VERSION, "0" * 64, file_name(VERSION))
    with pytest.raises(nodes.FailedError) as failed:
        steps.try_out(other, "tried", ()).run(asked)
    assert f"with sha256 {other.sha256}" in str(failed.value)
    assert "tried/ is still mounted: sys/mounts/tried: 403" in str(failed.value)


def test_a_trial_takes_no_mount_of_others(installed: Mount, newer_plugin_file: Path) -> None:
    server = installed.server
    server.place(file_name(NEWER), newer_plugin_file)
    assert server.http("POST", "/v1/sys/mounts/pachyderm-trial", {"type": "kv"})[0] == 204
    ran = register(server, "--file", str(newer_plugin_file), "--apply")
    assert ran.returncode == 1
    assert "path is already in use at pachyderm-trial/" in ran.stderr
    assert server.http("GET", "/v1/sys/mounts/pachyderm-trial")[1]["type"] == "kv"
    assert version(installed) == VERSION


def test_a_rebuild_of_the_same_version_is_started_anew(
    installed: Mount, plugin_file: Path, tmp_path: Path
) -> None:
    server = installed.server
    rebuilt = tmp_path / "rebuilt"
    rebuilt.write_bytes(plugin_file.read_bytes() + b" ")
    rebuilt.chmod(0o755)
    server.place(file_name(VERSION), rebuilt)
    said = registered(server, "--file", str(rebuilt))
    assert "no way back" in said
    assert f"start {VERSION} anew at pachyderm/" in said
    assert "nothing to do" in register(server, "--file", str(rebuilt)).stdout
    (pid,) = server.plugin_pids(file_name(VERSION))
    assert pid


def test_a_rebuild_that_does_not_start_leaves_the_old_one_registered(
    installed: Mount, plugin_file: Path, tmp_path: Path
) -> None:
    server = installed.server
    rebuilt = tmp_path / "rebuilt"
    rebuilt.write_bytes(plugin_file.read_bytes() + b" ")  # not copied to plugin_directory
    rebuilt.chmod(0o755)
    said = refused(server, "--file", str(rebuilt), "--apply")
    assert "checksums did not match" in said
    assert f"the old {VERSION}, {build.read(plugin_file).sha256}, is registered again" in said
    assert f"What to do: plugin_directory/{file_name(VERSION)} is not the file" in said
    reload = {"mounts": ["pachyderm/"]}
    assert server.http("POST", "/v1/sys/plugins/reload/backend", reload)[0] in (200, 202, 204)
    assert version(installed) == VERSION


def test_a_login_that_waits_for_pachd_is_answered_before_the_plugin_ends(
    installed: Mount, newer_plugin_file: Path
) -> None:
    installed.server.place(file_name(NEWER), newer_plugin_file)
    for method in MINTS:
        installed.pachd.faults.slow(method, SLOW, When.AFTER)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(installed.login)
        eventually(lambda: any(installed.pachd.counts()[method] for method in MINTS))
        registered(installed.server, "--file", str(newer_plugin_file))
        login = waiting.result()
    assert version(installed) == NEWER
    assert installed.pachd.live()["robot:test"] == 1
    outlived(installed, [login])
