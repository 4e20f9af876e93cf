"""A plugin with no engine: it tells of itself, prints, logs, fails and calls its host on demand.

A request's `path` names what to do, its `data` says with what. Variables named ``ECHO_*`` change
how it starts.
"""

import asyncio
import ctypes
import encodings.idna  # noqa: F401  asyncio wants it, where ECHO_USER may not read it any more
import itertools
import json
import logging
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable

from shim.framework.host import Host
from shim.grpc import Call, Method, Server
from shim.process.handshake import HandshakeEnvironment
from shim.process.serving import serve
from shim.process.watchdog import TICK
from shim.proto import backend_pb2 as pb
from shim.services import Broker

SETUP = Method("/pb.Backend/Setup", pb.SetupArgs, pb.SetupReply)
HANDLE = Method("/pb.Backend/HandleRequest", pb.HandleRequestArgs, pb.HandleRequestReply)
ABOUT = "echo is a plugin.\nA server starts it, nobody else."
PRINTS = os.environ.get("ECHO_PRINTS", "")  # the host's variables are gone once it serves
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4

log = logging.getLogger("echo.talk")


def spin(text: str = "") -> None:
    while True:
        try:
            hash(text)
        except BaseException:
            continue


def lock_twice(lock: threading.Lock) -> None:
    with lock, lock:
        pass


#: ways to keep the event loop from running, for minutes at least
HANGS: dict[str, Callable[[], object]] = {
    "sleep": lambda: time.sleep(600),
    "loop": spin,
    "system call": lambda: os.read(os.pipe()[0], 1),
    "lock": lambda: lock_twice(threading.Lock()),
    "regular expression": lambda: re.match(r"(a+)+$", "a" * 60 + "b"),
    "power": lambda: pow(7, 10**10),
    "standard error": lambda: deque(map(log.info, itertools.repeat("x" * 10_000))),  # unread
    "deaf": lambda: -1 in itertools.count(),  # holds the GIL and looks for no signal
}


class Echo:
    """The two methods of ``pb.Backend`` that the tests need."""

    def __init__(self, broker: Broker, environment: HandshakeEnvironment) -> None:
        self.broker = broker
        self.environment = environment
        self.hosts: dict[str, Host] = {}

    async def setup(self, args: pb.SetupArgs, call: Call) -> pb.SetupReply:
        [mount] = call.values("multiplex_id")
        try:
            self.hosts[mount] = Host(await self.broker.dial(args.broker_id, timeout=2.0))
        except TimeoutError as error:
            return pb.SetupReply(err=str(error))
        return pb.SetupReply()

    async def handle(self, args: pb.HandleRequestArgs, call: Call) -> pb.HandleRequestReply:
        [mount] = call.values("multiplex_id")
        answer = await self.answer(args.request.path, args.request.data, mount)
        return pb.HandleRequestReply(response=pb.Response(data=answer))

    async def answer(self, path: str, data: str, mount: str) -> str:
        match path:
            case "status":
                return self.status()
            case "print":
                thread = threading.Thread(target=print_everywhere, args=(data,))
                thread.start()
                thread.join()
            case "log":
                log.info("said", extra={"what": data, "count": 7})
            case "raise":
                fail(data)
            case "raise later":
                asyncio.get_running_loop().call_soon(fail, data)
            case "hang":
                HANGS[data]()
            case "hold":
                self.hold(data)
            case "labour":  # in many pieces, each as long as `data` says
                for _ in range(10):
                    time.sleep(float(data))  # noqa: ASYNC251  that is what is tried
                    await asyncio.sleep(0)
            case "sleep":
                await asyncio.sleep(float(data))
            case "occupy a thread":
                asyncio.get_running_loop().run_in_executor(None, threading.Event().wait, 60.0)
            case _:
                entry = await self.hosts[mount].storage.get(path)
                return "" if entry is None else entry.value.decode()
        return ""

    def hold(self, text: str) -> None:
        """Hang with `text` in the frames of the stack."""
        spin(text)

    def status(self) -> str:
        mask = os.umask(0)
        os.umask(mask)
        return json.dumps(
            {
                "dumpable": ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
                "umask": mask,
                "stdin": os.readlink("/proc/self/fd/0"),
                "stdout": os.readlink("/proc/self/fd/1"),
                "host_version": self.environment.host_version,
                "environment": sorted(os.environ),
            }
        )

    async def close(self) -> None:
        for host in self.hosts.values():
            await host.close()
        log.info("closed")


def register(
    server: Server, broker: Broker, environment: HandshakeEnvironment
) -> Callable[[], Awaitable[None]]:
    if PRINTS:
        print(PRINTS)
    echo = Echo(broker, environment)
    server.unary(SETUP, echo.setup)
    server.unary(HANDLE, echo.handle)
    return echo.close


def fail(text: str) -> None:
    raise RuntimeError(text)


def print_everywhere(text: str) -> None:
    """Do to both streams what a careless library does, then die of it."""
    print(text, flush=True)
    os.write(1, text.encode() + b"\n")
    print(text, file=sys.stderr)
    raise ValueError(text)


if __name__ == "__main__":
    if user := int(os.environ.get("ECHO_USER", "0")):
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as exec would: setuid took it away
    serve(
        register,
        about=ABOUT,
        version="v1.2.3",
        modules=("echo",),
        patience=float(os.environ.get("ECHO_PATIENCE", "60")),
        farewell=float(os.environ.get("ECHO_FAREWELL", "60")),
        tick=float(os.environ.get("ECHO_TICK", TICK)),
    )
