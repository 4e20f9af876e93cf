"""What a peer may do without doing work: rapid reset, and floods of frames that carry little.

Servers are held to it as clients are: what pings, drips or sends what nobody waits for costs as
much at either end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shim.http2.errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from shim.http2.limits import Limits

#: idle frames that one DATA frame of ours, or one finished stream, excuses
_EXCUSED: Final = 4
#: bytes of body below which a DATA frame that ends nothing carries too little. Honest senders cut
#: at 16 KiB, or where a window ends; a proxy may leave a small piece behind each whole one.
SCANT: Final = 1024
#: bytes below which a read that ends no frame brings too little: segments are longer
SIP: Final = 256


class Allowance:
    """A bucket that refills with time and with work done."""

    __slots__ = ("_left", "_most", "_rate", "_since")

    def __init__(self, most: float, per_second: float, now: float) -> None:
        self._most = most
        self._rate = per_second
        self._left = self._most
        self._since = now

    def earn(self, amount: float) -> None:
        """Give back `amount`, never above the full bucket."""
        self._left = min(self._most, self._left + amount)

    def spend(self, now: float) -> bool:
        """Take one; False when the bucket is empty. `now` is in seconds, of any monotonic clock."""
        if now > self._since:
            self.earn((now - self._since) * self._rate)
            self._since = now
        self._left -= 1
        return self._left >= 0


class Guard:
    """Counts a peer's cheap frames and resets; too many raise `ConnectionFault`.

    Time alone would be a wrong measure: grpc-go sends a PING for about every batch of data it
    gets (its bandwidth estimate) and WINDOW_UPDATE for what it takes, thousands a second on a
    local socket. So work gives some back.
    """

    __slots__ = ("_idle", "_resets", "now")

    def __init__(self, limits: Limits, now: float) -> None:
        self._idle = Allowance(limits.idle_frames, limits.idle_frames_per_second, now)
        self._resets = Allowance(limits.resets, limits.resets_per_second, now)
        #: the time of the bytes at hand, in seconds
        self.now = now

    def stream_finished(self) -> None:
        """Note a stream that came to its proper end."""
        self._idle.earn(_EXCUSED)
        self._resets.earn(1)

    def data_sent(self, count: int) -> None:
        """Note `count` DATA frames of ours, each of which the peer may answer by idle ones."""
        self._idle.earn(count * _EXCUSED)

    def worked(self) -> None:
        """Note a piece of work of the peer's: a good part of a body, or a whole message."""
        self._idle.earn(1)

    def idle_frame(self) -> None:
        """Count a frame that carries no work."""
        if not self._idle.spend(self.now):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames without work")

    def reset(self) -> None:
        """Count a stream that the peer reset, or made us reset."""
        if not self._resets.spend(self.now):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many streams reset")
