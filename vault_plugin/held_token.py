"""What a lease remembers of its token."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shim import BackendError, Masked
from vault_plugin import trust
from vault_plugin.grants import Grant, parse
from vault_plugin.pachyderm import address
from vault_plugin.pachyderm.client import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shim import Lease, Storage


# Not frozen, which would make a call of setting each field, for every renewal and revocation.
@dataclass(slots=True, kw_only=True)
class HeldToken:
    """What a lease remembers of its token and of the cluster that knows it.

    `token_end` is Unix seconds, no later than the token's real end; `ttl` and `max_ttl` are as
    in `Span`; `grants` as roles write them, to be taken away with the token. `cluster_id` is
    pachd's own name for the cluster, empty where it told none. `trust` names the stored bundle
    to verify pachd with; leases of 0.1.0 hold the bundle itself, as `ca_cert`, and no id.
    """

    user_token: Masked
    subject: str = ""
    pachd_address: str = ""
    cluster_id: str = ""
    trust: str = ""
    ca_cert: str = ""
    tls_server_name: str = ""
    generation: str = ""
    token_end: float = 0.0
    ttl: int = 0
    max_ttl: int = 0
    grants: tuple[str, ...] = ()
    log_entry: str = ""

    async def endpoint(self, storage: Storage) -> Endpoint:
        """Where the token was made. Raises StorageError, BackendError where trust is lost."""
        bundle = self.ca_cert or await trust.find(storage, self.trust)
        return Endpoint(self.pachd_address, bundle, self.tls_server_name)

    @property
    def came_over_tls(self) -> bool:
        """Whether the token has been kept from eyes on its way so far."""
        try:
            return address.parse(self.pachd_address).tls
        except ValueError:  # another version of the engine took what this one does not
            return True

    @property
    def parsed_grants(self) -> tuple[Grant, ...]:
        """The grants, one for each resource."""
        return parse(list(self.grants))

    def stored(self) -> dict[str, Any]:
        """As the host keeps it with the lease; what is empty is left out."""
        values = {name: value for name in _KINDS if (value := getattr(self, name))}
        values["user_token"] = self.user_token.reveal()
        if self.grants:
            values["grants"] = list(self.grants)
        return values


# The JSON of each field.
_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys((f.name for f in dataclasses.fields(HeldToken)), str),
    **dict.fromkeys(("token_end", "ttl", "max_ttl"), (int, float)),
    "grants": list,
}


def held_by(lease: Lease) -> HeldToken:
    """What `lease` stored, by this version of the engine or another (missing keys are empty)."""
    return held_from(lease.internal)


def held_from(stored: Mapping[str, Any]) -> HeldToken:
    """What `HeldToken.stored` gave. Raises BackendError for what it never gave."""
    values: dict[str, Any] = {}
    for name, value in stored.items():
        kind = _KINDS.get(name)
        if kind is None or value is None:
            continue
        if not isinstance(value, kind):
            raise BackendError(f"the lease holds a {name} that makes no sense")
        values[name] = value
    token = values.pop("user_token", "")
    if not token:
        raise BackendError("the lease holds no user_token")
    if "grants" in values:
        values["grants"] = tuple(values["grants"])
    return HeldToken(user_token=Masked(token), **values)
