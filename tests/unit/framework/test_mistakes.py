"""Each mistake of an engine's author is told where it is made, in words that say what to write."""

import asyncio
import dataclasses
import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import pytest

from shim import (
    COMMA_LIST,
    STRING,
    Action,
    Backend,
    Field,
    Lease,
    LeaseType,
    Misdeclared,
    Operation,
    Path,
    PermissionDenied,
    Request,
    Response,
    Unrecoverable,
    UnsupportedPath,
    UserError,
)
from shim.framework import path_help
from shim.framework.fields import coerce
from shim.framework.servicer import BackendServicer
from shim.process.handshake import COOKIE_NAME, COOKIE_VALUE
from shim.proto import backend_pb2 as pb
from tests.unit.framework.plugin import Plugin

ROOT = File(__file__).resolve().parents[3]
NAME = Field(kind=STRING, description="Its name.")


async def answers(_: Request) -> Response:
    return Response()


def blocks(_: Request) -> Response:
    return Response()


class Blocks:
    def __call__(self, _: Request) -> Response:
        return Response()


class Answers:
    async def __call__(self, _: Request) -> Response:
        return Response()


def path(template: str = "a", operation: Any = "read", handler: Any = answers, **more: Any) -> Path:
    return Path(
        template=template,
        synopsis="",
        description="",
        operations={operation: Action(handler=handler, summary="")},
        **more,
    )


def backend(*paths: Path, **more: Any) -> Backend:
    return Backend(title="", description="", paths=paths, **more)


def lease_type(**more: Any) -> LeaseType:
    return LeaseType(**{"name": "loan", "renew": answers, "revoke": answers, **more})


TOLD: dict[str, Callable[[], Backend]] = {
    "read of path 'a': tests.unit.framework.test_mistakes.blocks is not async:"
    " write 'async def', and asyncio.to_thread for what blocks": lambda: backend(
        path(handler=blocks)
    ),
    "read of path 'a': tests.unit.framework.test_mistakes.Blocks is not async": lambda: backend(
        path(handler=Blocks())
    ),
    "read of path 'a': NoneType cannot be called": lambda: backend(path(handler=None)),
    "exists of path 'a': tests.unit.framework.test_mistakes.blocks is not": lambda: backend(
        path(exists=blocks)
    ),
    "revoke of lease type 'loan': tests.unit.framework": lambda: backend(
        lease_types=[lease_type(revoke=blocks)]
    ),
    "periodic of the backend: tests.unit": lambda: backend(periodic=functools.partial(blocks)),
    "the paths 'a/{x}' and 'a/{y}' match the same requests": lambda: backend(
        path("a/{x}", fields={"x": NAME}), path("a/{y}", fields={"y": NAME})
    ),
    "the paths 'a' and 'a' match the same requests": lambda: backend(path(), path()),
    "two lease types are named 'loan'": lambda: backend(lease_types=[lease_type(), lease_type()]),
    "path 'a': no operation 'raed', there is Operation.DELETE, Operation.LIST": lambda: backend(
        path(operation="raed")
    ),
    "path 'a': Operation.CREATE is declared as Operation.UPDATE; give": lambda: backend(
        path(operation=Operation.CREATE)
    ),
    "path 'a' cannot be listed: hosts list 'a/', so write that": lambda: backend(
        path(operation=Operation.LIST)
    ),
    "path 'a/{x}' names {x}, which is none of its fields": lambda: backend(path("a/{x}")),
    "path 'a/{x' has a brace that encloses no name of a field": lambda: backend(path("a/{x")),
    "path '/a' begins with '/': a template is relative": lambda: backend(path("/a")),
}


@pytest.mark.parametrize("words", TOLD)
def test_a_wrong_declaration_is_refused_when_the_backend_is_made(words: str) -> None:
    with pytest.raises(Misdeclared) as error:
        TOLD[words]()
    assert str(error.value).startswith(words)


def test_what_is_async_in_other_ways_is_taken() -> None:
    backend(
        path(handler=Answers()),
        path("b", handler=functools.partial(answers)),
        path("c/", Operation.LIST),
        path("", Operation.LIST),
    )


async def served(plugin: Plugin, answer: object) -> pb.ProtoError:
    """What the host is told where the toy's reader of a lease gives `answer`."""
    await plugin.setup()
    backend = plugin.toys[0].made

    async def give(_: Request) -> object:
        return answer

    index = next(i for i, p in enumerate(backend.paths) if p.template == "lease")
    changed = dataclasses.replace(
        backend.paths[index],
        operations={Operation.READ: Action(handler=give, summary="")},  # type: ignore[arg-type]
    )
    backend.paths = [*backend.paths[:index], changed, *backend.paths[index + 1 :]]
    backend.__post_init__()
    reply = await plugin.handle("read", "lease")
    error: pb.ProtoError = reply.err
    return error


GIVE = "tests.unit.framework.test_mistakes.served.<locals>.give"
ANSWERS: list[tuple[object, str]] = [
    ({"key": "hvs.secret"}, f"the handler {GIVE} gave a dict, not a Response or None: write"),
    ("hvs.secret", f"the handler {GIVE} gave a str, not a Response or None"),
    (
        Response(data={"a": 1}, lease=Lease(type="lone", ttl=1)),
        f"the handler {GIVE} gave a lease of type 'lone', the backend has 'loan', 'gift'",
    ),
    (
        Response(data={"a": [b"hvs.secret"]}),
        f"internal error in the handler {GIVE}: bytes in data, which JSON does not have: decode it",
    ),
    (
        Response(lease=Lease(type="loan", ttl=1, internal={"a": b"hvs.secret"})),
        f"internal error in the handler {GIVE}: bytes in lease.internal, which JSON does not have",
    ),
    (Response(data={"a": float("nan")}), f"internal error in the handler {GIVE}: a number that is"),
    (
        Response(data={}, lease=Lease(type="loan", ttl=0.5)),  # type: ignore[arg-type]
        f"internal error in the handler {GIVE}: float in lease.ttl: give whole seconds",
    ),
]


@pytest.mark.parametrize(("answer", "words"), ANSWERS, ids=[w[-20:] for _, w in ANSWERS])
async def test_a_wrong_answer_is_told_with_its_handler_and_no_value(
    plugin: Plugin,
    caplog: pytest.LogCaptureFixture,
    answer: object,
    words: str,
) -> None:
    error = await served(plugin, answer)
    assert error.err_msg.startswith(words)
    assert GIVE in caplog.text
    assert "hvs.secret" not in caplog.text + error.err_msg


async def test_an_unforeseen_error_is_logged_with_its_handler(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    await plugin.setup()
    await plugin.handle("read", "fail/unforeseen")
    assert "internal error: ZeroDivisionError at " in caplog.text
    assert "in the handler tests.unit.framework.toy.Toy.fail" in caplog.text


async def test_what_the_factory_says_reaches_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def factory() -> Backend:
        raise RuntimeError("no pears.conf beside the plugin")

    call: Any = type("Call", (), {"values": lambda *_: ["AAAAAAAAAA"]})()
    broker: Any = None
    servicer = BackendServicer(factory, broker)
    reply = await servicer.setup(pb.SetupArgs(broker_id=7), call)
    assert reply.err == ("the engine cannot be made: RuntimeError: no pears.conf beside the plugin")
    assert "the engine cannot be made" in caplog.text


BY_HAND = """
from shim import *

def backend():
    {factory}

serve(backend, name="pears", version="{version}")
"""
SOUND = "return Backend(title='', description='', paths=[])"


@pytest.mark.parametrize(
    ("factory", "version", "words"),
    [
        (SOUND, "1.2.3", "pears v1.2.3 is a plugin of HashiCorp Vault or OpenBao"),
        (SOUND, "v1.2.3-rc.1+a", "pears v1.2.3-rc.1+a is a plugin"),
        (SOUND, "new", "pears: version='new' is none: write a semantic one, such as 1.2.3"),
        ("raise OSError('no pears')", "1.2.3", "pears: the engine cannot be made: OSError: no"),
        (
            "return Backend(title='', description='', paths=[Path(template='a/{x}', synopsis='',"
            " description='', operations={})])",
            "1.2.3",
            "pears: the engine cannot be made: path 'a/{x}' names {x}",
        ),
    ],
)
def test_by_hand_it_says_what_is_wrong(factory: str, version: str, words: str) -> None:
    script = BY_HAND.replace("{factory}", factory).replace("{version}", version)
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith(words)
    assert not ran.stdout


def test_a_version_that_is_none_is_told_in_the_servers_log() -> None:
    script = BY_HAND.replace("{factory}", SOUND).replace("{version}", "new")
    by_the_host = {COOKIE_NAME: COOKIE_VALUE, "PLUGIN_PROTOCOL_VERSIONS": "5"}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **by_the_host},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert not ran.stdout
    said = json.loads(ran.stderr)
    assert said["@level"] == "error"
    assert said["@message"].startswith("pears: version='new' is none: write a semantic one")


def test_a_list_for_a_default_is_each_requests_own() -> None:
    schema = {"tags": Field(kind=COMMA_LIST, description="", default=[])}
    first, second = coerce(schema, {}), coerce(schema, {})
    first["tags"].append("mine")
    assert first["tags"] == ["mine"]
    assert second["tags"] == []
    assert schema["tags"].default == []
    assert not first.sent("tags")


@pytest.mark.parametrize(("default", "shown"), [("", None), ([], "none"), ({}, "none"), (0, "0")])
def test_path_help_shows_no_empty_default(default: object, shown: str | None) -> None:
    help_text = path_help.of_path(
        path(fields={"x": Field(kind=STRING, description="What.", default=default)}), "a"
    )
    assert (f"Default: {shown}." in help_text) == (shown is not None)
    assert "Default: ." not in help_text


@pytest.mark.parametrize(
    "error",
    [UserError("no"), UnsupportedPath(), PermissionDenied("no"), Unrecoverable("no"), KeyError()],
)
async def test_unrecoverable_alone_ends_the_tries_of_a_revocation(error: Exception) -> None:
    async def revoke(_: Request) -> None:
        await asyncio.sleep(0)
        raise error

    made = backend(lease_types=[lease_type(revoke=revoke)])
    host: Any = None
    request = Request(
        operation=Operation.REVOKE,
        path="",
        storage=host,
        system=host,
        fields=coerce({}, {}),
        lease=Lease(type="loan", ttl=1),
    )
    with pytest.raises(Exception) as raised:
        await made.dispatch(request)
    ends = getattr(raised.value, "kind", 0) in (5, 6, 7, 10)  # as the host's errIsUnrecoverable
    assert ends == isinstance(error, Unrecoverable)
