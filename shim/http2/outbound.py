"""What we send: the output buffer, the peer's windows and the bodies waiting for them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from shim.http2 import blocks, frames
from shim.http2.settings import PeerSettings
from shim.http2.stream import State, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.http2.stream import Stream

#: the longest frame we send where the peer takes longer ones: other streams get their turn
_LONGEST_FRAME: Final = 65_536
#: above this much unsent output a body waits in its stream's queue instead of here
_DIRECT: Final = 262_144

_DATA: Final = int(frames.FrameType.DATA)
_HEADERS: Final = int(frames.FrameType.HEADERS)
_LAST_HEADERS: Final = frames.END_HEADERS | frames.END_STREAM


class Outbound:
    """The sending half of a connection.

    A body that fits its windows goes straight to the buffer. Any other waits as a view of the
    caller's bytes, not a copy, and `take` cuts frames from the waiting ones in turn.
    """

    def __init__(self, on_closed: Callable[[Stream], None]) -> None:
        self.peer = PeerSettings()
        self.window = frames.DEFAULT_WINDOW
        #: streams with a body in their queue, by id
        self.waiting: dict[int, Stream] = {}
        #: streams whose queue ran empty since the layer above last looked
        self.drained: list[Stream] = []
        #: DATA frames so far
        self.frames = 0
        #: answers to PINGs, which may go with what is sent next
        self.acknowledgements = bytearray()
        self._buffer = bytearray()
        self._ready: deque[Stream] = deque()
        self._on_closed = on_closed
        self._table_notice = True

    @property
    def size(self) -> int:
        """Bytes framed and not taken yet."""
        return len(self._buffer) + len(self.acknowledgements)

    @property
    def ready(self) -> bool:
        """Whether `take` would give something that should not wait."""
        return bool(self._buffer) or (bool(self._ready) and self.window > 0)

    def control(self, frame: bytes) -> None:
        """Queue a control frame, before all bodies."""
        self._buffer += frame

    def last_words(self, frame: bytes) -> None:
        """Queue the GOAWAY of a failed connection; bodies that wait are given up."""
        self._ready.clear()
        self._buffer += frame

    def table_changed(self) -> None:
        """Note that the peer set a new size for its decoder's table."""
        self._table_notice = True

    def headers(self, stream: Stream, block: bytes, *, end: bool) -> None:
        """Send a header block; trailers wait behind their body."""
        if stream.queue:
            stream.trailers = block
            stream.end_queued = end
            return
        self._put_headers(stream, block, end=end)

    def data(self, stream: Stream, data: bytes, *, end: bool) -> None:
        """Send a piece of body, or queue it."""
        size = len(data)
        if self._fits(stream, size):
            self._put_data(stream, data, size, end=end)
            return
        if stream.queue is None:
            stream.queue = deque()
        self.waiting[stream.id] = stream
        self._line_up(stream)
        stream.queue.append(memoryview(data))
        stream.queued += size
        stream.end_queued = end

    def whole(self, stream: Stream, head: bytes, body: bytes, tail: bytes) -> bool:
        """Send headers, a body and, unless empty, trailers, to the stream's end, at once.

        False, and nothing is sent, where any of them would have to be cut or to wait.
        """
        size = len(body)
        longest = max(len(head), len(tail))
        if longest > self.peer.max_frame_size or self._table_notice or not self._fits(stream, size):
            return False
        self._buffer += frames.frame(_HEADERS, frames.END_HEADERS, stream.id, head)
        self._put_data(stream, body, size, end=not tail)
        if tail:
            self._buffer += frames.frame(_HEADERS, _LAST_HEADERS, stream.id, tail)
            self._end(stream)
        return True

    def drop(self, stream: Stream) -> None:
        """Close a stream and forget what it still had to send."""
        stream.state = State.CLOSED
        if stream.queue:
            stream.queue.clear()
            stream.queued = 0
            del self.waiting[stream.id]
            stream.trailers = None
            self.drained.append(stream)

    def widen(self, stream: Stream, increment: int) -> None:
        """Raise (or, after SETTINGS, lower) a stream's window; the caller checks its bounds."""
        stream.send_window += increment
        if stream.queue and stream.send_window > 0:
            self._line_up(stream)

    def take(self, budget: int) -> bytearray:
        """The bytes to write next: all control frames, then bodies until about `budget`."""
        while self._ready and len(self._buffer) < budget:
            stream = self._ready[0]
            if stream.queue and self.window <= 0 and len(stream.queue[0]):
                break
            self._ready.popleft()
            stream.in_line = False
            if stream.queue:  # else dropped while it waited
                self._put_next(stream)
        taken, self._buffer = self._buffer, bytearray()
        if self.acknowledgements:
            taken += self.acknowledgements
            self.acknowledgements.clear()
        return taken

    def _fits(self, stream: Stream, size: int) -> bool:
        """Whether a body of `size` bytes may go straight to the buffer, in one frame."""
        return (
            not stream.queue
            and size <= stream.send_window
            and size <= self.window
            and size <= self.peer.max_frame_size
            and len(self._buffer) < _DIRECT
        )

    def _line_up(self, stream: Stream) -> None:
        if not stream.in_line:
            stream.in_line = True
            self._ready.append(stream)

    def _put_next(self, stream: Stream) -> None:
        """Cut one frame from a stream's queue; the stream goes to the end of the turn."""
        queue = stream.queue
        assert queue  # noqa: S101 - the caller has looked
        head = queue[0]
        room = min(stream.send_window, self.window, self.peer.max_frame_size, _LONGEST_FRAME)
        size = max(0, min(len(head), room))
        if not size and len(head):
            return  # its own window is shut; `widen` brings it back
        if size == len(head):
            queue.popleft()
        else:
            queue[0] = head[size:]
        stream.queued -= size
        last = not queue
        end = last and stream.end_queued and stream.trailers is None
        self._put_data(stream, head[:size], size, end=end)
        if not last:
            self._line_up(stream)
            return
        del self.waiting[stream.id]
        self.drained.append(stream)
        if stream.trailers is not None:
            block, stream.trailers = stream.trailers, None
            self._put_headers(stream, block, end=stream.end_queued)

    def _put_data(self, stream: Stream, data: bytes | memoryview, size: int, *, end: bool) -> None:
        stream.send_window -= size
        self.window -= size
        stream.sent += size
        self.frames += 1
        buffer = self._buffer
        buffer += frames.HEADER.pack(
            size >> 8,
            size & 0xFF,
            _DATA,
            frames.END_STREAM if end else 0,
            stream.id,
        )
        buffer += data
        if end:
            self._end(stream)

    def _put_headers(self, stream: Stream, block: bytes, *, end: bool) -> None:
        if self._table_notice:
            self._table_notice = False
            block = blocks.NO_TABLE + block
        self._buffer += frames.header_frames(
            stream.id, block, end=end, size=self.peer.max_frame_size
        )
        if end:
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        stream.send(Step.SEND_END)
        self._on_closed(stream)
