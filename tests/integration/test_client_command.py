"""The command pachyderm-vault on the real server, run as users run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.conftest import ROOT
from tests.integration.mount import eventually
from tests.integration.openbao import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.mount import Mount

COMMAND = [sys.executable, "-m", "pachyderm_vault.command"]
PATH = "pachyderm/creds/app"
SHORT = {"ttl": "2s", "max_ttl": "4s"}

pytestmark = pytest.mark.parametrize("pachd", ["2.x"], indirect=True)


class Shell:
    """A user's, signed in to Vault, with a pachctl configuration of its own."""

    def __init__(self, mount: Mount, home: Path) -> None:
        self.mount = mount
        self.home = home
        self.own = home / ".pachyderm" / "config.json"
        self.own.parent.mkdir()
        self.own.write_text("mine")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(home),
            "PYTHONPATH": str(ROOT / "client"),
            "BAO_ADDR": mount.server.address,
            "BAO_TOKEN": mount.server.root_token,
            "PACHYDERM_VAULT_PATH": PATH,
        }

    def ran(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            env=self.environment | variables,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def starts(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def living(self) -> int:
        return self.mount.pachd.live()["robot:app"]


@pytest.fixture
def shell(mount: Mount, tmp_path: Path) -> Iterator[Shell]:
    mount.write("roles/app", {"subject": "robot:app", "ttl": "10m"})
    made = Shell(mount, tmp_path)
    yield made
    assert made.own.read_text() == "mine"


def context(file: Path, name: str = "vault") -> Any:
    return json.loads(file.read_text())["v2"]["contexts"][name]


def test_run_gives_a_private_configuration_and_takes_it_away(shell: Shell) -> None:
    script = 'stat -c %a "$(dirname "$PACH_CONFIG")" "$PACH_CONFIG"; cat "$PACH_CONFIG"; exit 7'
    done = shell.ran("run", "--", "sh", "-c", script)
    assert done.returncode == 7, done.stderr
    folder, file, *lines = done.stdout.splitlines()
    assert (folder, file) == ("700", "600")
    told = json.loads("\n".join(lines))["v2"]
    assert told["active_context"] == "vault"
    kept = told["contexts"]["vault"]
    assert kept["pachd_address"] == f"grpc://{shell.mount.pachd.address}"
    assert shell.mount.pachd.subject_of(kept["session_token"]) is None  # it is over
    assert not list(shell.home.glob("pachyderm-vault-*"))
    assert done.stderr == ""
    assert shell.living() == 0


def test_run_keeps_it_fresh(shell: Shell) -> None:
    shell.mount.write("roles/app", SHORT)
    ask = [*COMMAND, "status"]
    script = f"{' '.join(ask)}; sleep 5; {' '.join(ask)}"
    done = shell.ran("run", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stdout + done.stderr
    first, last = done.stdout.split("whose ")[1:]
    assert "robot:app" in first
    assert "robot:app" in last
    assert first.splitlines()[-1] != last.splitlines()[-1]  # another lease


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_run_passes_signals_on(shell: Shell, number: signal.Signals) -> None:
    script = f"trap 'echo heard; exit 9' {number.name[3:]}; echo ready; while :; do sleep 0.1; done"
    with shell.starts("run", "--", "sh", "-c", script) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        assert shell.living() == 1
        running.send_signal(number)
        assert running.communicate(timeout=30)[0] == "heard\n"
    assert running.returncode == 9
    assert shell.living() == 0


def test_run_ends_as_its_command_ended(shell: Shell) -> None:
    assert shell.ran("run", "--", "sh", "-c", "kill -9 $$").returncode == -signal.SIGKILL
    missing = shell.ran("run", "--", "no-such-command")
    assert (missing.returncode, "no such command" in missing.stderr) == (127, True)
    assert shell.ran("run", "--", str(shell.own)).returncode == 126
    nobody = shell.ran("run", "--", "true", BAO_TOKEN="nobody")
    assert nobody.returncode == 125
    assert "sign in again (vault login)" in nobody.stderr
    assert shell.living() == 0


def test_sidecar_keeps_its_context_and_leaves_the_others(shell: Shell) -> None:
    shell.mount.write("roles/app", SHORT)
    file, bare = shell.home / "config.json", shell.home / "token"
    others = {"user_id": "u", "v2": {"active_context": "own", "contexts": {"own": {"x": 1}}}}
    file.write_text(json.dumps(others))
    where = f"127.0.0.1:{free_port()}"
    words = ["sidecar", "--config", str(file), "--bare", str(bare), "--listen", where]
    with shell.starts(*words, "--mode", "640") as running:
        eventually(lambda: bare.exists() and "vault" in file.read_text(), 20)
        tokens = set()

        def seen() -> int:
            token = context(file)["session_token"]
            assert shell.mount.pachd.subject_of(token) == "robot:app" or (
                token != context(file)["session_token"]
            )
            tokens.add(token)
            return len(tokens)

        eventually(lambda: seen() >= 3, 30)
        assert file.stat().st_mode & 0o777 == 0o640
        assert context(file, "own") == {"x": 1}
        assert json.loads(file.read_text())["v2"]["active_context"] == "own"
        assert get(f"http://{where}/healthz") == "ok\n"
        figures = dict(
            line.split() for line in get(f"http://{where}/metrics").splitlines() if line[0] != "#"
        )
        assert figures["pachyderm_vault_token_alive"] == "1"
        assert int(figures["pachyderm_vault_logins_total"]) >= 3
        assert int(figures["pachyderm_vault_writes_total"]) >= 3
        assert shell.ran("check", str(file)).returncode == 0
        assert shell.ran("status", str(bare)).returncode == 0
        running.terminate()
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 0, errors
    assert "session_token" not in context(file)
    assert context(file, "own") == {"x": 1}
    assert not bare.exists()
    assert shell.ran("check", str(file)).returncode == 2
    eventually(lambda: shell.living() == 0)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_a_dead_sidecar_is_seen_by_check(shell: Shell) -> None:
    shell.mount.write("roles/app", SHORT)
    bare = shell.home / "token"
    with shell.starts("sidecar", "--bare", str(bare)) as running:
        eventually(lambda: shell.ran("check", str(bare)).returncode == 0, 20)
        running.kill()
    eventually(lambda: shell.ran("check", str(bare)).returncode == 1)


def test_a_sidecar_touches_nothing_that_is_no_configuration(shell: Shell) -> None:
    done = shell.ran("sidecar", "--config", str(shell.own))
    assert done.returncode == 2
    assert "is no configuration of pachctl's: move it away" in done.stderr
    assert shell.living() == 0


def test_token_prints_one_that_lives_on(shell: Shell) -> None:
    done = shell.ran("token", "--ttl", "1m")
    token = done.stdout.strip()
    assert shell.mount.pachd.subject_of(token) == "robot:app", done.stderr
    told = json.loads(shell.ran("token", "--json").stdout)
    assert shell.mount.pachd.subject_of(told["token"]) == "robot:app"
    assert told["pachd_address"] == shell.mount.pachd.address
    assert told["lease_id"].startswith(PATH)


@pytest.mark.parametrize(
    ("words", "variables", "code", "said"),
    [
        (["token", "--wait", "1"], {"BAO_ADDR": "http://127.0.0.1:9"}, 3, "no answer from Vault"),
        (["token"], {"PACHYDERM_VAULT_PATH": ""}, 2, "--path pachyderm/creds/ROLE"),
        (["token", "--path", "pachyderm/creds/none"], {}, 1, "role"),
        (["token", "--method", "approle"], {}, 2, "needs --role-id"),
        (["token"], {"BAO_TOKEN": ""}, 2, "run vault login"),
        (["sidecar"], {}, 2, "--config FILE or --bare FILE"),
        (["sidecar", "--bare", "t", "--listen", "nowhere"], {}, 2, "it is not HOST:PORT"),
        (["check"], {}, 2, "set PACH_CONFIG"),
        (["status", "nothing"], {}, 2, "nobody keeps nothing"),
        (["token", "--ttl", "soon"], {}, 2, "--ttl"),
    ],
)
def test_errors_say_what_to_do(
    shell: Shell, words: list[str], variables: dict[str, str], code: int, said: str
) -> None:
    done = shell.ran(*words, **variables)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_the_manifest_runs_the_command_as_it_is(shell: Shell) -> None:
    """Its flags, with a file and a way to sign in that are here."""
    manifest = (ROOT / "examples" / "kubernetes" / "sidecar.yaml").read_text()
    words = re.findall(r"^        - (\S+)$", manifest.partition("command:")[2], re.MULTILINE)
    assert words[:2] == ["pachyderm-vault", "sidecar"]
    file = shell.home / "config.json"
    here = {
        "--method=kubernetes": "--method=token",
        "--config=/pachyderm/config.json": f"--config={file}",
        "--listen=0.0.0.0:9102": f"--listen=127.0.0.1:{free_port()}",
    }
    with shell.starts(*(here.get(word, word) for word in words[1:])) as running:
        eventually(file.exists, 20)
        assert shell.ran("check", str(file)).returncode == 0
        running.terminate()
        assert running.wait(30) == 0
