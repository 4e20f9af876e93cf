"""What is compiled: modules in C that the release's libpython does not have, and our own."""

from pathlib import Path
from typing import NamedTuple

OWN = Path(__file__).parent / "c"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")


class Native(NamedTuple):
    """A module and the function that makes it: "" for objects that are none.

    `sources` are globs below the tree they come from, `without` is part of the names of those left
    out; `flags` are the compiler's, where ``{tree}`` stands for the tree.
    """

    module: str
    init: str
    sources: tuple[str, ...]
    without: str = ""
    flags: tuple[str, ...] = ()


OF_OUR_OWN = (Native("_shim", "PyInit__shim", ("*.c",), flags=STRICT),)

# As Modules/Setup.stdlib of CPython has them.
_CORE = ("-DPy_BUILD_CORE_BUILTIN", "-fwrapv")
_DECIMAL = {
    "amd64": ("-DCONFIG_64=1", "-DASM=1", "-DHAVE_UINT128_T=1"),
    "arm64": ("-DCONFIG_64=1", "-DANSI=1", "-DHAVE_UINT128_T=1"),
}


def of_python(arch: str) -> tuple[Native, ...]:
    """Those of CPython's source."""
    decimal = (*_CORE, *_DECIMAL[arch], "-I{tree}/Modules/_decimal/libmpdec")
    simple = {
        "_asyncio": "_asynciomodule",
        "_contextvars": "_contextvarsmodule",
        "_json": "_json",
        "_queue": "_queuemodule",
        "_typing": "_typingmodule",
        "resource": "resource",
        "_ssl": "_ssl",
        "_hashlib": "_hashopenssl",
    }
    return (
        *(
            Native(name, f"PyInit_{name}", (f"Modules/{file}.c",), flags=_CORE)
            for name, file in simple.items()
        ),
        Native(
            "_decimal",
            "PyInit__decimal",
            ("Modules/_decimal/_decimal.c", "Modules/_decimal/libmpdec/*.c"),
            without="bench",
            flags=decimal,
        ),
        # From 3.12 on; the library has the module that calls it.
        Native(
            "",
            "",
            ("Modules/_hacl/Hacl_Hash_SHA2.c",),
            flags=("-I{tree}/Modules/_hacl/include", "-D_BSD_SOURCE"),
        ),
    )


# As protobuf's setup.py has it, the fast decoder left out.
OF_PROTOBUF = (
    Native(
        "google._upb._message",
        "PyInit__message",
        ("google/protobuf/*.c", "python/*.c", "upb/**/*.c", "utf8_range/*.c"),
        without="decode_fast",
        flags=("-fvisibility=hidden", "-I{tree}", "-I{tree}/utf8_range"),
    ),
)
