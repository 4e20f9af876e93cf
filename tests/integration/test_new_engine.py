"""A project by `scripts/new-engine`: linted, tested and built at once, and mounted."""

import subprocess
from pathlib import Path

import pytest

from scripts.project.__main__ import module_of, write
from tests.integration.conftest import ROOT
from tests.integration.openbao import VaultServer


def test_a_new_project_passes_all_and_is_mounted(server: VaultServer, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    script = ROOT / "scripts" / "new-engine"
    subprocess.run([script, "plain-words", folder], cwd=tmp_path, check=True)
    made = subprocess.run(
        ["make"], cwd=folder, capture_output=True, text=True, check=False, timeout=110
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "2 passed" in made.stdout
    server.register("plain-words", folder / "dist" / "plain-words", version="v0.1.0")
    server.enable("plain-words", "words")
    try:
        status, answer = server.http("POST", "/v1/words/words/ann", {"ttl": "1m"})
        assert (status, answer["lease_duration"]) == (200, 60)
        revoked = {"lease_id": answer["lease_id"], "sync": True}
        assert server.http("PUT", "/v1/sys/leases/revoke", revoked)[0] == 204
    finally:
        server.disable("words")


@pytest.mark.parametrize("name", ["", "Pears", "-a", "a--b", "a_b", "json", "shim"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"write lower-case letters|take another name"):
        module_of(name)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ValueError, match="is not empty: name a new folder"):
        write("pears", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
