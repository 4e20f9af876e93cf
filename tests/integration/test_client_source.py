"""The library keeps a token fresh on the real server, whatever ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import hvac
import pytest

from pachyderm_vault import (
    Agent,
    AppRole,
    AsyncTokenSource,
    ClosedError,
    Credentials,
    RefusedError,
    Session,
    SettingError,
    Token,
    TokenSource,
    UnreachableError,
)
from pachyderm_vault.keeper import KEEPER
from tests.integration import approle
from tests.integration.conftest import ROOT
from tests.integration.mount import Mount, eventually
from tests.integration.openbao import free_port
from tests.pachd.tokens import hashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies' deprecations are not ours to mend
    from pachyderm_sdk.api import pfs

    from pachyderm_vault.sdk import connect

PATH = "pachyderm/creds/app"
SHORT = {"ttl": "2s", "max_ttl": "6s"}  # of the role: two to four renewals, then another login
LONG = {"ttl": "5m", "max_ttl": "1h"}
POLICY = """
path "pachyderm/creds/app" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
"""
alone = pytest.mark.parametrize("pachd", ["2.x"], indirect=True)  # the other is no different


@dataclass(frozen=True)
class App:
    """The role ``app`` of the engine, and an AppRole that may use it and nothing else."""

    mount: Mount
    sign_in: AppRole

    def lasts(self, **span: str) -> None:
        self.mount.write("roles/app", {"subject": "robot:app", **span})

    def client(self) -> hvac.Client:
        return hvac.Client(url=self.mount.server.address, token="")

    def source(self, **options: Any) -> TokenSource:
        return TokenSource(PATH, self.client(), **{"sign_in": self.sign_in, **options})

    def kill(self, credentials: Credentials) -> None:
        """Revoke a token at pachd, behind Vault's back."""
        self.mount.pachd.cluster.tokens.delete(hashed(credentials.token))

    def alive(self, token: str) -> bool:
        return self.mount.pachd.subject_of(token) == "robot:app"

    def logins(self) -> int:
        counts = self.mount.pachd.counts()
        return counts["GetRobotToken"] + counts["GetAuthToken"]


@pytest.fixture
def app(mount: Mount) -> Iterator[App]:
    role_id, secret_id = approle.enable(mount.server, POLICY)
    mount.pachd.forget()
    made = App(mount, AppRole(role_id, secret_id))
    made.lasts(**SHORT)
    yield made
    approle.disable(mount.server)


def watch(app: App, ask: Callable[[], Credentials], tokens: int, seconds: float = 30) -> None:
    """Hold when `ask` gives that many tokens in turn, every one alive when it is given."""
    seen: list[str] = []
    deadline = time.monotonic() + seconds
    while len(seen) < tokens:
        assert time.monotonic() < deadline, f"{len(seen)} tokens within {seconds} seconds"
        token = ask().token
        assert app.alive(token)
        if token not in seen:
            seen.append(token)
        time.sleep(0.05)


@pytest.mark.parametrize("keep", [True, False], ids=["a thread", "asked"])
def test_it_renews_and_logs_in_anew_before_the_token_ends(app: App, keep: bool) -> None:
    with app.source(keep=keep) as source:
        watch(app, source.credentials, tokens=2)
        assert source.counts["renewals"] >= 2
        assert app.logins() == 2
        now = source.credentials()
        assert now.address == app.mount.pachd.address
        assert source.ends is not None
        left = source.ends.timestamp() - time.time()
        assert 0 < left <= 2.1


def test_it_outlives_whatever_may_end_a_token(app: App) -> None:
    app.lasts(**LONG)
    root = app.mount.server.client()
    client = app.client()
    with TokenSource(PATH, client, sign_in=app.sign_in) as source:
        app.kill(gone := source.credentials())
        after = source.refused(gone)
        assert after is not None
        assert app.alive(after.token)
        assert source.refused(after) is None  # twice in five seconds: it is not the token
        eventually(lambda: root.sys.list_leases(f"{PATH}/")["data"]["keys"] is not None)
        leases = root.sys.list_leases(f"{PATH}/")["data"]["keys"]
        eventually(lambda: len(root.sys.list_leases(f"{PATH}/")["data"]["keys"]) == 1)
        assert leases

        root.auth.token.revoke(client.token)  # its leases end with it
        eventually(lambda: not app.alive(after.token))
        source._held._relogin = 0.0
        last = source.refused(after)
        assert last is not None
        assert app.alive(last.token)


@alone
def test_the_vault_token_ends_and_its_method_signs_in_anew(app: App) -> None:
    app.lasts(**LONG)
    app.mount.server.client().auth.approle.create_or_update_approle(
        "app", token_policies=["app"], token_ttl="2s", token_max_ttl="4s"
    )
    with app.source() as source:
        watch(app, source.credentials, tokens=3)


@alone
def test_a_token_is_waited_for_until_pachd_is_back(app: App) -> None:
    with app.source() as source:
        before = source.credentials()
        app.mount.pachd.die()
        threading.Timer(3, app.mount.pachd.restart).start()
        eventually(lambda: source.at_hand() is None)
        after = source.credentials()
        assert after.token != before.token
        assert app.alive(after.token)


@alone
def test_what_a_policy_forbids_is_told_at_once(app: App) -> None:
    path = "pachyderm/login/robot:other"
    source = TokenSource(path, app.client(), sign_in=app.sign_in)
    began = time.monotonic()
    with source, pytest.raises(RefusedError, match="permission denied; the Vault token is dead"):
        source.credentials()
    assert time.monotonic() - began < 5
    nobody = TokenSource(PATH, app.client(), sign_in=Token("nobody"))
    with nobody, pytest.raises(RefusedError, match="sign in again"):
        nobody.credentials()
    wrong = TokenSource("sys/mounts", app.mount.server.client())
    with wrong, pytest.raises(RefusedError, match="unsupported operation"):
        wrong.credentials()


@alone
def test_a_margin_that_no_lease_has_is_a_mistake(app: App) -> None:
    with app.source(margin=60) as source, pytest.raises(SettingError, match="a smaller margin"):
        source.credentials()


@alone
def test_close_revokes_and_gives_no_more(app: App) -> None:
    app.lasts(**LONG)
    source = app.source()
    token = source.token()
    source.close()
    source.close()
    eventually(lambda: not app.alive(token))
    with pytest.raises(ClosedError):
        source.token()
    kept = app.source(revoke=False)
    token = kept.token()
    kept.close()
    assert app.alive(token)


@alone
def test_sources_share_a_session_and_a_thread(app: App) -> None:
    session = Session(app.client(), app.sign_in)
    sources = [TokenSource(PATH, session) for _ in range(8)]
    tokens = {source.token() for source in sources}
    assert len(tokens) == 8
    time.sleep(2.5)
    assert all(app.alive(source.credentials(0).token) for source in sources)
    assert [t.name for t in threading.enumerate()].count("pachyderm-vault") == 1
    for source in sources:
        source.close()
    eventually(lambda: KEEPER._thread is None)


@alone
def test_a_sealed_or_silent_vault_costs_the_living_token_nothing(app: App) -> None:
    app.lasts(**LONG)
    with app.source(keep=False) as source:
        before = source.token()
        source.session.client.adapter.base_uri = "http://127.0.0.1:9"
        began = time.monotonic()
        for _ in range(1000):
            assert source.token() == before
        assert time.monotonic() - began < 1
    nobody = TokenSource(PATH, hvac.Client(url="http://127.0.0.1:9", token="x"), keep=False)
    with nobody, pytest.raises(UnreachableError, match="no answer from Vault at"):
        nobody.token(timeout=0.5)


@alone
def test_threads_that_ask_at_once_make_one_login(app: App) -> None:
    app.lasts(**LONG)
    tokens: set[str] = set()
    with app.source() as source:
        threads = [threading.Thread(target=lambda: tokens.add(source.token())) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(tokens) == 1
    assert app.logins() == 1


@alone
async def test_asyncio_waits_without_holding_the_loop(app: App) -> None:
    client, sign_in = app.client(), app.sign_in
    async with AsyncTokenSource(PATH, client, sign_in=sign_in) as source:
        tokens = await asyncio.gather(*(source.token() for _ in range(50)))
        assert len(set(tokens)) == 1
        first = await source.credentials()
        await asyncio.to_thread(app.kill, first)
        second = await source.refused(first)
        assert second is not None
        assert second.token != first.token
        assert await source.token() == second.token
    with pytest.raises(ClosedError):
        await source.token()


SCRIPT = """
import os, sys, hvac
from pachyderm_vault import *
source = TokenSource({path!r}, hvac.Client(), keep={keep})
def tell(token): print(token, flush=True)
{body}
"""


def started(app: App, body: str, *, keep: bool = True) -> subprocess.Popen[str]:
    environment = app.mount.server.environment(app.mount.server.root_token)
    environment["PYTHONPATH"] = str(ROOT / "client")
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(path=PATH, keep=keep, body=body)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@alone
@pytest.mark.parametrize("keep", [True, False], ids=["a thread", "asked"])
def test_a_child_has_its_own_and_leaves_its_parents_alone(app: App, keep: bool) -> None:
    app.lasts(**LONG)
    body = """
tell(source.token())
child = os.fork()
tell(source.token())
if child:
    os.waitpid(child, 0)
    tell(source.token())
    input()
"""
    with started(app, body, keep=keep) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline().strip() for _ in range(4)]
        parents, childs = lines[0], next(line for line in lines if line != lines[0])
        assert lines.count(parents) == 3
        eventually(lambda: not app.alive(childs))  # revoked at the child's exit
        assert app.alive(parents)
        _, errors = running.communicate("\n", timeout=30)
        assert running.returncode == 0, errors
    eventually(lambda: not app.alive(parents))


@alone
@pytest.mark.parametrize("ending", ["exit", "SIGTERM", "SIGTERM with a handler"])
def test_the_end_of_a_process_revokes(app: App, ending: str) -> None:
    app.lasts(**LONG)
    handler = "import signal; signal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
    body = handler if "handler" in ending else ""
    body += "close_on_sigterm()\ntell(source.token())\ninput()"
    with started(app, body) as running:
        assert running.stdout is not None
        token = running.stdout.readline().strip()
        assert app.alive(token)
        if ending == "exit":
            running.communicate("\n", timeout=30)
        else:
            os.kill(running.pid, signal.SIGTERM)
            running.communicate(timeout=30)
    code = {"exit": 0, "SIGTERM": -signal.SIGTERM}.get(ending, 7)
    assert running.returncode == code
    eventually(lambda: not app.alive(token))


@alone
def test_the_sdk_stays_signed_in(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACH_PYTHON_AUTH_TOKEN", "another's, which pachd would refuse")
    app.lasts(**LONG)
    with app.source() as source:
        client = connect(source)
        assert client.auth.who_am_i().username == "robot:app"
        app.kill(gone := source.credentials())
        assert client.auth.get_permissions is not None
        client.transaction_id = "made anew by this"  # as a transaction does
        assert client.auth_token == source.token()
        with pytest.raises(AttributeError, match="it takes no other"):
            client.auth_token = "mine"
        journal = app.mount.pachd
        journal.forget()
        assert client.auth.who_am_i().username == "robot:app"
        assert source.token() != gone.token
        assert all(len(call.tokens) == 1 for call in journal.journal("WhoAmI"))


@alone
def test_the_sdks_streams_stay_signed_in(app: App) -> None:
    app.lasts(**LONG)
    pachd = app.mount.pachd
    commit = pfs.Commit(repo=pfs.Repo(name="images", type="user"), id="0" * 32)
    with app.source() as source:
        client = connect(source)

        def repos() -> list[str]:
            return [one.repo.name for one in client.pfs.list_repo()]

        assert repos() == ["images"]
        app.kill(source.credentials())
        pachd.forget()
        assert repos() == ["images"]
        assert len(pachd.journal("ListRepo")) == 2  # again, before there was an answer

        source._held._relogin = 0.0
        app.kill(gone := source.credentials())
        with pytest.raises(grpc.RpcError, match="corrupted or has expired"):
            client.pfs.put_file_from_bytes(commit=commit, path="/a", data=b"a")
        assert len(pachd.journal("ModifyFile")) == 1  # what was sent is not sent again
        eventually(lambda: source.credentials().token != gone.token)
        client.pfs.put_file_from_bytes(commit=commit, path="/a", data=b"a")
        assert all(len(call.tokens) == 1 for call in pachd.journal("ModifyFile"))


AGENT = """
vault {{ address = "{server}" }}
auto_auth {{ method "approle" {{ config = {{
  role_id_file_path = "role-id"
  secret_id_file_path = "secret-id"
  remove_secret_id_file_after_reading = false
}} }} }}
cache {{ use_auto_auth_token = true }}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
"""


@alone
def test_an_agents_listener_signs_in_and_its_cache_gives_no_dead_token(
    app: App, tmp_path: Path
) -> None:
    app.lasts(**LONG)
    port, server = free_port(), app.mount.server
    (tmp_path / "agent.hcl").write_text(AGENT.format(server=server.address, port=port))
    (tmp_path / "role-id").write_text(app.sign_in.role_id)
    (tmp_path / "secret-id").write_text(str(app.sign_in.secret_id))
    with (tmp_path / "log").open("wb") as log:
        agent = subprocess.Popen(
            [str(server.binary), "agent", "-config=agent.hcl"],
            cwd=tmp_path, env=server.environment(), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        client = hvac.Client(url=f"http://127.0.0.1:{port}", token="")
        with TokenSource(PATH, client, sign_in=Agent()) as source:
            first = source.credentials()
            assert app.alive(first.token)
            app.kill(first)
            second = source.refused(first)
            assert second is not None
            assert second.token != first.token
            assert app.alive(second.token)
    finally:
        agent.terminate()
        agent.wait(10)
