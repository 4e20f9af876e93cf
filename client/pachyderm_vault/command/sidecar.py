"""``pachyderm-vault sidecar``: keeps files fresh beside a program, until SIGTERM."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Optional

from pachyderm_vault.command.keeping import Keeping
from pachyderm_vault.command.kept import Kept
from pachyderm_vault.command.listen import Listener
from pachyderm_vault.command.settings import source
from pachyderm_vault.command.signals import ENDING, hear
from pachyderm_vault.errors import SettingError, TokenError

if TYPE_CHECKING:
    import argparse

PATIENCE = 300.0  # seconds for the first token: pods start before what they need


def add(parser: argparse.ArgumentParser) -> None:
    """What it takes beside the settings."""
    add = parser.add_argument_group("files").add_argument
    add("--config", type=Path, metavar="FILE", help="a pachctl configuration to keep fresh")
    add("--context", default="vault", metavar="NAME", help="the context in it; default: vault")
    add("--bare", type=Path, metavar="FILE", help="a file to keep the token in, and nothing else")
    add("--mode", type=mode, default=0o600, help="of the files; default: 600")
    add("--pachd-ca-cert", type=Path, metavar="FILE", help="that pachctl trusts")
    add("--listen", metavar="HOST:PORT", help="answer /healthz and /metrics there")


def mode(text: str) -> int:
    """A file's, in octal digits."""
    return int(text, 8)


def do(options: argparse.Namespace) -> int:
    """Keep a pachctl configuration, or a bare token, fresh until SIGTERM.

    Other contexts of the configuration stay as they are. Each change is a rename. At the end the
    token is taken out and revoked.
    """
    files = []
    if options.config:
        files.append(Kept(options.config, options.context, options.pachd_ca_cert, options.mode))
    if options.bare:
        files.append(Kept(options.bare, mode=options.mode))
    if not files:
        raise SettingError("say what to keep fresh: --config FILE or --bare FILE")
    ends: SimpleQueue[Optional[TokenError]] = SimpleQueue()  # a signal's handler may put into it
    hear(ENDING, lambda *_: ends.put(None))
    kept = source(options)
    keeping = Keeping(kept, files)
    with Listener(options.listen, kept, keeping):
        try:
            wait = max(options.wait, PATIENCE)
            threading.Thread(target=_begun, args=(keeping, ends, wait), daemon=True).start()
            failed = ends.get()
        finally:
            keeping.end()
    if failed is not None:
        raise failed
    return 0


def _begun(keeping: Keeping, ends: SimpleQueue[Optional[TokenError]], wait: float) -> None:
    """Begin, in a thread of its own: SIGTERM is heard meanwhile."""
    try:
        keeping.begin(wait)
    except TokenError as error:
        ends.put(error)
