"""Watches a whole life of the built executable: what it opens, maps and starts.

`make build` ends with it: ``python -m scripts.traced_life FILE``. Beside the loader that the link
looks for, this is what shows that nothing from outside comes into the process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from scripts.bundle.executable.recipe import prepare
from scripts.bundle.executable.target import cpu, machine, target
from tests.unit.process.mounted import mounted
from tests.unit.process.whole_life import live

#: what it may open: names and their servers, the clock's zone, the users' and the trust's places;
#: the C library asks for the kernel's way with memory as a thread gives some back
OPENED = (
    *("/dev/null", "/dev/urandom", "/proc/self/fd", "/proc/self/fd/*", "/proc/self/exe", "/"),
    *("/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf"),
    *("/etc/localtime", "/etc/passwd", "/etc/group", "/sys/devices/system/cpu/*"),
    *("/etc/ssl/*", "/etc/pki/*", "/proc/sys/vm/overcommit_memory"),
)
_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)")
_PATH = re.compile(r'"(/[^"]*)"')
_BELOW_WORKING = re.compile(r'(?:AT_FDCWD, )?"([^"/][^"]*)"')
_CALLS = "%file,mmap,mprotect,pkey_mprotect,clone,clone3,fork,vfork,execve,execveat"


def findings(trace: str, file: Path, folder: str) -> list[str]:
    """What a life did that it must not; `folder` is where its socket may be."""
    found = []
    starts = 0
    for line in trace.splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        name, arguments = call.groups()
        if name in ("execve", "execveat"):
            starts += 1
            if starts > 1:
                found.append(f"a program was started: {line}")
        elif name in ("fork", "vfork") or (name.startswith("clone") and "_THREAD" not in arguments):
            found.append(f"a child was made: {line}")
        elif "PROT_EXEC" in arguments:
            found.append(f"code was mapped: {line}")
        else:
            below = _BELOW_WORKING.match(arguments)
            if below:
                found.append(f"{below[1]} was opened in the working directory: {line}")
            for path in _PATH.findall(arguments):
                own = str(file).startswith(path.removesuffix("...")) or path.startswith(folder)
                if not own and not any(fnmatchcase(path, allowed) for allowed in OPENED):
                    found.append(f"{path} was opened: {line}")
    if not starts:
        found.append("nothing was traced")
    return found


async def _lived(command: list[str]) -> None:
    async with mounted(command) as mount:
        await live(mount)


def tracer(tools: Path) -> list[str]:
    """How to trace: by strace, in a user's own namespace where he is not root.

    The plugin closes its memory to its own user, and what it opens could not be read. `tools` is
    the root that the build fetched its own into. Empty where there is no namespace.
    """
    within = [] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user"]
    libraries = ":".join(str(found.parent) for found in tools.glob("**/lib*.so.*"))
    command = [*within, "env", f"LD_LIBRARY_PATH={libraries}", str(tools / "usr/bin/strace")]
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return [] if tried.returncode else command


def main() -> int:
    """Trace; give the exit code."""
    parser = argparse.ArgumentParser(prog="traced_life", description="Watch a whole life.")
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args().file.resolve()
    built_for = cpu(file)
    if not built_for:
        return 0  # a zip is Python's to load
    if built_for != machine():
        print(
            f"build: not traced: the file is for {built_for}, this machine is {machine()};"
            " make build there traces it",
            file=sys.stderr,
        )
        return 0
    traced = tracer(prepare(target()).tools)
    if not traced:
        print("build: WARNING: not traced, for want of a user namespace", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        trace = Path(folder) / "trace"
        options = ["-f", "-qq", "-s", "4096", "-e", f"trace={_CALLS}", "-o", str(trace)]
        asyncio.run(_lived([*traced, *options, str(file)]))
        found = findings(trace.read_text(), file, folder)
    for finding in found:
        print(f"build: {finding}", file=sys.stderr)
    if found:
        file.unlink()
        return 1
    print("traced: no code from outside, no child, no file but those expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
