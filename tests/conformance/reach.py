"""What Go's gRPC client reaches, and by which names: a table, that holds for it and for us."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.conformance.issued import (
    CALLS,
    SERVES,
    Issued,
    issue,
    used_for,
    with_sha1,
    within,
)

ROOT = issue(authority=True, common_name="root")
OLD_ROOT = issue(authority=True, common_name="root", expired=True)
MIDDLE = issue(by=ROOT, authority=True, common_name="middle")
OTHER = issue(authority=True, common_name="other")

LOCAL = issue("localhost", "127.0.0.1", "::1", by=ROOT)
CHAINED = issue("localhost", by=MIDDLE)
NAMED = issue("pachd.example", by=ROOT)
WILD = issue("*.pachd.example", by=ROOT)
PARTLY_WILD = issue("pa*.example", by=ROOT)
UPPER = issue("PACHD.Example", by=ROOT)
SCORED = issue("pach_d.example", by=ROOT)
SIX = issue("fd00::7", by=ROOT)
LINK = issue("::1", by=ROOT)
COMMON = issue(by=ROOT, common_name="localhost")
EXPIRED = issue("localhost", by=ROOT, expired=True)
ALONE = issue("localhost")  # signed by itself, and no authority

EARLY = issue("localhost", by=ROOT, early=True)
TEXT = issue('"127.0.0.1"', by=ROOT)
NAMED_BY_IP = issue(by=ROOT, common_name="127.0.0.1")
DOTTED = issue("localhost.", by=ROOT)
WILD_TOP = issue("*.internal", by=ROOT)
WILD_ALL = issue("*", by=ROOT)
WIDE = issue("localhost", by=ROOT, key=ec.generate_private_key(ec.SECP521R1()))
EDWARDS = issue("localhost", by=ROOT, key=ed25519.Ed25519PrivateKey.generate())
RSA = issue("localhost", by=ROOT, key=rsa.generate_private_key(65537, 2048))
SHORT_RSA = issue("localhost", by=ROOT, key=rsa.generate_private_key(65537, 1024))
RSA_ROOT = issue(authority=True, common_name="rsa", key=rsa.generate_private_key(65537, 2048))
SHA1 = with_sha1(issue("localhost", by=RSA_ROOT))
SHA1_ROOT = with_sha1(RSA_ROOT)
BY_SHA1_ROOT = issue("localhost", by=SHA1_ROOT)
SERVER_ONLY = issue("localhost", by=ROOT, extensions=(SERVES,))
CLIENT_ONLY = issue("localhost", by=ROOT, extensions=(CALLS,))
SIGNS = issue("localhost", by=ROOT, extensions=(used_for("digital_signature"),))
OWN_AUTHORITY = issue(
    "localhost", authority=True, extensions=(used_for("key_cert_sign", "crl_sign"),)
)
NO_SIGNER = issue(
    authority=True, common_name="no signer", extensions=(used_for("digital_signature"),)
)
BY_NO_SIGNER = issue("localhost", by=NO_SIGNER)
CALLING_ROOT = issue(authority=True, common_name="calling", extensions=(CALLS,))
BY_CALLING_ROOT = issue("localhost", by=CALLING_ROOT)
NO_AUTHORITY = issue("localhost", common_name="none")
BY_NO_AUTHORITY = issue("localhost", by=NO_AUTHORITY)
BOUND = issue(authority=True, common_name="bound", extensions=(within("example"),))
IN_BOUNDS = issue("pachd.example", by=BOUND)
OUT_OF_BOUNDS = issue("localhost", by=BOUND)
ROOT_OF_LEAVES = issue(authority=True, common_name="leaves", path_length=0)
TOO_DEEP = issue(by=ROOT_OF_LEAVES, authority=True, common_name="too deep")
BY_TOO_DEEP = issue("localhost", by=TOO_DEEP)

_NONE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
_NO_BASE64 = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"
_PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
_HEADED = ROOT.pem.replace("-----\nM", "-----\nOf: someone\n\nM", 1)
_ROOTED = "localhost:{port}"


@dataclass(frozen=True)
class Row:
    """One server, and a client's configuration.

    `{port}` in `address` and `authority` is the server's. No `shows`: plain text.
    """

    address: str = _ROOTED
    name: str = ""  # tls_server_name
    bundle: str = ROOT.pem
    shows: tuple[Issued, ...] = (LOCAL,)
    #: the :authority that the server is told; None where grpc-go does not get there
    authority: str | None = _ROOTED
    #: what we tell in its place, and why
    ours: str | None = None
    why: str = ""


def _plain(address: str, authority: str | None, ours: str | None = None, why: str = "") -> Row:
    return Row(address, bundle="", shows=(), authority=authority, ours=ours, why=why)


ROWS = {
    # addresses
    "IPv4": _plain("127.0.0.1:{port}", "127.0.0.1:{port}"),
    "IPv6": _plain("[::1]:{port}", "[::1]:{port}"),
    "a zone as in URLs": _plain("[::1%25lo]:{port}", "[::1%25lo]:{port}"),
    "a zone": _plain(
        "[::1%lo]:{port}", None, "[::1%25lo]:{port}", "laxer: as every other program has it"
    ),
    "a zone that is not there": _plain("[fe80::1%25none7]:{port}", None),
    "a name": _plain("localhost:{port}", "localhost:{port}"),
    "a name in capitals": _plain(
        "LocalHost:{port}", "LocalHost:{port}", "localhost:{port}", "RFC 3986, 6.2.2.1: the same"
    ),
    "no host": _plain(":{port}", "localhost:{port}"),
    "no such name": _plain("pachd.invalid:{port}", None),
    "not ASCII": _plain("löcalhost:{port}", None),
    "an IPv4 cut short": _plain(
        "127.1:{port}", None, "127.1:{port}", "laxer: the C library's look-up takes it"
    ),
    "two dots": _plain("local..host:{port}", None),
    # names in certificates
    "a name that it holds": Row(),
    "an IP that it holds": Row("127.0.0.1:{port}", authority="127.0.0.1:{port}"),
    "an IPv6 that it holds": Row("[::1]:{port}", authority="[::1]:{port}"),
    "an IPv6 that it holds, with a zone": Row(
        "[::1%25lo]:{port}",
        shows=(LINK,),
        authority=None,
        ours="[::1%25lo]:{port}",
        why="laxer: a certificate cannot hold a zone",
    ),
    "an IP that it does not hold": Row("127.0.0.1:{port}", shows=(NAMED,), authority=None),
    "a name for TLS": Row(name="pachd.example", shows=(NAMED,), authority="pachd.example"),
    "another name": Row(name="pachd.other", shows=(NAMED,), authority=None),
    "capitals in the name": Row(name="Pachd.EXAMPLE", shows=(NAMED,), authority="Pachd.EXAMPLE"),
    "capitals in the certificate": Row(
        name="pachd.example", shows=(UPPER,), authority="pachd.example"
    ),
    "the root's dot in the name": Row(
        name="pachd.example.", shows=(NAMED,), authority="pachd.example."
    ),
    "an underscore": Row(name="pach_d.example", shows=(SCORED,), authority="pach_d.example"),
    "a wildcard": Row(name="a.pachd.example", shows=(WILD,), authority="a.pachd.example"),
    "a wildcard for two": Row(name="a.b.pachd.example", shows=(WILD,), authority=None),
    "a wildcard for none": Row(name="pachd.example", shows=(WILD,), authority=None),
    "a wildcard in a label": Row(name="pachd.example", shows=(PARTLY_WILD,), authority=None),
    "an IPv4 for TLS": Row(name="127.0.0.1", authority="127.0.0.1"),
    "an IPv6 for TLS": Row(name="fd00::7", shows=(SIX,), authority="fd00::7"),
    "an IPv6 in brackets for TLS": Row(name="[fd00::7]", shows=(SIX,), authority="[fd00::7]"),
    "a common name alone": Row(
        shows=(COMMON,), authority=None, ours=_ROOTED, why="laxer, as 0.1.0 was: RFC 2818, 3.1"
    ),
    "the root's dot in the certificate": Row(shows=(DOTTED,), authority=None),
    "an IP as a host's name": Row("127.0.0.1:{port}", shows=(TEXT,), authority=None),
    "an IP as a common name": Row("127.0.0.1:{port}", shows=(NAMED_BY_IP,), authority=None),
    "a wildcard for a whole domain": Row(
        name="pachd.internal",
        shows=(WILD_TOP,),
        authority="pachd.internal",
        why="stricter, as OpenSSL is: RFC 6125, 7.2",
    ),
    "a wildcard for everything": Row(shows=(WILD_ALL,), authority=None),
    # bundles
    "an authority that did not sign": Row(bundle=OTHER.pem, authority=None),
    "one of two": Row(bundle=OTHER.pem + ROOT.pem),
    "one twice": Row(bundle=ROOT.pem * 2),
    "words between, not ASCII": Row(bundle=f"# Größe\n{OTHER.pem}# Prüfsumme: é\n{ROOT.pem}ü"),
    "CRLF": Row(bundle=ROOT.pem.replace("\n", "\r\n")),
    "blanks behind": Row(bundle=ROOT.pem.replace("\n", " \t\n")),
    "no end of line": Row(bundle=ROOT.pem.strip()),
    "other blocks": Row(bundle=_PARAMETERS + ROOT.pem + _PARAMETERS),
    "no certificate in a block": Row(bundle=_NONE + _NO_BASE64 + ROOT.pem),
    "no certificate at all": Row(bundle=_NONE + _PARAMETERS, authority=None),
    "a block with headers": Row(bundle=_HEADED, authority=None),
    "a block that is not ended": Row(bundle=OTHER.pem[:200] + "\n" + ROOT.pem),
    "a mark in front": Row(bundle="\ufeff" + ROOT.pem, authority=None),
    "indented": Row(bundle="  " + ROOT.pem.replace("\n", "\n  "), authority=None),
    "an expired one beside": Row(bundle=OLD_ROOT.pem + ROOT.pem),
    "an expired one": Row(bundle=OLD_ROOT.pem, authority=None),
    "an intermediate sent": Row(shows=(CHAINED, MIDDLE)),
    "an intermediate not sent": Row(shows=(CHAINED,), authority=None),
    "an intermediate trusted": Row(shows=(CHAINED,), bundle=MIDDLE.pem),
    "pachd's own, of an authority": Row(bundle=LOCAL.pem),
    "pachd's own": Row(bundle=ALONE.pem, shows=(ALONE,)),
    "an expired one shown": Row(shows=(EXPIRED,), authority=None),
    "one that is not valid yet": Row(shows=(EARLY,), authority=None),
    "two that share a line": Row(bundle=OTHER.pem.strip() + ROOT.pem, authority=None),
    # keys, signatures, and what they are for
    "P-521": Row(shows=(WIDE,)),
    "Ed25519": Row(shows=(EDWARDS,)),
    "RSA of 2048 bits": Row(shows=(RSA,)),
    "RSA of 1024 bits": Row(
        shows=(SHORT_RSA,), why="stricter, as OpenSSL is: under 112 bits of security"
    ),
    "signed with SHA-1": Row(bundle=RSA_ROOT.pem, shows=(SHA1,), authority=None),
    "a root that signed itself with SHA-1": Row(bundle=SHA1_ROOT.pem, shows=(BY_SHA1_ROOT,)),
    "for servers": Row(shows=(SERVER_ONLY,)),
    "for clients alone": Row(shows=(CLIENT_ONLY,), authority=None),
    "for signatures": Row(shows=(SIGNS,)),
    "an authority's own, for signing certificates alone": Row(
        bundle=OWN_AUTHORITY.pem,
        shows=(OWN_AUTHORITY,),
        why="stricter, as OpenSSL is: RFC 5280, 4.2.1.3",
    ),
    "by a root that may not sign": Row(bundle=NO_SIGNER.pem, shows=(BY_NO_SIGNER,), authority=None),
    "by a root for clients alone": Row(
        bundle=CALLING_ROOT.pem, shows=(BY_CALLING_ROOT,), authority=None
    ),
    "by one that is no authority": Row(
        bundle=NO_AUTHORITY.pem, shows=(BY_NO_AUTHORITY,), authority=None
    ),
    "in its root's bounds": Row(
        name="pachd.example", bundle=BOUND.pem, shows=(IN_BOUNDS,), authority="pachd.example"
    ),
    "out of its root's bounds": Row(bundle=BOUND.pem, shows=(OUT_OF_BOUNDS,), authority=None),
    "deeper than its root lets": Row(
        bundle=ROOT_OF_LEAVES.pem, shows=(BY_TOO_DEEP, TOO_DEEP), authority=None
    ),
}
