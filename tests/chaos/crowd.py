"""Clients that wait as long as they please and then leave, in a process of their own.

The simulated pachds run in the test's process: there neither side would have its own speed. They
speak HTTP over raw sockets, since every client library is polite somewhere.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import math
import random
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.conftest import Chaos
    from tests.integration.mount import Mount

HOLD = 90.0  # seconds after which the server itself gives up
FINE = 0.002  # seconds, below which the loop's timers are too coarse
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST in place of FIN
WAYS = ("closes", "resets", "half-closes", "leaves in mid-request")
Ask = tuple[str, str, Any]  # method, path below /v1/, body


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Clients alike, each of whom asks one thing of `asks` after the other, over new connections.

    They come for `seconds`, each beginning a request every `pace` seconds, or as soon as the one
    before is over; without either all ask once, at once. `patience` is the shortest and the
    longest time, in seconds, that one waits for an answer before it leaves in one of `WAYS`; the
    moments between are spread evenly over its orders of magnitude. Without it they wait for every
    answer.
    """

    address: str  # of the server, host:port
    token: str = field(repr=False)
    asks: tuple[Ask, ...]
    clients: int
    seconds: float
    seed: int
    pace: float = 0.0
    patience: tuple[float, float] | None = None


@dataclass
class Came:
    """What came of it. `seconds` are those of each answer, `tokens` hashes of what was told."""

    statuses: Counter[str] = field(default_factory=Counter)  # of answers heard to their end
    words: Counter[str] = field(default_factory=Counter)  # of refusals
    left: int = 0  # requests that were given up
    unanswered: int = 0  # requests whose connection the server ended
    seconds: list[float] = field(default_factory=list)
    slowest_refusal: float = 0.0  # seconds
    tokens: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many requests there were."""
        return self.statuses.total() + self.left + self.unanswered

    @property
    def answered(self) -> int:
        """How many were answered well."""
        return sum(number for status, number in self.statuses.items() if status < "300")

    @property
    def failed(self) -> int:
        """How many were not, of those that were not given up."""
        return self.asked - self.left - self.answered

    def add(self, other: Came) -> None:
        self.statuses += other.statuses
        self.words += other.words
        self.left += other.left
        self.unanswered += other.unanswered
        self.seconds += other.seconds
        self.slowest_refusal = max(self.slowest_refusal, other.slowest_refusal)
        self.tokens += other.tokens

    def percentile(self, share: float) -> float:
        """The seconds within which that share of the answers came."""
        return sorted(self.seconds)[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


def crowd(run: Chaos, mounts: Sequence[Mount], *asks: Ask, token: str = "", **how: Any) -> Crowd:
    """Clients of all `mounts`: the paths of `asks` are below each, `how` is the rest of `Crowd`."""
    server = mounts[0].server
    return Crowd(
        address=server.address.removeprefix("http://"),
        token=token or server.root_token,
        asks=tuple((ask[0], f"{mount.path}/{ask[1]}", ask[2]) for mount in mounts for ask in asks),
        seed=run.random.randrange(10**6),
        **how,
    )


def come(one: Crowd) -> Came:
    """Let a crowd come and go. Raises where its process fails."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(dataclasses.asdict(one)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=one.seconds + 2 * HOLD,
    )
    told = json.loads(done.stdout)
    # JSON knows no Counter
    return Came(**told | {name: Counter(told[name]) for name in ("statuses", "words")})


@contextmanager
def coming(*crowds: Crowd) -> Iterator[list[Future[Came]]]:
    """The crowds side by side, while the context goes on; it ends with the last of them."""
    with ThreadPoolExecutor(max(len(crowds), 1)) as pool:
        yield [pool.submit(come, one) for one in crowds]


def together(*crowds: Crowd) -> list[Came]:
    """What came of each of the crowds, side by side."""
    with coming(*crowds) as came:
        return [one.result() for one in came]


async def _client(crowd: Crowd, rng: random.Random, came: Came, began: float) -> None:
    due = began + rng.uniform(0, crowd.pace)  # not all at once
    while due <= began + crowd.seconds:
        await asyncio.sleep(due - time.monotonic())
        try:
            await _ask(crowd, rng, came)
        except OSError:
            came.unanswered += 1
            await asyncio.sleep(0.05)  # nobody listens
        due = max(due + crowd.pace, time.monotonic())


async def _ask(crowd: Crowd, rng: random.Random, came: Came) -> None:
    """One request, to its answer or to the end of patience. Raises OSError."""
    method, path, body = rng.choice(crowd.asks)
    way = rng.choice(WAYS)
    content = b"" if body is None else json.dumps(body).encode()
    # Of this version, so that an answer ends with its connection and comes in one piece.
    request = (
        f"{method} /v1/{path} HTTP/1.0\r\nHost: {crowd.address}\r\nX-Vault-Token: {crowd.token}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    ).encode() + content
    if crowd.patience is not None and content and way == WAYS[-1]:
        request = request[: -len(content) // 2]
    began = time.monotonic()
    host, _, port = crowd.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        patience = HOLD if crowd.patience is None else _between(rng, *crowd.patience)
        if patience < FINE:
            time.sleep(patience)  # noqa: ASYNC251  all wait, for less than a timer's length
            patience = 0.0
        try:
            async with asyncio.timeout(patience):
                answer = await reader.read(-1)
        except TimeoutError:
            came.left += 1
            await _leave(way, reader, writer)
        else:
            _hear(answer, came, time.monotonic() - began)
    finally:
        writer.transport.abort()


async def _leave(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if way == "resets":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif way == "half-closes":
        writer.write_eof()
        try:
            async with asyncio.timeout(FINE):
                await reader.read(-1)
        except TimeoutError:
            pass


def _hear(answer: bytes, came: Came, seconds: float) -> None:
    """Count an answer. Raises ConnectionError where it is none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    if len(words) < 3:
        raise ConnectionError("no answer")
    status = words[1].decode()
    told = json.loads(body or "{}")
    came.statuses[status] += 1
    if status < "300":
        came.seconds.append(seconds)
        token = (told.get("data") or {}).get("user_token")
        if token:
            came.tokens.append(hashlib.sha256(token.encode()).hexdigest())
    else:
        came.slowest_refusal = max(came.slowest_refusal, seconds)
        came.words[f"{status} {' '.join(told['errors']).strip()[:200]}"] += 1


def _between(rng: random.Random, shortest: float, longest: float) -> float:
    return math.exp(rng.uniform(math.log(shortest), math.log(longest)))


async def _all(crowd: Crowd) -> Came:
    came = Came()
    began = time.monotonic()
    rngs = (random.Random(f"{crowd.seed}-{n}") for n in range(crowd.clients))
    await asyncio.gather(*(_client(crowd, rng, came, began) for rng in rngs))
    return came


def main() -> None:
    crowd = Crowd(**json.load(sys.stdin))
    print(json.dumps(vars(asyncio.run(_all(crowd)))))


if __name__ == "__main__":
    main()
