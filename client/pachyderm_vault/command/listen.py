"""``/healthz`` and ``/metrics`` of a sidecar."""

from __future__ import annotations

import http.server
import socket
import threading
from typing import TYPE_CHECKING, Iterator, Optional, Tuple

from pachyderm_vault.errors import SettingError

if TYPE_CHECKING:
    from pachyderm_vault.command.keeping import Keeping
    from pachyderm_vault.source import TokenSource

PREFIX = "pachyderm_vault"


class Listener:
    """Answers at `where`, ``HOST:PORT``, within its context; nowhere for None."""

    def __init__(self, where: Optional[str], source: TokenSource, keeping: Keeping) -> None:
        self._server: Optional[http.server.ThreadingHTTPServer] = None
        if where is None:
            return
        host, _, port = where.rpartition(":")
        try:
            address = (host.strip("[]"), int(port))
            self._server = _server(address, _handler(source, keeping))
        except (OSError, ValueError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "it is not HOST:PORT"
            raise SettingError(f"--listen {where}: {reason}") from None

    def __enter__(self) -> Listener:
        if self._server is not None:
            run = self._server.serve_forever
            threading.Thread(target=run, name="listener", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _server(
    address: Tuple[str, int], handler: type[http.server.BaseHTTPRequestHandler]
) -> http.server.ThreadingHTTPServer:
    if ":" in address[0]:
        return _Six(address, handler)
    return http.server.ThreadingHTTPServer(address, handler)


class _Six(http.server.ThreadingHTTPServer):
    """At an address of IPv6."""

    address_family = socket.AF_INET6


def metrics(source: TokenSource, keeping: Keeping) -> Iterator[str]:
    """Lines in Prometheus' text form."""
    ends = source.ends
    figures = (
        ("token_alive", "gauge", "1 while a living token is in the files.", int(keeping.fresh)),
        (
            "token_end_seconds",
            "gauge",
            "When the token ends unless renewed, Unix time; 0 without one.",
            0 if ends is None else ends.timestamp(),
        ),
        ("logins_total", "counter", "Logins at Vault.", source.counts["logins"]),
        ("renewals_total", "counter", "Renewals of a lease.", source.counts["renewals"]),
        ("failures_total", "counter", "What Vault did not give.", source.counts["failures"]),
        ("writes_total", "counter", "Changes of the files.", keeping.writes),
        ("write_failures_total", "counter", "Changes that failed.", keeping.failures),
    )
    for name, kind, told, value in figures:
        yield f"# HELP {PREFIX}_{name} {told}"
        yield f"# TYPE {PREFIX}_{name} {kind}"
        yield f"{PREFIX}_{name} {value}"


def _handler(source: TokenSource, keeping: Keeping) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers two paths."""

        server_version, sys_version = "pachyderm-vault", ""  # not which Python
        timeout = 10  # seconds for a request to be told

        def do_GET(self) -> None:
            """Answer."""
            if self.path == "/healthz":
                alive = keeping.fresh
                self._answer(200 if alive else 503, "ok\n" if alive else "no living token\n")
            elif self.path == "/metrics":
                self._answer(200, "\n".join(metrics(source, keeping)) + "\n")
            else:
                self._answer(404, "ask for /healthz or /metrics\n")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing: probes come every few seconds."""

    return Handler
