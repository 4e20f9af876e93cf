"""The application's day with the agent: the example keeps a token fresh on the real server."""

import json
import os
import shutil
import stat
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration import approle
from tests.integration.conftest import ROOT
from tests.integration.mount import Mount, eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies' deprecations are not ours to mend
    from pachyderm_sdk import Client

PATH = "pachyderm/creds/app"
EXAMPLES = ROOT / "examples"
LIFE = {"ttl": "2s", "max_ttl": "6s"}  # of the role: two to four renewals, then another login
POLICY = """
path "pachyderm/creds/app" { capabilities = ["read", "update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
"""
STOP_SECONDS = 10


@dataclass(frozen=True)
class AppRole:
    """What an application signs in with, and what its agent finds in its directory."""

    mount: Mount
    role_id: str
    secret_id: str

    @property
    def environment(self) -> dict[str, str]:
        mine = {"ROLE_ID": self.role_id, "SECRET_ID": self.secret_id}
        return self.mount.server.environment() | mine


@pytest.fixture
def app(mount: Mount) -> Iterator[AppRole]:
    """The role ``app`` of the engine, and an AppRole that may use it and nothing else."""
    mount.write("roles/app", {"subject": "robot:app", **LIFE})
    role_id, secret_id = approle.enable(mount.server, POLICY)
    mount.pachd.forget()
    yield AppRole(mount, role_id, secret_id)
    approle.disable(mount.server)


def watch(app: AppRole, current: Callable[[], str], *, tokens: int, seconds: float = 30) -> None:
    """Hold when `current` gives that many tokens in turn, every one alive when it is given."""
    seen: list[str] = []
    deadline = time.monotonic() + seconds
    while len(seen) < tokens:
        assert time.monotonic() < deadline, f"{len(seen)} tokens within {seconds} seconds"
        token = current()
        subject = app.mount.pachd.subject_of(token)
        # A token may be replaced, and its lease end, between the two looks.
        assert subject == "robot:app" or token != current()
        if token not in seen:
            seen.append(token)
        time.sleep(0.05)


def renewals(app: AppRole) -> int:
    """How many renewals reached pachd: on 1.x they extend the token, on 2.x ask whether it is."""
    counts = app.mount.pachd.counts()
    return counts["ExtendAuthToken"] if app.mount.extends else counts["WhoAmI"]


@dataclass(frozen=True)
class Agent:
    """The server's own agent in a home directory, with the example's files."""

    home: Path

    @property
    def file(self) -> Path:
        return self.home / ".pachyderm" / "config.json"

    def context(self) -> dict[str, Any]:
        """What pachctl would use."""
        config = json.loads(self.file.read_text())["v2"]
        context: dict[str, Any] = config["contexts"][config["active_context"]]
        return context

    def token(self) -> str:
        token: str = self.context()["session_token"]
        return token


@pytest.fixture
def agent(app: AppRole, tmp_path: Path) -> Iterator[Agent]:
    for name in ("agent.hcl", "pachctl.ctmpl"):
        shutil.copy(EXAMPLES / "agent" / name, tmp_path)
    (tmp_path / "role-id").write_text(app.role_id)
    (tmp_path / "secret-id").write_text(app.secret_id)
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [str(app.mount.server.binary), "agent", "-config=agent.hcl"],
            cwd=tmp_path,
            env=app.environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        started = Agent(tmp_path)
        eventually(started.file.exists, 20)
        yield started
    finally:
        running.terminate()
        running.wait(STOP_SECONDS)


def test_the_agent_renders_renews_and_renders_anew_before_the_token_ends(
    app: AppRole, agent: Agent
) -> None:
    watch(app, agent.token, tokens=2)
    assert renewals(app) >= 2
    assert agent.context()["pachd_address"] == f"grpc://{app.mount.pachd.address}"
    assert stat.S_IMODE(os.stat(agent.file).st_mode) == 0o600


@pytest.mark.parametrize("pachd", ["2.x"], indirect=True)  # which is what the SDK speaks
def test_pachyderms_own_sdk_takes_what_the_agent_writes(agent: Agent) -> None:
    client = Client.from_config(agent.file)
    assert client.auth.who_am_i().username == "robot:app"


def test_the_agent_replaces_a_token_that_was_revoked(app: AppRole, agent: Agent) -> None:
    before = agent.token()
    app.mount.server.client().sys.revoke_prefix(PATH)
    eventually(lambda: agent.token() != before)
    assert app.mount.pachd.subject_of(agent.token()) == "robot:app"
