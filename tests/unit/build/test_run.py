"""The built file runs anywhere, leaves nothing behind, and runs no code but its own."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from scripts.bundle.contents import NATIVES
from scripts.bundle.zip.interpreter import suffix_of
from tests.unit.build.conftest import Built, build
from tests.unit.process.namespaces import own_mounts

NOBODY = 65534
ALL_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def files_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_an_empty_environment_is_enough(built: Built) -> None:
    seen = built.witness()
    assert seen["protobuf"] == "upb"
    assert " " in str(built.path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_another_user_can_run_it(built: Built) -> None:
    assert built.witness(user=NOBODY)["user"] == NOBODY


def test_native_modules_come_from_sealed_memory(built: Built) -> None:
    native = built.witness()["native"]
    assert len({module["file"] for module in native.values()}) == len(native) == 3
    for module in native.values():
        assert module["file"].startswith("/proc/self/fd/")
        assert module["seals"] & ALL_SEALS == ALL_SEALS
        assert module["cloexec"]


def test_all_else_comes_from_the_file_or_the_standard_library(built: Built) -> None:
    seen = built.witness()
    assert seen["path"][0] == str(built.path)
    assert not [entry for entry in seen["path"] if "site-packages" in entry]
    allowed = (str(built.path) + "/", "/proc/self/fd/", *seen["path"][1:])
    foreign = {n: p for n, p in seen["modules"].items() if p and not p.startswith(allowed)}
    assert not foreign


def test_nothing_is_written(built: Built, tmp_path: Path) -> None:
    homes = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "cache"}
    for folder in (*homes.values(), "cwd"):
        (tmp_path / folder).mkdir()
    before = files_below(tmp_path) + files_below(built.path.parent)
    built.witness(env={k: str(tmp_path / v) for k, v in homes.items()}, cwd=tmp_path / "cwd")
    assert files_below(tmp_path) + files_below(built.path.parent) == before


def test_every_file_system_may_be_read_only(built: Built) -> None:
    read_only = own_mounts(
        "while read -r _ place _; do mount -o remount,bind,ro $place 2>/dev/null || true; done"
        " < /proc/mounts\n"
        "if touch /tmp/writable 2>/dev/null; then echo '/tmp is writable' >&2; exit 9; fi"
    )
    built.witness(within=read_only)


def test_tmp_may_be_noexec(built: Built, tmp_path: Path) -> None:
    noexec = own_mounts(f"mount -t tmpfs -o noexec,nosuid tmpfs '{tmp_path}'")
    built.witness(within=noexec, env={"TMPDIR": str(tmp_path), "HOME": str(tmp_path)}, cwd=tmp_path)


def test_no_code_of_a_site_or_of_the_environment_runs(engine: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin/python"
    (site,) = environment.glob("lib/python3*/site-packages")
    planted = "import os, pathlib; pathlib.Path(os.environ['RAN']).touch()\n"
    (site / "planted.pth").write_text(planted)
    (site / "sitecustomize.py").write_text(planted)
    variables = {
        "RAN": str(tmp_path / "ran"),
        "PYTHONPATH": str(site),
        "PYTHONSTARTUP": str(site / "sitecustomize.py"),
        "PYTHONINSPECT": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    subprocess.run([python, "-c", ""], env=variables, check=True, stdin=subprocess.DEVNULL)
    ran = tmp_path / "ran"
    assert ran.exists(), "the trap does not work"
    ran.unlink()

    plugin = Built(tmp_path / "plugin")
    assert build(engine, plugin.path, "--interpreter", str(python)).returncode == 0
    assert plugin.path.read_bytes().startswith(f"#!{python} -IS".encode())
    plugin.witness(env=variables)
    assert not ran.exists()


def test_variables_that_libraries_read_as_they_load_are_dropped(
    built: Built, tmp_path: Path
) -> None:
    (tmp_path / "openssl.cnf").write_text("this is no configuration\n")
    seen = built.witness(
        env={
            "OPENSSL_CONF": str(tmp_path / "openssl.cnf"),
            "OPENSSL_MODULES": str(tmp_path),
            "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
            "TMPDIR": str(tmp_path),
        }
    )
    assert seen["protobuf"] == "upb"
    assert [name for name in seen["environment"] if name != "LC_CTYPE"] == ["TMPDIR"]


@pytest.mark.parametrize("name", ["json", "fcntl", "google", "hpack", "_cffi_backend", "shim"])
def test_nothing_is_imported_from_the_working_directory(
    built: Built, tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working directory')")
    built.witness(cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})


def test_a_traceback_reads_no_file_below_the_working_directory(
    built: Built, tmp_path: Path
) -> None:
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness/__main__.py").write_text("planted\n" * 50)
    ran = built.run("fail", cwd=tmp_path)
    assert 'File "<witness/__main__.py>", line ' in ran.stderr
    assert "asked to fail" in ran.stderr
    assert "planted" not in ran.stderr


def altered(built: Built, path: Path, old: bytes, new: bytes) -> Built:
    """The built file with one place altered."""
    data = built.path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    path.chmod(0o755)
    return Built(path)


@pytest.mark.parametrize("what", [1, 2, 4], ids=["Python", "CPU", "libc"])
def test_another_kind_of_python_is_refused_in_one_line(
    built: Built, tmp_path: Path, what: int
) -> None:
    ours = re.split("[-.]", EXTENSION_SUFFIXES[0])[1:-1]  # cpython 311 x86_64 linux gnu
    theirs = [*ours[:what], ours[what][::-1], *ours[what + 1 :]]
    old, new = (f'BUILT_FOR = ".{"-".join(kind)}.so"' for kind in (ours, theirs))
    check_refusal(altered(built, tmp_path / "plugin", old.encode(), new.encode()).run(), "plugin")


@pytest.mark.parametrize("native", NATIVES)
def test_a_native_module_that_does_not_load_is_told_in_one_line(
    built: Built, tmp_path: Path, native: str
) -> None:
    """As on another CPU or C library, where its first bytes or its needs do not fit."""
    name = native.replace("/", ".")
    archive = zipfile.ZipFile(built.path)
    image = archive.read(f"native/{name}.so")
    # elf(5): e_machine is at 18. zipimport does not check an entry's CRC.
    for_another = image[:18] + b"\0\0" + image[20:]
    ran = altered(built, tmp_path / "plugin", image, for_another).run()
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("[ERROR] plugin cannot load " + name)


def check_refusal(ran: subprocess.CompletedProcess[str], name: str) -> None:
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith(f"[ERROR] {name} is built for cpython-")


def test_every_other_python_here_is_refused_in_one_line(built: Built) -> None:
    minors = (minor for minor in range(6, 20) if minor != sys.version_info.minor)
    named = filter(None, (shutil.which(f"python3.{minor}") for minor in minors))
    # A version manager's stand-ins are on PATH also where they have nothing to run.
    others = [python for python in named if suffix_of(Path(python))]
    if not others:
        pytest.skip("no other Python 3 on PATH")
    for python in others:
        check_refusal(built.run(within=[python, "-IS"]), "witness")
