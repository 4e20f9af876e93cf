"""A source and the files it keeps fresh."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Optional, Sequence

from pachyderm_vault.errors import SettingError

if TYPE_CHECKING:
    from pachyderm_vault.command.kept import Kept
    from pachyderm_vault.lease import Credentials
    from pachyderm_vault.source import TokenSource

log = logging.getLogger("pachyderm_vault")

LOOK = 0.25  # seconds between two looks at what the source has in hand


class Keeping:
    """Writes `files` whenever the token of `source` is another, from `begin` to `end`."""

    def __init__(self, source: TokenSource, files: Sequence[Kept]) -> None:
        self._source = source
        self._files = files
        self._written: Optional[Credentials] = None
        self._over = threading.Event()
        self._turn = threading.Lock()  # nothing is written while, or after, all is cleared
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)
        self.writes = 0
        self.failures = 0

    @property
    def fresh(self) -> bool:
        """Whether what lies in the files lives, as far as is known."""
        written = self._written
        return written is not None and datetime.now(timezone.utc) < written.ends

    def begin(self, timeout: float) -> None:
        """Write them for the first time. Raises TokenError."""
        self._write(self._source.credentials(timeout))
        self._thread.start()

    def end(self) -> None:
        """Take the token out of them, and revoke it."""
        self._over.set()
        with self._turn:
            for file in self._files:
                try:
                    file.clear()
                except SettingError as error:  # noqa: PERF203  it is revoked all the same
                    log.warning("%s", error)
        self._source.close()

    def _run(self) -> None:
        while not self._over.wait(LOOK):
            now = self._source.at_hand()
            if now is None or now == self._written:
                continue
            try:
                self._write(now)
            except Exception as error:  # a thread that ends would let the files get old
                self.failures += 1
                log.warning("%s", error)
                self._over.wait(1)

    def _write(self, now: Credentials) -> None:
        before, path = self._written, self._source.path
        with self._turn:
            if self._over.is_set():
                return
            for file in self._files:
                if before is not None and before.token == now.token and file.file.exists():
                    file.date(now, path)
                else:
                    file.write(now, path)
        self._written = now
        self.writes += 1
