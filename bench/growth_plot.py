"""What mounts and living leases cost, as an SVG: a row of panels for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contenders import LOGIN, OURS, RENEW
from bench.figures import Key, spread
from bench.panel import drawing, panel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.figures import Spread
    from bench.results import Results

AT_ONCE = 16
_COLUMNS = 4
_LOGIN = {"p50": "login p50, ms", "rate": "logins/s", "plugin_cpu": "plugin's CPU ms a login"}


def svg(results: Results) -> str:
    """The drawing; whatever was asked ran with `AT_ONCE` requests at once."""
    return drawing(results.mounts, _panels(results), _COLUMNS, rows=2)


def _panels(results: Results) -> Iterator[str]:
    rows = (("mounts", _of_mounts(results)), ("living leases", _of_leases(results)))
    for row, (of, columns) in enumerate(rows):
        for column, (title, lines) in enumerate(columns.items()):
            yield from panel(f"{title}, by {of}", lines, column, row)


def _of_mounts(results: Results) -> dict[str, Mapping[str, Mapping[int, Spread]]]:
    speed: dict[str, Mapping[str, Mapping[int, Spread]]] = {
        title: {
            name: {
                found.mounts: found.logins.of(Key(name, LOGIN, AT_ONCE), measure)
                for found in counts
            }
            for name, counts in results.mounts.items()
        }
        for measure, title in _LOGIN.items()
    }
    return speed | {
        "resident MB": {
            name: {found.mounts: _megabytes(found.resident) for found in counts}
            for name, counts in results.mounts.items()
        }
    }


def _of_leases(results: Results) -> dict[str, Mapping[str, Mapping[int, Spread]]]:
    def line(operation: str, measure: str) -> Mapping[str, Mapping[int, Spread]]:
        key = Key(OURS, operation, AT_ONCE)
        return {OURS: {found.living: found.figures.of(key, measure) for found in results.leases}}

    held = {OURS: {found.living: _megabytes(found.plugin) for found in results.leases}}
    return {
        _LOGIN["p50"]: line(LOGIN, "p50"),
        _LOGIN["rate"]: line(LOGIN, "rate"),
        "renew p50, ms": line(RENEW, "p50"),
        "plugin's resident MB": held,
    }


def _megabytes(size: int) -> Spread:
    return spread([size / 1e6])
