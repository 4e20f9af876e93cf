import pytest

from shim import STRING, Action, Field, Operation, Path, Request, Response
from shim.framework.paths import Router


async def nothing(request: Request) -> Response | None:
    del request
    return None


def path(template: str, **patterns: str) -> Path:
    fields = {
        name: Field(kind=STRING, description="", pattern=pattern)
        for name, pattern in patterns.items()
    }
    return Path(
        template=template,
        synopsis="",
        description="",
        fields=fields,
        operations={Operation.READ: Action(handler=nothing, summary="")},
    )


ROUTER = Router(
    [
        path("config"),
        path("version/client-only"),
        path("version"),
        path("login/{subject}", subject="[^/]+"),
        path("roles/"),
        path("roles/{name}", name=r"\w+"),
        path("a.b/{x}/c/{y}", x="[^/]+", y=".*"),
    ]
)


@pytest.mark.parametrize(
    ("requested", "template", "parameters"),
    [
        ("config", "config", {}),
        ("version/client-only", "version/client-only", {}),
        ("login/robot:x", "login/{subject}", {"subject": "robot:x"}),
        ("login/robot:é b", "login/{subject}", {"subject": "robot:é b"}),
        ("roles/", "roles/", {}),
        ("roles", "roles/", {}),  # as path-help asks
        ("roles/r1", "roles/{name}", {"name": "r1"}),
        ("a.b/1/c/2/3", "a.b/{x}/c/{y}", {"x": "1", "y": "2/3"}),
    ],
)
def test_found(requested: str, template: str, parameters: dict[str, str]) -> None:
    found = ROUTER.find(requested)
    assert found is not None
    assert (found[0].template, found[1]) == (template, parameters)


@pytest.mark.parametrize(
    "requested",
    [
        "",
        "configs",
        "config/",
        "login/",
        "login/a/b",
        "login/robot:x/",
        "roles/a-b",
        "aXb/1/c/2",
        "x/config",
        "config\n",
    ],
)
def test_not_found(requested: str) -> None:
    assert ROUTER.find(requested) is None


def test_a_newline_is_no_end_of_a_path() -> None:
    assert Router([path("p/{x}", x="[a-z]+")]).find("p/abc\n") is None


def test_the_pattern_help_shows() -> None:
    assert path("login/{subject}", subject="[^/]+").pattern == "^login/(?P<subject>[^/]+)$"
