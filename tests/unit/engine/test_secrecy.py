"""No token where it could be read.

Beside the tests here, `conftest.py` looks through all log records of every test, and `vault.py`
through every error, warning and repr that comes out of the backend.
"""

import pytest

from shim import Masked
from tests.pachd.tokens import new_token
from tests.unit.engine import secrecy
from tests.unit.engine.cluster import Pachd
from tests.unit.engine.vault import Vault, lease_of, token_of
from vault_plugin.config import Config, load
from vault_plugin.held_token import held_by
from vault_plugin.pachyderm.errors import PachdError


@pytest.mark.parametrize("shown", ["{}", "x={}y", "['{}']"])
def test_the_search_finds_a_token_and_does_not_show_it(shown: str) -> None:
    token = new_token()
    with pytest.raises(AssertionError, match="a token is shown") as found:
        secrecy.check(shown.format(token))
    assert token not in str(found.value)
    with pytest.raises(AssertionError, match="a token is shown"):
        secrecy.check_error(RuntimeError(shown.format(token)))


def test_a_hash_or_a_number_is_no_token() -> None:
    secrecy.check("5f4dcc3b5aa765d61d8327deb882cf99 12345678901234567890123456789012")


async def test_reprs(mount: Vault, pachd: Pachd) -> None:
    response = await mount.write("login/robot:x")
    config = await load(mount.host.storage)
    assert config is not None
    assert config.admin_token == Masked(pachd.root_token)
    held = held_by(lease_of(response))
    for thing in (config, held, config.endpoint, lease_of(response), response):
        secrecy.check(f"{thing!r} {thing!s} {thing}")
    assert isinstance(config, Config)


async def test_no_frame_of_a_traceback_holds_a_bare_token_of_the_engine(
    mount: Vault, pachd: Pachd
) -> None:
    """A traceback logged with its locals must not tell: the engine keeps tokens masked."""
    token = token_of(await mount.write("login/robot:x"))
    pachd.die()
    with pytest.raises(PachdError) as refusal:
        await mount.write("revoke", user_token=token)
    trace = refusal.value.__traceback__
    while trace is not None:
        if "/vault_plugin/" in trace.tb_frame.f_code.co_filename:
            for name, value in trace.tb_frame.f_locals.items():
                if name not in ("metadata", "request"):  # what goes on the wire itself
                    secrecy.check(repr(value))
        trace = trace.tb_next
