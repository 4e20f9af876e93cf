"""What the watch over a whole life finds in a trace."""

import sys
from pathlib import Path

import pytest

from scripts.bundle.executable.target import machine
from scripts.traced_life import findings, main

FILE = Path("/opt/plugins/plugin")
START = '7 execve("/opt/plugins/plugin", ["/opt/plugins/plugin"], 0x7ffd /* 9 vars */) = 0\n'
GOOD = (
    START
    + '7 openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 5\n'
    + '7 readlink("/proc/self/exe", "/opt/plugins/p"..., 4095) = 40\n'
    + '7 openat(AT_FDCWD, "", O_RDONLY|O_CLOEXEC) = -1 ENOENT\n'
    + '8 openat(AT_FDCWD, "/proc/sys/vm/overcommit_memory", O_RDONLY) = 9\n'
    + '7 mkdir("/tmp/x/pluginab", 0700) = 0\n'
    + "7 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f\n"
    + "7 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD|CLONE_SETTLS}, 88) = 8\n"
)


def test_what_a_life_needs_is_no_finding() -> None:
    assert findings(GOOD, FILE, "/tmp/x") == []


@pytest.mark.parametrize(
    "line",
    [
        '8 openat(AT_FDCWD, "/usr/lib/python3.11/os.py", O_RDONLY) = 5',
        '7 openat(AT_FDCWD, "/opt/plugins/pyvenv.cfg", O_RDONLY) = -1 ENOENT',
        '7 openat(AT_FDCWD, "pyvenv.cfg", O_RDONLY) = -1 ENOENT',
        '7 stat("lib/python3.11", 0x7ffd) = -1 ENOENT',
        "7 mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE, 5, 0) = 0x7f",
        "7 mprotect(0x7f, 4096, PROT_READ|PROT_EXEC) = 0",
        '7 execve("/bin/sh", ["sh"], 0x7f) = 0',
        "7 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 9",
        "7 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88) = 9",
        "7 vfork() = 9",
    ],
)
def test_anything_else_is(line: str) -> None:
    (found,) = findings(GOOD + line + "\n", FILE, "/tmp/x")
    assert line in found


def test_a_trace_of_nothing_is_no_proof() -> None:
    assert findings("", FILE, "/tmp/x") == ["nothing was traced"]


def test_a_file_for_another_cpu_is_told_to_be_untraced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number, other = (62, "amd64") if machine() == "arm64" else (183, "arm64")
    file = tmp_path / "plugin"
    file.write_bytes(b"\x7fELF" + bytes(14) + number.to_bytes(2, "little") + bytes(44))
    monkeypatch.setattr(sys, "argv", ["traced_life", str(file)])
    assert main() == 0
    told = capsys.readouterr()
    assert f"not traced: the file is for {other}, this machine is {machine()}" in told.err
    assert "traced" not in told.out
