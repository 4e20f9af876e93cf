"""A plugin from a function that makes a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from shim.framework.servicer import BackendServicer
from shim.process import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shim.framework.backend import Backend
    from shim.grpc import Server
    from shim.process.handshake import HandshakeEnvironment
    from shim.services import Broker

_BY_HAND = "{name} {version} is a plugin of HashiCorp Vault or OpenBao: the server starts it.\n"


def serve(
    factory: Callable[[], Backend],
    *,
    name: str,
    version: str,
    about: str = "",
    modules: tuple[str, ...] = (),
) -> NoReturn:
    """Run the process of a secrets engine until the host ends it; never returns.

    `factory` is called once for each mount, at its setup. `version` is semantic with a leading
    ``v`` and must be the one the plugin is registered with, where it is registered with one.
    `about` is what an operator reads who starts the plugin by hand; `modules` are the packages
    whose log lines are passed on in full.
    """

    def services(
        server: Server, broker: Broker, environment: HandshakeEnvironment
    ) -> Callable[[], Awaitable[None]]:
        servicer = BackendServicer(factory, broker, metadata_mode=environment.metadata_mode)
        servicer.register(server)
        return servicer.close

    by_hand = about or _BY_HAND.format(name=name, version=version)
    serving.serve(services, about=by_hand, version=version, modules=modules)
