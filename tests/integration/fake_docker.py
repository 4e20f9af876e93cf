"""A Docker daemon as far as the suite needs one: containers are processes of this machine."""

from __future__ import annotations

import json
import re
import signal
import socketserver
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

ID = "c0ffee"


class FakeDocker(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens at a socket in `directory`; runs one container, with `environment` for its image's.

    `created` is the body of the request that created it. A `broken` daemon answers 500 to all.
    """

    daemon_threads = True

    def __init__(
        self, directory: Path, environment: dict[str, str] | None = None, *, broken: bool = False
    ) -> None:
        self.socket_path = directory / "docker.sock"
        self.environment = environment or {}
        self.broken = broken
        self.created: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.execs: list[list[str]] = []
        self.codes: list[int] = []
        self.removed = False
        super().__init__(str(self.socket_path), _Request)

    @property
    def url(self) -> str:
        """For ``DOCKER_HOST``."""
        return f"unix://{self.socket_path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def start(self) -> None:
        """Run what was created."""
        given = dict(pair.split("=", 1) for pair in self.created["Env"])
        self.process = subprocess.Popen(
            [*self.created["Entrypoint"], *self.created["Cmd"]],
            env={**self.environment, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def inside(self) -> int:
        """Run the last command given to exec; its exit code."""
        return subprocess.run(
            self.execs[-1], env=self.environment, capture_output=True, check=False
        ).returncode


class _Request(BaseHTTPRequestHandler):
    server: FakeDocker

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        match self._path():
            case ["_ping"]:
                self._answer(b"OK")
            case ["version"]:
                self._json({"ApiVersion": "1.44"})
            case ["images", name, "json"]:
                self._json({"Id": name})
            case ["containers", _, "json"]:
                self._json(self._container())
            case ["containers", _, "logs"]:
                self._logs()
            case ["exec", _, "json"]:
                self._json({"ExitCode": self.server.codes[-1]})
            case other:
                self.send_error(404, str(other))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
        match self._path():
            case ["containers", "create"]:
                self.server.created = body
                self._json({"Id": ID}, 201)
            case ["containers", _, "start"]:
                self.server.start()
                self._json(None, 204)
            case ["containers", _, "kill"]:
                assert self.server.process is not None
                name = re.search(r"signal=(\w+)", self.path)
                assert name
                self.server.process.send_signal(signal.Signals[name[1]])
                self._json(None, 204)
            case ["containers", _, "exec"]:
                self.server.execs.append(body["Cmd"])
                self._json({"Id": str(len(self.server.execs) - 1)}, 201)
            case ["exec", _, "start"]:
                self.server.codes.append(self.server.inside())
                self._answer(b"")
            case other:
                self.send_error(404, str(other))

    def do_DELETE(self) -> None:
        self.server.removed = True
        self._json(None, 204)

    def _path(self) -> list[str]:
        if self.server.broken:
            return ["broken"]
        return re.sub(r"^/(v[\d.]+/)?", "", self.path).partition("?")[0].split("/")

    def _container(self) -> dict[str, Any]:
        process = self.server.process
        ended = process.poll() if process is not None else 0
        state = {
            "Running": ended is None,
            "ExitCode": ended or 0,
            "Pid": process.pid if process is not None else 0,
        }
        return {"Id": ID, "State": state, "Config": {"Tty": False}}

    def _json(self, value: Any, status: int = 200) -> None:
        self._answer(b"" if value is None else json.dumps(value).encode(), status)

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:  # else the client may have hung up already
            self.wfile.write(body)

    def _logs(self) -> None:
        """What the process says until its end, in Docker's frames: stream, length, bytes."""
        self.send_response(200)
        self.end_headers()
        assert self.server.process is not None
        assert self.server.process.stdout is not None
        for line in self.server.process.stdout:
            self.wfile.write(struct.pack(">BxxxL", 1, len(line)) + line)
