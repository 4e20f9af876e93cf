"""The built plugin, real engine and all, needs its file to start and never again.

Nor the interpreter's own: a server lives for months, and its Python is upgraded under it.
"""

import json
from pathlib import Path

from shim.proto import backend_pb2 as pb
from tests.pachd import PachdV1, PachdV2, Simulator, self_signed
from tests.unit.build.conftest import ROOT, build
from tests.unit.process.mounted import Mounted, mounted

CERTIFICATE = self_signed("localhost")


async def good(mount: Mounted, operation: str, path: str, **data: object) -> pb.Response:
    reply = await mount.ask(operation, path, **data)
    assert not reply.HasField("err"), (path, reply.err)
    assert '"error"' not in reply.response.data, (path, reply.response.data)
    return reply.response


async def refused(mount: Mounted, operation: str, path: str, **data: object) -> str:
    reply = await mount.ask(operation, path, **data)
    text = reply.err.err_msg + reply.response.data
    assert text
    assert "internal error" not in text
    return text


async def live(mount: Mounted, pachd: Simulator[PachdV1] | Simulator[PachdV2]) -> None:
    """All that a mount does, errors too."""
    await good(
        mount,
        "update",
        "config",
        admin_token=pachd.root_token,
        pachd_address=f"grpcs://localhost:{pachd.port}",
        ca_cert=CERTIFICATE.certificate.decode(),
        crash_safe=True,
    )
    for path in ("config", "version", "version/client-only", "check"):
        await good(mount, "read", path)
    for path in ("", "config", "login/robot:x"):
        await good(mount, "help", path)
    login = await good(mount, "update", "login/robot:x", ttl="1h")
    token = json.loads(login.data)["user_token"]
    renewed = await mount.lease("renew", login.secret, 60)
    assert renewed.response.HasField("secret"), renewed
    assert not (await mount.lease("revoke", login.secret)).HasField("err")
    await good(mount, "update", "revoke", user_token=token)
    await good(mount, "update", "roles/x", subject="robot:x-{{random}}", ttl="1h")
    await good(mount, "list", "roles/")
    await good(mount, "update", "creds/x")
    await good(mount, "delete", "roles/x")
    await mount.ask("rollback", "")
    await refused(mount, "update", "config", ttl=[1])
    await refused(mount, "update", "login/user:x")
    await refused(mount, "update", "creds/nope")
    await refused(mount, "update", "nope")
    for address in ("a..b:1", "name.invalid:1", "127.0.0.1:1", f"grpc://localhost:{pachd.port}"):
        other = {"admin_token": pachd.root_token, "pachd_address": address}
        await refused(mount, "update", "config", **other)
    await good(mount, "delete", "config")


async def test_a_replaced_file_does_not_break_a_running_plugin(tmp_path: Path) -> None:
    file = tmp_path / "plugin"
    made = build(ROOT, file)
    assert made.returncode == 0, made.stderr
    interpreter = file.read_bytes().partition(b"\n")[0].decode().removeprefix("#!").split()
    async with mounted((*interpreter, "-v", str(file))) as mount:  # -v tells every import
        imported = mount.imports
        assert any("vault_plugin" in line for line in imported)
        with file.open("r+b") as archive:  # as `cp` over it: the same inode
            archive.write(bytes(file.stat().st_size))
        with Simulator(PachdV1(), certificate=CERTIFICATE) as v1:
            await live(mount, v1)
        with Simulator(PachdV2(), certificate=CERTIFICATE) as v2:
            await live(mount, v2)
        await mount.host.shut_down()
        assert await mount.host.plugin.ended() == 0
        assert mount.imports[len(imported) :] == []
        assert not mount.logged('"@level":"error"')
