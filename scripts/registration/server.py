"""The server as `vault` and `bao` reach it: the same environment, the same token file."""

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3
from hvac.adapters import RawAdapter
from requests.adapters import HTTPAdapter

DEFAULT_ADDRESS = "https://127.0.0.1:8200"  # that of the servers' own command lines
CONNECT = 5.0  # seconds to be reached in
ANSWER = 90.0  # seconds for an answer; the server gives a plugin 60 to start
LOOK = 10.0  # seconds for what starts nothing, asked of a node that may hang
FALSE = ("", "0", "f", "F", "false", "FALSE", "False")  # as Go reads a boolean


class UnreachableError(Exception):
    """The server cannot be asked at all; the text says why and what to do."""


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


class _NamedCertificate(HTTPAdapter):
    """Expects the certificate of `server_name`, whatever the address."""

    def __init__(self, server_name: str) -> None:
        self._server_name = server_name
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        name = self._server_name
        super().init_poolmanager(*args, server_hostname=name, assert_hostname=name, **options)


def told_by(environment: Mapping[str, str], name: str) -> str:
    """A variable of the servers' command lines, "" where it is not set; BAO_ goes first."""
    found = environment.get(f"BAO_{name}") or environment.get(f"VAULT_{name}")
    return (found or "").strip()


def namespace_of(environment: Mapping[str, str] = os.environ) -> str:
    """The namespace of the mounts, "" for the root namespace."""
    return told_by(environment, "NAMESPACE").strip("/")


class Server:
    """Asks one server; everything it needs comes from `environment`, nothing from arguments."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        def variable(name: str) -> str:
            return told_by(environment, name)

        told = variable("ADDR")
        self.address = (told or DEFAULT_ADDRESS).rstrip("/")
        self._by_default = "" if told else " (the default: VAULT_ADDR is not set)"
        if urlsplit(self.address).scheme not in ("http", "https"):
            raise UnreachableError(f"the address must start with http:// or https://: {told}")
        self.program = "bao" if environment.get("BAO_ADDR") else "vault"
        self.namespace = namespace_of(environment)
        self._token = variable("TOKEN") or _token_file(environment)
        if not (self._token.isascii() and self._token.isprintable()):
            raise UnreachableError("the token has characters that no token has; set it anew")
        self._verify: str | bool = variable("SKIP_VERIFY") in FALSE and _system_trust()
        if not self._verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        elif variable("CACERT"):
            self._verify = _existing(environment, "CACERT")
        elif variable("CAPATH"):
            self._verify = _existing(environment, "CAPATH")
        self._certificate: tuple[str, str] | None = None
        if variable("CLIENT_CERT"):
            self._certificate = (
                _existing(environment, "CLIENT_CERT"),
                _existing(environment, "CLIENT_KEY"),
            )
        self._server_name = variable("TLS_SERVER_NAME")

    def ask(
        self, method: str, path: str, body: Any = None, *, root: bool = False, **query: str
    ) -> Any:
        """Ask and give the answer's data. With `root`, in the root namespace.

        Raises RefusedError or UnreachableError.
        """
        adapter = self._adapter(self.address, "" if root else self.namespace)
        return _data(self._send(adapter, method, path, json=body, params=query), path)

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
        adapter = self._adapter(node.address, self.namespace, allow_redirects=False)
        headers = {"X-Vault-No-Request-Forwarding": "true"}
        try:
            reply = self._send(adapter, "GET", "sys/mounts", within=LOOK, headers=headers)
            mounts = _data(reply, "sys/mounts")
        except RefusedError:
            return None
        found: dict[str, Any] = mounts.get(f"{path}/", {})
        return found

    def state(self) -> dict[str, Any]:
        """Ask the server how it is, which needs no token. Raises UnreachableError."""
        reply = self._send(self._adapter(self.address, ""), "GET", "sys/seal-status")
        try:
            told: dict[str, Any] = reply.json()
            told["sealed"], told["initialized"]
        except (ValueError, TypeError, KeyError):
            words = reply.text.strip().partition("\n")[0][:120]
            raise UnreachableError(
                f"{self.address} does not answer as a Vault or OpenBao server: "
                f"{reply.status_code} {words}"
            ) from None
        return told

    def turn_to_active(self) -> str:
        """Ask the active node from now on, where the one asked so far stands by.

        Gives "", or why the active node cannot be asked and the address given is kept: behind a
        load balancer or in Kubernetes, nodes tell addresses that only they reach. Raises
        UnreachableError where the node asked would not pass on all of it.

        A standby serves some requests by itself, from what it has heard so far: it would not know
        a version registered a moment ago, and reload itself alone.
        """
        try:
            told = self.ask("GET", "sys/leader", root=True)
        except RefusedError:
            return ""
        active = str(told.get("leader_address") or "").rstrip("/")
        if not active or told["is_self"]:
            return ""
        try:
            self._send(self._adapter(active, ""), "GET", "sys/seal-status", within=LOOK)
        except UnreachableError as unreached:
            if self.mounted_at(Node(self.address, active=False), "") is None:
                return str(unreached)
            raise UnreachableError(
                f"{self.address} stands by and serves reads itself, and the active node is not to "
                f"be had from here, {unreached}. Set VAULT_ADDR to an address that leads to the "
                "active node alone"
            ) from None
        self.address, self._by_default = active, f" (the active node, told by {self.address})"
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
        if not self._token:
            raise UnreachableError(
                f"no token: run {self.program} login, or set VAULT_TOKEN in the environment"
            )

    def _adapter(self, address: str, namespace: str, *, allow_redirects: bool = True) -> RawAdapter:
        session = requests.Session()
        session.verify, session.cert = self._verify, self._certificate
        if self._server_name:
            session.mount("https://", _NamedCertificate(self._server_name))
        return RawAdapter(
            base_uri=address, token=self._token, namespace=namespace,
            verify=self._verify, cert=self._certificate, session=session,
            allow_redirects=allow_redirects,
        )  # fmt: skip

    def _send(
        self, adapter: RawAdapter, method: str, path: str, *, within: float = ANSWER, **options: Any
    ) -> requests.Response:
        where = adapter.base_uri + (self._by_default if adapter.base_uri == self.address else "")
        try:
            reply: requests.Response = adapter.request(
                method,
                f"/v1/{quote(path)}",
                raise_exception=False,
                timeout=(CONNECT, within),
                **options,
            )
        except requests.exceptions.SSLError as error:
            raise UnreachableError(f"{where}: {_tls_advice(str(error))}") from None
        except requests.exceptions.ConnectTimeout:
            raise UnreachableError(f"{where} is not reached within {CONNECT:.0f} s") from None
        except requests.exceptions.Timeout:
            raise UnreachableError(f"{where} does not answer within {within:.0f} s") from None
        except (requests.exceptions.RequestException, OSError, UnicodeError) as error:
            raise UnreachableError(f"{where} is not reached: {_cause(error)}") from None
        return reply


def _token_file(environment: Mapping[str, str]) -> str:
    """The token `vault login` left behind, "" where there is none."""
    try:
        return (Path(environment.get("HOME", "/nonexistent")) / ".vault-token").read_text().strip()
    except (OSError, UnicodeError):
        return ""


def _system_trust() -> str | bool:
    """The authorities of the system, which the server's own command line trusts.

    As OpenSSL finds them, or as SSL_CERT_FILE and SSL_CERT_DIR say; True where there are none, for
    those that requests brings along.
    """
    places = ssl.get_default_verify_paths()
    if places.cafile:
        return places.cafile
    return places.capath if places.capath and any(Path(places.capath).iterdir()) else True


def _existing(environment: Mapping[str, str], name: str) -> str:
    """The file or directory that a variable names. Raises UnreachableError."""
    path = told_by(environment, name)
    if not Path(path).exists():
        variable = f"{'BAO' if environment.get(f'BAO_{name}') else 'VAULT'}_{name}"
        raise UnreachableError(f"{variable} names {path!r}, which is not there")
    return path


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


def _tls_advice(error: str) -> str:
    """What to do about a TLS failure, by the words of OpenSSL."""
    if "WRONG_VERSION_NUMBER" in error:
        return "it does not speak TLS: is it http://?"
    if "CERTIFICATE_VERIFY_FAILED" in error:
        cause = error.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        if "mismatch" in cause:
            return f"{cause} Use its name in VAULT_ADDR, or set VAULT_TLS_SERVER_NAME to it"
        return f"its certificate is not trusted ({cause}): set VAULT_CACERT to its authority's file"
    if "CERTIFICATE_REQUIRED" in error or "HANDSHAKE_FAILURE" in error:
        return "it wants a client certificate: set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"
    return f"TLS fails: {error}"


def _cause(error: BaseException) -> str:
    """The innermost words of a failure, without the classes and addresses around them."""
    inner = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    words = str(inner).rpartition("] ")[2] or type(inner).__name__
    return words.rstrip(")'\"")
