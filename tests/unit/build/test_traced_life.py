"""What the watch over a whole life finds in a trace."""

from pathlib import Path

import pytest

from scripts.traced_life import findings

FILE = Path("/opt/plugins/plugin")
START = '7 execve("/opt/plugins/plugin", ["/opt/plugins/plugin"], 0x7ffd /* 9 vars */) = 0\n'
GOOD = (
    START
    + '7 openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 5\n'
    + '7 readlink("/proc/self/exe", "/opt/plugins/p"..., 4095) = 40\n'
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
