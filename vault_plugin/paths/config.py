"""``config``: the cluster, the admin token, and the limits of what is minted."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from shim import (
    STRING,
    Action,
    CodedError,
    Field,
    Operation,
    Path,
    Response,
    UserError,
    show_duration,
)
from vault_plugin import config as stored
from vault_plugin import grants, moments, subjects, tokens, trust
from vault_plugin.config import ROOT, Config
from vault_plugin.mount import connect
from vault_plugin.pachyderm import address
from vault_plugin.pachyderm.api import Right
from vault_plugin.pachyderm.errors import PachdError
from vault_plugin.paths.changes import patched, sent
from vault_plugin.paths.config_fields import FIELDS

if TYPE_CHECKING:
    from shim import Request, SystemView
    from vault_plugin.mount import Mount
    from vault_plugin.retired_admin import RetiredAdmins

DESCRIPTION = """
Tells the engine which cluster to mint tokens on, and with what admin token:

    $ vault write pachyderm/config \\
        admin_token=34cffc9254df40f0a277ee23e9fb005d \\
        pachd_address=127.0.0.1:30650 \\
        ttl=20m max_ttl=12h

The write is refused, and nothing stored, unless pachd answers, the token is valid and may mint;
verify=false stores it unseen. Fields left out of a later write keep their value; in a patch, null
brings back the default. A write that changes pachd_address, ca_cert or tls_server_name must carry
admin_token, so that the stored token is never sent to another address than it was given for.

On Pachyderm 2.x an admin token whose subject has the role robotUser is enough; on 1.x it must be
a cluster admin. The token is never shown again.

A token that config/rotate made is known to the engine alone: it is revoked when another takes its
place, and when the configuration is deleted. Where it is the cluster's root token, a delete needs
force=true.
"""

_ASKED = ("verify", "force")  # of a request; not stored
_ANSWERS = {
    **{n: f for n, f in FIELDS.items() if n not in ("admin_token", *_ASKED)},
    "admin_subject": Field(kind=STRING, description="Whose token admin_token is."),
    "admin_expires": Field(kind=STRING, description="When it ends; null: never, or not known."),
    "pachyderm_version": Field(kind=STRING, description="pachd's version when last verified."),
    "cluster_id": Field(kind=STRING, description="The cluster's id when last verified."),
}
_STORED = [name for name in FIELDS if name not in _ASKED]
_DEFAULTS = {
    f.name: f.default
    for f in dataclasses.fields(Config)
    if f.name in _STORED and f.default is not dataclasses.MISSING
}
_CLUSTER = ("pachd_address", "ca_cert", "tls_server_name")
_UNVERIFIED = {
    "admin_subject": "",
    "admin_expires": None,
    "admin_life": 0,
    "pachyderm_version": "",
    "generation": "",
    "cluster_id": "",
    "next_token": None,
    "old_token": None,
    "old_made": False,
}
_REMEDIES = {
    Right.MINT: "it must have the role robotUser on the cluster",
    Right.RESTORE: "crash_safe=true needs the role clusterAdmin on the cluster",
}
_REMEDY_V1 = "it must be a cluster admin"
_SAFE_IN_FLIGHT = 9  # a 2.x pachd has ten database connections, a call takes up to two


def path(mount: Mount, retired: RetiredAdmins) -> Path:
    """The path; `retired` ends the tokens that it leaves behind."""

    async def exists(request: Request) -> bool:
        return await mount.find_session(request.storage) is not None

    async def read(request: Request) -> Response | None:
        session = await mount.find_session(request.storage)
        if session is None:
            return None
        return Response(data=await _shown(session.config, request.system))

    async def write(request: Request) -> Response:
        async with mount.writing:
            current = await stored.load(request.storage)
            return await _store(retired, request, current, sent(request, _STORED))

    async def patch(request: Request) -> Response:
        async with mount.writing:
            current = await stored.load(request.storage)
            if current is None:
                raise CodedError(404, "no configuration to patch: write config first")
            changes = patched(request, _STORED, _DEFAULTS)
            return await _store(retired, request, current, changes)

    async def delete(request: Request) -> Response | None:
        storage = request.storage
        async with mount.writing:
            current = await stored.load(storage)
            if current is None:
                return None
            if not request.fields["force"]:
                _spare_root(current)
            warnings = await retired.replace(
                storage, current, None, lambda: storage.delete(stored.KEY)
            )
        return Response(warnings=warnings) if warnings else None

    return Path(
        template="config",
        synopsis="Configure the cluster and the admin token.",
        description=DESCRIPTION,
        fields=FIELDS,
        exists=exists,
        strict=True,
        operations={
            Operation.READ: Action(
                handler=read, summary="Read the configuration", answers=_ANSWERS
            ),
            Operation.UPDATE: Action(handler=write, writes=True, summary="Write the configuration"),
            Operation.PATCH: Action(
                handler=patch, summary="Change parts of the configuration", writes=True
            ),
            Operation.DELETE: Action(
                handler=delete, summary="Delete the configuration", writes=True
            ),
        },
    )


def _spare_root(config: Config) -> None:
    """Raise UserError where nobody could act as the cluster's root user without `config`."""
    if config.admin_subject == ROOT and config.made_tokens:
        raise UserError(
            "the admin token is the cluster's root token, which config/rotate made and nobody else"
            " knows: force=true revokes it with the configuration, and leaves the cluster without"
            " one"
        )


async def _store(
    retired: RetiredAdmins, request: Request, current: Config | None, values: dict[str, Any]
) -> Response:
    """Verify and store `values` on top of `current`; nothing is stored when either fails."""
    for name in ("admin_token", "pachd_address"):
        if current is None and name not in values:
            raise UserError(f"missing required field '{name}'")
    if current is not None and "admin_token" not in values:
        for name in _CLUSTER:
            if name in values and values[name] != getattr(current, name):
                raise UserError(f"a change of {name} must carry admin_token")
    for name in ("allowed_subjects", "denied_subjects"):
        subjects.check_globs(name, values.get(name, ()))
    grants.check_globs(values.get("allowed_grants", ()), "")
    before = current or Config(
        admin_token=values["admin_token"], pachd_address=values["pachd_address"]
    )
    moved = any(name in values for name in ("admin_token", *_CLUSTER))
    config = before.changed(**values)
    if moved:
        made = config.admin_token in before.made_tokens
        config = config.changed(**_UNVERIFIED, admin_made=made, rotated_at=time.time())
    if request.fields["verify"]:
        config = await _verified(config)
    grants.check_globs(values.get("allowed_grants", ()), config.pachyderm_version)
    warnings = await _warnings(config, request.system)
    await trust.keep(request.storage, config.ca_cert)
    warnings += await retired.replace(
        request.storage, before, config, lambda: config.save(request.storage)
    )
    return Response(warnings=warnings)


async def _verified(config: Config) -> Config:
    """`config` with what pachd says of it. Raises UserError when it could not work."""
    try:
        async with connect(config, config.endpoint, "") as cluster:
            api = await cluster.api()
            version = await api.version()
            cluster_id = await api.cluster_id()
            identity = await api.who_am_i(config.admin_token)
            rights = await api.rights(config.admin_token)
            if config.crash_safe:
                await api.check_crash_safe()
    except PachdError as error:
        raise UserError(
            f"not stored, since the configuration could not be verified: {error}; verify=false"
            " stores it unseen"
        ) from None
    for right, needed in ((Right.MINT, True), (Right.RESTORE, config.crash_safe)):
        if needed and right not in rights:
            raise UserError(
                f"not stored: {identity.subject}, whose token admin_token is, may not {right};"
                f" {_REMEDIES[right] if not api.extends else _REMEDY_V1}"
            )
    ends = identity.expires
    return config.changed(
        admin_subject=identity.subject,
        admin_expires=ends,
        admin_life=config.admin_life or (0 if ends is None else int(ends - time.time())),
        pachyderm_version=version,
        generation=api.generation,
        cluster_id=cluster_id,
    )


async def _warnings(config: Config, system: SystemView) -> list[str]:
    warnings = []
    where = address.parse(config.pachd_address)
    if not where.tls and (config.ca_cert or config.tls_server_name):
        warnings.append(
            f"ca_cert and tls_server_name do nothing for {config.pachd_address}; write grpcs:// for"
            " TLS"
        )
    if not where.tls and not where.loopback:
        warnings.append(
            f"tokens travel to {config.pachd_address} in plain text; write grpcs:// for TLS"
        )
    maximum = await system.max_lease_ttl()
    warnings += [
        f"{name} is longer than the mount's max_lease_ttl of {show_duration(maximum)}, which wins"
        for name in ("ttl", "max_ttl")
        if getattr(config, name) > maximum
    ]
    warnings += [f"{said}; write it anew" for said in config.meaningless]
    if len(config.admin_token.reveal()) < tokens.SHORT:
        warnings.append(tokens.SHORT_WARNING)
    if config.admin_ends_soon:
        warnings.append("the admin token ends within a day")
    if config.max_in_flight > _SAFE_IN_FLIGHT and config.generation != "1.x":
        warnings.append(f"pachd 2.x can deadlock with max_in_flight above {_SAFE_IN_FLIGHT}")
    return warnings


async def _shown(config: Config, system: SystemView) -> dict[str, Any]:
    """`config` without its token; TTLs as they are in effect."""
    maximum = await system.max_lease_ttl()
    ttl = config.ttl or await system.default_lease_ttl()
    max_ttl = min(config.max_ttl or maximum, maximum)
    ends = config.admin_expires
    return {
        "pachd_address": config.pachd_address,
        "ca_cert": config.ca_cert,
        "tls_server_name": config.tls_server_name,
        "ttl": show_duration(min(ttl, max_ttl)),
        "max_ttl": show_duration(max_ttl),
        "renewable": config.renewable,
        "allowed_subjects": list(config.allowed_subjects),
        "denied_subjects": list(config.denied_subjects),
        "request_timeout": show_duration(config.request_timeout),
        "max_in_flight": config.max_in_flight,
        "crash_safe": config.crash_safe,
        "rotation_period": show_duration(config.rotation_period),
        "allowed_grants": list(config.allowed_grants),
        "admin_subject": config.admin_subject or None,
        "admin_expires": None if ends is None else moments.show(ends),
        "pachyderm_version": config.pachyderm_version or None,
        "cluster_id": config.cluster_id or None,
    }
