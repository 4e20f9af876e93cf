"""`scripts/register` as an operator types it, and a second build to upgrade to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import vault_plugin
from tests.integration.mount import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.openbao import VaultServer

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "scripts" / "register"
VERSION = f"v{vault_plugin.VERSION}"
NEWER = "v1000.0.0"


def file_name(version: str) -> str:
    """The name of a version's file in plugin_directory."""
    return f"{PLUGIN}-{version}"


def build(version: str, output: Path, *options: str) -> None:
    """Build the plugin as it will be when it is `version`, to `output`."""
    tree = output.parent / f"tree-{version}"
    engine = tree / "vault_plugin"
    shutil.copytree(ROOT / "vault_plugin", engine, ignore=shutil.ignore_patterns("*.pyc"))
    source = engine / "__init__.py"
    ours, theirs = (f'"{v.removeprefix("v")}"' for v in (VERSION, version))
    assert ours in source.read_text()
    source.write_text(source.read_text().replace(ours, theirs))
    subprocess.run(
        [sys.executable, "-m", "scripts.bundle", "--engine", engine, "--output", output, *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


def register(
    server: VaultServer, *arguments: str, token: str = "", **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run `scripts/register` at `server`, as root or with `token`; a variable of None is unset."""
    environment = server.environment(token or server.root_token) | variables
    return run(*arguments, environment=environment, directory=server.directory)


def run(
    *arguments: str, environment: Mapping[str, str | None], directory: Path
) -> subprocess.CompletedProcess[str]:
    """Run it in `directory` with `environment` alone; a variable of None is unset."""
    return subprocess.run(
        [COMMAND, *arguments],
        env={name: value for name, value in environment.items() if value is not None},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def registered(server: VaultServer, *arguments: str, **options: str) -> str:
    """Run it with ``--apply``, hold that it succeeds, and give what it printed."""
    ran = register(server, *arguments, "--apply", **options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def refused(server: VaultServer, *arguments: str, token: str = "", **variables: str | None) -> str:
    """Run it, hold that it fails, and give its words on standard error."""
    ran = register(server, *arguments, token=token, **variables)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr
