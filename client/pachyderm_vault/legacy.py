"""`connect` for Pachyderm 1.x: a client of python-pachyderm 6.3 that stays signed in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Optional

import grpc
from python_pachyderm import Client

from pachyderm_vault.channel import signed
from pachyderm_vault.kept_client import KEPT, KeepsToken

if TYPE_CHECKING:
    from pachyderm_vault.source import TokenSource


class KeptClient(KeepsToken, Client):  # type: ignore[misc]  # ships no types
    """A `python_pachyderm.Client` whose calls carry the living token of a source."""

    def _req(self, grpc_service: Any, grpc_method_name: str, req: Any = None, **fields: Any) -> Any:
        if grpc_service not in self._stubs:
            if self._kept is None:
                self._kept = self._connected()
            self._stubs[grpc_service] = grpc_service.stub(self._kept)
        return super()._req(grpc_service, grpc_method_name, req, **fields)

    def _connected(self) -> grpc.Channel:
        if self.root_certs:
            trust = grpc.ssl_channel_credentials(root_certificates=self.root_certs)
            channel = grpc.secure_channel(self.address, trust)
        else:
            channel = grpc.insecure_channel(self.address)
        return signed(channel, self._source, self._trusted)


def connect(
    source: TokenSource,
    *,
    address: Optional[str] = None,
    root_certs: Optional[bytes] = None,
    transaction_id: Optional[str] = None,
) -> KeptClient:
    """A `python_pachyderm.Client` whose every call carries the living token of `source`.

    Arguments and errors are those of `pachyderm_vault.sdk.connect`.
    """
    found = address or source.credentials().address
    kept = partial(KeptClient, source, None if address else found)
    client: KeptClient = Client.new_from_pachd_address.__func__(
        kept, found, auth_token=KEPT, root_certs=root_certs, transaction_id=transaction_id
    )
    return client
