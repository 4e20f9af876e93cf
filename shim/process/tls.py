"""AutoMTLS: our certificate, the host's, and a TLS context for either direction.

The host hands its certificate over in ``PLUGIN_CLIENT_CERT`` (self-signed ECDSA P-521) and learns
ours from the handshake line; each side trusts that one certificate and no other. The same two
certificates serve when we dial back to the host's services. Both ends are named ``localhost``.
"""

from __future__ import annotations

import datetime
import fcntl
import os
import ssl
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shim.process.handshake import HandshakeError

SERVER_NAME: Final = "localhost"
_ALPN: Final = ["h2"]
_CLOCK_SKEW: Final = datetime.timedelta(seconds=30)
_LIFETIME: Final = datetime.timedelta(days=30 * 365)  # as long as any server process may live
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
    certificate, pem = _self_signed()
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


def _self_signed() -> tuple[bytes, bytes]:
    """Make a key and its certificate: (DER of the certificate, PEM of both).

    P-256: hosts verify it like their own P-521, and each TLS handshake costs a tenth.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_agreement=True,
        key_cert_sign=True,
        content_commitment=False,
        data_encipherment=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    both_ends = x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both_ends, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return certificate.public_bytes(serialization.Encoding.DER), public + private
