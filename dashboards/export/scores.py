"""Sections of scores: the board, runs against the baseline, what is worth its size.

    leaderboard(rows, made)   -> Markup('<section id="leaderboard"><h2>Leaderboard</h2>..')

Each a function of rows. Texts of models, suites and people are escaped by `markup`. Cost: milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from dashboards.export.markup import Markup, Number, Part, element, score, table
from dashboards.export.parts import (
    LISTED,
    MIB,
    Draw,
    counted,
    figure,
    fold,
    interval,
    model,
    place,
    section,
    shortened,
    signed,
)
from dashboards.export.whiskers import Scale
from dashboards.queries import Rows
from dashboards.queries.report_runs import Against

SUITES, GLANCE = 60, 12
"""Suites that are shown, and columns of the table that shows them at a glance, at most."""
FEW = 12
"""Models of a frontier that are all listed; of more, those worth their size: the picture and the board hold the rest.
"""
STAGES = ("stage", "step", "MiB", "bits/weight", "perplexity", "KL to base", "same top-1", "verdict", "kept", "why")


def leaderboard(rows: Rows, made: Sequence[str]) -> Markup:
    """Return the board: all suites at a glance, then a table for each suite and version."""
    groups = [(key, list(group)) for key, group in groupby(rows, key=lambda row: (row["suite"], row["fingerprint"]))]
    parts = [_glance(rows, [key for key, _ in groups])] if len(groups) > 1 else []
    for (suite, version), members in groups[:SUITES]:
        scale = Scale.of((row["low"], row["high"]) for row in members)
        head = ("rank", "model", "score", "95% interval", scale.title, "n", "faults", "MiB", "tokens/s", "date", "run")
        title = [element("strong", suite), Markup(" "), f"{version}, {_metric(members[0])}, {counted(members, 'run')}"]
        lines = [_board_row(row, scale) for row in members[:LISTED]]
        parts.append(fold(title, table(head, lines), shortened(members), opened=len(groups) <= GLANCE))
    if len(groups) > SUITES:
        parts.append(element("p", f"The first {SUITES} of {len(groups)} suites."))
    told = (
        "Rank: 1 + the number of models whose lower bound lies above this one's upper bound; ties share a rank."
        " Scores are of all samples that a run asked; what holds on sealed ones stands under Gates."
    )
    return section("leaderboard", "Leaderboard", told, parts, "No run is stored. Type: harness eval MODEL", made)


def comparison(found: Against, made: Sequence[str]) -> Markup:
    """Return what runs gained and lost on the baseline, a line a run and suite."""
    lines = [row for row in found.lines if not row["refused"]]
    scale = Scale.of(((row["low"], row["high"]) for row in lines), [0.0])
    head = ("model", "suite", "difference", "95% interval", scale.title, "won / lost / tied", "p", "verdict",
            "samples", "run")  # fmt: skip
    cells = [
        (
            model(row), row["suite"], signed(row["delta"]), f"{signed(row['low'])} to {signed(row['high'])}",
            scale.drawn(row["delta"], row["low"], row["high"], 0.0, row["verdict"].partition(" ")[0]),
            f"{row['wins']:,} / {row['losses']:,} / {row['ties']:,}", Number(f"{row['p']:.2g}"), row["verdict"],
            "sealed" if row["split"] == "test" else "all", row["run_id"],
        )
        for row in lines[:LISTED]
    ]  # fmt: skip
    parts = [table(head, cells), shortened(lines)] if cells else []
    parts += [
        element("p", f"{row['run_id']} is not compared on {row['suite']}: ", place(row["refused"]))
        for row in found.lines[:LISTED]
        if row["refused"]
    ]
    if found.left:
        parts.append(element("p", f"Left out, at least in part, to bound the work: {found.left} older runs or suites."))
    who = "No two runs." if not found.reference else (
        f"Against the baseline {found.name!r}, run {found.reference['run_id']}." if found.name else
        f"Against the oldest run, {found.reference['run_id']}: no baseline is named (harness baseline set RUN --name"
        " main)."
    )  # fmt: skip
    told = (
        f"{who} Paired by sample; won are samples on which the run does better. p is two-sided, adjusted by Holm over"
        " the suites of a run. Models that a loop made are told on sealed samples alone."
    )
    empty = "No two runs share a suite."
    return section("comparison", "Against the baseline", told, parts, empty, made)


def frontier(groups: Mapping[str, Rows], compressions: Mapping[str, Rows], draw: Draw, made: Sequence[str]) -> Markup:
    """Return quality against size by suite, and the stages of compressions."""
    parts: list[Markup] = []
    for name, rows in list(groups.items())[:SUITES]:
        scale = Scale.of((row["low"], row["high"]) for row in rows)
        head = ("worth its size", "model", "score", "95% interval", scale.title, "MiB", "tokens/s", "run")
        lines = [
            (
                "yes" if row["optimal"] else "", model(row), score(row["score"]), interval(row["low"], row["high"]),
                scale.drawn(row["score"], row["low"], row["high"]), row["size_bytes"] / MIB, row["tokens_per_s"],
                row["run_id"],
            )
            for row in rows if row["optimal"] or len(rows) <= FEW
        ][:LISTED]  # fmt: skip
        shown = figure(draw("quality", named(rows)), f"Quality against size on {name}.")
        title = [element("strong", name), Markup(", "), counted(rows, "model")]
        parts.append(fold(title, shown, table(head, lines), opened=len(groups) <= GLANCE))
    for name, rows in compressions.items():
        parts += [element("h3", f"Compression {name}"), table(STAGES, map(_stage_row, rows))]
    told = (
        "Worth its size: no other model is at least as good and as small, and better in one; same suite, version and"
        " scorer, all samples asked. The command harness frontier marks on sealed samples, asked and prompted alike."
    )
    empty = "No model with a size shares a suite with another."
    return section("frontier", "Frontier", told, parts, empty, made)


def named(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose `name` is the model, told apart by the run where several have one; for charts."""
    often = Counter(map(model, rows))
    return [
        {**row, "name": model(row) if often[model(row)] == 1 else f"{model(row)} ({row['run_id']})"} for row in rows
    ]


def _glance(rows: Rows, suites: Sequence[tuple[str, str]]) -> Markup:
    """Return models by suites, the newest run of each; in bold where none is shown to be better."""
    newest: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["started_at"]):
        if row["score"] is not None:
            newest.setdefault(model(row), {})[row["suite"], row["fingerprint"]] = row
    first = {name: sum(row["rank"] == 1 for row in own.values()) for name, own in newest.items()}
    mean = {name: sum(row["rank"] for row in own.values()) / len(own) for name, own in newest.items()}
    shown = list(suites)[:GLANCE]
    lines: list[list[Part]] = [
        [name, first[name], *(_score(newest[name].get(suite)) for suite in shown)]
        for name in sorted(newest, key=lambda name: (-first[name], mean[name], name))[:LISTED]
    ]
    note = f"The first {GLANCE} of {len(suites)} suites." if len(suites) > GLANCE else "All suites."
    told = f"{note} The newest run of each model; in bold where no other is shown to be better."
    whole = table(("model", "best or tied", *(name for name, _ in shown)), lines)
    return element("div", whole, element("p", told, class_="told"))


def _score(row: Mapping[str, Any] | None) -> Part:
    return "" if row is None else score(row["score"], strong=row["rank"] == 1)


def _metric(row: Mapping[str, Any]) -> str:
    return f"{row['metric']}{'' if row['up'] else ' (less is better)'}"


def _board_row(row: Mapping[str, Any], scale: Scale) -> tuple[Part, ...]:
    size = None if row["size_bytes"] is None else row["size_bytes"] / MIB
    return (
        row["rank"], model(row), score(row["score"]), interval(row["low"], row["high"]),
        scale.drawn(row["score"], row["low"], row["high"]), _answers(row), row["faults"] or None, size,
        row["tokens_per_s"], row["started_at"], row["run_id"],
    )  # fmt: skip


def _answers(row: Mapping[str, Any]) -> Part:
    """Return how many answers count; of a run that is not at its end, of how many."""
    return row["n"] if row["records"] >= row["wanted"] else Number(f"{row['n']:,} of {row['wanted']:,}")


def _stage_row(row: Mapping[str, Any]) -> tuple[Part, ...]:
    size = row["size_bytes"]
    return (
        row["number"], row["step"], size / MIB if size else None, row["bits"], row["perplexity"], row["kl"],
        row["top1"], row["verdict"], row["kept"], place(row["why"]),
    )  # fmt: skip
