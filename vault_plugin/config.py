"""The stored configuration of a mount."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shim import Masked, UserError
from vault_plugin import globs, grants, subjects, tokens
from vault_plugin.pachyderm import address
from vault_plugin.pachyderm.client import Endpoint
from vault_plugin.subjects import SubjectRules

if TYPE_CHECKING:
    from shim import Storage

KEY = "config"
ROOT = "pach:root"  # the subject of a 2.x cluster's root token
_TOKENS = ("admin_token", "next_token", "old_token")
SHORTEST_ROTATION = 60  # seconds; the host calls the periodic function about every minute
SOON = 24 * 3600  # seconds before the admin token's end from which to warn
LONGEST_REQUEST = 60  # seconds; the host itself gives up on a request after 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `config` stores. Durations are seconds; a `ttl` or `max_ttl` of 0 is the mount's.

    `admin_subject`, `admin_expires` (Unix seconds), `pachyderm_version`, `generation` and
    `cluster_id` are what pachd said when the configuration was last verified; empty when it was
    not. `admin_life` is
    how many seconds the admin token had then or at its rotation, 0 for no end; `rotated_at` is
    when that was. While `config/rotate` is under way, `next_token` is to become the admin token,
    and `old_token` was it. `admin_made` and `old_made` tell whether the engine made them, as it
    made every next one; others are the operator's.
    """

    admin_token: Masked
    pachd_address: str
    ca_cert: str = ""
    tls_server_name: str = ""
    ttl: int = 0
    max_ttl: int = 0
    renewable: bool = True
    allowed_subjects: tuple[str, ...] = ("robot:*",)
    denied_subjects: tuple[str, ...] = ()
    request_timeout: int = 10
    max_in_flight: int = 6
    crash_safe: bool = False
    rotation_period: int = 0
    allowed_grants: tuple[str, ...] = ()
    admin_subject: str = ""
    admin_expires: float | None = None
    admin_life: int = 0
    pachyderm_version: str = ""
    generation: str = ""
    cluster_id: str = ""
    rotated_at: float = 0.0
    next_token: Masked | None = None
    old_token: Masked | None = None
    admin_made: bool = False
    old_made: bool = False

    @property
    def tokens(self) -> list[Masked]:
        """The admin token, and those of a rotation under way."""
        return list(filter(None, (self.admin_token, self.next_token, self.old_token)))

    @property
    def made_tokens(self) -> list[Masked]:
        """Those that the engine made and so nobody else knows; the admin token comes last."""
        made = [self.next_token]
        made += [self.old_token] if self.old_made else []
        made += [self.admin_token] if self.admin_made else []
        return list(filter(None, made))

    @property
    def endpoint(self) -> Endpoint:
        """Where pachd is and how to trust it."""
        return Endpoint(self.pachd_address, self.ca_cert, self.tls_server_name)

    @property
    def subject_rules(self) -> SubjectRules:
        """Which subjects may be logged in."""
        return SubjectRules(self.allowed_subjects, self.denied_subjects, self.admin_subject)

    @property
    def meaningless(self) -> list[str]:
        """What is said of the lists, which 0.1.0 took as they came: words for each dead entry."""
        found = {
            "allowed_subjects": subjects.meaningless(self.allowed_subjects),
            "denied_subjects": subjects.meaningless(self.denied_subjects),
            "allowed_grants": grants.meaningless(self.allowed_grants, self.pachyderm_version),
        }
        return [
            f"{name} holds '{globs.written(glob)}', which can match nothing"
            for name, listed in found.items()
            for glob in listed
        ]

    @property
    def unsettled(self) -> bool:
        """Whether a rotation of the admin token was begun and not finished."""
        return self.next_token is not None or self.old_token is not None

    @property
    def admin_ends_soon(self) -> bool:
        """Whether the admin token, as last verified, ends within a day."""
        return self.admin_expires is not None and self.admin_expires - time.time() < SOON

    @property
    def admin_due(self) -> bool:
        """Whether it is time to see to the end of the admin token: its last day, or last half."""
        if self.admin_expires is None:
            return False
        return self.admin_expires - time.time() < min(SOON, self.admin_life / 2)

    @property
    def rotation_due(self) -> bool:
        """Whether it is time for an automatic rotation, which does not wait for the token's end."""
        past = time.time() - self.rotated_at >= self.rotation_period
        return bool(self.rotation_period) and (past or self.admin_due)

    def changed(self, **values: Any) -> Self:
        """A copy with `values`. Raises UserError when the result would be wrong."""
        config = dataclasses.replace(self, **values)
        config.validate()
        return config

    def validate(self) -> None:
        """Raise UserError for the first value that cannot be meant."""
        tokens.check("admin_token", self.admin_token)
        if not self.pachd_address:
            raise UserError("invalid pachd_address: empty string")
        try:
            address.parse(self.pachd_address)
        except ValueError as error:
            raise UserError(f"invalid pachd_address: {error}") from None
        if self.tls_server_name and not address.is_certified(self.tls_server_name):
            raise UserError("invalid tls_server_name: write a host name or IP, without a port")
        try:
            self.endpoint.tls()
        except ValueError as error:
            raise UserError(f"invalid ca_cert: {error}") from None
        if self.ttl and self.max_ttl and self.ttl > self.max_ttl:
            raise UserError("invalid ttl: longer than max_ttl")
        if not 1 <= self.request_timeout <= LONGEST_REQUEST:
            raise UserError(f"invalid request_timeout: write 1s to {LONGEST_REQUEST}s")
        if self.rotation_period and self.rotation_period < SHORTEST_ROTATION:
            raise UserError(f"invalid rotation_period: write at least {SHORTEST_ROTATION}s, or 0")
        if not 1 <= self.max_in_flight <= 64:
            raise UserError("invalid max_in_flight: write 1 to 64")

    async def save(self, storage: Storage) -> None:
        """Store it, seal-wrapped. Raises StorageError."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in _TOKENS:
            values[name] = values[name] and values[name].reveal()
        await storage.put(KEY, json.dumps(values).encode(), seal_wrap=True)


def missing() -> UserError:
    """What to raise where a configuration is needed and there is none yet."""
    return UserError("no configuration: write admin_token and pachd_address to config first")


async def load(storage: Storage) -> Config | None:
    """The stored configuration, None when there is none.

    Keys of other versions of the engine are passed over, so that an upgrade and a step back work.
    """
    entry = await storage.get(KEY)
    if entry is None:
        return None
    stored = json.loads(entry.value)
    values = {f.name: stored[f.name] for f in dataclasses.fields(Config) if f.name in stored}
    for name in _TOKENS:
        values[name] = Masked(values[name]) if values.get(name) else None
    for name in ("allowed_subjects", "denied_subjects", "allowed_grants"):
        if name in values:
            values[name] = tuple(values[name])
    return Config(**values)
