"""Who is measured side by side, and what each is asked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.load import Phase, Target

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Pachd
    from tests.integration.openbao import VaultServer

LOGIN, RENEW, REVOKE, CONFIG, CLIENT = (
    "login",
    "renew",
    "revoke",
    "config read",
    "version/client-only",
)
OPERATIONS = (LOGIN, RENEW, REVOKE, CONFIG, CLIENT)
OURS, POOLED, DIAL = "ours", "go-pooled", "go-dial"
BUILT_IN, KEPT_CALL, DIALLED_CALL = "built-in", "bare call", "bare call, dialled"
PLUGINS = (OURS, POOLED, DIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Whom to ask for what; `watch` are the plugin, the server and the pachd, 0 for none."""

    name: str
    target: Target
    phases: tuple[Phase, ...]
    watch: tuple[int, int, int]

    def part(self, *operations: str) -> Contender:
        """The same, asked for `operations` alone."""
        phases = tuple(phase for phase in self.phases if phase.name in operations)
        return dataclasses.replace(self, phases=phases)


def of_plugin(server: VaultServer, pachd: Pachd, name: str, path: str) -> Contender:
    """The plugin `name`, mounted at `path` and configured for `pachd`."""
    mount(server, pachd, name, path)
    (plugin,) = server.plugin_pids(name)
    phases = (
        _minting(LOGIN, f"{path}/login/robot:bench", "{}"),
        Phase(
            name=RENEW,
            method="PUT",
            path="/v1/sys/leases/renew",
            body='{"lease_id": "%s"}',
            use=LOGIN,
        ),
        _revoking(LOGIN),
        _reading(CONFIG, f"{path}/config"),
        _reading(CLIENT, f"{path}/version/client-only"),
    )
    return Contender(
        name=name,
        target=Target(address=server.address, token=server.root_token),
        phases=phases,
        watch=(plugin, server.pid, pachd.pid),
    )


def built_in(server: VaultServer) -> Contender:
    """The server's own engines.

    ``ssh`` reads its role, mints a password and stores it, on a lease; its leases cannot be
    renewed, so the renewal is of the server's own tokens; ``transit`` answers from memory.
    """
    server.enable("ssh", "ssh")
    server.enable("transit", "transit")
    role = {"key_type": "otp", "default_user": "bench", "cidr_list": "192.0.2.0/24"}
    write(server, "ssh/roles/bench", role)
    phases = (
        _minting(LOGIN, "ssh/creds/bench", '{"ip": "192.0.2.1"}'),
        _revoking(LOGIN),
        Phase(
            name="token",
            method="PUT",
            path="/v1/auth/token/create",
            body='{"ttl": "1h"}',
            keep="auth.client_token",
        ),
        Phase(
            name=RENEW,
            method="PUT",
            path="/v1/auth/token/renew",
            body='{"token": "%s"}',
            use="token",
        ),
        _reading(CONFIG, "ssh/roles/bench"),
        _reading(CLIENT, "transit/cache-config"),
    )
    return Contender(
        name=BUILT_IN,
        target=Target(address=server.address, token=server.root_token),
        phases=phases,
        watch=(0, server.pid, 0),
    )


def bare_call(pachd: Pachd, *, dial: bool) -> Contender:
    """A call of pachd that mints, from Go, over one connection for each client or for each call."""
    return Contender(
        name=DIALLED_CALL if dial else KEPT_CALL,
        target=Target(address=pachd.address, token=pachd.token, pachd=True),
        phases=(Phase(name=LOGIN, method="dial" if dial else "keep"),),
        watch=(0, 0, pachd.pid),
    )


def mount(server: VaultServer, pachd: Pachd, name: str, path: str) -> None:
    """Mount the plugin `name` at `path` and configure it for `pachd`."""
    server.enable(name, path)
    config = {"admin_token": pachd.token, "pachd_address": pachd.address, "ttl": "1h"}
    write(server, f"{path}/config", config)


def files(plugin: Path, binaries: Path) -> dict[str, Path]:
    """The file of each plugin, by its name."""
    return {OURS: plugin, POOLED: binaries / POOLED, DIAL: binaries / DIAL}


def _minting(name: str, path: str, body: str) -> Phase:
    return Phase(name=name, method="PUT", path=f"/v1/{path}", body=body, keep="lease_id")


def _revoking(use: str) -> Phase:
    body = '{"lease_id": "%s", "sync": true}'
    return Phase(name=REVOKE, method="PUT", path="/v1/sys/leases/revoke", body=body, use=use)


def _reading(name: str, path: str) -> Phase:
    return Phase(name=name, method="GET", path=f"/v1/{path}")


def write(server: VaultServer, path: str, body: dict[str, str]) -> None:
    """Write `body` at `path`. Raises RuntimeError for a refusal."""
    status, answer = server.http("POST", f"/v1/{path}", body)
    if status not in (200, 204):
        raise RuntimeError(f"{path}: {status} {answer['errors']}")
