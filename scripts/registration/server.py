"""A server of the cluster, and what it says: its kind, its state, its mounts, its nodes."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from scripts.registration.link import Link, RedirectedError, UnreachableError, namespace_of

LOOK = 10.0  # seconds for what starts nothing, asked of a node that may hang


class RefusedError(Exception):
    """The server said no: `status`, its `words`, and the `path` that was asked."""

    def __init__(self, status: int, words: str, path: str) -> None:
        self.status = status
        self.words = words
        self.path = path
        super().__init__(f"{path}: {status} {words}")


@dataclass(frozen=True)
class Node:
    """A server of the cluster, by the address it tells the others."""

    address: str
    active: bool


class Server:
    """Asks one server; everything it needs comes from `environment`, nothing from arguments.

    `program` is the name of its command line, by the operator's own variables until `state` has
    asked which kind it is.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.link = Link(environment)
        self.address = self.link.address
        self.program = "bao" if environment.get("BAO_ADDR") else "vault"
        self.namespace = namespace_of(environment)

    def ask(
        self, method: str, path: str, body: Any = None, *, root: bool = False, **query: str
    ) -> Any:
        """Ask and give the answer's data. With `root`, in the root namespace.

        A node that stands by may redirect for a moment after an election: then the one that is
        active by now is asked. Raises RefusedError or UnreachableError.
        """
        request: dict[str, Any] = {"json": body, "params": query}
        request["namespace"] = "" if root else self.namespace
        try:
            reply = self.link.send(self.address, method, path, **request)
        except RedirectedError:
            before = self.address
            self.turn_to_active()
            if self.address == before:
                raise
            reply = self.link.send(self.address, method, path, **request)
        return _data(reply, path)

    def mounted(self, path: str) -> dict[str, Any] | None:
        """What is mounted at `path`, None for nothing. Raises RefusedError or UnreachableError.

        It is looked up among all mounts: asked for ``a/b`` alone, the server tells of ``a/``.
        """
        found: dict[str, Any] | None = self.ask("GET", "sys/mounts").get(f"{path}/")
        return found

    def mounted_at(self, node: Node, path: str) -> dict[str, Any] | None:
        """What `node` itself has mounted at `path`; empty for nothing, None where it does not say.

        A standby that serves no reads starts no plugin either, and says nothing for itself. Raises
        UnreachableError.
        """
        if not self.link.trusts(node.address):
            raise UnreachableError(f"{node.address} would get the token in plain text")
        try:
            reply = self.link.send(
                node.address, "GET", "sys/mounts", namespace=self.namespace, within=LOOK,
                headers={"X-Vault-No-Request-Forwarding": "true"},
            )  # fmt: skip
            mounts = _data(reply, "sys/mounts")
        except (RefusedError, RedirectedError):
            return None
        found: dict[str, Any] = mounts.get(f"{path}/", {})
        return found

    def state(self) -> dict[str, Any]:
        """Ask the server how it is, without the token. Raises UnreachableError."""
        reply = self.link.send(self.address, "GET", "sys/seal-status", token=False)
        try:
            told: dict[str, Any] = reply.json()
            told["sealed"], told["initialized"]
        except (ValueError, TypeError, KeyError):
            words = reply.text.strip().partition("\n")[0][:120]
            raise UnreachableError(
                f"{self.address} does not answer as a Vault or OpenBao server: "
                f"{reply.status_code} {words}"
            ) from None
        self.program = self._program(str(told.get("version") or ""))
        return told

    def _program(self, version: str) -> str:
        """The name of the server's own command line.

        Vault's health tells since 1.16 whether it is the enterprise edition, OpenBao's does not,
        and OpenBao's versions began with 2. Where one holds its version back, the operator's own
        command line stays.
        """
        try:
            health = self.link.send(self.address, "GET", "sys/health", token=False).json()
        except (UnreachableError, ValueError):
            health = None
        edition = isinstance(health, dict) and "enterprise" in health
        if edition or version.startswith(("0.", "1.")):
            return "vault"
        return "bao" if version else self.program

    def turn_to_active(self) -> str:
        """Ask the active node from now on, where the one asked so far stands by.

        Gives "", or why the active node cannot be asked and the address given is kept: behind a
        load balancer or in Kubernetes, nodes tell addresses that only they reach. Raises
        UnreachableError where the node asked would not pass on all of it, and where TLS would be
        left for plain text.

        A standby serves some requests by itself, from what it has heard so far: it would not know
        a version registered a moment ago, and reload itself alone.
        """
        try:
            # With the token, for a server may tell addresses to those alone who have one.
            told = _data(self.link.send(self.address, "GET", "sys/leader"), "sys/leader") or {}
        except RefusedError:
            return ""
        active = str(told.get("leader_address") or "").rstrip("/")
        if not active or told.get("is_self"):
            return ""
        if unreached := self._unreached(active):
            if self.mounted_at(Node(self.address, active=False), "") is None:
                return unreached
            raise UnreachableError(
                f"{self.address} stands by and serves reads itself, and the active node is not to "
                f"be had from here, {unreached}. Set VAULT_ADDR to an address that leads to the "
                "active node alone"
            )
        self.link.remark(active, f" (the active node, told by {self.address})")
        self.address = active
        return ""

    def _unreached(self, active: str) -> str:
        """Why the active node cannot be asked, "" where it can. Raises UnreachableError."""
        if not self.link.trusts(active):
            if self.link.encrypted:
                raise UnreachableError(
                    f"{self.address} stands by and tells {active} as the active node, where the "
                    "token would go in plain text: it is not sent. Set VAULT_ADDR to an https:// "
                    "address that leads to the active node alone, or api_addr of every node to one"
                )
            return f"{active} is plain text on a network, which {self.address} is not"
        try:
            self.link.send(active, "GET", "sys/seal-status", token=False, within=LOOK)
        except UnreachableError as unreached:
            return str(unreached)
        return ""

    def nodes(self) -> list[Node]:
        """Name the cluster's servers; none where the token may not ask."""
        try:
            told = self.ask("GET", "sys/ha-status", root=True)["nodes"]
        except (RefusedError, KeyError):
            return []
        return [Node(node["api_address"], bool(node["active_node"])) for node in told]

    def demand_token(self) -> None:
        """Raise UnreachableError where no token is set."""
        if not self.link.token:
            raise UnreachableError(
                f"no token: run {self.program} login, or set VAULT_TOKEN in the environment"
            )


def _data(reply: requests.Response, path: str) -> Any:
    """The data of a success, None where it has none. Raises RefusedError for anything else."""
    try:
        told = reply.json() if reply.content else None
    except ValueError:
        raise RefusedError(reply.status_code, reply.text.strip()[:200], path) from None
    if reply.status_code >= 300:
        errors = (told or {}).get("errors") or []
        raise RefusedError(reply.status_code, _joined("\n* ".join(map(str, errors))), path)
    return told.get("data", told) if told else None


def _joined(errors: str) -> str:
    """The server's list of errors in one line, each once and without general remarks."""
    counted = re.sub(r"\d+ errors? occurred:", "", errors)
    each = (" ".join(e.partition("\nThis usually means")[0].split()) for e in counted.split("* "))
    return "; ".join(dict.fromkeys(e for e in each if e)).replace(":; ", ": ")
