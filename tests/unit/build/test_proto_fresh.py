"""The generated protobuf code in the tree is what its .proto files say."""

from pathlib import Path

from scripts import proto


def generated_files(root: Path) -> dict[str, str]:
    found = (path for folder in proto.FOLDERS for path in (root / folder).rglob("*_pb2.py*"))
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in found
        if path.suffix in {".py", ".pyi"}
    }


def test_no_generated_file_is_stale_missing_or_orphaned(tmp_path: Path) -> None:
    proto.generate(tmp_path)
    fresh = generated_files(tmp_path)
    checked_in = generated_files(proto.ROOT)
    assert fresh, "no .proto file was found"
    stale = sorted(name for name in fresh | checked_in if fresh.get(name) != checked_in.get(name))
    assert not stale, f"run `make proto`: {stale}"
