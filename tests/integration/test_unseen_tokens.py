"""No token that passed through a server shows in its logs.

Servers log at trace level, their plugins with them, and audit every request. Each is searched as it
stops (`VaultServer.check_logs`), so that the test that did it fails; plugins that run without one
are searched by `plugin_host`. Here it is seen that there is something to find, and that it is
found.
"""

from pathlib import Path

import pytest

from tests.integration.mount import Mount, Refused
from tests.integration.openbao import VaultServer
from tests.integration.told_tokens import ToldTokens
from tests.pachd import PachdV1, Simulator

TOKEN = "34cffc9254df40f0a277ee23e9fb005d"


@pytest.fixture
def used(server: VaultServer, plugin: str, v1: Simulator[PachdV1]) -> VaultServer:
    """The server, after each path was given tokens, in vain too, should this test run alone."""
    with Mount(server, "unseen", v1) as mount:
        mount.configure()
        vault_token = server.client().auth.token.create()["auth"]["client_token"]
        login = mount.login(token=vault_token)
        mount.renew(login)
        mount.write("renew", {"user_token": login.token})
        mount.write("revoke", {"user_token": login.token})
        for path in ("renew", "revoke"):
            with pytest.raises(Refused):
                mount.write(path, {"user_token": [login.token]})
        with pytest.raises(Refused):
            mount.configure(admin_token=login.token)
        v1.die()
        for refused in (mount.login, lambda: mount.configure(ttl="1h")):
            with pytest.raises(Refused):
                refused()
        v1.restart()
    return server


def test_no_log_shows_a_token(used: VaultServer) -> None:
    assert len(used.told.tokens) > 2
    assert used.told.shown(used.log_path) == []
    assert used.told.shown(used.audit_path) == []


def test_the_logs_say_much(used: VaultServer) -> None:
    log = used.log_path.read_text(errors="replace")
    assert "[TRACE]" in log
    assert "@module=" in log
    assert "unseen/login/robot:test" in used.audit_path.read_text()


def test_a_token_that_shows_would_be_found(tmp_path: Path) -> None:
    told = ToldTokens()
    told.tokens.add("s.VaultsOwnToken")
    file = tmp_path / "log"
    file.write_text(f"fine {'a' * 64}\n[INFO] token={TOKEN}\nclient_token: s.VaultsOwnToken\n")
    assert told.shown(file) == ["log:2: [INFO] token=<TOKEN>\n", "log:3: client_token: <TOKEN>\n"]


@pytest.mark.parametrize("log", ["log_path", "audit_path"])
def test_a_server_that_shows_a_token_fails_its_test(tmp_path: Path, log: str) -> None:
    server = VaultServer(Path("none"), tmp_path)
    getattr(server, log).write_text(f"[TRACE] {TOKEN}\n")
    with pytest.raises(AssertionError, match="<TOKEN>") as found:
        server.check_logs()
    assert TOKEN not in str(found.value)
