"""The engine mounted on a server, asked over HTTP as an application asks it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tests.unit.pachd.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.openbao import VaultServer
    from tests.pachd import PachdV1, PachdV2, Simulator

PLUGIN = "vault-plugin-secrets-pachyderm"
SOON = 10.0  # seconds that what follows at once may take on a busy machine


class Refused(Exception):  # noqa: N818  what the server did, not an error of ours
    """An answer that is not a success."""

    def __init__(self, status: int, answer: Any) -> None:
        self.status = status
        self.errors: list[str] = answer["errors"] if answer else []
        super().__init__(f"{status} {self.errors}")


@dataclass(frozen=True)
class Login:
    """A token and its lease, as a login gives them."""

    token: str
    lease: str
    seconds: int
    renewable: bool
    address: str


class Mount:
    """A mount of the plugin for one simulated cluster, unmounted at the end of its context."""

    def __init__(
        self, server: VaultServer, path: str, pachd: Simulator[Any] | Simulator[PachdV1 | PachdV2]
    ) -> None:
        self.server = server
        self.path = path
        self.pachd = pachd

    def __enter__(self) -> Self:
        self.server.enable(PLUGIN, self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.disable(self.path)

    @property
    def extends(self) -> bool:
        """Whether the cluster can extend a token, as 1.x does."""
        return "auth.API" in self.pachd.cluster.services

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str
    ) -> Any:
        """The JSON of one answer; Refused where it is no success."""
        status, answer = self.server.http(method, path, body, token=token, headers=headers)
        if status >= 300:
            raise Refused(status, answer)
        return answer

    def read(self, path: str, *, token: str = "") -> Any:
        return self.ask("GET", f"/v1/{self.path}/{path}", token=token)["data"]

    def write(self, path: str, body: Any = None, *, token: str = "") -> Any:
        return self.ask("POST", f"/v1/{self.path}/{path}", body, token=token)

    def configure(self, **fields: Any) -> None:
        """Write the cluster's admin token and address to ``config``, with ``ttl=5m``."""
        own = {"admin_token": self.pachd.root_token, "pachd_address": self.pachd.address}
        self.write("config", {**own, "ttl": "5m", **fields})

    def login(self, subject: str = "robot:test", *, token: str = "", **fields: Any) -> Login:
        answer = self.write(f"login/{subject}", fields, token=token)
        return Login(
            token=answer["data"]["user_token"],
            lease=answer["lease_id"],
            seconds=answer["lease_duration"],
            renewable=answer["renewable"],
            address=answer["data"]["pachd_address"],
        )

    def renew(self, login: Login, increment: int = 0) -> int:
        """Renew the lease; the seconds it now lasts."""
        body = {"lease_id": login.lease, "increment": increment}
        seconds: int = self.ask("PUT", "/v1/sys/leases/renew", body)["lease_duration"]
        return seconds

    def revoke(self, login: Login, *, sync: bool = True) -> None:
        """Revoke the lease; with `sync`, back when pachd has confirmed."""
        self.ask("PUT", "/v1/sys/leases/revoke", {"lease_id": login.lease, "sync": sync})

    def who_am_i(self, token: str) -> str:
        """Whose token this is at pachd. Raises grpc.RpcError as pachd refuses it."""
        service = "auth.API" if self.extends else "auth_v2.API"
        with Caller(self.pachd.address) as call:
            name: str = call(f"/{service}/WhoAmI", token).username
            return name

    def alive(self, login: Login) -> bool:
        return self.pachd.subject_of(login.token) is not None


def eventually(holds: Callable[[], bool], seconds: float = SOON) -> None:
    """Wait until `holds` gives true; AssertionError where it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.02)
