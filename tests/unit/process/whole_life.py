"""All that a mount does in its life, over real sockets: for tests of where and how it lives."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from tests.pachd import PachdV1, PachdV2, Simulator, self_signed
from tests.unit.process.mounted import beside

if TYPE_CHECKING:
    from shim.proto import backend_pb2 as pb
    from tests.unit.process.mounted import Mounted

CERTIFICATE = self_signed("localhost")


async def _good(mount: Mounted, operation: str, path: str, **data: object) -> pb.Response:
    reply = await mount.ask(operation, path, **data)
    assert not reply.HasField("err"), (path, reply.err)
    assert '"error"' not in reply.response.data, (path, reply.response.data)
    return reply.response


async def _refused(mount: Mounted, operation: str, path: str, **data: object) -> str:
    reply = await mount.ask(operation, path, **data)
    text = reply.err.err_msg + reply.response.data
    assert text
    assert "internal error" not in text
    return text


async def live(mount: Mounted) -> None:
    """All that mounts do, errors too: two at once, then one alone; then the process's end."""
    with (
        Simulator(PachdV1(), certificate=CERTIFICATE) as v1,
        Simulator(PachdV2(), certificate=CERTIFICATE) as v2,
    ):
        async with beside(mount) as second:
            await asyncio.gather(_live(mount, v1), _live(second, v2))
            await second.end()
    with Simulator(PachdV2(), certificate=CERTIFICATE) as another:
        await _live(mount, another)
    await mount.host.shut_down()
    assert await mount.host.plugin.ended() == 0


async def _live(mount: Mounted, pachd: Simulator[PachdV1] | Simulator[PachdV2]) -> None:
    await _good(
        mount,
        "update",
        "config",
        admin_token=pachd.root_token,
        pachd_address=f"grpcs://localhost:{pachd.port}",
        ca_cert=CERTIFICATE.certificate.decode(),
        crash_safe=True,
    )
    for path in ("config", "version", "version/client-only", "check"):
        await _good(mount, "read", path)
    for path in ("", "config", "login/robot:x"):
        await _good(mount, "help", path)
    login = await _good(mount, "update", "login/robot:x", ttl="1h")
    token = json.loads(login.data)["user_token"]
    renewed = await mount.lease("renew", login.secret, 60)
    assert renewed.response.HasField("secret"), renewed
    assert not (await mount.lease("revoke", login.secret)).HasField("err")
    await _good(mount, "update", "revoke", user_token=token)
    await _good(mount, "update", "roles/x", subject="robot:x-{{random}}", ttl="1h")
    await _good(mount, "list", "roles/")
    await _good(mount, "update", "creds/x")
    await _good(mount, "delete", "roles/x")
    await mount.ask("rollback", "")
    await _refused(mount, "update", "config", ttl=[1])
    await _refused(mount, "update", "login/user:x")
    await _refused(mount, "update", "creds/nope")
    await _refused(mount, "update", "nope")
    for address in ("a..b:1", "name.invalid:1", "127.0.0.1:1", f"grpc://localhost:{pachd.port}"):
        other = {"admin_token": pachd.root_token, "pachd_address": address}
        await _refused(mount, "update", "config", **other)
    await _good(mount, "update", "config/rotate")
    await _good(mount, "delete", "config", force=True)
