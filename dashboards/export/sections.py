"""The parts of the report, each a function of rows: leaderboard, gates, causes, what is worth its size.

    leaderboard(rows)   -> Markup('<section id="leaderboard"><h2>Leaderboard</h2>..')

Texts of models, suites and people are escaped by `markup`; paths are shown by their last part, since a report is made
to be shown around. A picture shows the first `DRAWN` rows and says so; tables show `LISTED`. Cost: of pictures, see
`charts_report`; the rest is milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from dashboards.export.markup import Markup, Part, element, table
from dashboards.queries import Rows
from harness.gate.outputs.escape import line
from harness.workbench.record import without_places

DRAWN, LISTED = 40, 200
MIB = 2**20
BOARD = ("rank", "model", "run", "score", "95% interval", "n", "faults", "metric", "MiB", "tokens/s", "date")
CHECKS = ("suite", "rule", "outcome", "required", "observed", "bound", "95% interval", "note")
CAUSES = ("cause", "failures", "of failures", "95% interval", "of answers")
FRONTIER = ("", "model", "run", "score", "95% interval", "MiB", "tokens/s")
STAGES = ("stage", "step", "MiB", "bits/weight", "perplexity", "KL to base", "same top-1", "verdict", "kept", "why")
Draw = Callable[[Sequence[Mapping[str, Any]]], str]


def leaderboard(rows: Rows, draw: Draw) -> Markup:
    """Return the board: a table and a picture for each suite and version."""
    parts: list[Markup] = []
    for (suite, version), group in groupby(rows, key=lambda row: (row["suite"], row["fingerprint"])):
        members = list(group)
        parts.append(element("h3", f"{suite} {version}"))
        parts.append(table(BOARD, map(_board_row, members[:LISTED])))
        parts.append(_shortened(members, LISTED))
        scored = [row for row in members if row["score"] is not None]
        parts.append(_picture(scored, draw, f"Scores on {suite} with 95% intervals"))
    told = (
        "Rank: 1 + the number of models whose lower bound lies above this one's upper bound; ties share a rank."
        " Scores are of all samples that a run asked; what holds on sealed ones stands under Gates."
    )
    return _section("Leaderboard", told, parts, "No run is stored.")


def gates(verdicts: Rows) -> Markup:
    """Return what gates said, the newest first, each with its checks folded away."""
    parts = []
    for row in verdicts:
        policy = str(without_places(row["policy"] or "a policy"))
        title = [element("strong", row["outcome"]), Markup(" "), row["candidate"], Markup(" by "), policy]
        summary = element("summary", *title, Markup(", "), row["decided_at"])
        lines = [
            (
                one["suite"], one["rule"], one["outcome"], one["required"], one["observed"], one["bound"],
                _interval(one["low"], one["high"]), str(without_places(one["note"] or "")),
            )
            for one in row["checks"]
        ]  # fmt: skip
        facts = f"split {row['split']}; reference: {row['reference'] or 'none'}; exit code {row['exit_code']}"
        said = element("p", facts), element("p", str(without_places(row["note"] or "")))
        parts.append(element("details", summary, *said, table(CHECKS, lines)))
    return _section("Gates", "PASS, FAIL, INCONCLUSIVE or ERROR, and why.", parts, "No gate was asked.")


def causes(runs: Rows, draw: Draw) -> Markup:
    """Return why runs fail: causes with their shares of the failures."""
    parts = []
    for run in runs:
        parts.append(element("h3", run["run_id"]))
        parts.append(element("p", f"{run['failures']:,} of {run['answers']:,} answers failed; split {run['split']}."))
        lines = [
            (row["cause"], row["failures"], row["score"], _interval(row["low"], row["high"]), row["rate"])
            for row in run["causes"]
        ]
        parts.append(table(CAUSES, lines))
        named = [{**row, "model": row["cause"]} for row in run["causes"]]
        parts.append(_picture(named, draw, f"Causes of failures of {run['run_id']}"))
    return _section("Causes of failure", "", parts, "No run is analysed. Type: harness failures RUN")


def frontier(groups: Mapping[str, Rows], compressions: Mapping[str, Rows], draw: Draw) -> Markup:
    """Return quality against size by suite, and the stages of compressions."""
    parts: list[Markup] = []
    for name, rows in groups.items():
        lines = [
            (
                "optimal" if row["optimal"] else "", _model(row), row["run_id"], row["score"],
                _interval(row["low"], row["high"]), row["size_bytes"] / MIB, row["tokens_per_s"],
            )
            for row in rows
        ]  # fmt: skip
        parts += [element("h3", name), table(FRONTIER, lines[:LISTED]), _shortened(rows, LISTED)]
        parts.append(_picture(rows, draw, f"Quality against size on {name}"))
    for name, rows in compressions.items():
        parts += [element("h3", f"Compression {name}"), table(STAGES, map(_stage_row, rows))]
    told = (
        "Optimal: no other model is at least as good and as small, and better in one; same suite, version and scorer,"
        " all samples asked. `harness frontier` marks on sealed samples, asked and prompted alike."
    )
    return _section("Frontier", told, parts, "No model with a size shares a suite with another.")


def _board_row(row: Mapping[str, Any]) -> tuple[Part, ...]:
    size = None if row["size_bytes"] is None else row["size_bytes"] / MIB
    return (
        row["rank"], _model(row), row["run_id"], row["score"], _interval(row["low"], row["high"]), row["n"],
        row["faults"], row["metric"], size, row["tokens_per_s"], row["started_at"],
    )  # fmt: skip


def _stage_row(row: Mapping[str, Any]) -> tuple[Part, ...]:
    size = row["size_bytes"]
    return (
        row["number"], row["step"], size / MIB if size else None, row["bits"], row["perplexity"], row["kl"],
        row["top1"], row["verdict"], row["kept"], str(without_places(row["why"] or "")),
    )  # fmt: skip


def _model(row: Mapping[str, Any]) -> str:
    return str(without_places(str(row["model"])))


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _picture(rows: Sequence[Mapping[str, Any]], draw: Draw, said: str) -> Markup:
    """Return a figure of the first rows; names are made one clean line each, told apart, before anything draws them."""
    if not rows:
        return Markup()
    names = [line(_model(row), 60) for row in rows[:DRAWN]]
    often = Counter(names)
    clean = [
        {**row, "model": name if often[name] == 1 else f"{name} ({line(str(row.get('id') or row['run_id']), 40)})"}
        for row, name in zip(rows, names, strict=False)
    ]
    shown = f"{said}, the first {DRAWN} of {len(rows)}." if len(rows) > DRAWN else f"{said}."
    return element("figure", Markup(draw(clean)), element("figcaption", shown))


def _shortened(rows: Sequence[Any], most: int) -> Markup:
    return element("p", f"The first {most} of {len(rows)} rows.") if len(rows) > most else Markup()


def _section(title: str, told: str, parts: Sequence[Markup], empty: str) -> Markup:
    opening = [element("h2", title), *([element("p", told)] if told and parts else [])]
    body = parts or [element("p", empty)]
    return element("section", *opening, *body, id=title.lower().replace(" ", "-"))
