"""Bodies of 31 MiB, at a server that lets them through."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer, free_port

if TYPE_CHECKING:
    from tests.integration.conftest import StartServer
    from tests.pachd import PachdV2, Simulator

SIZE = 31 << 20


class Roomy(VaultServer):
    """A server with a second listener, which takes large bodies."""

    def config(self, listen: str) -> str:
        self.roomy = f"127.0.0.1:{free_port()}"
        return f"""{super().config(listen)}
listener "tcp" {{
  address                      = "{self.roomy}"
  tls_disable                  = true
  max_request_size             = {2 * SIZE}
  max_request_json_memory      = {4 * SIZE} # OpenBao's limit
  max_json_string_value_length = {2 * SIZE} # Vault's
}}"""


@pytest.mark.timeout(300)  # the server parses and audits each of them
def test_a_body_of_thirty_one_mebibytes(another: StartServer, v2: Simulator[PachdV2]) -> None:
    server = another(Roomy)
    assert isinstance(server, Roomy)
    mount = Mount(server, "pachyderm", v2)
    server.enable(PLUGIN, mount.path)
    mount.configure()
    (pid,) = server.plugin_pids(PLUGIN)
    body = json.dumps({"filler": "x" * SIZE})

    def put(path: str) -> requests.Response:
        return requests.put(
            f"http://{server.roomy}/v1/{mount.path}/{path}",
            body,
            headers={"X-Vault-Token": server.root_token},
            timeout=120,
        )

    with ThreadPoolExecutor(2) as clients:
        answers = clients.map(put, ("login/robot:x", "config"))
        for _ in range(10):
            mount.login()
        for answer in answers:
            assert answer.status_code == 413, answer.text
            assert "1,048,576 bytes" in answer.text
    assert server.plugin_pids(PLUGIN) == [pid]
