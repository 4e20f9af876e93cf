"""What a hostile caller sends, made from a seed: bodies no client library would make."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shim.proto import backend_pb2 as pb
from tests.unit.process.mounted import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

#: a token that must show up nowhere but in pachd's ears and in storage
SECRET: Final = "5ec2e7f00d" * 3
_OPERATIONS: Final = (
    *("create", "read", "update", "update", "update", "patch", "delete", "list", "help") * 3,
    *("header", "alias-lookahead", "resolve-role", "recover", "rotate", "resolve-path"),
    *("rollback", "", "x\0y", "REVOKE"),
)
_PATHS: Final = (
    *("config", "login/robot:x", "roles/x", "creds/x", "renew", "revoke", "revoke/robot:x") * 3,
    *("config/rotate", "roles/", "roles", "check", "version", "version/client-only", "", "/"),
    *("nope", "login/", "login/robot:", "login/a:b:c", "login/user:x", "login/robot:\0"),
    *("login/robot:a\nb", "login/robot:\u202e", "login/" + "r" * 300, "roles/..", "roles/é"),
    *("login/robot:%s%n{}{0}", "x" * 20_000),
)
#: near what each field takes, so that some of it gets through
_FIELDS: Final[dict[str, tuple[Any, ...]]] = {
    "admin_token": (SECRET, "", "a\nb"),
    "user_token": (SECRET, "", "a\nb"),
    "pachd_address": ("127.0.0.1:1", "a..b:1", "grpcs://é.b:1", "[::1]:1", "host:99999"),
    "ca_cert": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "é"),
    "tls_server_name": (".a", "a..b", "x" * 300, "a\0b"),
    "ttl": ("1h30m", "0.1s", "-1", "1e3", 2**40, "1ns" * 50_000),
    "max_ttl": ("1d", 1, "9" * 30),
    "increment": ("1m", 0.5),
    "request_timeout": (1, "61s"),
    "rotation_period": (0, 59, "1h"),
    "max_in_flight": (1, 65, "²", "١"),
    "renewable": (True, "yes"),
    "crash_safe": (True, "f"),
    "verify": (False, False, False, "no"),
    "allowed_subjects": ("robot:*,user:*", ["*" * 50 + "a"], [[]]),
    "denied_subjects": ("robot:y", {}),
    "subject": ("robot:x", "robot:{{random}}", "robot:{{identity.entity.name}}", "{{", "user:x"),
    "grants": ("repo:a/b=repoReader", "cluster=x", ["repo:=x"]),
    "allow_cluster_grants": (True, 0),
    "allowed_grants": ("repo:*/*=*", "cluster=x", ["[", None], "repo:[=x"),
    "force": (True, "no"),
    "name": ("other",),
    "immediate": (True,),
    "": (1,),
}
#: JSON as text, since no encoder makes it
_ODD: Final = (
    *("null", "true", "false", "0", "-1", "1.5", "1e400", "-1e999", "NaN", "Infinity", "-0.0"),
    *(str(2**63), str(-(2**63) - 1), "9" * 400, "9" * 5_000, '""', '"\\ud800"', '"a\\udfffb"'),
    *('"\\u0000"', '"\\u2028\\u001b[31m"', '"' + "x" * 100_000 + '"', "[]", "{}", '[["a"]]'),
    *('{"k":{"k":[null]}}', '["a",1,null]'),
)
_NOT_BODIES: Final = (
    *("", "null", "{", "[1]", "5", '"x"', '{"a":}', "nul", "\ufeff{}", "{}x", "{'a':1}", "\0"),
    *("[" * 200_000, '{"a":' * 100_000, '{"ttl":' + "[" * 900 + "]" * 900 + "}"),
    '{"ttl":' + "[" * 9_000 + "]" * 9_000 + "}",
)
#: one that is taken unseen; nothing listens there
_CONFIG: Final = json.dumps(
    {"admin_token": SECRET, "pachd_address": "127.0.0.1:1", "verify": False, "crash_safe": True}
)
_LEASE: Final = (
    *("user_token", "subject", "pachd_address", "ca_cert", "tls_server_name", "generation"),
    *("token_end", "ttl", "max_ttl", "grants"),
)
_EDGES: Final = (0, 1, -1, 10**9, 3600 * 10**9, 2**63 - 1, -(2**63))


class Caller:
    """An endless supply of requests; the same `seed` gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def request(self) -> pb.Request:
        """Any operation, path, body; renewals and revocations with a lease; at times a config."""
        if self._chance(0.15):
            return self._of_lease()
        if self._chance(0.05):
            return pb.Request(operation="update", path="config", data=_CONFIG)
        return pb.Request(
            operation=self._one_of(_OPERATIONS), path=self._one_of(_PATHS), data=self.body()
        )

    def body(self) -> str:
        """The text of a body, mostly an object with fields the engine knows, some of them twice."""
        if self._chance(0.05):
            return self._one_of(_NOT_BODIES)
        if self._chance(0.05):
            return self._anything(self._random.randrange(8))
        names = self._random.sample(list(_FIELDS), self._random.randrange(6))
        twice = self._random.choices(names, k=2) if names and self._chance(0.1) else []
        return _object((name, self._value(name)) for name in (*names, *twice))

    def _of_lease(self) -> pb.Request:
        request = pb.Request(operation=self._one_of(("renew", "revoke")), path="login/robot:x")
        request.data = self.body()
        if self._chance(0.9):
            request.secret.internal_data = self._internal()
            options = request.secret.lease_options
            options.TTL, options.MaxTTL, options.increment = (
                self._one_of(_EDGES) for _ in range(3)
            )
            if self._chance(0.7):
                options.issue_time.seconds = self._one_of((0, -62135596800, 2**62, 1_700_000_000))
                options.issue_time.nanos = self._one_of((0, -1, 2**31 - 1))
        return request

    def _internal(self) -> str:
        if self._chance(0.2):
            return self._one_of(_NOT_BODIES)
        values = {name: self._value(name) for name in self._random.sample(_LEASE, 5)}
        kind = '"pachyderm_tokens"' if self._chance(0.9) else '["other"]'
        return _object([*values.items(), ("secret_type", kind)])

    def _value(self, name: str) -> str:
        near = _FIELDS.get(name)
        if near is None or self._chance(0.15):
            return self._one_of(_ODD)
        if self._chance(0.05):
            return self._anything(self._random.randrange(4))
        return json.dumps(self._one_of(near))

    def _anything(self, depth: int) -> str:
        """JSON of any shape, at most so deep."""
        if depth == 0:
            return self._one_of(_ODD) if self._chance(0.5) else self._text()
        inner = [self._anything(depth - 1) for _ in range(self._random.randrange(4))]
        if self._chance(0.5):
            return f"[{','.join(inner)}]"
        return "{" + ",".join(f"{self._text()}:{text}" for text in inner) + "}"

    def _text(self) -> str:
        """A string of any characters, lone surrogates and NUL among them."""
        planes = (0x80, 0x80, 0x800, 0xE000, 0x110000)
        length = self._random.choice((0, 1, 3, 10, 200))
        return json.dumps(
            "".join(chr(self._random.randrange(self._one_of(planes))) for _ in range(length))
        )

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _one_of(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)


def _object(values: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in values) + "}"


def checked(request: pb.Request, reply: pb.HandleRequestReply) -> None:
    """Hold an answer against what holds for any request; raises AssertionError, ValueError."""
    assert SECRET not in str(reply), request
    assert reply.err.err_type <= 10, "the host takes more for success"
    if not request.HasField("secret"):  # lease data is the host's: no user can make it
        assert reply.err.err_type != INTERNAL, request
    for text in (reply.response.data, reply.response.secret.internal_data):
        if reply.HasField("response") and text:
            json.loads(text, parse_constant=_no_json)


def _no_json(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
