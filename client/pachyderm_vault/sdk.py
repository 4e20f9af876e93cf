"""`connect` for Pachyderm 2.x: a client of pachyderm-sdk that stays signed in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Optional

import grpc
from pachyderm_sdk import Client
from pachyderm_sdk.constants import GRPC_CHANNEL_OPTIONS
from pachyderm_sdk.interceptor import MetadataClientInterceptor

from pachyderm_vault.channel import signed
from pachyderm_vault.kept_client import KEPT, KeepsToken

if TYPE_CHECKING:
    from pachyderm_vault.source import TokenSource


class KeptClient(KeepsToken, Client):  # type: ignore[misc]  # ships no types
    """A `pachyderm_sdk.Client` whose calls carry the living token of a source.

    The SDK makes a channel anew whenever its metadata change, as in a transaction; here one channel
    serves for all of them.
    """

    def _init_api(self) -> None:
        self._channel: grpc.Channel
        self._channel.close()  # the SDK's own, which nobody has used
        if self._kept is None:
            self._kept = self._connected()
        self._channel = grpc.intercept_channel(
            self._kept, MetadataClientInterceptor(self._build_metadata())
        )
        super()._init_api()

    def _connected(self) -> grpc.Channel:
        options = GRPC_CHANNEL_OPTIONS
        if self.root_certs is None:
            channel = grpc.insecure_channel(self.address, options=options)
        else:
            trust = grpc.ssl_channel_credentials(root_certificates=self.root_certs)
            channel = grpc.secure_channel(self.address, trust, options=options)
        return signed(channel, self._source, self._trusted)


def connect(
    source: TokenSource,
    *,
    address: Optional[str] = None,
    root_certs: Optional[bytes] = None,
    transaction_id: Optional[str] = None,
) -> KeptClient:
    """A `pachyderm_sdk.Client` whose every call carries the living token of `source`.

    It leads where the mount says, unless `address` names where pachd is reached from here.
    `root_certs` are the authorities to trust, PEM. Raises TokenError where there is no token.
    """
    found = address or source.credentials().address
    kept = partial(KeptClient, source, None if address else found)
    client: KeptClient = Client.from_pachd_address.__func__(
        kept, found, auth_token=KEPT, root_certs=root_certs, transaction_id=transaction_id
    )
    return client
