"""What Go's gRPC client reaches, and by which names: a table, that holds for it and for us."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.issued import Issued, issue

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
}
