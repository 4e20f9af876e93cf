"""The streams of a connection: the live ones, and which ids were ever used."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from shim.http2.errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from shim.http2.stream import Stream

#: closed streams remembered by id, so that a late frame is told from a wrong one
_REMEMBERED: Final = 1_000


class Streams:
    """The table of one connection. Only clients open streams: ids are odd."""

    __slots__ = ("_closed", "_serves", "last_id", "live", "next_id")

    def __init__(self, *, serves: bool) -> None:
        self.live: dict[int, Stream] = {}
        #: the highest id a client opened here and we took (server)
        self.last_id = 0
        #: the id our next stream gets (client)
        self.next_id = 1
        self._serves = serves
        self._closed: OrderedDict[int, bool] = OrderedDict()

    def forget(self, stream_id: int, *, late_frames: bool) -> None:
        """Drop a closed stream. `late_frames`: we cut it, the peer may not know yet."""
        self.live.pop(stream_id, None)
        self._closed[stream_id] = late_frames
        if len(self._closed) > _REMEMBERED:
            self._closed.popitem(last=False)

    def cut(self, stream_id: int) -> bool:
        """Whether a stream that is over was ended by us before its time, as far as is known."""
        return self._closed.get(stream_id, False)

    def is_idle(self, stream_id: int) -> bool:
        """Whether no one ever opened that id."""
        if stream_id in self._closed:
            return False
        if not stream_id & 1:
            return True
        return stream_id > self.last_id if self._serves else stream_id >= self.next_id

    def check_late(self, stream_id: int, what: str) -> None:
        """Judge a frame `what` on a stream that is not live; returns where it is merely late.

        Raises `ConnectionFault` for an idle id (RFC 9113 section 5.1) and for one whose closing
        the peer knows; an id skipped by the peer was never a stream (section 5.1.1).
        """
        late = self._closed.get(stream_id)
        if late:
            return
        if late is None and (what == "HEADERS" or self.is_idle(stream_id)):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{what} on stream {stream_id}")
        raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"{what} on a closed stream")
