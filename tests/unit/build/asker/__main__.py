"""What it is asked is in the arguments; one line of JSON is the answer."""

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from shim.grpc import Channel, RpcError, trust_system
from shim.grpc.lookup import LOOKUPS


async def names(*asked: str) -> dict[str, Any]:
    """The addresses of each name, all of them looked up at once; a number where that fails."""
    answers = await asyncio.gather(*map(LOOKUPS.find, asked), return_exceptions=True)
    found: dict[str, Any] = {}
    for name, answer in zip(asked, answers, strict=True):
        if isinstance(answer, socket.gaierror):
            found[name] = answer.errno
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found[name] = [place.address[0] for place in answer]
    return found


async def leave(name: str) -> str:
    """Leave a look-up under way at the end of the process."""
    try:
        async with asyncio.timeout(0.2):
            await LOOKUPS.find(name)
    except TimeoutError:
        return "left"
    return "found"


async def dial(host: str, port: str) -> str:
    """Why a server is not reached by TLS with the system's trust, empty where it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust_system(context)
    channel = Channel.tcp(host, int(port), tls=context)
    try:
        await channel.connect(10)
    except RpcError as error:
        return error.message
    finally:
        await channel.close()
    return ""


def capabilities() -> int:
    """The effective ones of this process, as capabilities(7) has them."""
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if "CapEff:" in x]
    return int(line.split()[1], 16)


def mapped() -> list[str]:
    """The files that are mapped into this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = {" ".join(line.split()[5:]) for line in lines}
    return sorted(path for path in paths if path and not path.startswith("["))


COMMANDS: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
    "names": names,
    "leave": leave,
    "dial": dial,
}


def main() -> None:
    """Do as the arguments say."""
    what, *arguments = sys.argv[1:]
    answer = asyncio.run(COMMANDS[what](*arguments))
    seen = {"answer": answer, "mapped": mapped(), "capabilities": capabilities()}
    print(json.dumps(seen))
