"""A name server of a hundred lines, over UDP and TCP (RFC 1035)."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

PORT = 53
MOST_OVER_UDP = 512  # bytes
A, CNAME, AAAA = 1, 5, 28
SERVFAIL, NXDOMAIN = 2, 3
_ANSWER, _TRUNCATED = 0x8580, 0x0200  # a response, authoritative, recursion asked for and available
_FIRST_NAME = struct.pack(">H", 0xC00C)  # a pointer to the question's


class Question(NamedTuple):
    """What was asked, and over which protocol."""

    protocol: str
    name: str
    kind: int


class Nameserver:
    """Listens on `host`, port 53, in the network of the thread that makes it.

    `zone` holds what each name has: addresses, or the name that it is another name of; a number is
    an error, None no answer ever. Of all other names it says that there is none such.
    """

    def __init__(self, host: str, zone: Mapping[str, Sequence[str] | int | None]) -> None:
        self.asked: list[Question] = []
        self._zone = zone
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._datagrams = socket.socket(family, socket.SOCK_DGRAM)
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (self._datagrams, self._listener):
            sock.bind((host, PORT))
        self._listener.listen()
        self._threads = [
            threading.Thread(target=serve, daemon=True) for serve in (self._udp, self._tcp)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._datagrams.sendto(b"", self._datagrams.getsockname())
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in (self._datagrams, self._listener):
            sock.close()

    def _udp(self) -> None:
        while True:
            query, peer = self._datagrams.recvfrom(MOST_OVER_UDP)
            if not query:  # our own
                return
            answer = self._answer("udp", query)
            if len(answer) > MOST_OVER_UDP:  # cut behind the question, which stands in all of it
                answer = self._head(query, _TRUNCATED) + query[12 : _end_of_question(query)]
            if answer:
                self._datagrams.sendto(answer, peer)

    def _tcp(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                connection.settimeout(10)
                while length := stream.read(2):
                    answer = self._answer("tcp", stream.read(int.from_bytes(length)))
                    stream.write(len(answer).to_bytes(2) + answer)
                    stream.flush()

    def _head(self, query: bytes, flags: int, answers: int = 0) -> bytes:
        return query[:2] + struct.pack(">HHHHH", _ANSWER | flags, 1, answers, 0, 0)

    def _answer(self, protocol: str, query: bytes) -> bytes:
        """What to answer; nothing where it shall have none."""
        end = _end_of_question(query)
        name = ".".join(_labels(query)).lower()
        (kind,) = struct.unpack(">H", query[end - 4 : end - 2])
        self.asked.append(Question(protocol, name, kind))
        has = self._zone.get(name, NXDOMAIN)
        if has is None:
            return b""
        if isinstance(has, int):
            return self._head(query, has) + query[12:end]
        records = list(self._records(_FIRST_NAME, has, kind))
        return self._head(query, 0, len(records)) + query[12:end] + b"".join(records)

    def _records(self, owner: bytes, has: Sequence[str], kind: int) -> Iterator[bytes]:
        for one in has:
            try:
                address = ipaddress.ip_address(one)
            except ValueError:
                alias = _encoded(one)
                yield _record(owner, CNAME, alias)
                others = self._zone[one]
                assert others is not None
                assert not isinstance(others, int)
                yield from self._records(alias, others, kind)
                continue
            if kind == (A if address.version == 4 else AAAA):
                yield _record(owner, kind, address.packed)


def _labels(query: bytes) -> Iterator[str]:
    place = 12
    while size := query[place]:
        yield query[place + 1 : place + 1 + size].decode()
        place += 1 + size


def _end_of_question(query: bytes) -> int:
    return 12 + sum(1 + len(label) for label in _labels(query)) + 1 + 4


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
