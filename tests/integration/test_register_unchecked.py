"""What `scripts/register` says of nodes that it could not ask: who, why, and how to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.openbao import free_port
from tests.integration.pretender import BUILD, RUNNING, Answer, Pretender, nodes, redirect
from tests.integration.register import run

if TYPE_CHECKING:
    from pathlib import Path


def unchecked(active: Pretender, directory: Path) -> str:
    """What it names, where there is nothing to do."""
    environment = {"VAULT_ADDR": active.address, "VAULT_TOKEN": "hvs.token"}
    ran = run("--rollback", "v0.1.0", environment=environment, directory=directory)
    assert ran.returncode == 0, ran.stderr
    done, _, named = ran.stdout.partition("\nNot checked:\n")
    assert "nothing to do" in done
    return named


def test_each_is_named_with_its_reason_and_the_check(tmp_path: Path) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    with (
        Pretender(RUNNING) as active,
        Pretender(otherwise=redirect(f"{active.address}/v1/sys/mounts")) as vaults,
        Pretender(otherwise=Answer({"errors": ["no reads here"]}, 500)) as refusing,
        Pretender(RUNNING) as serving,
    ):
        every = (down, vaults.address, refusing.address, serving.address)
        active.answers |= nodes(*every)
        assert unchecked(active, tmp_path).splitlines() == [
            f"    {down} is not reached: Connection refused",
            f"    {vaults.address} stands by, and runs no plugin until it becomes active",
            f"    {refusing.address} stands by, and runs no plugin until it becomes active",
            f"On each, this must print {BUILD['sha256']}:",
            f"    sha256sum plugin_directory/{BUILD['command']}",
        ]


def test_where_all_were_asked_nothing_is_said(tmp_path: Path) -> None:
    with Pretender(RUNNING) as active, Pretender(RUNNING) as serving:
        active.answers |= nodes(serving.address)
        assert unchecked(active, tmp_path) == ""


def test_nodes_that_may_not_be_listed_are_not_forgotten(tmp_path: Path) -> None:
    refusal = Answer({"errors": ["permission denied"]}, 403)
    with Pretender({**RUNNING, "sys/ha-status": refusal}) as active:
        named = unchecked(active, tmp_path)
    assert "the other nodes, where there are any: the token may not list them" in named
    assert f"sha256sum plugin_directory/{BUILD['command']}" in named
