"""Certificates as authorities issue them, for a moment."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

Key: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_DAY = datetime.timedelta(days=1)
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)

_SHA256_RSA = bytes.fromhex("06092a864886f70d01010b")  # the algorithms' names, as DER has them
_SHA1_RSA = bytes.fromhex("06092a864886f70d010105")
_SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")

SERVES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
CALLS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


def used_for(*uses: str) -> x509.KeyUsage:
    """The extension that lets a key be used for these alone."""
    return x509.KeyUsage(**{use: use in uses for use in _USES})


def within(name: str) -> x509.NameConstraints:
    """The extension that lets an authority sign names below this one alone."""
    return x509.NameConstraints([x509.DNSName(name)], None)


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and who issued it: None for itself."""

    certificate: x509.Certificate
    key: Key
    issuer: Issued | None

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, folder: Path, *others: Issued) -> ssl.SSLContext:
        """A server that shows it, and `others` along with it."""
        path = folder / f"{self.certificate.serial_number}.pem"
        path.write_text(
            self.pem
            + "".join(other.pem for other in others)
            + self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # what it shows is the client's to judge
        context.load_cert_chain(path)
        context.set_alpn_protocols(["h2"])
        return context


def issue(
    *names: str,
    by: Issued | None = None,
    authority: bool = False,
    common_name: str = "pachd",
    expired: bool = False,
    early: bool = False,
    key: Key | None = None,
    path_length: int | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> Issued:
    """A certificate for `names`, host names and IP addresses, of a key of its own.

    `early`: it is not valid for half a day yet. A name in quotes is a host name, whatever it looks
    like.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    end = datetime.datetime.now(datetime.UTC) + (-_DAY if expired else _DAY)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 3 * _DAY if not early else end - _DAY / 2)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
        )
    signer = by.key if by else key
    plain = isinstance(signer, ed25519.Ed25519PrivateKey)  # which has its own
    return Issued(builder.sign(signer, None if plain else hashes.SHA256()), key, by)


def with_sha1(issued: Issued) -> Issued:
    """It, signed with SHA-1 by an RSA key: libraries do that no more."""
    signer = (issued.issuer or issued).key
    assert isinstance(signer, rsa.RSAPrivateKey)
    old = issued.certificate
    body = old.tbs_certificate_bytes.replace(_SHA256_RSA, _SHA1_RSA)
    numbers = signer.private_numbers()
    size = len(old.signature)
    info = _SHA1_INFO + hashlib.sha1(body).digest()
    padded = b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info  # RFC 8017, 9.2
    signed = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(size)
    der = old.public_bytes(serialization.Encoding.DER)
    der = der.replace(old.tbs_certificate_bytes, body).replace(_SHA256_RSA, _SHA1_RSA)
    der = der.replace(old.signature, signed)
    return Issued(x509.load_der_x509_certificate(der), issued.key, issued.issuer)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.strip('"'))
