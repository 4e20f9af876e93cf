"""What of the executable is written in C: its certificates, its calls, and how closed it is."""

import errno
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts import go
from scripts.bundle.__main__ import alone
from scripts.bundle.executable.build import Parts, fetched
from scripts.bundle.executable.linking import COMPILE
from scripts.bundle.executable.natives import OWN, STRICT
from scripts.bundle.executable.recipe import BUILD
from scripts.bundle.executable.target import Unbuildable, target
from shim.process import packaged, signals
from tests.unit.build.conftest import ROOT, Built, build
from tests.unit.build.traps import TRAPS, Planted, Trap, plant
from tests.unit.process.plugin_host import HOST, Certificate
from tests.unit.process.test_tls import meet

HERE = Path(__file__).parent
TOOLS = ROOT / ".tools"
MAKINGS = 10_000
NAME = "localhost"
DAY = 24 * 3600
IN_2024, IN_2040, IN_2060 = 1_704_067_200, 2_208_988_800, 2_840_140_800
#: the first and the last second that a certificate can tell, and the first of GeneralizedTime
FIRST, LAST, GENERAL = -631_152_000, 253_402_300_799, 2_524_608_000

pytestmark = pytest.mark.timeout(900)  # the first build compiles all there is


class Witness(NamedTuple):
    """`c_witness` as an executable."""

    file: Path

    def ask(self, what: str, *arguments: Any, **how: Any) -> Any:
        """What it tells; `how` is as `Built.run` has it."""
        ran = Built(self.file).run(what, *map(json.dumps, arguments), **how)
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
        return json.loads(ran.stdout)

    def call(self, function: str, *arguments: Any) -> dict[str, Any]:
        """What one call of `_shim` does."""
        [outcome] = self.ask("calls", [function, *arguments])
        assert isinstance(outcome, dict)
        return outcome

    def self_signed(self, not_before: int, not_after: int) -> tuple[bytes, bytes]:
        """What `_shim.self_signed` gives."""
        der, pem = self.call("self_signed", NAME, not_before, not_after)["given"]
        return bytes.fromhex(der), bytes.fromhex(pem)


@pytest.fixture(scope="module")
def buildable() -> None:
    """Skips where no executable can be built."""
    try:
        target()
    except Unbuildable as lack:
        pytest.skip(str(lack))


@pytest.fixture(scope="module")
def witness(buildable: None, open_folder: Path) -> Witness:
    file = open_folder / "executable" / "witness"
    result = build(HERE / "c_witness.py", file, form="executable")
    assert result.returncode == 0, result.stderr
    return Witness(file)


# The certificate


def inside(der: bytes) -> list[bytes]:
    """The elements in a constructed element of DER, each with its header."""

    def end_of(at: int) -> tuple[int, int]:
        """Where the content of the element at `at` begins and ends."""
        length = der[at + 1]
        start = at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[at + 2 : start])
        return start, start + length

    at, end = end_of(0)
    assert end == len(der)
    found = []
    while at < end:
        _, following = end_of(at)
        found.append(der[at:following])
        at = following
    return found


class Slices(NamedTuple):
    """A certificate's parts in DER, as RFC 5280, 4.1, has them, but for those of chance."""

    version: bytes
    serial: bytes
    inner_algorithm: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    key_algorithm: bytes
    key: bytes
    extensions: bytes
    algorithm: bytes


def slices(der: bytes) -> Slices:
    signed, algorithm, _ = inside(der)
    *before, key, extensions = inside(signed)
    return Slices._make((*before, *inside(key), extensions, algorithm))


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [
        (IN_2024, IN_2040),
        (IN_2024, IN_2060),
        (IN_2060, IN_2060),
        (GENERAL - 1, GENERAL),
        (FIRST, LAST),
        (-1, 0),
    ],
)
def test_the_certificate_is_the_one_that_the_package_makes(
    witness: Witness, not_before: int, not_after: int
) -> None:
    ours, _ = witness.self_signed(not_before, not_after)
    theirs, _ = packaged.self_signed(NAME, not_before, not_after)
    mine, others = slices(ours), slices(theirs)
    assert mine.key[:4] == others.key[:4] == b"\x03\x42\x00\x04"  # 65 bytes of bits: uncompressed
    assert mine.serial != others.serial
    chance = {"serial": b"", "key": b""}
    assert mine._replace(**chance) == others._replace(**chance)


def test_its_fields_are_what_they_are_meant_to_be(witness: Witness) -> None:
    """As read by another's parser, which the DER of both forms could be wrong for."""
    der, _ = witness.self_signed(IN_2024, IN_2060)
    certificate = x509.load_der_x509_certificate(der)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.version == x509.Version.v3
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == f"CN={NAME}"
    assert certificate.not_valid_before_utc.timestamp() == IN_2024
    assert certificate.not_valid_after_utc.timestamp() == IN_2060
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    theirs = x509.load_der_x509_certificate(packaged.self_signed(NAME, IN_2024, IN_2060)[0])
    assert list(certificate.extensions) == list(theirs.extensions)
    critical = [extension.critical for extension in certificate.extensions]
    assert critical == [True, True, False, False]


def test_serial_numbers_are_random_positive_and_fit(witness: Witness) -> None:
    call = ["self_signed", NAME, IN_2024, IN_2040]
    made = [bytes.fromhex(one["given"][0]) for one in witness.ask("calls", *([call] * 200))]
    numbers = {x509.load_der_x509_certificate(der).serial_number for der in made}
    assert len(numbers) == len(made)
    assert min(numbers) > 0
    assert 150 < max(number.bit_length() for number in numbers) <= 159


def test_the_key_is_pkcs8_and_the_certificates(witness: Witness) -> None:
    der, pem = witness.self_signed(IN_2024, IN_2040)
    public, mark, private = pem.partition(b"-----BEGIN PRIVATE KEY-----\n")
    assert public == ssl.DER_cert_to_PEM_cert(der).encode()
    key = serialization.load_pem_private_key(mark + private, None)
    again = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert mark + private == again
    assert key.public_key() == x509.load_der_x509_certificate(der).public_key()


@pytest.fixture(scope="module")
def current(witness: Witness) -> Certificate:
    """One that is valid now, and its key."""
    now = int(time.time())
    _, pem = witness.self_signed(now - DAY, now + DAY)
    return Certificate(pem.decode(), "")


@pytest.fixture
def pem(current: Certificate, tmp_path: Path) -> Path:
    file = tmp_path / "current.pem"
    file.write_text(current.pem)
    return file


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_pythons_tls_accepts_it_at_either_end(
    current: Certificate, version: ssl.TLSVersion
) -> None:
    public = current.pem.partition("-----BEGIN PRIVATE KEY-----")[0]
    for server, trusted, client, shown in (
        (current, HOST.pem, HOST, public),
        (HOST, public, current, HOST.pem),
    ):
        listening = server.context(ssl.PROTOCOL_TLS_SERVER, trusted)
        dialling = client.context(ssl.PROTOCOL_TLS_CLIENT, shown)
        listening.maximum_version = dialling.maximum_version = version
        for end in meet(listening, dialling):
            assert end.version() == version.name.replace("_", ".")
            assert end.getpeercert()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_verifies_it(pem: Path, purpose: str) -> None:
    options = ["-purpose", purpose, "-verify_hostname", NAME, "-check_ss_sig"]
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", pem, *options, pem], capture_output=True, text=True
    )
    assert verified.stdout == f"{pem}: OK\n", verified.stderr


@pytest.mark.skipif(not go.PRESENT, reason="Go is not on PATH")
def test_go_accepts_it_at_either_end(pem: Path, tmp_path: Path) -> None:
    program = go.build(HERE / "go_peer", tmp_path / "go_peer", "main.go")
    accepted = subprocess.run([program, pem], capture_output=True, text=True, timeout=60)
    assert (accepted.returncode, accepted.stderr) == (0, "")


# Errors


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 65,
        "Localhost",
        "local host",
        "a_b",
        "*.a",
        "é",
        "a\0b",
        "a,DNS:b",
        "\udc80",
        "a\n",
    ],
)
def test_a_name_that_is_none_is_refused(witness: Witness, name: str) -> None:
    assert "ValueError" in witness.call("self_signed", name, IN_2024, IN_2040)["raised"]
    with pytest.raises(ValueError):
        packaged.self_signed(name, IN_2024, IN_2040)


@pytest.mark.parametrize("name", ["a", "a" * 64, "node-1.example.com"])
def test_a_name_of_any_length_is_in_the_certificate(witness: Witness, name: str) -> None:
    der, _ = witness.call("self_signed", name, IN_2024, IN_2040)["given"]
    theirs, _ = packaged.self_signed(name, IN_2024, IN_2040)
    mine, others = slices(bytes.fromhex(der)), slices(theirs)
    assert (mine.subject, mine.extensions) == (others.subject, others.extensions)


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [(IN_2040, IN_2024), (FIRST - 1, IN_2024), (FIRST - 2, FIRST - 1), (IN_2024, LAST + 1)],
)
def test_times_that_no_certificate_tells_are_refused(
    witness: Witness, not_before: int, not_after: int
) -> None:
    assert "ValueError" in witness.call("self_signed", NAME, not_before, not_after)["raised"]
    with pytest.raises(ValueError):
        packaged.self_signed(NAME, not_before, not_after)


@pytest.mark.parametrize("far", [2**40, 2**55, 2**62, 2**63 - 1])
def test_times_of_any_length_are_refused(witness: Witness, far: int) -> None:
    for period in ((0, far), (-far, 0), (-far, far), (far, far)):
        assert "ValueError" in witness.call("self_signed", NAME, *period)["raised"]
    assert "OverflowError" in witness.call("self_signed", NAME, 0, 2**63)["raised"]


def test_arguments_of_another_kind_are_refused(witness: Witness) -> None:
    wrong: list[list[Any]] = [
        ["self_signed", NAME, IN_2024],
        ["self_signed", 1, IN_2024, IN_2040],
        ["self_signed", NAME, "now", "then"],
        ["prctl", 1],
        ["mlockall", "all"],
        ["mlockall"],
    ]
    for outcome in witness.ask("calls", *wrong):
        assert "TypeError" in outcome["raised"]


PR_GET_DUMPABLE = 3  # linux/prctl.h


def test_a_failed_system_call_is_told_with_its_number(witness: Witness) -> None:
    calls: list[tuple[str, int, *tuple[int, ...]]] = [("prctl", -1, 0), ("mlockall", 0)]
    for function, *arguments in calls:
        outcome = witness.call(function, *arguments)
        assert "OSError" in outcome["raised"]
        assert outcome["errno"] == errno.EINVAL
        with pytest.raises(OSError) as caught:
            getattr(packaged, function)(*arguments)
        assert caught.value.errno == errno.EINVAL


def test_a_system_call_that_gives_a_number_has_not_failed(witness: Witness) -> None:
    assert witness.call("prctl", PR_GET_DUMPABLE, 0) == {"given": []}
    packaged.prctl(PR_GET_DUMPABLE, 0)


def test_flags_that_no_int_holds_are_not_cut_short(witness: Witness) -> None:
    """The lowest bit alone would lock all memory."""
    assert "OverflowError" in witness.call("mlockall", 2**32 + 1)["raised"]


# Memory


@pytest.fixture(scope="module")
def parts(buildable: None) -> Parts:
    with alone(BUILD):
        return fetched("", BUILD)


def driver(parts: Parts, file: Path, *options: str | Path) -> Path:
    """`makings.c`, linked with the OpenSSL that the executable has."""
    compiler = [parts.target.compiler, *COMPILE, *STRICT, "-g", "-no-pie", *options]
    libcrypto = parts.release.root / "usr/lib" / parts.target.triplet / "libcrypto.a"
    sources = [HERE / "makings.c", OWN / "certificate.c"]
    made = subprocess.run(
        [*compiler, f"-I{OWN}", *sources, libcrypto, "-o", file], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return file


@pytest.fixture(scope="module")
def makings(parts: Parts, open_folder: Path) -> Path:
    """With the executable's own C library."""
    root = parts.release.root
    number = parts.release.gcc.split("-")[1]
    own = root / "usr/lib/gcc" / parts.target.triplet / number
    options = (f"--sysroot={root}", f"-B{own}", "-static")
    return driver(parts, open_folder / "makings", *options)


@pytest.fixture(scope="module")
def watched(parts: Parts, open_folder: Path) -> list[str | Path]:
    """`makings` under valgrind, which sees only what a shared C library allocates."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not on PATH")
    headers = parts.release.root / "usr/include"
    options = ("-isystem", headers, "-isystem", headers / parts.target.triplet)
    file = driver(parts, open_folder / "watched", *options)
    every = ["--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all"]
    return ["valgrind", "--quiet", "--error-exitcode=9", *every, file]


def test_of_many_makings_nothing_is_left(makings: Path) -> None:
    made = subprocess.run([makings, str(MAKINGS)], capture_output=True, text=True, timeout=300)
    assert (made.returncode, made.stdout) == (0, "0\n")


def check_no_memory(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 100  # of all allocations that a making takes


def test_each_allocation_may_fail(makings: Path) -> None:
    check_no_memory(subprocess.run([makings], capture_output=True, text=True, timeout=300))


def test_of_a_making_without_memory_nothing_is_left(watched: Sequence[str | Path]) -> None:
    check_no_memory(subprocess.run(watched, capture_output=True, text=True, timeout=600))


def test_valgrind_finds_no_leak_in_many_makings(watched: Sequence[str | Path]) -> None:
    """Leaks alone: the test above looks for all else, which takes longer."""
    command, *rest = watched
    frugal = ["--undef-value-errors=no", "--keep-stacktraces=none", "--freelist-vol=0"]
    processes = os.cpu_count() or 1
    each = -(-MAKINGS // processes)
    running = [
        subprocess.Popen(
            [command, *frugal, "--num-callers=2", *rest, str(each)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(processes)
    ]
    said = [process.communicate(timeout=800)[0] for process in running]
    assert said == ["0\n"] * processes
    assert [process.returncode for process in running] == [0] * processes


def test_the_module_keeps_nothing(witness: Witness) -> None:
    blocks, kilobytes = witness.ask("kept", 2_000)
    assert blocks < 100
    assert kilobytes < 500


# The surroundings


@pytest.fixture
def planted(buildable: None, tmp_path: Path) -> Planted:
    return plant(tmp_path)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_no_trap_catches_it(
    witness: Witness, planted: Planted, trap: Callable[[Planted], Trap]
) -> None:
    """The file beside the traps, the working directory among them, and variables leading there."""
    undisturbed = witness.ask("surroundings", env=planted.environment)
    variables, prey, within = trap(planted)
    if shutil.which(prey[0]) is None:
        pytest.skip(f"no {prey[0]} to try the trap with")
    environment = planted.environment | variables
    subprocess.run(
        [*within, *prey],
        env=environment,
        cwd=planted.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert planted.ran.exists(), "the trap does not work"
    planted.ran.unlink()
    beside = Witness(planted.folder / "witness")
    shutil.copy(witness.file, beside.file)
    seen = beside.ask("surroundings", env=environment, cwd=planted.folder, within=within)
    assert seen == undisturbed
    assert seen["environment"] == planted.environment
    assert seen["path"] == []
    assert not seen["planted"]
    assert not planted.ran.exists()


SETTINGS = {
    "CTLOG_FILE": "/nowhere",
    "EXPAT_ENTROPY_DEBUG": "1",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "HOSTALIASES": "/nowhere",
    "LD_BIND_NOW": "1",
    "LOCALDOMAIN": "planted",
    "MALLOC_ARENA_MAX": "1",
    "NLSPATH": "/nowhere",
    "OPENSSL_ENGINES": "/nowhere",
    "OPENSSL_MODULES": "/nowhere",
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
    "PYTHONDEVMODE": "1",
    "PYTHONHASHSEED": "1",
    "PYTHONHOME": "/nowhere",
    "PYTHONIOENCODING": "latin-1",
    "PYTHONMALLOC": "debug",
    "PYTHONOPTIMIZE": "2",
    "PYTHONPLATLIBDIR": "/nowhere",
    "PYTHONUTF8": "0",
    "PYTHONVERBOSE": "1",
    "PYTHONWARNINGS": "error",
    "RESOLV_HOST_CONF": "/nowhere",
    "RES_OPTIONS": "attempts:1",
    "SSLKEYLOGFILE": "/nowhere",
    "TZDIR": "/nowhere",
    "_PYTHON_SYSCONFIGDATA_NAME": "planted",
}
#: an operator's own, whose names only begin like the others'
OPERATORS = {
    "HOSTALIASES_OF": "x",
    "LDAP_URL": "x",
    "LOCPATHS": "x",
    "OPENSSLDIR": "x",
    "RES_OPTIONS_OF": "x",
    "SSL_CERT_DIR": "/nowhere",
    "SSL_CERT_FILE": "/nowhere",
    "TMPDIR": "/nowhere",
    "TZ": "UTC",
}


def test_variables_of_libraries_are_dropped_and_no_others(witness: Witness) -> None:
    undisturbed = witness.ask("surroundings", env=OPERATORS)
    assert undisturbed["environment"] == OPERATORS
    assert undisturbed["keys"] is None
    assert witness.ask("surroundings", env=OPERATORS | SETTINGS) == undisturbed


def test_signals_are_settled_before_python_starts(witness: Witness) -> None:
    ignored, blocked = witness.ask("surroundings")["signals"]
    of_python = (signal.SIGPIPE, signal.SIGXFSZ)
    expected = (*signals.IGNORED, *of_python)
    assert int(ignored, 16) == sum(1 << number - 1 for number in expected)
    assert int(blocked, 16) == 1 << signal.SIGTERM - 1


def test_what_was_printed_before_an_exception_is_not_lost(witness: Witness) -> None:
    failed = Built(witness.file).run("fail")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["path"] == []
    assert failed.stderr.endswith("RuntimeError: asked to fail\n")
