"""A stored role: what `creds/<role>` mints."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shim import UserError
from vault_plugin import grants as grant_texts
from vault_plugin import subject_template
from vault_plugin.subjects import check_form

if TYPE_CHECKING:
    from shim import Storage
    from vault_plugin.grants import Grant

PREFIX = "roles/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """`subject` may be a template. TTLs are seconds, 0 for config's; `renewable` None likewise.

    `allow_cluster_grants` is kept for who wrote it and does nothing: config bounds the grants.
    """

    subject: str
    ttl: int = 0
    max_ttl: int = 0
    renewable: bool | None = None
    grants: tuple[str, ...] = ()
    allow_cluster_grants: bool = False

    @property
    def ephemeral(self) -> bool:
        """Whether each lease has a robot of its own."""
        return subject_template.is_ephemeral(self.subject)

    @property
    def parsed_grants(self) -> tuple[Grant, ...]:
        """The grants, one for each resource."""
        return grant_texts.parse(list(self.grants))

    def changed(self, **values: Any) -> Role:
        """A copy with `values`. Raises UserError when the result would be wrong."""
        role = dataclasses.replace(self, **values)
        role.validate()
        return role

    def validate(self) -> None:
        """Raise UserError for the first value that cannot be meant."""
        subject_template.check(self.subject)
        check_form(subject_template.sample(self.subject))
        if self.ttl and self.max_ttl and self.ttl > self.max_ttl:
            raise UserError("invalid ttl: longer than max_ttl")
        grants = self.parsed_grants
        if grants and not self.ephemeral:
            raise UserError(
                "grants need an ephemeral subject, such as robot:ci-{{random}}: a grant replaces"
                " all that a principal has on the resource"
            )
        grant_texts.check_written(grants)

    async def save(self, storage: Storage, name: str) -> None:
        """Store it. Raises StorageError."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        await storage.put(PREFIX + name, json.dumps(values).encode(), seal_wrap=True)


async def load(storage: Storage, name: str) -> Role | None:
    """The role called `name`, None when there is none; keys of other versions are passed over."""
    entry = await storage.get(PREFIX + name)
    if entry is None:
        return None
    stored = json.loads(entry.value)
    values = {f.name: stored[f.name] for f in dataclasses.fields(Role) if f.name in stored}
    values["grants"] = tuple(values.get("grants", ()))
    return Role(**values)
