"""The plugin's process under a real server: shared, killed, reloaded, and never left behind."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.conftest import StartServer
from tests.integration.mount import PLUGIN, Mount, Refused, eventually
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV1, PachdV2, Simulator


class Pair(NamedTuple):
    """A mount for a 1.x and one for a 2.x cluster."""

    one: Mount
    two: Mount

    def log_in(self) -> None:
        """Hold when both mounts mint."""
        for mount in self:
            assert mount.who_am_i(mount.login().token) == "robot:test"

    def pid(self) -> int:
        """Their process; fails when they have several."""
        (pid,) = self.one.server.plugin_pids(PLUGIN)
        return pid


@pytest.fixture
def pair(
    server: VaultServer, plugin: str, v1: Simulator[PachdV1], v2: Simulator[PachdV2]
) -> Iterator[Pair]:
    with Mount(server, "one", v1) as one, Mount(server, "two", v2) as two:
        one.configure()
        two.configure()
        yield Pair(one, two)


@pytest.fixture
def mounted(another: StartServer, v2: Simulator[PachdV2]) -> Mount:
    """A mount on a server that the test may end as it likes."""
    mount = Mount(another(), "pachyderm", v2)
    mount.server.enable(PLUGIN, mount.path)
    mount.configure()
    return mount


def sockets(server: VaultServer) -> list[Path]:
    """What plugins keep in the server's TMPDIR."""
    return sorted((server.directory / "tmp").glob("plugin*"))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def plugin_lines(server: VaultServer) -> list[str]:
    """The server's log lines that come from the plugin's standard error."""
    lines = server.log_path.read_text(errors="replace").splitlines()
    return [line for line in lines if "@module=" in line]


def test_mounts_of_both_generations_share_one_process(pair: Pair) -> None:
    pair.log_in()
    assert pair.pid()


def test_after_a_kill_the_next_request_succeeds_on_every_mount(pair: Pair) -> None:
    killed = pair.one.server.kill_plugin(PLUGIN)
    pair.log_in()
    assert pair.pid() != killed


def test_leases_live_through_a_kill(pair: Pair) -> None:
    logins = [mount.login() for mount in pair]
    pair.one.server.kill_plugin(PLUGIN)
    for mount, login in zip(pair, logins, strict=True):
        assert mount.renew(login, increment=600) == 600
        mount.revoke(login)
        assert not mount.alive(login)


def test_a_revocation_is_the_first_request_after_a_kill(pair: Pair) -> None:
    login = pair.two.login()
    pair.one.server.kill_plugin(PLUGIN)
    pair.two.revoke(login)
    assert not pair.two.alive(login)


def test_disabling_a_mount_leaves_the_other_and_its_leases(
    server: VaultServer, pair: Pair, v2: Simulator[PachdV2]
) -> None:
    pid = pair.pid()
    login = pair.two.login()
    with Mount(server, "third", v2) as third:
        third.configure()
        third.login()
    assert pair.two.alive(login)
    pair.log_in()
    assert pair.pid() == pid


def test_the_last_unmount_ends_the_process(
    server: VaultServer, plugin: str, v2: Simulator[PachdV2]
) -> None:
    with Mount(server, "only", v2) as mount:
        mount.configure()
        (pid,) = server.plugin_pids(PLUGIN)
    eventually(lambda: not running(pid))


def test_a_reload_keeps_mounts_and_leases(pair: Pair) -> None:
    login = pair.two.login()
    pair.one.ask("PUT", "/v1/sys/plugins/reload/backend", {"plugin": PLUGIN})
    pair.log_in()
    pair.two.revoke(login)
    assert not pair.two.alive(login)


def test_a_stopped_server_takes_its_plugin_along(mounted: Mount) -> None:
    (pid,) = mounted.server.plugin_pids(PLUGIN)
    mounted.server.stop()
    eventually(lambda: not running(pid))
    assert sockets(mounted.server) == []


def test_a_killed_server_takes_its_plugin_along(mounted: Mount) -> None:
    (pid,) = mounted.server.plugin_pids(PLUGIN)
    os.kill(mounted.server.pid, signal.SIGKILL)
    eventually(lambda: not running(pid))
    own = [path for path in sockets(mounted.server) if path.is_dir()]
    assert own == []  # the server's own sockets, plain files, it could not remove


def test_ctrl_c_at_the_server_ends_both_in_good_order(mounted: Mount) -> None:
    (pid,) = mounted.server.plugin_pids(PLUGIN)
    assert os.getpgid(pid) == mounted.server.pid
    os.killpg(mounted.server.pid, signal.SIGINT)
    eventually(lambda: not running(pid))
    assert "stopping: the host says so" in mounted.server.log_path.read_text()


def test_ctrl_c_alone_does_not_touch_the_plugin(pair: Pair) -> None:
    pid = pair.pid()
    os.kill(pid, signal.SIGINT)
    pair.log_in()
    assert pair.pid() == pid


def test_the_socket_is_in_the_servers_tmpdir(pair: Pair) -> None:
    pair.log_in()
    assert any((path / "socket").is_socket() for path in sockets(pair.one.server))


def test_a_file_of_another_checksum_is_not_run(server: VaultServer, plugin: str) -> None:
    wrong = {"command": PLUGIN, "sha256": "0" * 64}
    entry = "/v1/sys/plugins/catalog/secret/wrong"
    server.http("POST", entry, wrong)  # taken, or refused here
    status, answer = server.http("POST", "/v1/sys/mounts/wrong", {"type": "wrong"})
    assert status >= 400, answer
    assert server.plugin_pids(PLUGIN) == []
    server.http("DELETE", entry)


def altered(honest: bytes) -> Iterator[tuple[str, bytes]]:
    """The file with one byte altered, from its first to its last."""
    last = len(honest) - 1
    for place in (0, last // 3, last // 2, last * 9 // 10, last):
        yield f"byte {place}", honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :]
    yield "one byte more", honest + b"\n"


def replace(file: Path, content: bytes) -> None:
    """Put a file in the place of one that may be running, which cannot be written to."""
    fresh = file.with_name("fresh")
    fresh.write_bytes(content)
    fresh.chmod(0o755)
    fresh.replace(file)


def test_one_altered_byte_is_refused(another: StartServer, v2: Simulator[PachdV2]) -> None:
    server = another()
    file = server.plugin_directory / PLUGIN
    honest = file.read_bytes()
    for place, other in altered(honest):
        replace(file, other)
        with pytest.raises(AssertionError, match="checksums did not match"):
            server.enable(PLUGIN, "pachyderm")
        assert server.plugin_pids(PLUGIN) == [], place
    replace(file, honest)
    with Mount(server, "pachyderm", v2) as mount:
        mount.configure()
        mount.login()


def test_an_altered_file_is_not_run_after_a_kill_either(mounted: Mount) -> None:
    file = mounted.server.plugin_directory / PLUGIN
    replace(file, file.read_bytes() + b"\n")
    mounted.server.kill_plugin(PLUGIN)
    with pytest.raises(Refused):
        mounted.login()
    assert mounted.server.plugin_pids(PLUGIN) == []


def test_every_line_of_the_plugin_is_read_as_json(mounted: Mount) -> None:
    mounted.login()
    mounted.server.kill_plugin(PLUGIN)
    mounted.login()
    mounted.pachd.die()
    with pytest.raises(Refused):
        mounted.login()
    mounted.server.stop()
    log = mounted.server.log_path.read_text()
    assert "panic" not in log
    assert plugin_lines(mounted.server)
    # What the server takes for plain text it logs under the name of the command, without fields.
    name = re.escape(PLUGIN)
    plain = re.findall(rf"^.*\.{name}\.{name}(?:\.\w+)*: (?!.*@module=).*$", log, re.MULTILINE)
    assert plain == []
