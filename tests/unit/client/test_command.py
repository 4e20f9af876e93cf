"""The command, where what it writes to or hears is not as it should be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pachyderm_vault import SettingError, TokenSource
from pachyderm_vault.command.keeping import Keeping
from pachyderm_vault.command.kept import Kept
from pachyderm_vault.command.listen import Listener
from tests.unit.client.vault import LOGIN, REVOKE

if TYPE_CHECKING:
    from tests.unit.client.vault import Vault

CLIENT = Path(__file__).parents[3] / "client"


def source(host: Vault) -> TokenSource:
    return TokenSource(LOGIN, host.client("vault"))


def started(host: Vault, *words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pachyderm_vault.command", *words],
        env={
            "PYTHONPATH": str(CLIENT),
            "PATH": os.environ["PATH"],
            "VAULT_ADDR": host.address,
            "VAULT_TOKEN": "vault",
            "PACHYDERM_VAULT_PATH": LOGIN,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_file_that_cannot_be_cleared_keeps_nobody_from_revoking(
    host: Vault, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Kept(tmp_path / "config.json", "vault")
    keeping = Keeping(source(host), [config])
    keeping.begin(5)
    assert keeping.fresh
    config.file.write_text("[]")  # by somebody else
    keeping.end()
    assert "is no configuration of pachctl's" in caplog.text
    assert host.revoked == ["lease-1"]


def test_nothing_is_written_once_it_is_over(host: Vault, tmp_path: Path) -> None:
    bare = Kept(tmp_path / "token")
    keeping = Keeping(source(host), [bare])
    token = keeping._source.credentials()
    keeping.end()
    keeping._write(token)  # as a thread does that asked for it before
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_tried_again(host: Vault, tmp_path: Path) -> None:
    host.ttl = 1.0
    folder = tmp_path / "mounted"
    folder.mkdir()
    keeping = Keeping(source(host), [Kept(folder / "token")])
    keeping.begin(5)
    folder.rename(tmp_path / "gone")
    deadline = time.monotonic() + 10
    while not keeping.failures and time.monotonic() < deadline:
        time.sleep(0.01)
    while keeping.fresh and time.monotonic() < deadline:
        time.sleep(0.01)
    with Listener("127.0.0.1:0", keeping._source, keeping) as listener:
        assert listener._server is not None
        address = f"http://127.0.0.1:{listener._server.server_port}/healthz"
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(address, timeout=10)
        assert keeping._source.ends is not None  # there is one, but not in the file
        folder.mkdir()
        while not keeping.fresh and time.monotonic() < deadline:
            time.sleep(0.01)
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.headers["Server"].strip() == "pachyderm-vault"
    assert (folder / "token").exists()
    keeping.end()


def test_authorities_that_are_not_there_are_a_mistake(host: Vault, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "config.json", "vault", tmp_path / "none.pem")
    keeping = Keeping(source(host), [kept])
    with pytest.raises(SettingError, match=r"none\.pem cannot be read: No such file"):
        keeping.begin(5)
    keeping.end()


def test_an_empty_active_context_is_filled(host: Vault, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"v2": {"active_context": "", "contexts": {}}}))
    with source(host) as one:
        Kept(file, "vault").write(one.credentials(), LOGIN)
    assert json.loads(file.read_text())["v2"]["active_context"] == "vault"


def test_it_listens_on_ipv6(host: Vault, tmp_path: Path) -> None:
    keeping = Keeping(source(host), [Kept(tmp_path / "token")])
    with Listener("[::1]:0", keeping._source, keeping) as listener:
        assert listener._server is not None
        address = f"http://[::1]:{listener._server.server_port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert b"pachyderm_vault_token_alive 0" in answer.read()


def test_a_second_signal_does_not_keep_run_from_revoking(host: Vault) -> None:
    slow, revoke = threading.Event(), host.answers[REVOKE]
    host.answers[REVOKE] = lambda body: revoke(body) if slow.wait(20) else (500, {})
    with started(host, "run", "--", "sh", "-c", "echo ready; exec sleep 60") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 10
        while not host.asked[REVOKE] and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        slow.set()
        _, errors = running.communicate(timeout=30)
    assert running.returncode == -signal.SIGINT, errors
    assert errors == ""
    assert host.revoked == ["lease-1"]


def test_what_nohup_ignores_is_ignored(host: Vault) -> None:
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    script = "echo ready; read line; echo $line"
    with started(
        host, "run", "--", "sh", "-c", script, stdin=subprocess.PIPE, **ignoring
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGHUP)
        out, errors = running.communicate("still here\n", timeout=30)
    assert (running.returncode, out) == (0, "still here\n"), errors


def test_words_after_a_second_dash_are_the_commands(host: Vault) -> None:
    with started(host, "run", "--", "sh", "-c", 'echo "$@"', "--", "-a", "--", "b") as running:
        assert running.communicate(timeout=30)[0] == "-a -- b\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_sidecar_ends_before_it_has_a_token(
    host: Vault, tmp_path: Path, number: signal.Signals
) -> None:
    host.answers[LOGIN] = lambda _: (503, {"errors": ["Vault is sealed"]})
    with started(host, "sidecar", "--bare", str(tmp_path / "token")) as running:
        deadline = time.monotonic() + 10
        while not host.asked[LOGIN] and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(number)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 0, errors
    assert list(tmp_path.iterdir()) == []
