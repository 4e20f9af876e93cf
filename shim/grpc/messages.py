"""Length-prefixed messages: five bytes before each, a flag for compression and the size."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from shim.grpc.status import RpcError, Status

if TYPE_CHECKING:
    from google.protobuf.message import Message

PREFIX: Final = Struct(">BL")
#: more cannot be said in the prefix
LARGEST: Final = (1 << 32) - 1


#: up to here prefix and message are joined: the copy is cheaper than a frame of its own
_JOINED: Final = 1 << 16


def encode_message(message: Message) -> tuple[bytes, ...]:
    """The body of a message, in one piece or two: its prefix and itself.

    Raises RpcError(RESOURCE_EXHAUSTED) beyond four GiB.
    """
    body = message.SerializeToString()
    if len(body) > LARGEST:
        raise RpcError(Status.RESOURCE_EXHAUSTED, f"grpc: message too large ({len(body)} bytes)")
    prefix = PREFIX.pack(0, len(body))
    return (prefix + body,) if len(body) <= _JOINED else (prefix, body)


def lone_message(data: memoryview, limit: int) -> memoryview | None:
    """The message that `data` is, if it is just one, whole, plain and within `limit` bytes."""
    if len(data) < PREFIX.size:
        return None
    flag, size = PREFIX.unpack_from(data)
    alone = not flag and size == len(data) - PREFIX.size and size <= limit
    return data[PREFIX.size :] if alone else None


class MessageReader:
    """Puts the messages of one direction of a call together.

    Memory grows with what has come, not with what a prefix announces.
    """

    __slots__ = ("_buffer", "_encoding", "_limit", "_wanted")

    def __init__(self, limit: int, encoding: str) -> None:
        self._limit = limit
        self._encoding = encoding
        self._buffer = bytearray()
        self._wanted = -1  # the size of the message at hand, -1 before its prefix is whole

    @property
    def wanted(self) -> int:
        """The size of the unfinished message, -1 where it is not known yet."""
        return self._wanted

    @property
    def begun(self) -> bytes:
        """What has come of the unfinished message."""
        return bytes(self._buffer[PREFIX.size :])

    @property
    def held(self) -> int:
        """Bytes of the unfinished message."""
        return len(self._buffer)

    def feed(self, data: memoryview) -> list[memoryview]:
        """Take a piece of body, give the messages it completes.

        A message is a view: of `data`, or of a buffer that is given away with it. Raises
        RpcError: UNIMPLEMENTED for a compressed message, RESOURCE_EXHAUSTED for one beyond the
        limit, INTERNAL for a flag that gRPC does not know.
        """
        done: list[memoryview] = []
        if not self._buffer:
            while len(data) >= PREFIX.size:
                size = self._size(data)
                stop = PREFIX.size + size
                if len(data) < stop:
                    self._wanted = size
                    break
                done.append(data[PREFIX.size : stop])
                data = data[stop:]
            self._buffer += data
            return done
        while len(data):
            if self._wanted < 0:
                missing = PREFIX.size - len(self._buffer)
                self._buffer += data[:missing]
                data = data[missing:]
                if len(self._buffer) < PREFIX.size:
                    break
                self._wanted = self._size(self._buffer)
            missing = PREFIX.size + self._wanted - len(self._buffer)
            self._buffer += data[:missing]
            data = data[missing:]
            if len(self._buffer) == PREFIX.size + self._wanted:
                done.append(memoryview(self._buffer)[PREFIX.size :])
                self._buffer = bytearray()
                self._wanted = -1
        return done

    def _size(self, prefix: memoryview | bytearray) -> int:
        flag, size = PREFIX.unpack_from(prefix)
        if flag == 1:
            raise RpcError(
                Status.UNIMPLEMENTED,
                f'grpc: Decompressor is not installed for grpc-encoding "{self._encoding}"',
            )
        if flag:
            raise RpcError(Status.INTERNAL, f"grpc: received unexpected payload format {flag}")
        if size > self._limit:
            raise RpcError(
                Status.RESOURCE_EXHAUSTED,
                f"grpc: received message larger than max ({size} vs. {self._limit})",
            )
        return int(size)
