"""What is read from the SBOMs in a wheel."""

import json
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

import pytest

from scripts.bundle.linked import Linked, linked

ONE = {
    "bom-ref": "path+file:///build/one#1.0",
    "name": "one",
    "version": "1.0",
    "purl": "pkg:cargo/one@1.0?download_url=file://.",
    "licenses": [{"expression": "MIT"}],
}
TWO = {
    "bom-ref": "two",
    "name": "two",
    "version": "2.0",
    "purl": "pkg:cargo/two@2.0",
    "hashes": [{"alg": "SHA-1", "content": "11"}, {"alg": "SHA-256", "content": "22"}],
    "licenses": [{"license": {"id": "MIT"}}, {"license": {"id": "Zlib"}}],
}
DEPENDENCIES = [{"ref": ONE["bom-ref"], "dependsOn": ["two"]}, {"ref": "two"}]


def wheel(folder: Path, name: str = "made-up", **sboms: dict[str, Any]) -> Distribution:
    """A distribution as installed, with these SBOMs in it."""
    about = folder / "made_up-1.dist-info"
    (about / "sboms").mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n")
    for file, components in sboms.items():
        (about / f"sboms/{file}.cdx.json").write_text(json.dumps(components))
    names = (path.relative_to(folder) for path in about.rglob("*") if path.is_file())
    (about / "RECORD").write_text("".join(f"{path},,\n" for path in names))
    return PathDistribution(about)


def test_a_wheel_may_tell_nothing(tmp_path: Path) -> None:
    assert linked(wheel(tmp_path)) == []


@pytest.mark.parametrize(
    "told",
    [
        {"metadata": {}, "components": [ONE, TWO], "dependencies": DEPENDENCIES},
        {"metadata": {"component": ONE}, "components": [TWO], "dependencies": DEPENDENCIES},
    ],
)
def test_each_library_is_told_without_the_places_of_its_build(
    tmp_path: Path, told: dict[str, Any]
) -> None:
    assert linked(wheel(tmp_path, one=told)) == [
        Linked("pkg:cargo/one@1.0", "one", "1.0", "MIT", "", ("pkg:cargo/two@2.0",)),
        Linked("pkg:cargo/two@2.0", "two", "2.0", "MIT AND Zlib", "22", ()),
    ]


def test_a_library_told_twice_is_one(tmp_path: Path) -> None:
    told = {"metadata": {}, "components": [TWO]}
    assert len(linked(wheel(tmp_path, one=told, other=told))) == 1


def test_what_stands_beside_the_modules_is_not_inside(tmp_path: Path) -> None:
    told = {"metadata": {"component": ONE}, "components": [ONE, TWO]}
    assert linked(wheel(tmp_path, auditwheel=told)) == []


def test_libffi_is_in_cffi_though_its_wheel_does_not_say(tmp_path: Path) -> None:
    (libffi,) = linked(wheel(tmp_path, "cffi"))
    assert (libffi.purl, libffi.licence) == ("pkg:generic/libffi", "MIT")
