"""Bytes to frames: the preface, frame headers, and what is left of an unfinished frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.http2 import frames
from shim.http2.errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterator


class FrameReader:
    """Cuts a byte stream into frames; holds at most one unfinished frame."""

    __slots__ = ("_partial", "_preface", "_wanted", "count")

    def __init__(self, preface: bytes) -> None:
        self._preface = preface
        self._partial = bytearray()
        self._wanted = 0
        #: whole frames so far
        self.count = 0

    @property
    def unfinished(self) -> bool:
        """Whether part of a frame has come and the rest has not."""
        return bool(self._partial)

    def read(self, data: bytes) -> Iterator[tuple[int, int, int, memoryview]]:
        """Yield type, flags, stream id and payload of each whole frame.

        Raises `ConnectionFault` for a wrong preface and for a frame longer than we allow.
        """
        if self._partial:
            self._partial += data
            if len(self._partial) < self._wanted:
                return
            data = bytes(self._partial)
            self._partial.clear()
        position = self._take_preface(data) if self._preface else 0
        end = len(data)
        view = memoryview(data)
        unpack = frames.HEADER.unpack_from
        self._wanted = frames.HEADER_SIZE
        while end - position >= frames.HEADER_SIZE:
            high, low, kind, flags, stream_id = unpack(data, position)
            length = high << 8 | low
            if length > frames.DEFAULT_FRAME_SIZE:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"frame of {length} bytes")
            start = position + frames.HEADER_SIZE
            stop = start + length
            if stop > end:
                self._wanted = stop - position
                break
            position = stop
            self.count += 1
            yield kind, flags, stream_id & frames.MAX_STREAM_ID, view[start:stop]
        if position < end:
            self._partial += view[position:]

    def _take_preface(self, data: bytes) -> int:
        """Check the client's preface as far as it has come; the number of bytes it took."""
        part = data[: len(self._preface)]
        if not self._preface.startswith(part):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 connection preface")
        self._preface = self._preface[len(part) :]
        return len(part)
