"""A plugin's life: started by the host, one line said, served, gone when the host is.

The host starts the file, reads one line from its standard output and from then on speaks gRPC over
the unix socket named there (go-plugin). One process serves every mount of the plugin.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import math
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

from google.protobuf.internal import api_implementation

from shim.grpc import Limits, Server
from shim.process import handshake, hardening, logs, signals
from shim.process.handshake import HandshakeEnvironment, HandshakeError
from shim.process.life import FAREWELL, PATIENCE, Life
from shim.process.native import forget_bytecode
from shim.process.selector import ReadyFirst
from shim.process.tls import SERVER_NAME, mutual_tls
from shim.process.unix_socket import admit_group, private_path
from shim.process.watchdog import TICK, Watchdog
from shim.services import Broker, Controller, Health, Multiplexing, Stdio, Version
from shim.services.multiplexing import MULTIPLEX_ID

log = logging.getLogger(__name__)

#: puts an engine's services on the server; gives what closes them
Services = Callable[[Server, Broker, HandshakeEnvironment], Callable[[], Awaitable[None]]]

#: seconds for the calls at hand to end, and again for the engine to close: the host kills a
#: process that stays longer than 2
_GRACE: Final = 0.9
#: objects made and not ended after which the young ones are looked through for garbage: requests
#: under way have hundreds, which Python's own limit would have looked through again and again
_YOUNG: Final = 3_000
_STDIN, _STDOUT = 0, 1
#: what the host may do where mutual TLS tells that it is the host. It resets as many calls as its
#: clients give up, asks as much as they ask and, when it is stopped for a while, reads and writes
#: nothing: a guard that cuts it off ends this process, and every mount's requests with it.
_OF_THE_HOST: Final = Limits(
    max_concurrent_streams=16_384,
    payer=MULTIPLEX_ID,
    idle_frames=math.inf,
    resets=math.inf,
    frame_timeout=math.inf,
    stall_timeout=math.inf,
)


def serve(
    services: Services,
    *,
    about: str | Callable[[], str],
    version: str = "",
    modules: tuple[str, ...] = (),
    patience: float = PATIENCE,
    farewell: float = FAREWELL,
    tick: float = TICK,
) -> NoReturn:
    """Live as a plugin; never returns. The exit status is 1 where it could not serve.

    `services` is called once, in the running loop, before the host can connect. `about` is what
    somebody reads who starts the plugin by hand, or tells it. `version` is the plugin's
    (``v1.2.3``, or "" for none), `modules` are the packages that log in full. Of seconds,
    `patience` is how many to wait for the host's first connection, `farewell` how many it is
    served after a SIGTERM, and `tick` how many lie between two questions of the watchdog.
    """
    if not handshake.launched_by_host(os.environ):
        shown = about if isinstance(about, str) else about()
        sys.stderr.write(shown.rstrip("\n") + "\n")
        sys.exit(1)
    signals.leave_alone()
    logs.setup("shim", *modules)
    try:
        stdout = _take_stdout()
        _demand_upb()
        hardening.harden()
        environment = handshake.read(os.environ)
        hardening.forget_environment()
        if environment.mlock:
            hardening.lock_memory()
        life = _live(services, environment, Version(version), stdout, patience, farewell)
        loop = asyncio.SelectorEventLoop(ReadyFirst())
        loop.set_exception_handler(_log_stray)
        Watchdog(loop, tick).start()
        loop.run_until_complete(life)
    except (HandshakeError, hardening.MemoryNotLocked) as error:
        log.error("%s", error)
        _exit(1)
    except Exception:
        log.exception("the plugin cannot run")
        _exit(1)
    _exit(0)


def refuse(why: str, modules: tuple[str, ...] = ()) -> NoReturn:
    """Say why this cannot be served, to whoever started it: the host's log, or somebody by hand."""
    if handshake.launched_by_host(os.environ):
        logs.setup("shim", *modules)
        log.error("%s", why)
    else:
        sys.stderr.write(why + "\n")
    _exit(1)


async def _live(
    services: Services,
    environment: HandshakeEnvironment,
    version: Version,
    stdout: int,
    patience: float,
    farewell: float,
) -> None:
    trusted = environment.host_certificate
    tls = mutual_tls(trusted) if trusted else None
    life = Life(farewell)
    server = Server(
        limits=_OF_THE_HOST if tls else None,
        on_connections=life.connections,
        on_error=_log_error,
    )
    broker = Broker(tls.client if tls else None, SERVER_NAME, life.host_left)
    controller = Controller(lambda: life.end("the host says so", asked=True))
    for service in (broker, controller, Stdio(life.over), Health(), Multiplexing(), version):
        service.register(server)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, life.dismiss)
    signals.hear_term()
    with private_path(environment.socket_dir) as path:
        close = services(server, broker, environment)
        await server.listen_unix(path, tls.server if tls else None)
        admit_group(path, environment.socket_group)
        gc.collect()
        gc.freeze()  # what start-up made lives as long as the process: never look through it again
        gc.set_threshold(_YOUNG)
        forget_bytecode()
        line = handshake.line(environment.protocol_version, path, tls.certificate if tls else b"")
        os.write(stdout, line.encode())
        os.close(stdout)
        life.begin(patience)
        await life.over.wait()
        await server.drain(_GRACE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(close(), _GRACE)


def _take_stdout() -> int:
    """Keep standard output for the handshake line alone; return the descriptor to write it to.

    Whatever else anyone prints, before or after, goes nowhere: a second line before ours breaks
    the handshake, and one over 64 KiB after it stops the host from reading. Standard input is
    closed to us likewise.
    """
    stdout = os.dup(_STDOUT)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, _STDIN)
    os.dup2(nowhere, _STDOUT)
    os.close(nowhere)
    return stdout


def _demand_upb() -> None:
    """Raise HandshakeError unless protobuf is the compiled one: the other is 30 times slower."""
    found = api_implementation.Type()
    if found != "upb":
        raise HandshakeError(
            f"protobuf runs on its {found!r} implementation, this plugin needs 'upb': install the"
            " protobuf wheel of this platform and unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
        )


def _log_error(method: str, error: BaseException) -> None:
    log.error("%s failed: %s", method, type(error).__name__, exc_info=error)


def _log_stray(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception that nobody awaited. asyncio would show it, and arguments, as a repr."""
    del loop
    what = context["message"].partition("(")[0]
    log.error("%s", what, exc_info=context.get("exception"))


def _exit(status: int) -> NoReturn:
    """End now: a thread still busy, in a name look-up say, would hold up an orderly exit."""
    os._exit(status)
