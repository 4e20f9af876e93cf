"""What a plugin's process denies to the rest of its machine, and what it does not take from it."""

import ast
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.pachd import PachdV2, Simulator, self_signed
from tests.unit.process import observed_plugin
from tests.unit.process.mounted import Mounted, mounted
from tests.unit.process.plugin_host import (
    AS_ROOT,
    NOBODY,
    SOON,
    Connected,
    connected,
    is_error,
    refused,
)

CAP_IPC_LOCK = 14
PLANTED = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "PYTHONASYNCIODEBUG": "1",
    "RES_OPTIONS": "attempts:1",
    "VAULT_TOKEN": "hvs.of-the-operator",
}
TRUST = {"SSL_CERT_DIR": "/nowhere", "SSL_CERT_FILE": "/nowhere/ca.pem"}


async def log_in(mount: Mounted, pachd: Simulator[PachdV2], **config: str) -> str:
    """Configure the mount for `pachd` and log in: the token."""
    fields = {"admin_token": pachd.root_token, "pachd_address": pachd.address, **config}
    configured = await mount.ask("update", "config", **fields)
    assert not configured.HasField("err"), configured.err
    login = await mount.ask("update", "login/robot:x")
    token: str = json.loads(login.response.data)["user_token"]
    return token


async def looked(mount: Mounted) -> dict[str, Any]:
    """What the observed plugin logs of its objects."""
    mount.host.plugin.process.send_signal(signal.SIGRTMIN)
    async with asyncio.timeout(SOON):
        while True:
            for line in mount.host.plugin.logs:
                if line["@message"] == "looked":
                    return line
            await asyncio.sleep(0.05)


def may_lock_memory() -> bool:
    """Whether this user may lock all of a process: CAP_IPC_LOCK, or no limit."""
    status = Path("/proc/self/status").read_text()
    [capabilities] = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")]
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return bool(int(capabilities, 16) >> CAP_IPC_LOCK & 1) or limit == resource.RLIM_INFINITY


def status(host: Connected) -> dict[str, str]:
    """What the kernel says of the process, by name."""
    lines = host.plugin.proc("status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


# The kernel


async def test_no_core_dump() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most == 0:
        pytest.skip("core dumps are off for all that this user starts")
    async with connected(
        before=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    ) as host:
        assert resource.prlimit(host.plugin.process.pid, resource.RLIMIT_CORE) == (0, 0)


async def test_files_are_the_owners() -> None:
    async with connected(before=lambda: os.umask(0) and None) as host:
        assert json.loads(await host.ask("status"))["umask"] == 0o077


async def test_no_new_privileges() -> None:
    async with connected() as host:
        assert status(host)["NoNewPrivs"] == "1"


@pytest.mark.parametrize("name", ["mem", "environ", "maps", "auxv", "fd/"])
async def test_no_other_process_of_the_user_looks_in(name: str) -> None:
    user = NOBODY if os.geteuid() == 0 else None
    async with connected(ECHO_USER=user and str(user)) as host:
        assert json.loads(await host.ask("status"))["dumpable"] == 0
        look = ["ls" if name == "fd/" else "cat", host.plugin.proc(name)]
        looked = subprocess.run(look, user=user, capture_output=True, text=True)  # noqa: ASYNC221
        assert "Permission denied" in looked.stderr
        assert looked.stdout == ""


@AS_ROOT
async def test_it_runs_as_another_user_though_its_own_proc_belongs_to_root() -> None:
    async with connected(ECHO_USER=str(NOBODY)) as host:
        assert json.loads(await host.ask("status"))["dumpable"] == 0
        assert host.plugin.proc("").stat().st_uid == NOBODY
        assert host.plugin.proc("fd").stat().st_uid == 0
        assert host.plugin.socket.stat().st_uid == NOBODY


@pytest.mark.parametrize("variable", ["VAULT_PLUGIN_MLOCK_ENABLED", "BAO_PLUGIN_MLOCK_ENABLED"])
async def test_memory_is_locked_when_the_host_asks(variable: str) -> None:
    if not may_lock_memory():
        pytest.skip("this user may not lock memory")
    async with connected(**{variable: "true"}) as host:
        await host.ask("status")
        assert int(status(host)["VmLck"].split()[0]) > 10_000


async def test_memory_that_cannot_be_locked_is_one_error_that_says_what_to_do() -> None:
    exited, stdout, stderr = await refused(
        VAULT_PLUGIN_MLOCK_ENABLED="true",
        ECHO_USER=str(NOBODY) if os.geteuid() == 0 else None,
        before=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536)),
    )
    assert (exited, stdout) == (1, b"")
    message = is_error(stderr)
    assert "LimitMEMLOCK=infinity" in message
    assert "disable_mlock" in message


# What it is started with


async def test_inherited_descriptors_are_closed() -> None:
    with tempfile.TemporaryFile() as file:
        async with connected(inherited=[file.fileno()]) as host:
            held = {os.readlink(link) for link in host.plugin.proc("fd").iterdir()}
            assert any(name.startswith("socket:") for name in held)
            assert os.readlink(f"/proc/self/fd/{file.fileno()}") not in held


async def test_the_environment_is_forgotten_but_for_the_place_of_trust() -> None:
    async with connected(**PLANTED, **TRUST) as host:
        assert json.loads(await host.ask("status"))["environment"] == sorted(TRUST)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_the_systems_trust_is_where_the_environment_says(
    tmp_path: Path, variable: str
) -> None:
    certificate = self_signed("localhost")
    file = tmp_path / "some.pem"
    file.write_bytes(certificate.certificate)
    place = file if variable == "SSL_CERT_FILE" else tmp_path
    with Simulator(PachdV2(), certificate=certificate) as pachd:
        async with mounted(**{variable: str(place)}) as mount:
            assert await log_in(mount, pachd, pachd_address=f"grpcs://localhost:{pachd.port}")


async def test_no_file_is_written_with_the_keys_of_tls(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    certificate = self_signed("localhost")
    with Simulator(PachdV2(), certificate=certificate) as pachd:
        async with mounted(SSLKEYLOGFILE=str(keys)) as mount:
            trusted = certificate.certificate.decode()
            address = f"grpcs://localhost:{pachd.port}"
            assert await log_in(mount, pachd, pachd_address=address, ca_cert=trusted)
    assert not keys.exists()


async def test_no_token_is_in_the_arguments_or_the_environment() -> None:
    with Simulator(PachdV2()) as pachd:
        async with mounted() as mount:
            token = await log_in(mount, pachd)
            for name in ("cmdline", "environ"):
                seen = mount.host.plugin.proc(name).read_bytes()
                assert seen
                assert token.encode() not in seen
                assert pachd.root_token.encode() not in seen


async def test_a_plugin_that_logs_a_token_fails_its_test() -> None:
    with pytest.raises(AssertionError, match="a token is shown"):
        async with connected() as host:
            await host.ask("log", "34cffc9254df40f0a277ee23e9fb005d")


async def test_no_object_holds_a_token_when_its_requests_are_over() -> None:
    command = (sys.executable, "-m", observed_plugin.__name__)
    with Simulator(PachdV2()) as pachd:
        async with mounted(command) as mount:
            token = await log_in(mount, pachd)
            login = await mount.ask("update", "login/robot:y")
            leased = json.loads(login.response.data)["user_token"]
            revoked = await mount.lease("revoke", login.response.secret)
            assert not revoked.HasField("err")
            await asyncio.sleep(0.5)  # until the host is known to have taken the answers
            held = (await looked(mount))["held"]
    holders = [one.split() for one in ast.literal_eval(held)]

    def who(holds: str) -> set[str]:
        return {kind for held, kind in holders if held == observed_plugin.digest(holds)}

    assert who(pachd.root_token) == {"Masked"}
    # The buffer that a connection's TLS reads into keeps its last bytes until the next come.
    assert who(token) | who(leased) <= {"managedbuffer"}
