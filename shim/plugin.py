"""A plugin from a function that makes a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from shim.framework import declared
from shim.framework.declared import Misdeclared
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

    `factory` is called once for each mount, at its setup, and once where somebody starts the file
    by hand, who reads what is wrong with it. `version` is semantic and must be the one the plugin
    is registered with (``v1.2.3`` there), where it is registered with one. `about` is what is read
    by hand where nothing is wrong; `modules` are the packages whose log lines are passed on in
    full.
    """
    try:
        semantic = declared.version(version)
    except Misdeclared as error:
        serving.refuse(f"{name}: {error}", modules)

    def services(
        server: Server, broker: Broker, environment: HandshakeEnvironment
    ) -> Callable[[], Awaitable[None]]:
        servicer = BackendServicer(
            factory,
            broker,
            version=semantic.removeprefix("v"),
            metadata_mode=environment.metadata_mode,
        )
        servicer.register(server)
        return servicer.close

    def by_hand() -> str:
        try:
            factory()
        except Exception as error:
            return f"{name}: the engine cannot be made: {declared.told(error)}"
        return about or _BY_HAND.format(name=name, version=semantic)

    serving.serve(services, about=by_hand, version=semantic, modules=modules)
