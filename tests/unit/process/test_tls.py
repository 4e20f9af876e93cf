"""AutoMTLS contexts by themselves, over memory buffers."""

import os
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from shim.process.handshake import HandshakeError
from shim.process.tls import MutualTLS, mutual_tls
from tests.unit.process.plugin_host import HOST, host_certificate


@pytest.fixture(scope="module")
def ours() -> MutualTLS:
    return mutual_tls(HOST.pem)


def meet(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a finished TLS handshake. Raises ssl.SSLError where an end refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends


def host_context(ours: MutualTLS, protocol: int) -> ssl.SSLContext:
    return HOST.context(protocol, ssl.DER_cert_to_PEM_cert(ours.certificate))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_directions_agree_on_h2_with_a_p521_host(
    ours: MutualTLS, version: ssl.TLSVersion
) -> None:
    client = host_context(ours, ssl.PROTOCOL_TLS_CLIENT)
    server = host_context(ours, ssl.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.maximum_version = version
    for ends in (meet(ours.server, client), meet(server, ours.client)):
        for end in ends:
            assert end.selected_alpn_protocol() == "h2"
            assert end.getpeercert()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # the point of the test
def test_tls_below_1_2_is_refused(ours: MutualTLS) -> None:
    client = host_context(ours, ssl.PROTOCOL_TLS_CLIENT)
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        meet(ours.server, client)


def test_only_the_hosts_own_certificate_is_trusted(ours: MutualTLS) -> None:
    stranger, plugin = host_certificate(), ssl.DER_cert_to_PEM_cert(ours.certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(ours.server, stranger.context(ssl.PROTOCOL_TLS_CLIENT, plugin))
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(stranger.context(ssl.PROTOCOL_TLS_SERVER, plugin), ours.client)


def test_certificate_is_what_a_host_verifies(ours: MutualTLS) -> None:
    certificate = x509.load_der_x509_certificate(ours.certificate)
    certificate.verify_directly_issued_by(certificate)
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SERVER_AUTH,
    }
    host = x509.load_pem_x509_certificate(HOST.pem.encode())
    assert certificate.not_valid_before_utc < host.not_valid_after_utc
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.days > 365


def test_every_process_has_a_key_of_its_own(ours: MutualTLS) -> None:
    assert mutual_tls(HOST.pem).certificate != ours.certificate


@pytest.mark.parametrize("text", ["no certificate", "-----BEGIN CERTIFICATE-----\nAA==\n"])
def test_a_broken_host_certificate_is_a_clear_error(text: str) -> None:
    with pytest.raises(HandshakeError, match="host's certificate"):
        mutual_tls(text)


def test_the_key_leaves_no_file_and_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def watch(self: ssl.SSLContext, path: str) -> None:
        assert os.readlink(path).startswith("/memfd:")
        with pytest.raises(PermissionError), open(path, "r+b") as sealed:
            sealed.write(b"x")
        loaded.append(path)
        load(self, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    mutual_tls(HOST.pem)
    assert len(loaded) == 2
    assert os.listdir("/proc/self/fd") == before
    assert not list(tmp_path.iterdir())
