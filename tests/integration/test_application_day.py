"""The application's day: the examples keep a token fresh on the real server and its real agent."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import pytest

from examples.keep_fresh import Credentials, FreshToken, by_approle
from tests.integration.conftest import ROOT
from tests.integration.mount import Mount, eventually
from tests.pachd.tokens import hashed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies' deprecations are not ours to mend
    from pachyderm_sdk import Client  # type: ignore[import-untyped] # ships no types

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

    def kill(self, credentials: Credentials) -> None:
        """Revoke a token at pachd, behind Vault's back."""
        self.mount.pachd.cluster.tokens.delete(hashed(credentials.user_token))

    def logins(self) -> int:
        counts = self.mount.pachd.counts()
        return counts["GetRobotToken"] + counts["GetAuthToken"]


@pytest.fixture
def app(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppRole]:
    """The role ``app`` of the engine, and an AppRole that may use it and nothing else."""
    mount.write("roles/app", {"subject": "robot:app", **LIFE})
    vault = mount.server.client()
    vault.sys.create_or_update_policy("app", POLICY)
    vault.sys.enable_auth_method("approle")
    approle = vault.auth.approle
    approle.create_or_update_approle("app", token_policies=["app"], token_ttl="1h")
    role_id = approle.read_role_id("app")["data"]["role_id"]
    secret_id = approle.generate_secret_id("app")["data"]["secret_id"]
    monkeypatch.setenv("ROLE_ID", role_id)
    monkeypatch.setenv("SECRET_ID", secret_id)
    mount.pachd.forget()
    yield AppRole(mount, role_id, secret_id)
    vault.sys.disable_auth_method("approle")


@pytest.fixture
def vault(app: AppRole) -> hvac.Client:
    """An application's own, not signed in yet."""
    return hvac.Client(url=app.mount.server.address, token="")


@pytest.fixture
def fresh(vault: hvac.Client) -> Iterator[FreshToken]:
    """The Python example, signed in by AppRole."""
    with FreshToken(vault, PATH, by_approle) as running:
        yield running


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


def has_token(fresh: FreshToken) -> bool:
    try:
        fresh.credentials(timeout=0)
    except TimeoutError:
        return False
    return True


def renewals(app: AppRole) -> int:
    """How many renewals reached pachd: on 1.x they extend the token, on 2.x ask whether it is."""
    counts = app.mount.pachd.counts()
    return counts["ExtendAuthToken"] if app.mount.extends else counts["WhoAmI"]


# In Python


def test_python_renews_and_logs_in_anew_before_the_token_ends(
    app: AppRole, fresh: FreshToken
) -> None:
    watch(app, lambda: fresh.credentials().user_token, tokens=2)
    assert renewals(app) >= 2
    assert app.logins() == 2
    assert fresh.credentials().pachd_address == app.mount.pachd.address


def test_python_survives_all_that_may_end_a_token(
    app: AppRole, vault: hvac.Client, fresh: FreshToken
) -> None:
    def another(before: Credentials) -> None:
        eventually(lambda: fresh.credentials() != before)
        assert app.mount.pachd.subject_of(fresh.credentials().user_token) == "robot:app"

    server = app.mount.server
    app.kill(gone := fresh.credentials())
    another(gone)  # the renewal finds out

    app.kill(gone := fresh.credentials())
    fresh.refused(gone)  # the application finds out first
    another(gone)

    gone = fresh.credentials()
    server.client().sys.revoke_prefix(PATH)
    another(gone)

    gone = fresh.credentials()
    server.client().auth.token.revoke(vault.token)
    another(gone)


def test_python_waits_for_pachd_to_come_back(app: AppRole, fresh: FreshToken) -> None:
    before = fresh.credentials()
    app.mount.pachd.die()
    eventually(lambda: not has_token(fresh))
    app.mount.pachd.restart()
    after = fresh.credentials()
    assert after != before
    assert app.mount.pachd.subject_of(after.user_token) == "robot:app"


def test_python_outlives_the_vault_token_it_signed_in_with(
    app: AppRole, vault: hvac.Client
) -> None:
    app.mount.write("roles/app", {"ttl": "5m", "max_ttl": "1h"})
    app.mount.server.client().auth.approle.create_or_update_approle(
        "app", token_policies=["app"], token_ttl="2s", token_max_ttl="4s"
    )
    with FreshToken(vault, PATH, by_approle) as fresh:
        watch(app, lambda: fresh.credentials().user_token, tokens=3)


def test_python_revokes_its_lease_when_it_leaves(app: AppRole, vault: hvac.Client) -> None:
    app.mount.write("roles/app", {"ttl": "5m", "max_ttl": "1h"})
    with FreshToken(vault, PATH, by_approle) as fresh:
        token = fresh.credentials().user_token
        assert app.mount.pachd.subject_of(token) == "robot:app"
    eventually(lambda: app.mount.pachd.subject_of(token) is None)


def test_python_says_when_there_is_no_token(app: AppRole) -> None:
    nobody = hvac.Client(url=app.mount.server.address, token="nobody")
    none = pytest.raises(TimeoutError, match=f"no token from {PATH} within")
    with FreshToken(nobody, PATH) as fresh, none:
        fresh.credentials(timeout=0.2)


def test_python_runs_as_a_script(app: AppRole, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "keep_fresh.py")],
            env=app.environment,
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: f"working with {app.mount.pachd.address}" in log.read_text(), 20)
        eventually(lambda: "renewed the lease" in log.read_text())
    finally:
        running.terminate()
        running.wait(STOP_SECONDS)
    assert not any(token in log.read_text() for token in app.mount.server.told.tokens)


# With the agent


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
def test_pachyderms_own_sdk_takes_what_the_examples_give(fresh: FreshToken, agent: Agent) -> None:
    now = fresh.credentials()
    for client in (
        Client.from_pachd_address(now.pachd_address, auth_token=now.user_token),
        Client.from_config(agent.file),
    ):
        assert client.auth.who_am_i().username == "robot:app"


def test_the_agent_replaces_a_token_that_was_revoked(app: AppRole, agent: Agent) -> None:
    before = agent.token()
    app.mount.server.client().sys.revoke_prefix(PATH)
    eventually(lambda: agent.token() != before)
    assert app.mount.pachd.subject_of(agent.token()) == "robot:app"
