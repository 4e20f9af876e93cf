"""A server that keeps what it knows on disk, sealed when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.openbao import CONFIG, VaultServer, free_port

if TYPE_CHECKING:
    from pathlib import Path


class KeptServer(VaultServer):
    """As an operator runs one: integrated storage, initialized once, unsealed after each start."""

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__(binary, directory)
        self.data = directory / "data"
        self._unseal_key = ""

    def start(self) -> None:
        """Start and unseal it; the first time, initialize it."""
        self.data.mkdir(exist_ok=True)
        super().start()
        if not self._unseal_key:
            shares = {"secret_shares": 1, "secret_threshold": 1}
            status, answer = self.http("PUT", "/v1/sys/init", shares, token=None)
            assert status == 200, answer
            (self._unseal_key,) = answer["keys_base64"]
            self.root_token = answer["root_token"]
            self.told.tokens |= {self.root_token, self._unseal_key}
        self.unseal()

    def seal(self) -> None:
        """Seal it: every plugin ends."""
        status, answer = self.http("PUT", "/v1/sys/seal")
        assert status == 204, answer

    def unseal(self) -> None:
        """Unseal it: every mount comes back."""
        self.give_key()
        self._wait(sealed=False)

    def give_key(self) -> None:
        """Unseal it, and wait for nothing."""
        status, answer = self.http("PUT", "/v1/sys/unseal", {"key": self._unseal_key}, token=None)
        assert status == 200, answer
        assert not answer["sealed"]

    def config(self, listen: str) -> str:
        """Everything that is said on the command line of a dev server."""
        return f"""{CONFIG}
            storage "raft" {{
              path                   = "{self.data}"
              node_id                = "one"
              performance_multiplier = 1 # the quickest to become active
            }}
            listener "tcp" {{
              address     = "{listen}"
              tls_disable = true
            }}
            api_addr         = "http://{listen}"
            cluster_addr     = "http://127.0.0.1:{free_port()}"
            plugin_directory = "{self.plugin_directory}"
            disable_mlock    = true # a word of Vault's
        """

    def options(self, listen: str) -> list[str]:
        """None."""
        del listen
        return []
