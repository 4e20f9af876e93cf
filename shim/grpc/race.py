"""Connecting to the first of several places that answers, as RFC 8305 (Happy Eyeballs) has it."""

from __future__ import annotations

import asyncio
import itertools
import socket
from typing import TYPE_CHECKING, Final

from shim.grpc.cause import cause, overdue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shim.grpc.lookup import Place

#: seconds that an attempt has for itself (RFC 8305, 5: the Connection Attempt Delay)
_HEAD_START: Final = 0.25


def interleaved(places: Iterable[Place]) -> list[Place]:
    """Families in turn (RFC 8305, 4): if one has no way out, every other attempt has."""
    ordered = list(places)
    first = [place for place in ordered if place.family == ordered[0].family]
    others = [place for place in ordered if place.family != ordered[0].family]
    pairs = itertools.zip_longest(first, others)
    return [place for pair in pairs for place in pair if place is not None]


async def connect(
    places: list[Place], failed: dict[Place, str], limit: float
) -> tuple[Place, socket.socket] | None:
    """The first connection that comes about within `limit` seconds.

    Each attempt has 250 ms before the next begins beside it, which a failure does at once.
    None where none comes about; `failed` then has the cause for each place that was tried.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + limit
    under_way: dict[asyncio.Task[socket.socket], Place] = {}
    left = list(reversed(places))
    try:
        while left or under_way:
            if left:
                place = left.pop()
                under_way[asyncio.ensure_future(_connected(place))] = place
            wait = min(_HEAD_START, end - clock()) if left else end - clock()
            done, _ = await asyncio.wait(
                under_way, timeout=wait, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                place = under_way.pop(attempt)
                try:
                    return place, attempt.result()
                except OSError as error:
                    failed[place] = cause(error)
            if not done and clock() >= end:
                late = cause(overdue("no connection", limit))
                failed.update(dict.fromkeys(under_way.values(), late))
                break
        return None
    finally:
        await _abandon(under_way)


async def _connected(place: Place) -> socket.socket:
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, place.address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _abandon(attempts: Iterable[asyncio.Task[socket.socket]]) -> None:
    """End the attempts of those who were not first, some of which may have come second."""
    for attempt in attempts:
        attempt.cancel()
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, socket.socket):
            outcome.close()
