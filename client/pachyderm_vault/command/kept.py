"""The files that are kept fresh: a pachctl configuration, or a bare token.

Beside each lies ``.FILE.lease``, which says until when it is fresh and by which lease, and holds no
secret: what `status` and `check` read.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Optional

from pachyderm_vault.errors import SettingError

if TYPE_CHECKING:
    from pachyderm_vault.lease import Credentials


@dataclass(frozen=True)
class Kept:
    """One file. `context` is the context in a pachctl configuration; None is for a bare token."""

    file: Path
    context: Optional[str] = None
    ca_cert: Optional[Path] = None
    mode: int = 0o600

    @property
    def note(self) -> Path:
        """Where it is said until when it is fresh."""
        return self.file.with_name(f".{self.file.name}.lease")

    def write(self, now: Credentials, path: str) -> None:
        """Put the token in by rename, so that no reader sees half of it. Raises SettingError."""
        text = str(now.token) if self.context is None else self._with(now)
        replace(self.file, text, self.mode)
        self.date(now, path)

    def date(self, now: Credentials, path: str) -> None:
        """Say until when what is there is fresh."""
        said = {
            "path": path,
            "pachd_address": now.address,
            "lease_id": now.lease_id,
            "ends": now.ends.timestamp(),
        }
        replace(self.note, json.dumps(said, indent=1), self.mode)

    def clear(self) -> None:
        """Take the token out again; what others put there stays. Raises SettingError."""
        try:
            self.note.unlink()
            if self.context is None:
                self.file.unlink()
                return
        except FileNotFoundError:
            return  # nothing was written
        except OSError as error:
            told = f"the token cannot be taken out of {self.file}: {error.strerror}"
            raise SettingError(told) from None
        whole = self._configuration()
        mine = whole["v2"]["contexts"].get(self.context) or {}
        if mine.pop("session_token", None) is not None:
            replace(self.file, json.dumps(whole, indent=2), self.mode)

    def _with(self, now: Credentials) -> str:
        whole = self._configuration()
        contexts = whole["v2"]["contexts"]
        mine = dict(contexts.get(self.context) or {})
        mine["pachd_address"] = with_scheme(now.address)
        mine["session_token"] = str(now.token)
        if self.ca_cert is not None:
            mine["server_cas"] = base64.b64encode(_read(self.ca_cert)).decode()
        contexts[self.context] = mine
        whole["v2"]["active_context"] = whole["v2"].get("active_context") or self.context
        return json.dumps(whole, indent=2)

    def _configuration(self) -> Dict[str, Any]:
        """The configuration that is there, or an empty one."""
        try:
            whole = json.loads(self.file.read_text(encoding="utf-8") or "{}")
        except FileNotFoundError:
            whole = {}
        except (OSError, ValueError):
            whole = None
        if not isinstance(whole, dict) or not isinstance(whole.setdefault("v2", {}), dict):
            raise SettingError(f"{self.file} is no configuration of pachctl's: move it away")
        if not isinstance(whole["v2"].setdefault("contexts", {}), dict):
            raise SettingError(f"{self.file} is no configuration of pachctl's: move it away")
        return whole


@dataclass(frozen=True)
class Note:
    """What lies beside a file that is kept."""

    path: str
    pachd_address: str
    lease_id: str
    ends: float

    @property
    def fresh(self) -> bool:
        """Whether the token in the file lives, as far as is known."""
        return self.ends > datetime.now(timezone.utc).timestamp()

    @classmethod
    def beside(cls, file: Path) -> Note:
        """Read it. Raises SettingError where there is none."""
        note = Kept(file).note
        try:
            return cls(**json.loads(note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise SettingError(
                f"nobody keeps {file}: {note.name} is not beside it; is it the file that run or"
                " sidecar keeps?"
            ) from None


def with_scheme(address: str) -> str:
    """Pachd's address as pachctl's configuration wants it."""
    return address if "://" in address else f"grpc://{address}"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingError(f"{file} cannot be read: {error.strerror}") from None


def replace(file: Path, text: str, mode: int) -> None:
    """Write `file` anew and put it in place by rename. Raises SettingError."""
    target = Path(os.path.realpath(file))
    try:
        number, name = tempfile.mkstemp(dir=str(target.parent), prefix=f".{target.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as new:
                new.write(text + "\n")
                os.fchmod(new.fileno(), mode)
                new.flush()
                os.fsync(new.fileno())
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}") from None
