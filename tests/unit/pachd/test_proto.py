"""The message classes checked in are those of the .proto files beside them."""

from pathlib import Path

from tests.pachd.proto import generate


def test_generated_code_is_not_stale(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    fresh = tmp_path / "tests" / "pachd" / "proto"
    names = {path.name for path in fresh.iterdir()}
    assert names == {path.name for path in generate.HERE.glob("*_pb2.py*")}
    for name in names:
        assert (fresh / name).read_text() == (generate.HERE / name).read_text(), name
