"""The only place that speaks to Vault, and where what hvac raises becomes an error of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

import requests
from hvac.exceptions import VaultError

from pachyderm_vault.errors import FailedError, RefusedError, TokenError, UnreachableError

if TYPE_CHECKING:
    import hvac

PATIENCE = 10.0  # seconds that Vault has for an answer
CONNECT = 3.0  # of these, to be connected to
LONGEST_WORDS = 500  # characters of an answer that are told

_REFUSALS = {"InvalidRequest": 400, "Unauthorized": 401, "Forbidden": 403, "InvalidPath": 404}
_OVER = {"RateLimitExceeded", "VaultNotInitialized", "BadGateway", "VaultDown", "UnexpectedError"}
_ADVICE = {
    400: "",
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
) -> Dict[str, Any]:
    """The JSON of one answer of Vault's; empty where it answered without.

    `path` is without ``/v1/``; `patience` are seconds. Raises UnreachableError, FailedError or
    RefusedError, which carry nothing of the request but its path.
    """
    raised: TokenError
    try:
        answer = client.adapter.request(
            method,
            f"/v1/{path}",
            json=None if body is None else dict(body),
            timeout=(min(CONNECT, patience), patience),
        )
        if isinstance(answer, dict):
            return answer
        return dict(answer.json()) if answer.content else {}
    except VaultError as error:
        raised = _translated(error, path)
    except requests.RequestException as error:
        raised = UnreachableError(f"no answer from Vault at {client.url}: {_cause(error)}")
    except (ValueError, TypeError):
        raised = UnreachableError(f"what answers at {client.url} is no Vault: not JSON")
    raise raised  # here, where the exceptions that know the request are not its context


def _translated(error: VaultError, path: str) -> TokenError:
    kind = type(error).__name__
    errors = [error.errors] if isinstance(error.errors, str) else list(error.errors or ())
    words = _words(errors or [str(error.args[0] or "").strip()])
    status = _REFUSALS.get(kind)
    if status is not None:
        return RefusedError(f"Vault refused {path}: {words}{_ADVICE[status]}", status, errors)
    if kind in _OVER:
        return UnreachableError(f"Vault cannot serve {path} now: {words}")
    return FailedError(f"Vault failed at {path}: {words}")


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
