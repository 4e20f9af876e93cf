"""The only place that speaks to Vault, and where what goes wrong there becomes an error of ours."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

import requests

from pachyderm_vault.errors import (
    FailedError,
    RefusedError,
    SettingError,
    TokenError,
    UnreachableError,
)

if TYPE_CHECKING:
    import hvac

PATIENCE = 10.0  # seconds that Vault has for an answer
CONNECT = 3.0  # of these, to be connected to
LONGEST_WORDS = 500  # characters of an answer that are told

_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
_LATER = frozenset({412, 429, 472, 473, 501})  # not the caller's mistake, though not a 5xx
_ADVICE = {
    401: "; sign in anew",
    403: "; the Vault token is dead, or its policy lacks the capability",
    404: "; look for a typing error in the path or the mount, and whether the role exists",
}


def ask(
    client: hvac.Client,
    method: str,
    path: str,
    body: Optional[Mapping[str, object]] = None,
    *,
    patience: float = PATIENCE,
    anew: bool = False,
) -> Dict[str, Any]:
    """The JSON of one answer of Vault's; empty where it answered without.

    `path` is without ``/v1/``; `patience` are seconds. `anew` is for what an agent on the way must
    not answer from its cache, where it finds a request by all that is in it. Raises
    UnreachableError, FailedError or RefusedError, which carry nothing of the request but its path,
    or SettingError.
    """
    raised: TokenError
    try:
        answer = client.adapter.request(
            method,
            f"/v1/{path}",
            json=None if body is None else dict(body),
            timeout=(min(CONNECT, patience), patience),
            raise_exception=False,
            headers={"X-Pachyderm-Vault-Login": uuid.uuid4().hex} if anew else None,
        )
        if isinstance(answer, dict):
            return answer
        told: Dict[str, Any] = answer.json() if answer.content else {}
        if answer.ok:
            return told
        raised = _refusal(answer.status_code, told.get("errors") or [], path)
    except _NO_ADDRESS:
        raised = SettingError(f"{client.url} is no address of Vault's: write https://HOST:8200")
    except requests.RequestException as error:
        raised = UnreachableError(f"no answer from Vault at {client.url}: {_cause(error)}")
    except OSError as error:  # requests' words for a file that is not there
        raised = SettingError(f"Vault's certificate or key cannot be read: {error}")
    except (ValueError, AttributeError):
        raised = UnreachableError(f"what answers at {client.url} is no Vault: it speaks no JSON")
    raise raised  # here, where the exceptions that know the request are not its context


def _refusal(status: int, errors: List[str], path: str) -> TokenError:
    words = _words(errors)
    if status == 500:
        return FailedError(f"Vault failed at {path}: {words}")
    if status > 500 or status in _LATER:
        return UnreachableError(f"Vault cannot serve {path} now: {words}")
    return RefusedError(f"Vault refused {path}: {words}{_ADVICE.get(status, '')}", status, errors)


def _words(errors: List[str]) -> str:
    said = " ".join("; ".join(map(str, errors)).split())[:LONGEST_WORDS]
    return said or "it gave no reason"


def _cause(error: requests.RequestException) -> str:
    """The innermost cause, in a few words: what requests says repeats the address thrice."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS: {_innermost(error)}; VAULT_CACERT names the authorities to trust"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "it cannot be connected to in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "it took too long"
    return str(_innermost(error))


def _innermost(error: BaseException) -> BaseException:
    inner: object = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    if isinstance(inner, BaseException) and inner is not error:
        return _innermost(inner)
    cause = error.__cause__ or error.__context__
    return _innermost(cause) if cause is not None and not str(error) else error
