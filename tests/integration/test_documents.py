"""Every command of the documents runs as written, on the real server's own command line."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import GENERATIONS, StartServer
from tests.integration.documents import (
    DOCUMENTS,
    ROOT,
    blocks,
    broken_links,
    missing_files,
    untested_commands,
)
from tests.integration.fake_kubectl import WithKubectl
from tests.integration.kept_server import KeptServer
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV1, PachdV2, Simulator

INSTALLS = re.compile(r"secrets enable|scripts/register")
STAGES = {"install.md": KeptServer, "kubernetes.md": WithKubectl}  # others run on a dev server

TESTED = {
    document: [c for block in blocks(document) if block.tested for c in block.commands()]
    for document in DOCUMENTS
}
ON_A_SERVER = [
    document
    for document in DOCUMENTS
    if any(block.runs_on(generation) for block in blocks(document) for generation in GENERATIONS)
]


def run(script: str, server: VaultServer, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `script` as root of the server would, with its binary as ``vault`` on PATH."""
    command = server.directory / "bin" / "vault"
    command.parent.mkdir(exist_ok=True)
    command.symlink_to(server.binary)
    environment = server.environment(server.root_token)
    environment["PATH"] = f"{command.parent}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-x", "-c", script],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("document", ON_A_SERVER, ids=lambda d: d.name)
def test_the_commands_run_as_written(
    another: StartServer,
    plugin_file: Path,
    newer_plugin_file: Path,
    document: Path,
    generation: str,
) -> None:
    script = "\n".join(
        command
        for block in blocks(document)
        if block.runs_on(generation)
        for command in block.commands()
    )
    server = another(STAGES.get(document.name, VaultServer), bare=True)
    pachd: Simulator[PachdV1 | PachdV2] = Simulator(GENERATIONS[generation]())
    with pachd:
        if not INSTALLS.search(script):  # this one begins where README ends
            server.register(PLUGIN, plugin_file)
            mount = Mount(server, "pachyderm", pachd)
            server.enable(PLUGIN, mount.path)
            mount.configure()
        ran = run(
            script,
            server,
            PLUGIN_DIRECTORY=str(server.plugin_directory),
            ADMIN_TOKEN=pachd.root_token,
            ADDRESS=pachd.address,
            NEWER=str(newer_plugin_file),
        )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_no_command_is_shown_untested(document: Path) -> None:
    every = [command for commands in TESTED.values() for command in commands]
    assert untested_commands(document, every) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_links_lead_to_files(document: Path) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_the_files_that_are_named_exist(document: Path) -> None:
    assert missing_files(document) == []


def test_the_readme_and_the_paths_have_commands() -> None:
    assert {d.name for d in DOCUMENTS if TESTED[d]} >= {"README.md", "paths.md"}
