"""What this machine's loopback can do."""

import socket

import pytest


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


IPV6 = _has_ipv6()
needs_ipv6 = pytest.mark.skipif(not IPV6, reason="the loopback has no IPv6")
