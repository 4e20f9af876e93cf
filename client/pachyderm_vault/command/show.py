"""``pachyderm-vault token``, ``status`` and ``check``."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pachyderm_vault.command import whose
from pachyderm_vault.command.kept import Note
from pachyderm_vault.command.settings import source
from pachyderm_vault.errors import SettingError

if TYPE_CHECKING:
    import argparse


def add_token(parser: argparse.ArgumentParser) -> None:
    """What `token` takes beside the settings."""
    parser.add_argument("--json", action="store_true", help="with address, end and lease")


def token(options: argparse.Namespace) -> int:
    """Print a token, which lives until its lease ends: for scripts.

    It is not renewed and not revoked; vault lease revoke ends it before its time.
    """
    with source(options, keep=False, revoke=False) as kept:
        now = kept.credentials(options.wait)
    if options.json:
        said = {
            "token": str(now.token),
            "pachd_address": now.address,
            "ends": now.ends.isoformat(timespec="seconds"),
            "lease_id": now.lease_id,
        }
        print(json.dumps(said, indent=2))
    else:
        print(now.token)
    return 0


def add_file(parser: argparse.ArgumentParser) -> None:
    """What `status` and `check` take."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=os.environ.get("PACH_CONFIG"),
        help="what run or sidecar keeps fresh; default: $PACH_CONFIG",
    )


def status(options: argparse.Namespace) -> int:
    """Tell whose token a kept file holds, until when, and by which lease."""
    note = _note(options)
    ends = datetime.fromtimestamp(note.ends, timezone.utc)
    left = note.ends - datetime.now(timezone.utc).timestamp()
    print(f"whose    {whose.told(Path(options.file))}")
    print(f"ends     {ends:%Y-%m-%d %H:%M:%S} UTC, in {left:.0f} s, unless renewed")
    print(f"pachd    {note.pachd_address}")
    print(f"lease    {note.lease_id}")
    return 0 if note.fresh else 1


def check(options: argparse.Namespace) -> int:
    """Exit with 0 where a kept file is fresh, for exec probes; asks nobody."""
    note = _note(options)
    if not note.fresh:
        print("pachyderm-vault: its token has ended", file=sys.stderr)
    return 0 if note.fresh else 1


def _note(options: argparse.Namespace) -> Note:
    if options.file is None:
        raise SettingError("say which file: one that run or sidecar keeps, or set PACH_CONFIG")
    return Note.beside(Path(options.file))
