"""``docs/paths.md`` says of each path what the engine says."""

import re
from pathlib import Path

import pytest

from shim import Path as EnginePath
from vault_plugin.engine import backend

TEXT = (Path(__file__).parents[3] / "docs" / "paths.md").read_text()
SECTIONS = {
    name: body
    for heading, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for name in re.sub(r"&lt;(\w+)&gt;", r"{\1}", heading).split(", ")
}
PATHS = {path.template: path for path in backend().paths}
# What must be there after the first write, and so is no required field of each.
REQUIRED_ONCE = {"config": {"admin_token", "pachd_address"}, "roles/{name}": {"subject"}}
TABLE_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def test_every_path_is_there_and_no_other() -> None:
    assert SECTIONS.keys() == PATHS.keys()


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_every_field_is_there_and_no_other(path: EnginePath) -> None:
    told = {name: default for name, default, _ in TABLE_ROW.findall(SECTIONS[path.template])}
    assert told.keys() == path.fields.keys()
    for name, field in path.fields.items():
        required = field.required or name in REQUIRED_ONCE.get(path.template, ())
        assert (told[name] == "required") == required


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_every_operation_is_there_and_no_other(path: EnginePath) -> None:
    listed = re.search(r"Operations:\s([a-z, \n]+)\.", SECTIONS[path.template])
    assert listed is not None
    told = set(listed[1].replace("\n", " ").replace(",", " ").split())
    assert told - {"create"} == {str(operation) for operation in path.operations}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_every_answer_is_there(path: EnginePath) -> None:
    body = SECTIONS[path.template]
    for action in path.operations.values():
        for name in action.answers:
            assert f"`{name}`" in body


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
async def test_every_path_has_help(path: EnginePath) -> None:
    assert path.synopsis.endswith(".")
    assert path.description.strip()
    assert all(field.description.endswith(".") for field in path.fields.values())
