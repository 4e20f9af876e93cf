"""`make demo-up` opens the machine to none of its other users: no known token, no open file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.integration.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


def demo(directory: Path, option: str) -> str:
    """Run the demonstration with `option` as make does, in `directory`; what it prints."""
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.demo", option],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
def up(plugin_file: Path, tmp_path: Path) -> Iterator[Path]:
    """The directory it was started from, where an older one left its own open to all."""
    assert plugin_file.exists()
    state = tmp_path / ".demo"
    state.mkdir(mode=0o755)
    (state / "exports").write_text("")
    demo(tmp_path, "--up")
    yield tmp_path
    demo(tmp_path, "--down")
    assert [left.name for left in state.iterdir() if left.name not in ("log", "pid")] == []


def words_of(pid: str) -> list[str]:
    """A process's name and arguments, as everybody sees them."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")


def children(pid: str) -> list[str]:
    """The processes that a process started, and those that they did."""
    own = [
        child
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]
    return own + [below for child in own for below in children(child)]


def test_another_user_of_the_machine_gets_nowhere(up: Path) -> None:
    told = demo(up, "--up")  # it runs already
    exports = (up / ".demo" / "exports").read_text()
    (address,) = re.findall(r"_ADDR=(\S+)", exports)
    (token,) = re.findall(r"_TOKEN=(\S+)", exports)
    assert len(token) > 30
    assert token not in told

    typed = [line for line in told.splitlines() if line.startswith("    ")]
    played = subprocess.run(
        ["bash", "-euc", "\n".join(typed)], cwd=up, capture_output=True, text=True, check=True
    )
    assert re.search(r"^user_token +\S+$", played.stdout, re.MULTILINE)

    def asked(method: str, path: str, given: str) -> int:
        headers = {"X-Vault-Token": given}
        body = {"type": "file"}
        return requests.request(
            method, f"{address}/v1/{path}", headers=headers, json=body, timeout=30
        ).status_code

    assert asked("POST", "sys/audit/mine", "root") == 403
    assert asked("GET", "sys/mounts", "root") == 403
    assert asked("GET", "sys/mounts", token) == 200

    pid = (up / ".demo" / "pid").read_text()
    running = [words for child in children(pid) if (words := words_of(child)) != [""]]
    assert len(running) >= 2  # the server and its plugin
    assert not any(token in word for words in running for word in words)
    (lives_in,) = {
        Path(word.partition("=")[2]).parent
        for words in running
        for word in words
        if word.startswith("-config=")
    }
    for place in (lives_in, up / ".demo", *(up / ".demo").iterdir()):
        assert place.stat().st_mode & 0o077 == 0, place


def test_where_nothing_runs_it_says_so(tmp_path: Path) -> None:
    assert demo(tmp_path, "--down") == "Nothing is running.\n"
