"""The engine's own process with mounts in it, as a host runs it: all of it over real sockets."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim.grpc import Call, Method, Server
from shim.proto import backend_pb2 as pb
from tests.unit.process.echo_plugin import HANDLE
from tests.unit.process.plugin_host import HOST, MOUNT, SOON, Connected, connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

ENGINE = (sys.executable, "-m", "vault_plugin")
INTERNAL = 2  # err_type of what nobody foresaw
LATE = 40.0  # seconds: more than any request may take
_CLEANUP = Method("/pb.Backend/Cleanup", pb.Empty, pb.Empty)
_DAY = 24 * 3600 * 1_000_000_000


@dataclass
class Mounted:
    """A mount, its storage, and the process it lives in."""

    host: Connected
    id: tuple[tuple[str, str], ...] = MOUNT
    entries: dict[str, bytes] = field(default_factory=dict)

    async def ask(self, operation: str, path: str, **data: Any) -> pb.HandleRequestReply:
        return await self.send(pb.Request(operation=operation, path=path, data=json.dumps(data)))

    async def send(self, request: pb.Request) -> pb.HandleRequestReply:
        args = pb.HandleRequestArgs(request=request)
        return await self.host.channel.unary(HANDLE, args, timeout=LATE, metadata=self.id)

    async def lease(
        self, operation: str, secret: pb.Secret, increment: int = 0
    ) -> pb.HandleRequestReply:
        request = pb.Request(operation=operation, path="login/robot:x", data="null")
        request.secret.CopyFrom(secret)
        options = request.secret.lease_options
        options.increment = increment * 1_000_000_000
        options.issue_time.GetCurrentTime()
        return await self.send(request)

    @property
    def peak(self) -> int:
        """The most memory the process ever held, in kilobytes."""
        status = Path(f"/proc/{self.host.plugin.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1])

    def logged(self, text: str) -> bool:
        return text.encode() in b"".join(self.host.plugin.stderr)

    @property
    def imports(self) -> list[str]:
        """What a plugin under ``python -v`` has imported so far."""
        lines = b"".join(self.host.plugin.stderr).decode().splitlines()
        return [line for line in lines if re.search(r"\bimport '", line)]

    async def end(self) -> None:
        """What the host does to a mount that is disabled, while the process has others."""
        await self.host.channel.unary(_CLEANUP, pb.Empty(), timeout=SOON, metadata=self.id)

    @contextlib.asynccontextmanager
    async def _set_up(self, broker_id: int) -> AsyncIterator[Mounted]:
        """Offer it the host's services, and have it made."""
        with tempfile.TemporaryDirectory() as folder:
            services, path = self._services(), f"{folder}/host"
            await services.listen_unix(
                path, HOST.context(ssl.PROTOCOL_TLS_SERVER, self.host.plugin.plugin_pem)
            )
            try:
                await self.host.announce(broker_id, path)
                assert await self.host.setup(broker_id, self.id) == ""
                yield self
            finally:
                services.close()

    def _services(self) -> Server:
        server = Server()
        for name, request, reply, answer in (
            ("Storage/Get", pb.StorageGetArgs, pb.StorageGetReply, self._get),
            ("Storage/Put", pb.StoragePutArgs, pb.StoragePutReply, self._put),
            ("Storage/Delete", pb.StorageDeleteArgs, pb.StorageDeleteReply, self._delete),
            ("Storage/List", pb.StorageListArgs, pb.StorageListReply, self._list),
            ("SystemView/DefaultLeaseTTL", pb.Empty, pb.TTLReply, _a_day),
            ("SystemView/MaxLeaseTTL", pb.Empty, pb.TTLReply, _a_day),
            ("SystemView/ReplicationState", pb.Empty, pb.ReplicationStateReply, _primary),
        ):
            server.unary(Method(f"/pb.{name}", request, reply), _handler(answer))
        return server

    def _get(self, args: pb.StorageGetArgs) -> pb.StorageGetReply:
        value = self.entries.get(args.key)
        if value is None:
            return pb.StorageGetReply()
        return pb.StorageGetReply(entry=pb.StorageEntry(key=args.key, value=value))

    def _put(self, args: pb.StoragePutArgs) -> pb.StoragePutReply:
        self.entries[args.entry.key] = args.entry.value
        return pb.StoragePutReply()

    def _delete(self, args: pb.StorageDeleteArgs) -> pb.StorageDeleteReply:
        self.entries.pop(args.key, None)
        return pb.StorageDeleteReply()

    def _list(self, args: pb.StorageListArgs) -> pb.StorageListReply:
        below = (k.removeprefix(args.prefix) for k in self.entries if k.startswith(args.prefix))
        return pb.StorageListReply(keys=sorted(below))


def _a_day(args: pb.Empty) -> pb.TTLReply:
    del args
    return pb.TTLReply(TTL=_DAY)


def _primary(args: pb.Empty) -> pb.ReplicationStateReply:
    del args
    return pb.ReplicationStateReply()


def _handler(answer: Any) -> Any:
    async def handle(args: Any, call: Call) -> Any:
        del call
        return answer(args)

    return handle


@contextlib.asynccontextmanager
async def mounted(command: Sequence[str] = ENGINE, **variables: str) -> AsyncIterator[Mounted]:
    """A fresh mount of the engine run by `command`, with `variables` in its environment too."""
    async with (
        connected(command=command, **variables) as host,
        Mounted(host)._set_up(1) as mount,
    ):
        yield mount


@contextlib.asynccontextmanager
async def beside(mount: Mounted) -> AsyncIterator[Mounted]:
    """A second mount in the process of another."""
    async with Mounted(mount.host, (("multiplex_id", "ghiJKL4567"),))._set_up(2) as second:
        yield second
