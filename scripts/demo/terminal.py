"""The operator's terminal: prints each command as one would type it, runs it, prints its answer."""

import shlex
import subprocess
import sys

from tests.integration.openbao import VaultServer

LONGEST_COMMAND = 60.0  # seconds


class BrokenStoryError(Exception):
    """The story took another turn than told; the text says where."""


class Table(dict[str, str]):
    """An answer's rows, first column to second. A missing row raises BrokenStoryError."""

    def __missing__(self, row: str) -> str:
        raise BrokenStoryError(f"expected a row {row}")


class Terminal:
    """Runs the command line of `server` and shows it."""

    def __init__(self, server: VaultServer) -> None:
        self._server = server
        self._program = server.kind.program
        self._bold = "\033[1m{}\033[0m" if sys.stdout.isatty() else "{}"

    @property
    def program(self) -> str:
        """The name of the command line: `bao` or `vault`."""
        return self._program

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        print("\n" + self._bold.format(f"== {text}"), flush=True)

    def say(self, text: str) -> None:
        """Tell what happens between two commands."""
        print(f"\n# {text}", flush=True)

    def run(self, *arguments: str, token: str | None = None, refused: str = "") -> Table:
        """Run a command and give its table.

        With `token` the command runs as its owner, else as root. `refused` is a part of the error
        that is to come. Raises BrokenStoryError when the command fares otherwise.
        """
        as_whom = f"{self._program.upper()}_TOKEN={token} " if token else ""
        print("\n" + self._bold.format(f"$ {as_whom}{self._program} {shlex.join(arguments)}"))
        ran = subprocess.run(
            [self._server.binary, *arguments],
            cwd=self._server.directory,
            env=self._server.environment(token or self._server.root_token),
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND,
            check=False,
        )
        answer = (ran.stdout + ran.stderr).strip()
        if answer:
            print(answer, flush=True)
        if refused:
            self.expect(ran.returncode != 0 and refused in ran.stderr, f"a refusal: {refused}")
        else:
            self.expect(ran.returncode == 0, "success")
        rows = (line.split(None, 1) for line in ran.stdout.splitlines())
        return Table((row[0], row[1].strip()) for row in rows if len(row) == 2)

    def expect(self, held: bool, what: str) -> None:
        """Raise BrokenStoryError unless what was expected held."""
        if not held:
            raise BrokenStoryError(f"expected {what}")
