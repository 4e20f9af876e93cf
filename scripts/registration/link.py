"""The way to the servers, as `vault` and `bao` find it: by environment and token file."""

import ipaddress
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
import urllib3
from hvac.adapters import RawAdapter
from requests.adapters import HTTPAdapter

DEFAULT_ADDRESS = "https://127.0.0.1:8200"  # that of the servers' own command lines
CONNECT = 5.0  # seconds to be reached in
ANSWER = 90.0  # seconds for an answer; the server gives a plugin 60 to start
FALSE = ("", "0", "f", "F", "false", "FALSE", "False")  # as Go reads a boolean


class UnreachableError(Exception):
    """The server cannot be asked at all; the text says why and what to do."""


class RedirectedError(UnreachableError):
    """It sends who asks it elsewhere, where nothing was sent."""


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


class Link:
    """Sends requests; all it needs comes from `environment`, nothing from arguments.

    The token goes to an address that the operator named, and from there to one that the server
    there names as a node of its cluster; it follows no redirect.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        def variable(name: str) -> str:
            return told_by(environment, name)

        told = variable("ADDR")
        self.address = (told or DEFAULT_ADDRESS).rstrip("/")
        self._remark = {} if told else {self.address: " (the default: VAULT_ADDR is not set)"}
        if urlsplit(self.address).scheme not in ("http", "https"):
            raise UnreachableError(f"the address must start with http:// or https://: {told}")
        self.token = variable("TOKEN") or _token_file(environment)
        if not (self.token.isascii() and self.token.isprintable()):
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

    @property
    def encrypted(self) -> bool:
        """Whether the operator's address is one of TLS."""
        return urlsplit(self.address).scheme == "https"

    def trusts(self, address: str) -> bool:
        """Whether the token may go to an address that a node told.

        In plain text it may only where the operator's own is plain text as well, and leaves this
        machine only where it did so before.
        """
        told = urlsplit(address)
        if told.scheme != "http":
            return told.scheme == "https"
        here = _loopback(urlsplit(self.address).hostname)
        return not self.encrypted and (_loopback(told.hostname) or not here)

    def remark(self, address: str, words: str) -> None:
        """Say these `words` of an address where it is not reached."""
        self._remark[address] = words

    def send(
        self,
        address: str,
        method: str,
        path: str,
        *,
        token: bool = True,
        namespace: str = "",
        within: float = ANSWER,
        **options: Any,
    ) -> requests.Response:
        """Send one request; `within` are the seconds for its answer, without `token` it has none.

        Raises UnreachableError where none comes, RedirectedError where it is a redirect.
        """
        where = address + self._remark.get(address, "")
        adapter = self._adapter(address, self.token if token else "", namespace)
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
        if reply.is_redirect:
            raise RedirectedError(f"{where} redirects {_onwards(address, reply)}")
        return reply

    def _adapter(self, address: str, token: str, namespace: str) -> RawAdapter:
        session = requests.Session()
        session.verify, session.cert = self._verify, self._certificate
        if self._server_name:
            session.mount("https://", _NamedCertificate(self._server_name))
        return RawAdapter(
            base_uri=address, token=token, namespace=namespace, verify=self._verify,
            cert=self._certificate, session=session, allow_redirects=False,
        )  # fmt: skip


def _onwards(address: str, reply: requests.Response) -> str:
    """Where a redirect leads, and what to do about it."""
    try:
        target = urlsplit(urljoin(reply.url, reply.headers["Location"]))
        host = f"[{target.hostname}]" if ":" in (target.hostname or "") else target.hostname
        place = f"{target.scheme}://{host}" + (f":{target.port}" if target.port else "")
    except ValueError:
        return "to what is no address: something else than a Vault or OpenBao server answers"
    if place == address:
        return f"{urlsplit(reply.url).path} on itself: something stands before the server"
    if target.scheme != "https" and address.startswith("https:"):
        return (
            f"to {place}, where the token would go in plain text: it is not sent. Set VAULT_ADDR "
            "to an https:// address of the server itself"
        )
    return f"to {place}; the token is not sent on. If that is the server, set VAULT_ADDR to it"


def _loopback(host: str | None) -> bool:
    """Whether what goes to `host` stays on this machine."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


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
