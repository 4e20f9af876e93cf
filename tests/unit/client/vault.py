"""A Vault of one's own making: answers what a test says, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import hvac

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = tuple[int, dict[str, Any]]

LOGIN = "pachyderm/creds/app"
SIGN_IN = "auth/approle/login"
LOOKUP = "auth/token/lookup-self"
RENEW = "sys/leases/renew"
REVOKE = "sys/leases/revoke"
RENEW_SELF = "auth/token/renew-self"
REVOKE_SELF = "auth/token/revoke-self"


class Vault:
    """`answers` says for a path what is answered; what is not there is 404."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {
            LOGIN: self._log_in,
            SIGN_IN: lambda _: (200, {"auth": signed_in()}),
            LOOKUP: lambda _: (200, {"data": {"renewable": False, "accessor": "a"}}),
            RENEW: lambda _: (200, {"lease_duration": self.ttl, "renewable": True}),
            REVOKE: lambda _: (204, {}),
            REVOKE_SELF: lambda _: (204, {}),
            RENEW_SELF: lambda _: (200, {"auth": signed_in()}),
        }
        self.ttl = 600.0
        self.asked: Counter[str] = Counter()
        self.revoked: list[str] = []

    def client(self, token: str = "") -> hvac.Client:
        return hvac.Client(url=self.address, token=token)

    def answer(self, path: str, body: dict[str, Any]) -> Answer:
        self.asked[path] += 1
        if path == REVOKE:
            self.revoked.append(body["lease_id"])
        answered = self.answers.get(path)
        return refused(404) if answered is None else answered(body)

    def _log_in(self, body: dict[str, Any]) -> Answer:
        del body
        number = self.asked[LOGIN]
        return 200, {
            "data": {"user_token": f"token-{number}", "pachd_address": "pachd:30650"},
            "lease_id": f"lease-{number}",
            "lease_duration": self.ttl,
            "renewable": True,
        }


def signed_in(seconds: float = 3600, *, renewable: bool = True) -> dict[str, Any]:
    """What a sign-in answers."""
    return {"client_token": "vault", "lease_duration": seconds, "renewable": renewable}


def refused(status: int, *words: str) -> Answer:
    """What a refusal is."""
    return status, {"errors": list(words)}


@contextmanager
def vault() -> Iterator[Vault]:
    """One that runs within the context."""
    server = _Server(("127.0.0.1", 0), _Handler)
    made = Vault(f"http://127.0.0.1:{server.server_port}")
    server.vault = made  # type: ignore[attr-defined]
    running = threading.Thread(target=server.serve_forever, args=(0.01,))
    running.start()
    try:
        yield made
    finally:
        server.shutdown()
        running.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}")
        path = self.path.removeprefix("/v1/")
        status, told = self.server.vault.answer(path, body)  # type: ignore[attr-defined]
        text = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text) if status != 204 else 0))
        self.end_headers()
        if status != 204:
            self.wfile.write(text)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""
