#!/usr/bin/env python3
"""A secrets engine for a service that hands out keys over HTTP: what most engines have to do.

`config` holds the service's address and an admin's password, `config/rotate` makes the host choose
a new one, `roles/` say whose keys are made, and `creds/<role>` makes one that lives as long as its
lease.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from shim import (
    DURATION,
    NAME,
    PAGE,
    STRING,
    Action,
    Backend,
    BackendError,
    Cap,
    Field,
    Lease,
    LeaseType,
    Operation,
    Path,
    Request,
    Response,
    SpecialPaths,
    UserError,
    clamp,
    listing,
    page,
    serve,
    wal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "0.1.0"

TIMEOUT = 5.0  # seconds that the service may take
ROLE = Field(kind=NAME, description="The role's name.")
OWNER = Field(kind=STRING, description="Whose keys the role makes.", required=True)
TTL = Field(kind=DURATION, description="How long its keys live; 0: as long as the mount lets.")
KEY = {
    "id": Field(kind=STRING, description="The key's name."),
    "secret": Field(kind=STRING, description="The key.", sensitive=True),
}


async def call(config: Mapping[str, str], method: str, path: str, body: object = None) -> Any:
    """Ask the service; None where it knows nothing at `path`. Raises BackendError.

    `urllib` blocks, so it has a thread: a handler that blocks stops every mount.
    """
    request = urllib.request.Request(  # noqa: S310  looked at below
        f"{config['url']}/{path}",
        method=method,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {config['password']}"},
    )
    if request.type not in ("http", "https"):
        raise UserError("invalid url: write http:// or https:// and the service's host")

    def ask() -> bytes:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310  one of two
            content: bytes = answer.read()
            return content

    try:
        return json.loads(await asyncio.to_thread(ask))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise BackendError(f"the service refuses {method} {path}: {error.code}") from None
    except OSError as error:
        raise BackendError(f"the service at {config['url']} cannot be reached: {error}") from None


async def stored(request: Request, key: str) -> dict[str, Any] | None:
    """What is kept at `key`."""
    entry = await request.storage.get(key)
    return None if entry is None else dict(json.loads(entry.value))


async def config_of(request: Request) -> dict[str, Any]:
    """The mount's configuration. Raises UserError where there is none."""
    config = await stored(request, "config")
    if config is None:
        raise UserError("not configured: write url and password to config")
    return config


async def write_config(request: Request) -> None:
    """Keep the service's address and its admin's password."""
    fields = request.fields
    config = {"url": fields["url"].rstrip("/"), "password": fields["password"].reveal()}
    await request.storage.put("config", json.dumps(config).encode(), seal_wrap=True)


async def read_config(request: Request) -> Response | None:
    """Show all but the password."""
    config = await stored(request, "config")
    return None if config is None else Response(data={"url": config["url"]})


async def rotate(request: Request) -> None:
    """Have the host choose a new password; it is kept beside the old one until it is set."""
    config = await config_of(request)
    fresh = config.get("next") or await request.system.generate_password(request.fields["policy"])
    kept = json.dumps({**config, "next": fresh}).encode()
    await request.storage.put("config", kept, seal_wrap=True)
    try:
        await call(config, "PUT", "password", {"password": fresh})
    except BackendError:
        # A process before this one may have died after the service took it.
        await call({**config, "password": fresh}, "PUT", "password", {"password": fresh})
    done = json.dumps({"url": config["url"], "password": fresh}).encode()
    await request.storage.put("config", done, seal_wrap=True)


async def list_roles(request: Request) -> Response:
    """The roles, in pages where the caller asks for them."""
    return listing(page(await request.storage.list("roles/"), request.fields))


async def role_exists(request: Request) -> bool:
    """Whether a write changes a role."""
    return await stored(request, f"roles/{request.fields['name']}") is not None


async def write_role(request: Request) -> None:
    """Make a role or change it."""
    role = {"owner": request.fields["owner"], "ttl": request.fields["ttl"] or 0}
    await request.storage.put(f"roles/{request.fields['name']}", json.dumps(role).encode())


async def read_role(request: Request) -> Response | None:
    """Show a role."""
    role = await stored(request, f"roles/{request.fields['name']}")
    return None if role is None else Response(data=role)


async def delete_role(request: Request) -> None:
    """Forget a role; its keys live on until their leases end."""
    await request.storage.delete(f"roles/{request.fields['name']}")


async def mint(request: Request) -> Response:
    """Make a key. Should the process die before the host has its lease, the log has it revoked."""
    config = await config_of(request)
    role = await stored(request, f"roles/{request.fields['name']}")
    if role is None:
        raise UserError(f"no role '{request.fields['name']}': list roles/ names those there are")
    ttl, warnings = clamp(
        role["ttl"] or await request.system.default_lease_ttl(),
        [Cap(await request.system.max_lease_ttl(), "the mount's max_lease_ttl")],
    )
    key = f"k-{secrets.token_hex(8)}"
    announced = {"id": key}
    entry = await wal.put(request.storage, "key", announced, min_age=4 * TIMEOUT)
    made = await call(config, "POST", "keys", {"id": key, "owner": role["owner"]})
    # Nobody can tell whether the answer arrives: left alone for as long as the lease would last.
    await wal.put(request.storage, "key", announced, min_age=ttl + 60, entry=entry)
    return Response(
        data={"id": key, "secret": made["secret"]},
        lease=Lease(type="key", ttl=ttl, internal={"id": key, "entry": entry}),
        warnings=warnings,
    )


def lease_of(request: Request) -> Lease:
    """The lease that a renewal or a revocation is about."""
    if request.lease is None:
        raise BackendError("no lease")
    return request.lease


async def renew(request: Request) -> Response:
    """Let a key live on: the service's have no end of their own. The host has its lease."""
    lease = lease_of(request)
    await wal.delete(request.storage, lease.internal["entry"])
    return Response(lease=lease)


async def end(request: Request, key: str) -> None:
    """Revoke a key; one that is gone is revoked. What raises is tried again by the host."""
    await call(await config_of(request), "DELETE", f"keys/{key}")


async def revoke(request: Request) -> None:
    """Revoke the key of a lease."""
    lease = lease_of(request)
    await end(request, lease.internal["id"])
    await wal.delete(request.storage, lease.internal["entry"])


async def undo(request: Request, kind: str, data: Mapping[str, Any]) -> None:
    """Revoke a key that was being made when a process died."""
    del kind
    await end(request, data["id"])


def backend() -> Backend:
    """What one mount of this engine is."""
    return Backend(
        title="Keys",
        description="Makes keys of an HTTP service that live as long as their lease.",
        paths=[
            Path(
                template="config",
                synopsis="Where the service is, and who may make keys there.",
                description="Write url and password first.",
                fields={
                    "url": Field(kind=STRING, description="The service's URL.", required=True),
                    "password": Field(
                        kind=STRING, description="Its admin's.", required=True, sensitive=True
                    ),
                },
                operations={
                    Operation.READ: Action(handler=read_config, summary="Read the configuration"),
                    Operation.UPDATE: Action(
                        handler=write_config, summary="Configure", writes=True
                    ),
                },
            ),
            Path(
                template="config/rotate",
                synopsis="A new password for the admin.",
                description="The host makes it by a password policy; nobody gets to see it.",
                fields={
                    "policy": Field(
                        kind=STRING, description="The password policy.", default="default"
                    )
                },
                operations={
                    Operation.UPDATE: Action(handler=rotate, summary="Rotate", writes=True)
                },
            ),
            Path(
                template="roles/",
                synopsis="The roles.",
                description="In pages, by after and limit.",
                fields=PAGE,
                operations={Operation.LIST: Action(handler=list_roles, summary="List the roles")},
            ),
            Path(
                template="roles/{name}",
                synopsis="Whose keys are made, and for how long.",
                description="A key of the role belongs to its owner.",
                fields={"name": ROLE, "owner": OWNER, "ttl": TTL},
                exists=role_exists,
                operations={
                    Operation.READ: Action(handler=read_role, summary="Read a role"),
                    Operation.UPDATE: Action(
                        handler=write_role, summary="Write a role", writes=True
                    ),
                    Operation.DELETE: Action(
                        handler=delete_role, summary="Delete a role", writes=True
                    ),
                },
            ),
            Path(
                template="creds/{name}",
                synopsis="A key.",
                description="It is revoked when its lease ends.",
                fields={"name": ROLE},
                operations={
                    Operation.READ: Action(
                        handler=mint, summary="Make a key", writes=True, answers=KEY
                    )
                },
            ),
        ],
        lease_types=[LeaseType(name="key", renew=renew, revoke=revoke)],
        special=SpecialPaths(local_storage=[wal.PREFIX], seal_wrap_storage=["config", wal.PREFIX]),
        undo=undo,
    )


def main() -> None:
    """Run the plugin."""
    serve(backend, name="keys", version=VERSION)


if __name__ == "__main__":
    main()
