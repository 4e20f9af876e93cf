"""From sources and bytecode to one static file."""

import hashlib
import marshal
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeAlias

from scripts.bundle.executable import natives
from scripts.bundle.executable.natives import Native
from scripts.bundle.executable.recipe import Release
from scripts.bundle.executable.target import Target

#: as Debian builds its Python: not at an address of its own each time, which would cost 7 % of
#: every request's time
NOT_ANYWHERE = "-no-pie"
COMPILE = ("-O2", "-g0", "-std=gnu11", "-fno-pie", "-DNDEBUG", "-D_GNU_SOURCE")
SECTIONS = ("-ffunction-sections", "-fdata-sections")
#: as Debian builds its packages
HARDENED = ("-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2")
LINK = ("-static", NOT_ANYWHERE, "-Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,--build-id=none")
LIBRARIES = ("libssl.a", "libcrypto.a", "libexpat.a", "libz.a", "libm.a")
COMPRESSION = "libzstd.a"  # which OpenSSL takes where it is of 3.2 or newer

#: what only glibc's loader defines: with it code could come into the process
LOADER = ("_dl_open", "_dl_open_worker", "dl_open_worker", "__libc_dlopen")
#: calls of which the linker warns that they load shared objects: name services, which main.c
#: settles, and character sets, which glibc has the few of that are asked for
_WARNS = re.compile(r"warning: Using '(\w+)' in statically linked applications requires at runtime")
KNOWN = frozenset(
    f"get{what}"
    for what in (
        *("addrinfo", "grent", "grgid", "grgid_r", "grnam", "grnam_r", "grouplist", "hostbyaddr"),
        *("hostbyaddr_r", "hostbyname", "hostbyname_r", "protobyname", "pwent", "pwnam", "pwnam_r"),
        *("pwuid", "pwuid_r", "servbyname", "servbyport", "spent", "spnam"),
    )
) | {"endgrent", "endpwent", "endspent", "initgroups", "setgrent", "setpwent", "setspent"}


class Faulty(Exception):  # noqa: N818  a finding about the build
    """What was built is not what it should be; the text says why."""


class Module(NamedTuple):
    """A module of Python, and whether it is a package."""

    name: str
    code: bytes
    package: bool


#: modules in C, and the folder that their sources are in
Tree: TypeAlias = tuple[tuple[Native, ...], Path]


class Build:
    """One target's build below `folder`, where objects are kept for the next one."""

    def __init__(self, target: Target, release: Release, protobuf: Path, folder: Path) -> None:
        self._target = target
        self._release = release
        self._protobuf = protobuf
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)

    def link(self, modules: Iterable[Module], *translated: Tree) -> bytes:
        """The executable of `modules`, and of what was `translated` to C. Raises Faulty."""
        trees = (
            (natives.OF_OUR_OWN, natives.OWN),
            (natives.of_python(self._target.arch), self._release.tree),
            (natives.OF_PROTOBUF, self._protobuf),
            *translated,
        )
        found = [
            (source, native, tree)
            for several, tree in trees
            for native in several
            for source in _sources(native, tree)
        ]
        folders = {source.parent for source, _, _ in found}
        beside = {folder: _headers(folder) for folder in folders}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            begun = [
                pool.submit(self._object, source, native, tree, beside[source.parent])
                for source, native, tree in found
            ]
            objects = [one.result() for one in begun]
        every = [native for several, _ in trees for native in several]
        table = self._table(modules, every)
        return self._linked([*objects, table])

    def _object(self, source: Path, native: Native, tree: Path, headers: bytes) -> Path:
        """Compile one source; what was compiled the same way before is taken as it is.

        `headers` is the content of those beside it.
        """
        flags = [flag.format(tree=tree) for flag in native.flags]
        shown = source.relative_to(tree)
        release = self._release
        include = release.root / f"usr/include/python{release.python}"
        compiled = [
            *(self._target.compiler, *COMPILE, *SECTIONS, *HARDENED),
            f"--sysroot={release.root}",
            *("-isystem", str(include), "-isystem", str(include / "internal")),
        ]
        command = [*compiled, *flags, f"-ffile-prefix-map={source.parent}="]
        content = hashlib.sha256(source.read_bytes() + headers)
        content.update("\0".join((*compiled, *native.flags, str(shown))).encode())
        built = self._folder / f"{str(shown).replace('/', '_')}.{content.hexdigest()[:16]}.o"
        if not built.exists():
            unfinished = built.with_suffix(f".{os.getpid()}.new")
            _run([*command, "-c", source, "-o", unfinished])
            unfinished.rename(built)
        return built

    def _table(self, modules: Iterable[Module], compiled: list[Native]) -> Path:
        """The object that holds all bytecode, and the tables that name it and the modules in C."""
        blob = self._folder / "bytecode"
        with blob.open("wb") as file:
            rows = []
            for module in modules:
                rows.append(
                    f'{{.name = "{module.name}", .code = bytecode + {file.tell()}, '
                    f".size = {len(module.code)}, .is_package = {int(module.package)}}}"
                )
                file.write(module.code)
        made = {native.module: native.init for native in compiled if native.init}
        text = _TABLES.format(
            blob=blob,
            modules=",\n    ".join(rows),
            declared="\n".join(f"PyMODINIT_FUNC {init}(void);" for init in made.values()),
            natives=",\n    ".join(f'{{"{name}", {init}}}' for name, init in made.items()),
        )
        source = self._folder / "tables.c"
        source.write_text(text)
        built = self._folder / "tables.o"
        include = self._release.root / f"usr/include/python{self._release.python}"
        _run(
            [
                *(self._target.compiler, *COMPILE, f"--sysroot={self._release.root}"),
                *("-isystem", include, "-c", source, "-o", built),
            ]
        )
        return built

    def _linked(self, objects: list[Path]) -> bytes:
        release, target = self._release, self._target
        libraries = release.root / "usr/lib" / target.triplet
        python = f"usr/lib/python{release.python}/config-{release.python}-{target.triplet}"
        number = release.gcc.split("-")[1]
        own = release.root / "usr/lib/gcc" / target.triplet / number  # the compiler's own library
        whole = self._folder / "whole"
        taken = self._folder / "taken"
        said = _run(
            [
                *(target.compiler, *LINK, f"--sysroot={release.root}"),
                *(f"-B{own}", f"-B{libraries}"),  # ahead of the machine's own
                *(f"-Wl,--dependency-file={taken}", "-o", whole),
                *objects,
                release.root / python / f"libpython{release.python}.a",
                *(libraries / name for name in LIBRARIES),
                *libraries.glob(COMPRESSION),
            ]
        )
        strange = strangers(taken.read_text(), release.root, self._folder)
        if strange:
            raise Faulty(f"linked, but none of the release's packages: {', '.join(strange)}")
        unknown = set(_WARNS.findall(said)) - KNOWN
        if unknown:
            raise Faulty(f"calls that would load shared objects: {', '.join(sorted(unknown))}")
        symbols = _run([f"{target.binutils}nm", whole]).split()
        loader = [name for name in LOADER if name in symbols]
        if loader:
            raise Faulty(f"glibc's loader is inside: {', '.join(loader)}")
        bare = self._folder / "bare"
        _run([f"{target.binutils}strip", "--strip-all", "-o", bare, whole])
        return bare.read_bytes()


def strangers(taken: str, *known: Path) -> list[str]:
    """What a linker's dependency file tells that it took, but for what is below the `known`."""
    of_the_file = taken.partition("\n\n")[0].splitlines()[1:]  # a path a line
    paths = [Path(line.removesuffix("\\").strip()).resolve() for line in of_the_file]
    folders = [folder.resolve() for folder in known]
    return [str(p) for p in paths if not any(p.is_relative_to(folder) for folder in folders)]


def frozen(release: Release, sources: Mapping[str, Path]) -> dict[str, bytes]:
    """The bytecode of modules, by name, compiled by the release's own Python."""
    lines = "".join(f"{name}\t{path}\n" for name, path in sources.items())
    worker = Path(__file__).parent / "freezing.py"
    done = subprocess.run(
        [release.interpreter, "-ISB", worker],
        input=lines.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Faulty(done.stderr.decode())
    codes: dict[str, bytes] = marshal.loads(done.stdout)  # noqa: S302  of our own worker
    return codes


def _sources(native: Native, tree: Path) -> Iterator[Path]:
    for pattern in native.sources:
        for source in sorted(tree.glob(pattern)):
            if not native.without or native.without not in source.name:
                yield source


def _headers(folder: Path) -> bytes:
    """The digest of all headers of a folder."""
    content = hashlib.sha256()
    for header in sorted(folder.glob("*.h")):
        content.update(header.read_bytes())
    return content.digest()


def _run(command: list[str | Path]) -> str:
    """Run a command of the compiler; gives all that it said. Raises Faulty."""
    done = subprocess.run(
        command,
        env=os.environ | {"LC_ALL": "C"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Faulty(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout


_TABLES = """\
#include <Python.h>

__asm__(".section .rodata\\n"
        ".balign 16\\n"
        ".globl bytecode, bytecode_end\\n"
        "bytecode: .incbin \\"{blob}\\"\\n"
        "bytecode_end:\\n"
        ".previous");
extern const unsigned char bytecode[];

const struct _frozen bundled_modules[] = {{
    {modules},
    {{0}}
}};

{declared}

struct _inittab bundled_natives[] = {{
    {natives},
    {{0}}
}};
"""
