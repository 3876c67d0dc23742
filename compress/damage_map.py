"""Where a compression hurt: broken and mended samples by capability and stage, the hardest hit first.

    show(console, rows)

    damage map        n        1       2      3
    skill logic      92  -31 +2*  -1 +18  -2 +1
    skill facts     128   -4 +1   -0 +3   -0 +0
    cause off by 2   40           -1 +7

A star: the loss is significant at 5% over all capabilities of its stage (`compress.damage`). Causes are those of `dev`
failures, where both runs' failures were assigned to one taxonomy. What was never broken is left out, and the least hit
beyond `SHOWN` are counted only. Names come from data: they are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cli.console import plain_table, printable

SHOWN = 12
WORSE = ("worse", "grew", "new")
"""Verdicts of a loss: of capabilities, and of causes of failure."""
NAME = 30
"""Characters of a capability's name."""


def lines(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a line a capability (`name`, `n`, `stages`: number -> (broken, mended, significant)), hardest hit first.

    `rows`: of `harness.store.stages`.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        hurt = row.get("damage") or {}
        told = [(f"{one['tag']} {one['capability']}", one["suite"], one) for one in hurt.get("capabilities") or ()]
        told += [(f"cause {one['label']}", "", one) for one in hurt.get("clusters") or ()]
        for name, suite, one in told:
            line = found.setdefault((suite, name), {"suite": suite, "name": name, "n": one["n"], "stages": {}})
            line["n"] = max(line["n"], one["n"])
            line["stages"][row["number"]] = (one["broken"], one["mended"], one.get("verdict") in WORSE)
    hit = [line for line in found.values() if any(broken for broken, *_ in line["stages"].values())]
    return sorted(hit, key=lambda line: (-_worst(line), line["suite"], line["name"]))


def _worst(line: Mapping[str, Any]) -> float:
    """Return the largest net loss of a stage, as a share of the samples."""
    nets: list[float] = [(broken - mended) / max(1, line["n"]) for broken, mended, _ in line["stages"].values()]
    return max(nets)


def show(console: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the map; nothing where nothing broke."""
    from rich.markup import escape

    hit = lines(rows)
    if not hit:
        return
    suites = {line["suite"] for line in hit if line["suite"]}
    numbers = [str(row["number"]) for row in rows if row.get("damage")]
    table = plain_table("damage map", "n", *numbers, right=("n", *numbers))
    for line in hit[:SHOWN]:
        name = line["name"] if len(suites) < 2 or not line["suite"] else f"{line['suite']}: {line['name']}"
        cells = (_cell(line["stages"].get(int(number))) for number in numbers)
        table.add_row(escape(printable(name, NAME)), str(line["n"]), *cells)
    console.print(table)
    rest = f", and {len(hit) - SHOWN} more were hit" if len(hit) > SHOWN else ""
    console.print(f"[dim]broken and mended samples by stage; * a significant loss{rest}[/]")


def _cell(found: tuple[int, int, bool] | None) -> str:
    if found is None:
        return ""
    broken, mended, significant = found
    shown = f"-{broken} +{mended}"
    return f"[bold red]{shown}*[/]" if significant else f"{shown} "
