"""Pachyderm's own Python SDK takes the 2.x simulator for a cluster."""

import warnings

import pytest

from tests.pachd import PachdV2, Simulator, self_signed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies' deprecations are not ours to mend
    from pachyderm_sdk import Client


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
def test_whoami_with_a_minted_token(tls: bool) -> None:
    certificate = self_signed("127.0.0.1") if tls else None
    with Simulator(PachdV2(), certificate=certificate) as pachd:
        roots = certificate.certificate if certificate else None
        root = Client(pachd.host, pachd.port, auth_token=pachd.root_token, root_certs=roots)
        token = root.auth.get_robot_token(robot="user", ttl=60).token
        user = Client(pachd.host, pachd.port, auth_token=token, root_certs=roots)
        me = user.auth.who_am_i()
        assert me.username == "robot:user"
        assert me.expiration is not None
        assert user.get_version().major == 2
        assert root.auth.revoke_auth_token(token=token).number == 1
