"""What an operator wants to know of one node, as Markdown: the page's beginning."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from bench.contenders import LOGIN, OURS, RENEW
from bench.figures import Key
from bench.table import heads, megabytes, number, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figures
    from bench.results import Results

_FEW, _MANY = 1, 16
_PLOT = "![what mounts and living leases cost](performance-growth.svg)"
_AT_ONCE = (_FEW, _MANY, 64)


def page(results: Results) -> str:
    """How many logins, what one costs, and how that grows."""
    parts = ([*part(results), ""] for part in (_logins, _mounts, _leases))
    return "\n".join([*chain.from_iterable(parts), _PLOT]) + "\n"


def _logins(results: Results) -> Iterator[str]:
    kept, memory = results.leases[0].figures, results.openbao.stand_in
    yield "### How many logins a second, and what one costs"
    yield ""
    most = max(kept.of(Key(OURS, LOGIN, at_once), "rate").middle for at_once in _AT_ONCE)
    one = Key(OURS, LOGIN, _MANY)
    plugin, server = (kept.of(one, cpu).middle for cpu in ("plugin_cpu", "server_cpu"))
    yield (
        f"A node that stores on disk serves up to {most:,.0f} logins a second on this machine, of"
        f" which server, plugin and clients share {results.cores} of the cores. With {_MANY} at"
        f" once, a login costs the plugin {number(plugin)} ms of CPU and the server"
        f" {number(server)} ms."
    )
    yield ""
    yield from heads(
        "storage",
        "logins at once",
        "logins/s",
        "p50 ms",
        "p99 ms",
        "CPU ms a login: plugin",
        "server",
        "cores busy: plugin",
        "server",
    )
    for storage, figures in (("integrated, on disk", kept), ("in memory", memory)):
        for at_once in _AT_ONCE:
            key = Key(OURS, LOGIN, at_once)
            rate = figures.of(key, "rate").middle
            cpu = [figures.of(key, measure).middle for measure in ("plugin_cpu", "server_cpu")]
            yield row(
                storage,
                str(at_once),
                f"{rate:,.0f}",
                *(number(figures.of(key, measure).middle) for measure in ("p50", "p99")),
                *(number(milliseconds) for milliseconds in cpu),
                *(f"{milliseconds * rate / 1e3:.2f}" for milliseconds in cpu),
            )


def _mounts(results: Results) -> Iterator[str]:
    yield "### Mounts"
    yield ""
    yield from heads(
        "mounts",
        "plugin processes",
        "resident MB",
        f"login p50 ms, {_FEW} at once",
        f"{_MANY} at once",
        f"logins/s, {_MANY} at once",
        "CPU ms a login: plugin",
        "server",
    )
    for found in results.mounts[OURS]:
        yield row(
            f"{found.mounts:,}",
            str(found.processes),
            megabytes(found.resident),
            *_speed(found.logins),
        )


def _leases(results: Results) -> Iterator[str]:
    yield "### Living leases"
    yield ""
    yield from heads(
        "leases",
        "resident MB: plugin",
        "server",
        f"renew p50 ms, {_FEW} at once",
        f"{_MANY} at once",
        f"login p50 ms, {_FEW} at once",
        f"{_MANY} at once",
        f"logins/s, {_MANY} at once",
        "CPU ms a login: plugin",
        "server",
    )
    for found in results.leases:
        renewals = (found.figures.of(Key(OURS, RENEW, at_once), "p50") for at_once in (_FEW, _MANY))
        yield row(
            f"{found.living:,}",
            megabytes(found.plugin),
            megabytes(found.server),
            *(number(p50.middle) for p50 in renewals),
            *_speed(found.figures),
        )


def _speed(figures: Figures) -> Iterator[str]:
    """Cells of logins: p50 with few and with many at once, then rate and CPU with many."""
    many = Key(OURS, LOGIN, _MANY)
    for at_once in (_FEW, _MANY):
        yield number(figures.of(Key(OURS, LOGIN, at_once), "p50").middle)
    yield f"{figures.of(many, 'rate').middle:,.0f}"
    for measure in ("plugin_cpu", "server_cpu"):
        yield number(figures.of(many, measure).middle)
