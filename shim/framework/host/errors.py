"""What goes wrong between a mount and its host."""

from __future__ import annotations


class HostError(Exception):
    """The host refused a call or could not be reached; the text is the host's own."""


class StorageError(HostError):
    """``pb.Storage`` failed."""


class ReadOnlyStorage(StorageError):  # noqa: N818  Vault's own word for it
    """The node may not write; let it through and the host forwards the request."""


class NoTransactions(StorageError):  # noqa: N818  what the host lacks
    """The host's storage has no transactions."""


class SystemViewError(HostError):
    """``pb.SystemView`` failed."""
