"""AutoMTLS: our certificate, the host's, and a TLS context for either direction.

The host hands its certificate over in ``PLUGIN_CLIENT_CERT`` (self-signed ECDSA P-521) and learns
ours from the handshake line; each side trusts that one certificate and no other. The same two
certificates serve when we dial back to the host's services. Both ends are named ``localhost``.
"""

from __future__ import annotations

import fcntl
import os
import ssl
import time
from typing import Final, NamedTuple

from shim.process.handshake import HandshakeError
from shim.process.native import self_signed

SERVER_NAME: Final = "localhost"
_ALPN: Final = ["h2"]
_CLOCK_SKEW: Final = 30  # seconds
_LIFETIME: Final = 30 * 365 * 24 * 3600  # seconds: as long as any server process may live
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class MutualTLS(NamedTuple):
    """Both contexts of one plugin process, and the `certificate` (DER) to tell the host."""

    certificate: bytes
    server: ssl.SSLContext
    client: ssl.SSLContext


def mutual_tls(host_certificate: str) -> MutualTLS:
    """Make a key and certificate and trust `host_certificate` (PEM) alone, in both directions.

    The key exists in this process's memory only. Raises HandshakeError for what is no
    certificate.
    """
    now = int(time.time())
    certificate, pem = self_signed(SERVER_NAME, now - _CLOCK_SKEW, now + _LIFETIME)
    return MutualTLS(
        certificate,
        server=_context(ssl.PROTOCOL_TLS_SERVER, pem, host_certificate),
        client=_context(ssl.PROTOCOL_TLS_CLIENT, pem, host_certificate),
    )


def _context(protocol: int, pem: bytes, trusted: str) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_RENEGOTIATION  # RFC 9113, 9.2.1
    context.set_alpn_protocols(_ALPN)
    try:
        context.load_verify_locations(cadata=trusted)
    except ssl.SSLError as error:
        raise HandshakeError(f"the host's certificate cannot be read: {error.reason}") from None
    _load_chain(context, pem)
    return context


def _load_chain(context: ssl.SSLContext, pem: bytes) -> None:
    """`SSLContext.load_cert_chain` from memory: it takes a path only, so it gets a memory file."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(descriptor, pem)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
