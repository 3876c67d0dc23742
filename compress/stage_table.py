"""What each stage of a compression cost, for people and as JSON: what `harness compress` ends with.

    rows, base = compress.scores.compression(database, "quickstart-tiny")
    show(console, rows, base)

    stage              MiB   bits  KL base  KL step  top-1  gate           s
    before            4.02  32.00
    1 compress.prune  3.27  32.00   0.0410   0.0410  97.1%  PASS          41
    2 compress.gguf   0.62   5.81   0.0460   0.0052  96.4%  FAIL, undone  12
    sealed samples    primer             broken  mended
    before            0.962 [0.94, 0.98]
    1 compress.prune  0.941 [0.91, 0.96]     11       2
    2 compress.gguf   0.938 [0.91, 0.96]      3       2
    damage map         n        1      2
    skill logic       92  -11 +2*  -1 +0
    broke first: skill logic of primer, at 2 compress.gguf: 11 of 92 samples broke, 2 were mended (p 0.003)

`KL base`: mean divergence from the model before all stages, in nats a token; `KL step`: from the one right before.
`top-1` is against the model before all stages. Scores and flips are of sealed samples, 95% intervals. Names of stages,
suites and capabilities come from recipes and data: they are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compress import damage_map
from compress.damage import first_broken
from harness.cli.console import plain_table, printable
from harness.cli.verdict import COLOURS

MIB = 2**20
LABEL = 22
"""Characters of a stage's name: with them the tables fit on 80 columns."""
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
    hurt = row.get("damage") or {}
    return {
        **told,
        **_measured(row),
        **decided,
        "damage": {key: hurt.get(key, []) for key in ("capabilities", "clusters")},
    }


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
    """Print what each stage cost, what became of its answers, where it hurt, what broke first, and how it ended."""
    shown = document(rows, base)
    every = [("before", shown["before"]), *((_named(one), one) for one in shown["stages"])]
    costs = plain_table("stage", *NUMBERS, "gate", "s", right={*NUMBERS, "s"})
    for name, one in every:
        costs.add_row(name, *_costs(one), _gate(one), _plain(one.get("seconds"), ".0f"))
    console.print(costs)
    if suites := list(dict.fromkeys(suite for _, one in every for suite in one["scores"])):
        counts = ("broken", "mended")
        answers = plain_table("sealed samples", *map(_safe, suites), *counts, right=counts)
        for name, one in every:
            found = (_score(one["scores"].get(suite)) for suite in suites)
            answers.add_row(name, *found, *(_plain(one[count], "d") for count in counts))
        console.print(answers)
    damage_map.show(console, rows)
    if shown["stages"]:
        console.print(_broken(shown["broke_first"]))
    console.print(f"[bold]{_safe(base.get('compression') or '')}[/]: {_safe(shown['outcome'] or RUNNING)}")


def _broken(first: Mapping[str, Any]) -> str:
    if first["capability"] is None:
        return f"broke first: {_safe(first['why'])}"
    where = f"{first['tag']} {first['capability']} of {first['suite']}, at {first['stage']} {first['step']}"
    return f"[bold]broke first[/]: {_safe(where)}: {_safe(first['why'])} (adjusted p {first['p_adjusted']:.2g})"


def _named(one: Mapping[str, Any]) -> str:
    from rich.markup import escape

    return escape(printable(f"{one['number']} {one['step']}", LABEL))


def _costs(one: Mapping[str, Any]) -> list[str]:
    size, top = one["size_bytes"], one["top1_agreement"]
    return [
        "" if size is None else f"{size / MIB:,.2f}",
        _plain(one["bits_per_weight"], ".2f"),
        _plain(one["kl_mean"], ".4f"),
        _plain(one["kl_mean_before"], ".4f"),
        "" if top is None else f"{top:.1%}",
    ]


def _score(score: Mapping[str, Any] | None) -> str:
    return "" if score is None else f"{score['score']:.3f} \\[{score['low']:.2f}, {score['high']:.2f}]"


def _gate(one: Mapping[str, Any]) -> str:
    outcome = one.get("verdict")
    said = f"[{COLOURS[outcome]}]{outcome}[/]" if outcome in COLOURS else ""
    return f"{said}, undone" if one.get("kept") is False else said


def _plain(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(printable(str(text)))
