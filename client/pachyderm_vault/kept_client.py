"""What the clients of both generations share that stay signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from pachyderm_vault.calls import KEY

if TYPE_CHECKING:
    import grpc

    from pachyderm_vault.source import TokenSource

KEPT = "kept by pachyderm-vault"  # in place of a token, which clients would look for elsewhere


class KeepsToken:
    """Comes before a client's class: its token is that of a source, and in no call's metadata.

    `trusted` is the one address that the token goes to, None for wherever the client leads.
    """

    def __init__(self, source: TokenSource, trusted: Optional[str], **where: Any) -> None:
        self._source = source
        self._trusted = trusted
        self._kept: Optional[grpc.Channel] = None
        super().__init__(**where)

    @property
    def auth_token(self) -> str:
        """The living token."""
        return self._source.token()

    @auth_token.setter
    def auth_token(self, value: str) -> None:
        raise AttributeError("the source keeps the token of this client: it takes no other")

    def _build_metadata(self) -> Any:
        client: Any = super()
        return [pair for pair in client._build_metadata() if pair[0] != KEY]
