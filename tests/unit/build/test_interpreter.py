"""Which interpreter the build chooses, and what it says of one that cannot do."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from scripts.bundle.zip import interpreter
from tests.unit.build.conftest import build


def fake_python(path: Path, suffix: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {suffix}\n")
    path.chmod(0o755)
    return path


def test_the_system_python_is_the_default_where_it_fits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system = fake_python(tmp_path / "python3", EXTENSION_SUFFIXES[0])
    monkeypatch.setattr(interpreter, "SYSTEM_PYTHON", system)
    assert interpreter.choose(None) == system


@pytest.mark.parametrize("suffix", [".cpython-39-x86_64-linux-gnu.so", ""])
def test_the_build_python_is_the_default_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str
) -> None:
    monkeypatch.setattr(interpreter, "SYSTEM_PYTHON", fake_python(tmp_path / "python3", suffix))
    chosen = interpreter.choose(None)
    assert chosen == Path(sys.base_prefix, "bin", chosen.name).resolve()
    assert interpreter.suffix_of(chosen) == EXTENSION_SUFFIXES[0]


def test_the_build_python_is_the_default_without_a_system_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(interpreter, "SYSTEM_PYTHON", tmp_path / "none")
    assert interpreter.choose(None) == interpreter.build_python()


@pytest.mark.parametrize(
    ("name", "suffix", "said"),
    [
        ("python3", ".cpython-39-x86_64-linux-gnu.so", "native modules end in .cpython-39-"),
        ("py thon3", EXTENSION_SUFFIXES[0], "has a blank"),
        ("python" + 100 * "3", EXTENSION_SUFFIXES[0], "is too long"),
    ],
)
def test_an_interpreter_that_cannot_do_is_refused(
    tmp_path: Path, name: str, suffix: str, said: str
) -> None:
    result = build(
        tmp_path, tmp_path / "plugin", "--interpreter", str(fake_python(tmp_path / name, suffix))
    )
    assert result.returncode == 1
    assert said in result.stderr
    assert not (tmp_path / "plugin").exists()


def test_an_interpreter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(interpreter.UnusableInterpreterError, match="does not run"):
        interpreter.choose(tmp_path / "nowhere")


def test_a_closed_folder_on_the_way_is_named(tmp_path: Path) -> None:
    python = fake_python(tmp_path / "closed/bin/python3", "")
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            assert interpreter.unreachable_for_others(python) is not None
    (tmp_path / "closed").chmod(0o700)
    link = tmp_path / "python3"
    link.symlink_to(python)
    assert interpreter.unreachable_for_others(link) is not None


def test_the_system_shell_is_open_to_all() -> None:
    assert interpreter.unreachable_for_others(Path("/bin/sh")) is None
