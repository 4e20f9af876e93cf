"""The walk of the client's README on what `make demo-up` left running."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.documents import blocks
from tests.integration.openbao import free_port
from tests.integration.test_client_installed import INSTALLING, README, installed_on
from tests.integration.test_demo import demo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(INSTALLING)


def test_the_readme_walks_on_the_demo(plugin_file: Path, tmp_path: Path) -> None:
    assert plugin_file.exists()
    bin_ = installed_on("3.11", "sdk")
    block = next(block for block in blocks(README) if block.info == "console demo")
    script = "\n".join(line[2:] for line in block.text.splitlines())
    demo(tmp_path, "--up")
    try:
        ran = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script.replace("9102", str(free_port()))],
            cwd=tmp_path,
            env={"PATH": f"{bin_}:{os.environ['PATH']}", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    finally:
        demo(tmp_path, "--down")
    assert ran.returncode == 0, ran.stderr
    assert "PACH_CONFIG=" in ran.stdout
    assert "whose    robot:app" in ran.stdout
    assert "b'ok\\n'" in ran.stdout
    assert ran.stdout.endswith("robot:app\n")
