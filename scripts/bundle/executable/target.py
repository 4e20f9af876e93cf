"""What to build for, and with which compiler."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_MACHINES = {62: "amd64", 183: "arm64"}  # e_machine of elf(5)


class Unbuildable(Exception):  # noqa: N818  a state of the machine
    """The machine lacks what the executable is built with; the text says what to install."""


class Target(NamedTuple):
    """A CPU as Debian names it, and the commands that make code for it."""

    arch: str
    triplet: str
    compiler: str
    binutils: str  # what the names of nm and strip begin with


def target(arch: str = "") -> Target:
    """What to build for: `arch`, else this machine. Raises Unbuildable."""
    for command, package in (("apt-get", "Debian or Ubuntu"), ("dpkg-deb", "dpkg")):
        if shutil.which(command) is None:
            raise Unbuildable(f"no {command}: the executable is made of {package}'s packages")
    arch = arch or machine()
    if arch not in TRIPLETS:
        raise Unbuildable(f"no recipe for {arch}, only for {' and '.join(TRIPLETS)}")
    triplet = TRIPLETS[arch]
    prefix = "" if arch == machine() else f"{triplet}-"
    if shutil.which(f"{prefix}gcc") is None:
        package = "gcc" if not prefix else f"gcc-{triplet.replace('_', '-')}"
        raise Unbuildable(f"no C compiler {prefix}gcc: install {package}")
    return Target(arch, triplet, f"{prefix}gcc", prefix)


@functools.cache
def machine() -> str:
    """The machine at hand, as Debian names it."""
    asked = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()


def cpu(file: Path) -> str:
    """What an executable was built for, as Debian names it; "" for a file that is none."""
    with file.open("rb") as opened:
        head = opened.read(20)
    if head[:4] != b"\x7fELF":
        return ""
    number = int.from_bytes(head[18:20], "little")
    return _MACHINES.get(number, f"CPU {number} of elf(5)")


def compiler_version(target: Target) -> str:
    """The compiler's major version, as its packages are named."""
    asked = subprocess.run(
        [target.compiler, "-dumpversion"], capture_output=True, text=True, check=True
    )
    return asked.stdout.strip().partition(".")[0]
