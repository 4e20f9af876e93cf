"""The tokens that passed through a server, and where they may not be found again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests

KEYS = {"admin_token", "user_token", "client_token", "token"}  # the last of a wrapped answer
# What pachd gives out, told or not: a UUID of version 4 without dashes, on its own. The random name
# of an entry of the engine's log may look like one.
PACHYDERM = re.compile(
    r"(?<![0-9a-f])(?<!/wal/)[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])"
)
SHORTEST = 8  # characters; shorter ones, such as a test's "no", are words of any text


class ToldTokens:
    """Collects Pachyderm's and Vault's tokens from requests and answers."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()

    def listen(self, reply: requests.Response, *_: Any, **__: Any) -> None:
        """Take the tokens of a request and its answer: a hook of the requests package."""
        for body in (reply.request.body, reply.content):
            if not isinstance(body, str | bytes):
                continue
            try:
                self.tokens.update(_told(json.loads(body or "null")))
            except ValueError:
                continue  # some tests send what is not JSON

    def shown(self, file: Path) -> list[str]:
        """The lines of `file` that show a token, each with its number and without the token."""
        # Thousands of Pachyderm's own would each be looked for at every character.
        others = [token for token in self.tokens if not PACHYDERM.fullmatch(token)]
        wanted = [re.escape(token) for token in others if len(token) >= SHORTEST]
        pattern = re.compile("|".join([PACHYDERM.pattern, *wanted]))
        with file.open(errors="replace") as lines:
            return [
                f"{file.name}:{number}: {pattern.sub('<TOKEN>', line)}"
                for number, line in enumerate(lines, 1)
                if pattern.search(line)
            ]


def _told(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in KEYS and isinstance(inner, str):
                yield inner
            yield from _told(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _told(item)
