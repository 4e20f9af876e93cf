import pytest

from vault_plugin.pachyderm.address import Address, parse


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1:30650", Address("127.0.0.1", 30650, False)),
        ("127.0.0.1", Address("127.0.0.1", 30650, False)),
        ("pachd.example", Address("pachd.example", 30650, False)),
        (
            "pachd.default.svc.cluster.local:650",
            Address("pachd.default.svc.cluster.local", 650, False),
        ),
        ("grpc://pachd:650", Address("pachd", 650, False)),
        ("http://pachd", Address("pachd", 30650, False)),
        ("grpcs://pachd", Address("pachd", 30650, True)),
        ("https://pachd:443", Address("pachd", 443, True)),
        ("[::1]:30650", Address("::1", 30650, False)),
        ("grpcs://[2001:db8::1]", Address("2001:db8::1", 30650, True)),
        (":31650", Address("localhost", 31650, False)),
        ("[fe80::1%eth0]:650", Address("fe80::1%eth0", 650, False)),
        ("grpcs://[fe80::1%25eth0]", Address("fe80::1%eth0", 30650, True)),
        ("[fe80::1%25]", Address("fe80::1%25", 30650, False)),
        ("[::ffff:127.0.0.1]", Address("::ffff:127.0.0.1", 30650, False)),
        ("pachd.example.", Address("pachd.example.", 30650, False)),
        ("pach_d.example", Address("pach_d.example", 30650, False)),
        ("PachD.Example:1", Address("pachd.example", 1, False)),
        ("xn--mnchen-3ya.example", Address("xn--mnchen-3ya.example", 30650, False)),
    ],
)
def test_as_pachctl_takes_it(written: str, address: Address) -> None:
    assert parse(written) == address


@pytest.mark.parametrize(
    "written",
    [
        "",
        "tcp://127.0.0.1:31650",
        "unix:/tmp/x",
        "unix:///tmp/x",
        "not a host!!",
        "127.0.0.1:31650/",
        "127.0.0.1:31650/path",
        "127.0.0.1:31650,127.0.0.1:1",
        "user@host:1",
        "host:1?x=1",
        "host:1#f",
        "host:1?",
        "host:port",
        "host:0",
        "host:65536",
        "host:-1",
        "::1",
        "[::1",
        "[nope]:1",
        "[fe80::1%]:1",
        "[fe80::1%a%b]:1",
        "[127.0.0.1]:1",
        "münchen.example",
        "grpc://",
        "GRPC//host",
        "host\n:1",
        "grpc://grpc://host",
        "-host",
        "a..b",
        ".a",
        "a" * 64,
        "a." * 127,
        "host\0",
    ],
)
def test_refused(written: str) -> None:
    with pytest.raises(ValueError):
        parse(written)


@pytest.mark.parametrize("written", ["127.0.0.1:1", "[::1]:30650", "pachd:650"])
def test_shown_as_it_is_dialled(written: str) -> None:
    assert str(parse(f"grpcs://{written}")) == written


@pytest.mark.parametrize(
    ("written", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9:1", True),
        ("localhost", True),
        ("[::1]:1", True),
        ("[::1%lo]:1", True),
        (":1", True),
        ("10.0.0.1", False),
        ("pachd", False),
    ],
)
def test_loopback(written: str, loopback: bool) -> None:
    assert parse(written).loopback is loopback
