"""What `shim.process.native` promises, by ctypes and the cryptography package."""

from __future__ import annotations

import ctypes
import datetime
import os
import re
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CERTIFIABLE_NAME: Final = re.compile(r"[a-z0-9.-]{1,64}")


def prctl(option: int, value: int) -> None:
    """``prctl(2)`` with one argument. Raises OSError."""
    _libc("prctl", option, value, 0, 0, 0)


def mlockall(flags: int) -> None:
    """``mlockall(2)``. Raises OSError."""
    _libc("mlockall", flags)


def _libc(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[function](*map(ctypes.c_ulong, arguments)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def forget_bytecode() -> None:
    """Nothing: what was read of other files is not in this process's memory."""


def self_signed(name: str, not_before: int, not_after: int) -> tuple[bytes, bytes]:
    """Make a key and a certificate of it: (DER of the certificate, PEM of both).

    Raises ValueError for a name or times that no certificate is made for.
    """
    if not _CERTIFIABLE_NAME.fullmatch(name):
        raise ValueError("not a name for a certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
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
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(not_before, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(not_after, datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both_ends, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return certificate.public_bytes(serialization.Encoding.DER), public + private
