"""A web server that answers in place of a Vault or OpenBao server, and notes what it is asked."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from tests.integration.mount import PLUGIN

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

TOKEN = "X-Vault-Token"
UNSEALED = {"initialized": True, "sealed": False, "version": "2.7.2"}
ACTIVE = {"ha_enabled": True, "is_self": True}
STANDBY = {"ha_enabled": True, "is_self": False}
BUILD = {"sha256": "5ha256", "command": f"{PLUGIN}-v0.1.0"}
MOUNTED = {
    "type": PLUGIN,
    "plugin_version": "v0.1.0",
    "running_plugin_version": "v0.1.0",
    "running_sha256": BUILD["sha256"],
}
#: what an active node says that runs v0.1.0 at ``pachyderm/``
RUNNING = {
    "sys/seal-status": UNSEALED,
    "sys/leader": ACTIVE,
    "sys/mounts": {"data": {"pachyderm/": MOUNTED}},
    f"sys/plugins/catalog/secret/{PLUGIN}": {"data": BUILD},
}


@dataclass(frozen=True)
class Answer:
    """One answer; `body` is JSON unless it is bytes."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def nodes(*standbys: str) -> dict[str, Any]:
    """What an active node says of those that stand by, by their addresses."""
    listed = [{"api_address": address, "active_node": False} for address in standbys]
    return {"sys/ha-status": {"data": {"nodes": listed}}}


def redirect(target: str, status: int = 307) -> Answer:
    """Sends whoever asks to `target`."""
    return Answer(status=status, headers={"Location": target})


class Pretender:
    """Answers by path below ``/v1/``, anything else with `otherwise`; over TLS with a context.

    An answer is JSON, an `Answer`, or a list of such, told in turn. A context manager; `asked`
    holds the path of each request and the token that came with it.
    """

    def __init__(
        self,
        answers: Mapping[str, Any] | None = None,
        otherwise: Answer | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answers = dict(answers or {})
        self.otherwise = otherwise or Answer({"errors": []}, 404)
        self.asked: list[tuple[str, str | None]] = []
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if tls:
            self._web.socket = tls.wrap_socket(self._web.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.address = f"{scheme}://127.0.0.1:{self._web.server_port}"
        self._thread = threading.Thread(target=self._web.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._web.shutdown()
        self._thread.join()
        self._web.server_close()

    @property
    def tokens(self) -> set[str]:
        """The tokens that came here."""
        return {token for _, token in self.asked if token}

    def answer(self, path: str, token: str | None) -> Answer:
        """What to say, having noted what is asked."""
        path = path.partition("?")[0].removeprefix("/v1/")
        self.asked.append((path, token))
        said = self.answers.get(path, self.otherwise)
        if isinstance(said, list):
            said = said.pop(0)
        return said if isinstance(said, Answer) else Answer(said)


def _handler(pretender: Pretender) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            said = pretender.answer(self.path, self.headers[TOKEN])
            body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
