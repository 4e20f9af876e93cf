"""The service that the example makes keys of, as a test or a curious reader runs it."""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Service:
    """Hands out keys to whoever knows `password`; `keys` are the owners of those alive."""

    def __init__(self) -> None:
        self.password = "correct horse"  # noqa: S105  of nobody
        self.keys: dict[str, str] = {}
        self.down = False
        service = self

        class Desk(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length) or b"null")
                status, content = service.answer(
                    self.command, self.path, body, self.headers.get("Authorization", "")
                )
                raw = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  as the standard library has it

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, body: dict[str, str], by: str) -> tuple[int, object]:
        """What it does: the status and content of its answer."""
        if self.down:
            return 503, "down"
        if by != f"Bearer {self.password}":
            return 401, "who are you?"
        match method, path.strip("/").split("/"):
            case "POST", ["keys"]:
                self.keys[body["id"]] = body["owner"]
                return 200, {"secret": secrets.token_urlsafe()}
            case "DELETE", ["keys", key] if key in self.keys:
                del self.keys[key]
                return 200, None
            case "PUT", ["password"]:
                self.password = body["password"]
                return 200, None
        return 404, "nothing here"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
