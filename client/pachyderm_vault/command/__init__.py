"""The command ``pachyderm-vault``."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING, Callable, Dict, NamedTuple, Optional, Sequence

import pachyderm_vault
from pachyderm_vault.command import run, show, sidecar
from pachyderm_vault.command.settings import EXITS, add_settings
from pachyderm_vault.errors import RefusedError, SettingError, TokenError

if TYPE_CHECKING:
    Add = Callable[[argparse.ArgumentParser], None]
    Do = Callable[[argparse.Namespace], int]


class Command(NamedTuple):
    """One of its commands: what it takes, what it does, and whether it asks Vault."""

    add: Add
    do: Do
    asks: bool = True


COMMANDS: Dict[str, Command] = {
    "run": Command(run.add, run.do),
    "sidecar": Command(sidecar.add, sidecar.do),
    "token": Command(show.add_token, show.token),
    "status": Command(show.add_file, show.status, asks=False),
    "check": Command(show.add_file, show.check, asks=False),
}


def parser() -> argparse.ArgumentParser:
    """All that is taken."""
    whole = argparse.ArgumentParser(
        prog="pachyderm-vault",
        description="Pachyderm tokens from HashiCorp Vault or OpenBao, kept fresh.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument(
        "--version", action="version", version=f"pachyderm-vault {pachyderm_vault.__version__}"
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        told = (command.do.__doc__ or "").splitlines()[0]
        one = commands.add_parser(
            name,
            help=told,
            description=command.do.__doc__,
            epilog=EXITS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.asks:
            add_settings(one)
        command.add(one)
    return whole


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Do what the command line says; give the exit status."""
    options = parser().parse_args(arguments)
    level = logging.DEBUG if getattr(options, "verbose", False) else logging.WARNING
    logging.basicConfig(format="pachyderm-vault: %(message)s", stream=sys.stderr)
    logging.getLogger("pachyderm_vault").setLevel(level)
    try:
        return COMMANDS[options.command].do(options)
    except TokenError as error:
        print(f"pachyderm-vault: {error}", file=sys.stderr)
        if options.command == "run":
            return 125
        return 2 if isinstance(error, SettingError) else 1 if isinstance(error, RefusedError) else 3
    except KeyboardInterrupt:
        return 130
