"""Three servers that store by raft: one is active, two stand by."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import requests

from tests.integration.mount import eventually
from tests.integration.openbao import CONFIG, HEALTH, START_SECONDS, VaultServer, free_port

if TYPE_CHECKING:
    from pathlib import Path

NODES = 3
ACTIVE = 200
STANDING_BY = (429, 473)  # in vain and to serve reads; OpenBao says 429 of both


class Node(VaultServer):
    """One server of the cluster, which starts sealed; the cluster unseals it."""

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__(binary, directory)
        self._peers = f"127.0.0.1:{free_port()}"  # raft knows a node by it: it stays

    def __enter__(self) -> Self:
        (self.directory / "raft").mkdir(parents=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        plugins = self.plugin_pids()
        self.kill9()
        for pid in plugins:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.check_logs()

    def health(self) -> int:
        """The status of ``sys/health``, 0 while nobody answers."""
        try:
            return requests.get(f"{self.address}{HEALTH}", timeout=5).status_code
        except (requests.ConnectionError, requests.Timeout):
            return 0

    def active(self) -> bool:
        """Whether this is the node that writes."""
        return self.health() == ACTIVE

    def serves(self, path: str) -> bool:
        """Whether the plugin at `path` answers through this node."""
        return self.http("GET", f"/v1/{path}?help=1")[0] == ACTIVE

    def http(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> tuple[int, Any]:
        """As of any server, but no redirect is followed: this node answers or forwards."""
        sent = {} if token is None else {"X-Vault-Token": token or self.root_token}
        reply = requests.request(
            method,
            f"{self.address}{path}",
            headers={**sent, **(headers or {})},
            json=body,
            timeout=90,
            allow_redirects=False,
            hooks={"response": self.told.listen},
        )
        return reply.status_code, reply.json() if reply.content else None

    def config(self, listen: str) -> str:
        """Elections after a second, not five, and new nodes vote at once."""
        return f"""{CONFIG}
            storage "raft" {{
              path                         = "{self.directory / "raft"}"
              node_id                      = "{self.directory.name}"
              performance_multiplier       = 1
              autopilot_reconcile_interval = "200ms"
              autopilot_update_interval    = "200ms"
            }}
            listener "tcp" {{
              address         = "{listen}"
              cluster_address = "{self._peers}"
              tls_disable     = true
            }}
            api_addr         = "http://{listen}"
            cluster_addr     = "https://{self._peers}"
            plugin_directory = "{self.plugin_directory}"
            disable_mlock    = true # a word of Vault's
        """

    def options(self, listen: str) -> list[str]:
        """None."""
        del listen
        return []


class RaftCluster:
    """The nodes, unsealed, joined and voting, as a context manager; all are killed at its end."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.nodes = [Node(binary, directory / f"n{number}") for number in range(NODES)]
        for node in self.nodes:
            node.told = self.nodes[0].told  # one forwards to another, whose log must not show it
        self._unseal_key = ""
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            for node in self.nodes:
                starting.enter_context(node)
            self._form()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _form(self) -> None:
        first, *others = self.nodes
        shares = {"secret_shares": 1, "secret_threshold": 1}
        status, made = first.http("PUT", "/v1/sys/init", shares, token=None)
        assert status == 200, made
        (self._unseal_key,) = made["keys_base64"]
        for node in self.nodes:
            node.root_token = made["root_token"]
            node.told.tokens |= {node.root_token, self._unseal_key}
        self.unseal(first)
        eventually(first.active, START_SECONDS)
        autopilot = {"server_stabilization_time": "200ms"}
        first.http("POST", "/v1/sys/storage/raft/autopilot/configuration", autopilot)
        for node in others:
            leader = {"leader_api_addr": first.address}
            status, answer = node.http("POST", "/v1/sys/storage/raft/join", leader, token=None)
            assert status == 200, answer
            self.unseal(node)
        eventually(lambda: self._voters() == NODES, START_SECONDS)

    def _voters(self) -> int:
        """How many nodes elect a leader: until all do, the death of one ends the cluster."""
        _, answer = self.nodes[0].http("GET", "/v1/sys/storage/raft/configuration")
        return sum(server["voter"] for server in answer["data"]["config"]["servers"])

    def leader(self) -> Node:
        """The active node. Raises LookupError while there is none."""
        for node in self.nodes:
            if node.active():
                return node
        raise LookupError("no node is active")

    def standbys(self) -> list[Node]:
        """The nodes that stand by."""
        return [node for node in self.nodes if node.health() in STANDING_BY]

    def wait_for_leader(self) -> Node:
        """The active node, once there is one and the others forward to it."""
        eventually(self._forwards, START_SECONDS)
        return self.leader()

    def _forwards(self) -> bool:
        """Whether a write through any node that lives is done.

        For a moment after an election, standbys redirect instead of forwarding.
        """
        living = [node for node in self.nodes if node.health()]
        return any(node.active() for node in living) and all(
            node.http("POST", "/v1/cubbyhole/written", {"through": node.directory.name})[0] == 204
            for node in living
        )

    def start(self, node: Node) -> None:
        """Bring a killed node back."""
        node.start()
        self.unseal(node)

    def seal(self, node: Node) -> None:
        """Seal one node, and only that; its plugins end."""
        status, answer = node.http("PUT", "/v1/sys/seal")
        assert status == 204, answer

    def unseal(self, node: Node) -> None:
        """Unseal a node and wait until it is active or stands by.

        The key is sent once: a node that is still joining unseals itself when it has, and would
        do so twice.
        """
        status, answer = node.http("PUT", "/v1/sys/unseal", {"key": self._unseal_key}, token=None)
        assert status == 200, answer
        eventually(lambda: node.health() in (ACTIVE, *STANDING_BY), START_SECONDS)

    def register(self, name: str, file: Path) -> None:
        """Put `file` into every node's plugin directory and register it once for all."""
        for node in self.nodes:
            node.register(name, file)

    def enable(self, name: str, path: str) -> None:
        """Mount the plugin `name` at `path` and wait until every node serves it."""
        self.leader().enable(name, path)
        for node in self.nodes:
            eventually(partial(node.serves, path), START_SECONDS)

    def disable(self, path: str) -> None:
        """Unmount `path`, revoking its leases."""
        self.leader().disable(path)
