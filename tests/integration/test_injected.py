"""The annotations of examples/kubernetes/application.yaml, as the injector has its agents run them.

The agents are the real server's own. They sign in by AppRole: there is no cluster to sign in to.
"""

from __future__ import annotations

import json
import stat
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration import approle
from tests.integration.documents import ROOT
from tests.integration.mount import Mount, eventually
from tests.integration.openbao import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = ROOT / "examples" / "kubernetes" / "application.yaml"
PREFIX = "vault.hashicorp.com/agent-inject-"
POLICY = 'path "pachyderm/creds/app" { capabilities = ["read"] }'
STARTED = 20  # seconds
LOGINS = ("GetAuthToken", "GetRobotToken")


def given() -> dict[str, str]:
    """What the Deployment is annotated with."""
    _, deployment = yaml.safe_load_all(MANIFEST.read_text())
    found: dict[str, str] = deployment["spec"]["template"]["metadata"]["annotations"]
    return found


def names() -> list[str]:
    return [n.removeprefix(f"{PREFIX}secret-") for n in given() if f"{PREFIX}secret-" in n]


class Pod:
    """The volumes that the agents of one pod share, in `folder`."""

    def __init__(self, mount: Mount, folder: Path) -> None:
        self._mount = mount
        self._folder = folder
        role_id, secret_id = approle.enable(mount.server, POLICY)
        for name, text in (("role", role_id), ("secret", secret_id), ("account", "of the pod")):
            (folder / name).write_text(text)

    @property
    def logins(self) -> int:
        counts = self._mount.pachd.counts()
        return sum(counts[method] for method in LOGINS)

    def file(self, name: str) -> Path:
        """What the application has as /vault/secrets/`name`."""
        return self._folder / "secrets" / name

    def vault_token(self) -> str:
        """The agents' own."""
        return (self._folder / "vault-token").read_text()

    @contextmanager
    def agent(self, *, init: bool) -> Iterator[subprocess.Popen[bytes]]:
        """The init container, or the sidecar, of vault-k8s: agent-inject/agent/config.go."""
        config = self._folder / "config.json"
        config.write_text(json.dumps(self._config(init=init)))
        with (self._folder / "log").open("ab") as log:
            running = subprocess.Popen(
                [str(self._mount.server.binary), "agent", f"-config={config}"],
                env=self._mount.server.environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        try:
            yield running
        finally:
            running.terminate()
            running.wait(STARTED)

    def _config(self, *, init: bool) -> dict[str, Any]:
        said = given()
        method = {
            "role_id_file_path": str(self._folder / "role"),
            "secret_id_file_path": str(self._folder / "secret"),
            "remove_secret_id_file_after_reading": False,
        }
        persist = {
            "type": "kubernetes",
            "path": str(self._folder / "cache"),
            "service_account_token_file": str(self._folder / "account"),
        }
        return {
            "exit_after_auth": init,
            "auto_auth": {
                "method": {"type": "approle", "config": method},
                "sink": [{"type": "file", "config": {"path": str(self._folder / "vault-token")}}],
            },
            "template": [
                {
                    "contents": said[f"{PREFIX}template-{name}"],
                    "destination": str(self.file(name)),
                    "perms": said[f"{PREFIX}perms-{name}"],
                }
                for name in names()
            ],
            "cache": {"use_auto_auth_token": "true", "persist": persist},
            "listener": [
                {"type": "tcp", "address": f"127.0.0.1:{free_port()}", "tls_disable": True}
            ],
        }


@pytest.fixture
def pod(mount: Mount, tmp_path: Path) -> Iterator[Pod]:
    mount.write("roles/app", {"subject": "robot:app", "ttl": "5m", "max_ttl": "1h"})
    (tmp_path / "cache").mkdir()
    made = Pod(mount, tmp_path)
    mount.pachd.forget()
    yield made
    mount.server.client().sys.disable_auth_method("approle")


def test_every_file_is_named_in_full() -> None:
    said = given()
    assert names() == ["config.json", "user-token"]
    for name in names():
        assert {f"{PREFIX}{of}-{name}" for of in ("secret", "template", "perms")} <= set(said)
        path = said[f"{PREFIX}secret-{name}"]
        assert f'secret "{path}"' in said[f"{PREFIX}template-{name}"]
    assert said["vault.hashicorp.com/agent-cache-enable"] == "true"


def test_both_files_have_one_token_which_the_sidecar_takes_over(pod: Pod, mount: Mount) -> None:
    with pod.agent(init=True) as agent:
        assert agent.wait(STARTED) == 0
    token = pod.file("user-token").read_text()
    assert mount.pachd.subject_of(token) == "robot:app"
    context = json.loads(pod.file("config.json").read_text())["v2"]
    assert context["contexts"][context["active_context"]] == {
        "pachd_address": f"grpc://{mount.pachd.address}",
        "session_token": token,
    }
    for name in names():
        assert stat.S_IMODE(pod.file(name).stat().st_mode) == 0o400
        pod.file(name).unlink()  # to see it written by the other agent
    with pod.agent(init=False):
        eventually(lambda: all(pod.file(name).exists() for name in names()), STARTED)
        assert pod.file("user-token").read_text() == token
        assert pod.logins == 1
        # What agent-revoke-on-shutdown does at the end of the pod.
        own = pod.vault_token()
        mount.server.client(own).auth.token.revoke_self()
        eventually(lambda: mount.pachd.subject_of(token) is None)
