"""Files of others that would run, or be followed, in a process that looked for them."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.process.namespaces import own_mounts

#: leaves a mark wherever it is loaded
LIBRARY = """
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void run(void)
{
    close(open(getenv("RAN"), O_CREAT | O_WRONLY, 0666));
}
"""
MODULE = "import os; open(os.environ['RAN'], 'w').close()\n"
OPENSSL = """
openssl_conf = start
[start]
providers = those
[those]
planted = one
[one]
module = {library}
activate = 1
"""


class Planted(NamedTuple):
    """The folder they are in, and the mark that they leave."""

    folder: Path
    ran: Path

    @property
    def environment(self) -> dict[str, str]:
        """What alone disturbs nobody."""
        return {
            "RAN": str(self.ran),
            "PATH": os.defpath,
            "LC_ALL": "planted",
            "LANGUAGE": "planted",
            "TMPDIR": "/nowhere",
            "TZ": "UTC",
        }


class Trap(NamedTuple):
    """What leads into it: variables of the environment, and a command that others run within.

    `prey` is a command that is caught.
    """

    variables: dict[str, str]
    prey: Sequence[str]
    within: Sequence[str] = ()


def plant(place: Path) -> Planted:
    """Plant them all below `place`."""
    folder = place / "planted"
    messages = folder / "share/locale/planted/LC_MESSAGES"
    messages.mkdir(parents=True)
    (messages / "messages.mo").write_bytes(_catalogue({"usage: ": "planted: "}))
    library = folder / "planted.so"
    source = folder / "planted.c"
    source.write_text(LIBRARY)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    shutil.copy(library, folder / "libnss_planted.so.2")
    (folder / "nsswitch.conf").write_text("hosts: planted\npasswd: planted\ngroup: planted\n")
    (folder / "openssl.cnf").write_text(OPENSSL.format(library=library))
    (folder / "gconv-modules").write_text("module PLANTED// INTERNAL planted 1\n")
    for name in ("sitecustomize", "usercustomize", "planted", "json", "argparse", "c_witness"):
        (folder / f"{name}.py").write_text(MODULE)
    (folder / "planted.pth").write_text(MODULE)
    for name in ("python311", "python", "witness"):
        (folder / f"{name}._pth").write_text(f"{folder}\nimport site\n")
    (folder / "pyvenv.cfg").write_text(f"home = {folder}\ninclude-system-site-packages = true\n")
    (folder / "pybuilddir.txt").write_text(str(folder))
    (folder / "lib").symlink_to(folder)
    (folder / "python3.11").symlink_to(folder)
    return Planted(folder, place / "ran")


def _catalogue(translated: dict[str, str]) -> bytes:
    """What gettext reads a translation from."""
    pairs = {"": "Content-Type: text/plain; charset=UTF-8\n"} | translated
    count = len(pairs)
    tables, texts = b"", b""
    for text in (*pairs.keys(), *pairs.values()):
        tables += struct.pack("<2I", len(text), 28 + 16 * count + len(texts))
        texts += text.encode() + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + tables + texts


def preloaded(planted: Planted) -> Trap:
    return Trap({"LD_PRELOAD": str(planted.folder / "planted.so")}, ["true"])


def audited(planted: Planted) -> Trap:
    return Trap({"LD_AUDIT": str(planted.folder / "planted.so")}, ["true"])


def python_path(planted: Planted) -> Trap:
    return Trap({"PYTHONPATH": str(planted.folder)}, [sys.executable, "-c", ""])


def python_startup(planted: Planted) -> Trap:
    startup = {"PYTHONSTARTUP": str(planted.folder / "planted.py"), "PYTHONINSPECT": "1"}
    return Trap(startup, [sys.executable, "-i"])


def openssl_configuration(planted: Planted) -> Trap:
    return Trap({"OPENSSL_CONF": str(planted.folder / "openssl.cnf")}, ["openssl", "rand", "1"])


def character_sets(planted: Planted) -> Trap:
    return Trap({"GCONV_PATH": str(planted.folder)}, ["iconv", "-f", "PLANTED"])


def locales(planted: Planted) -> Trap:
    real = Path("/usr/lib/locale/C.utf8")
    if not real.exists():
        pytest.skip(f"no {real} to plant")
    shutil.copytree(real, planted.folder / "planted")
    followed = f"import locale; locale.setlocale(locale.LC_ALL, '')\n{MODULE}"
    return Trap({"LOCPATH": str(planted.folder)}, [sys.executable, "-c", followed])


def name_services(planted: Planted) -> Trap:
    within = own_mounts(f"mount --bind {planted.folder}/nsswitch.conf /etc/nsswitch.conf")
    of_the_shell = ["env", "-u", "PWD", "-u", "OLDPWD"]
    prey = ["getent", "passwd", "planted"]
    return Trap({"LD_LIBRARY_PATH": str(planted.folder)}, prey, [*within, *of_the_shell])


def translations(planted: Planted) -> Trap:
    followed = (
        "import sys; sys.base_prefix = ''\n"
        "import argparse\n"
        "assert argparse.ArgumentParser().format_usage().startswith('planted')\n"
    )
    return Trap({}, [sys.executable, "-I", "-c", followed + MODULE])


TRAPS: tuple[Callable[[Planted], Trap], ...] = (
    preloaded,
    audited,
    python_path,
    python_startup,
    openssl_configuration,
    character_sets,
    locales,
    name_services,
    translations,
)
