"""What may go wrong with a pachd while leases come due: how each fault begins, and how it ends."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc
from grpc import StatusCode

from tests.integration.mount import eventually
from tests.pachd import When, self_signed
from tests.pachd.impostors import IMPOSTORS, Behaviour
from tests.unit.engine.cluster import add_token, kill
from tests.unit.pachd.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.mount import Login, Mount

EVERY = "*"  # method of pachd's
NAMES = ("localhost", "127.0.0.1")
LONG = 30.0  # seconds, more than any request_timeout here
LONG_LIFE = 7200  # seconds
CROWD = 16  # checked calls at once, which a 2.x pachd does not survive
BOTH = ("1.x", "2.x")


@dataclass
class Scene:
    """One mount with its cluster and the fault that befalls it."""

    outage: Outage
    mount: Mount
    config: dict[str, Any]
    due: list[Login] = field(default_factory=list)  # whose leases end while the outage lasts
    undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def pachd(self) -> Any:
        """The cluster, of either generation."""
        return self.mount.pachd

    def configure(self, **fields: Any) -> None:
        """Write what an operator writes for this cluster."""
        scheme = "grpc" if self.pachd.roots is None else "grpcs"
        trusted = {} if self.pachd.roots is None else {"ca_cert": self.pachd.roots.decode()}
        address = {"pachd_address": f"{scheme}://{self.pachd.address}"}
        self.mount.configure(**address, **trusted, **self.config, **fields)


@dataclass(frozen=True)
class Outage:
    """A fault, in the words of the report.

    `stops` is whether pachd's answer to a revocation cannot come through, so that every token must
    outlive the outage.
    """

    name: str
    begin: Callable[[Scene], object]
    end: Callable[[Scene], object]
    generations: tuple[str, ...] = BOTH
    stops: bool = True
    tls: bool = False


def outlive(mount: Mount, *logins: Login) -> None:
    """On 1.x let the tokens live on beyond their leases, so that it is a revocation that ends them.

    On 2.x a token of a renewable lease does so anyway.
    """
    if mount.extends:
        with Caller(mount.pachd.address, mount.pachd.roots) as call:
            for login in logins:
                fields: dict[str, Any] = {"token": login.token, "ttl": LONG_LIFE}
                call("/auth.API/ExtendAuthToken", mount.pachd.root_token, **fields)


def nothing(scene: Scene) -> None:
    """The fault of the healthy, and the end of a fault that is over by itself."""
    del scene


def impersonate(behave: Behaviour, scene: Scene) -> None:
    scene.pachd.babble(behave)
    scene.pachd.drop_connections()


def be_itself(scene: Scene) -> None:
    scene.pachd.babble(None)
    scene.pachd.drop_connections()


def replace_certificate(scene: Scene) -> None:
    """pachd comes back with another certificate; what went before is kept to be put back."""
    scene.pachd.restart(self_signed(*NAMES))


def show_the_wrong_certificate(scene: Scene) -> None:
    right = scene.pachd.certificate
    replace_certificate(scene)
    scene.undo.callback(scene.pachd.restart, right)


def revoke_the_admin(scene: Scene) -> None:
    kill(scene.pachd, scene.pachd.root_token)


def write_another_admin(scene: Scene) -> None:
    """What the documentation tells an operator to do."""
    subject = "robot:admin" if scene.mount.extends else "pach:root"
    scene.pachd.cluster.root_token = add_token(scene.pachd, subject, ttl=0)
    scene.configure()


def revoke_the_tokens(scene: Scene) -> None:
    for login in scene.due:
        kill(scene.pachd, login.token)


def crowd(scene: Scene) -> None:
    """Somebody else makes more checked calls at once than pachd's database has connections for."""
    database = scene.pachd.cluster.database
    usual, database.round_trip = database.round_trip, 0.3
    pool = scene.undo.enter_context(ThreadPoolExecutor(CROWD))
    callers = [scene.undo.enter_context(Caller(scene.pachd.address)) for _ in range(CROWD)]

    def ask(call: Caller) -> None:
        with contextlib.suppress(grpc.RpcError, ValueError):  # given up at the end
            call("/auth_v2.API/ExtractAuthTokens", scene.pachd.root_token, timeout=600)

    for call in callers:
        pool.submit(ask, call)
    eventually(lambda: database.in_use == 10)
    scene.undo.callback(setattr, database, "round_trip", usual)


def take_back(scene: Scene) -> None:
    """End what the outage's beginning left to be undone."""
    scene.undo.close()


def lift(scene: Scene) -> None:
    scene.pachd.faults.clear()


HEALTHY: Final = Outage("none", nothing, nothing, stops=False)
FAULTS: Final = (
    Outage("down", lambda s: s.pachd.die(), lambda s: s.pachd.restart()),
    Outage("slow", lambda s: s.pachd.faults.slow(EVERY, LONG), lift),
    Outage("drops every call", lambda s: s.pachd.faults.drop(EVERY), lift),
    Outage(
        "drops every answer", lambda s: s.pachd.faults.drop(EVERY, When.AFTER), lift, stops=False
    ),
    Outage(
        "answers too late",
        lambda s: s.pachd.faults.slow(EVERY, LONG, When.AFTER),
        lift,
        stops=False,
    ),
    Outage(
        "refuses",
        lambda s: s.pachd.faults.refuse(EVERY, StatusCode.UNKNOWN, "pq: starting up"),
        lift,
    ),
    Outage("half-open", lambda s: s.pachd.freeze(), lambda s: s.pachd.thaw()),
    Outage("vanished", lambda s: s.pachd.vanish(), lambda s: s.pachd.thaw()),
    Outage("behind a dead route", lambda s: s.pachd.deafen(), lambda s: s.pachd.restart()),
    Outage("wrong certificate", show_the_wrong_certificate, take_back, tls=True),
    Outage("another certificate", replace_certificate, lambda s: s.configure(), tls=True),
    Outage("admin token revoked", revoke_the_admin, write_another_admin, stops=False),
    Outage("tokens revoked", revoke_the_tokens, nothing, stops=False),
    Outage("deadlocked", crowd, take_back, generations=("2.x",)),
)
IMPERSONATED: Final = tuple(
    Outage(f"impostor: {name}", partial(impersonate, behave), be_itself, (BOTH[number % 2],))
    for number, (name, behave) in enumerate(IMPOSTORS.items())
)
