"""What each stage of a compression cost, for people and as JSON: what `harness compress` ends with.

    rows, base = compress.scores.compression(database, "quickstart-tiny")
    show(console, rows, base)

    stage                 MiB   bits  KL base  KL step   top-1  primer               broken  mended  gate  kept  s
    before               4.02  32.00                            0.962 [0.94, 0.98]
    1 compress.prune     3.27  32.00   0.0410   0.0410  97.1 %  0.941 [0.91, 0.96]       11       2  PASS  yes   41
    2 compress.gguf      0.62   5.81   0.0460   0.0052  96.4 %  0.938 [0.91, 0.96]        3       2  FAIL  no    12
    broke first: skill logic of primer, at 2 compress.gguf: 11 of 92 samples broke, 2 were mended (p 0.003)

`KL base`: mean divergence from the model before all stages, in nats a token; `KL step`: from the one right before.
`top-1` is against the model before all stages. Scores and flips are of sealed samples, 95% intervals. Names of stages,
suites and capabilities come from recipes and data: they are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compress.damage import first_broken
from harness.cli.console import plain_table, printable
from harness.cli.verdict import COLOURS

MIB = 2**20
NUMBERS = ("MiB", "bits", "KL base", "KL step", "top-1")
RUNNING = "not at its end: it runs, or was killed"


def document(rows: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON document of a compression; null where nothing was measured, `outcome` null while it runs."""
    return {
        "model": base.get("model"),
        "before": {"run_id": base.get("run_base"), **_measured(base)},
        "stages": [_stage(row) for row in rows],
        "broke_first": first_broken(rows),
        "outcome": base.get("outcome"),
    }


def _stage(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "number": row["number"],
        "step": row["step"],
        "artifact_id": row.get("artifact_id"),
        "model": row.get("model"),
        "run_id": row.get("run_id"),
    }
    decided = {key: row.get(key) for key in ("verdict", "kept", "why", "seconds")}
    return {**told, **_measured(row), **decided}


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    measures = row.get("measures") or {}
    against = measures.get("against") or {}
    to_base, to_before = against.get("base") or {}, against.get("before") or {}
    flips = ((row.get("damage") or {}).get("suites") or {}).values()
    return {
        "size_bytes": measures.get("size_bytes"),
        "bits_per_weight": measures.get("bits_per_weight"),
        "kl_mean": to_base.get("kl_mean"),
        "top1_agreement": to_base.get("top1_agreement"),
        "kl_mean_before": to_before.get("kl_mean"),
        "top1_agreement_before": to_before.get("top1_agreement"),
        "speed": measures.get("speed"),
        "scores": row.get("scores") or {},
        "broken": sum(one["broken"] for one in flips) if row.get("damage") else None,
        "mended": sum(one["mended"] for one in flips) if row.get("damage") else None,
    }


def show(console: Any, rows: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> None:
    """Print a row a stage, what broke first, and how it ended."""
    shown = document(rows, base)
    every = [shown["before"], *shown["stages"]]
    suites = list(dict.fromkeys(name for one in every for name in one["scores"]))
    columns = ("stage", *NUMBERS, *map(_safe, suites), "broken", "mended", "gate", "kept", "seconds")
    table = plain_table(*columns, right={*NUMBERS, "broken", "mended", "seconds"})
    table.add_row("before", *_cells(shown["before"], suites), "", "", "")
    for one in shown["stages"]:
        table.add_row(_named(one), *_cells(one, suites), _verdict(one["verdict"]), _kept(one), _plain(one["seconds"]))
    console.print(table)
    if shown["stages"]:
        console.print(_broken(shown["broke_first"]))
    console.print(f"[bold]{_safe(base.get('compression') or '')}[/]: {_safe(shown['outcome'] or RUNNING)}")


def _broken(first: Mapping[str, Any]) -> str:
    if first["capability"] is None:
        return f"broke first: {_safe(first['why'])}"
    where = f"{first['tag']} {first['capability']} of {first['suite']}, at {first['stage']} {first['step']}"
    return f"[bold]broke first[/]: {_safe(where)}: {_safe(first['why'])} (adjusted p {first['p_adjusted']:.2g})"


def _named(one: Mapping[str, Any]) -> str:
    return _safe(f"{one['number']} {one['step']}")


def _cells(one: Mapping[str, Any], suites: Sequence[str]) -> list[str]:
    size, top = one["size_bytes"], one["top1_agreement"]
    scores = (one["scores"].get(name) for name in suites)
    return [
        "" if size is None else f"{size / MIB:,.2f}",
        _plain(one["bits_per_weight"], ".2f"),
        _plain(one["kl_mean"], ".4f"),
        _plain(one["kl_mean_before"], ".4f"),
        "" if top is None else f"{top:.1%}",
        *("" if s is None else f"{s['score']:.3f} \\[{s['low']:.2f}, {s['high']:.2f}]" for s in scores),
        _plain(one["broken"], "d"),
        _plain(one["mended"], "d"),
    ]


def _verdict(outcome: str | None) -> str:
    return f"[{COLOURS[outcome]}]{outcome}[/]" if outcome in COLOURS else "-"


def _kept(one: Mapping[str, Any]) -> str:
    return "-" if one["kept"] is None else "yes" if one["kept"] else "[red]rolled back[/]"


def _plain(value: Any, form: str = ".0f") -> str:
    return "" if value is None else format(value, form)


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(printable(str(text)))
