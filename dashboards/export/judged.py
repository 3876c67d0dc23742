"""Sections of judgements: what gates said, why runs fail, what rounds gained, how sure models are.

    gates(verdicts, made)   -> Markup('<section id="gates"><h2>Gates</h2>..')

Each a function of rows. Texts of models, suites and people are escaped by `markup`. Cost: milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.export.markup import Markup, Part, element, score, table
from dashboards.export.parts import Draw, counted, figure, fold, interval, model, place, section, signed
from dashboards.export.whiskers import Scale
from dashboards.queries import Rows
from harness.gate.outputs.escape import line

CHECKS = ("suite", "rule", "outcome", "required", "observed", "bound", "95% interval", "", "note")
ROUNDS = ("round", "what came of it", "gain aimed at", "95% interval", "all others", "cost", "rows", "why")
OPENED = 6
"""Runs whose causes are unfolded at first, at most."""
EXAMPLE = 200
"""Characters of each text of an example."""


def gates(verdicts: Rows, made: Sequence[str]) -> Markup:
    """Return what gates said, the newest first, each with its checks; those that passed are folded away."""
    parts = []
    for row in verdicts:
        badge = element("strong", row["outcome"], class_=f"badge {row['outcome'].lower()}")
        title = [badge, Markup(" "), f"{row['candidate']} by {place(row['policy'] or 'a policy')},"
                 f" {row['decided_at']:%Y-%m-%d %H:%M}"]  # fmt: skip
        facts = f"Samples: {row['split']}; reference: {row['reference'] or 'none'}; exit code {row['exit_code']}."
        said = element("p", facts), *([element("p", place(row["note"]))] if row["note"] else [])
        checks = table(CHECKS, map(_check_row, row["checks"]))
        parts.append(fold(title, *said, checks, opened=row["outcome"] != "PASS"))
    told = "PASS, FAIL, INCONCLUSIVE or ERROR, and why. The dashed line in a drawing is what the rule asks for."
    empty = "No gate was asked. Type: harness gate RUN --policy gates.yaml"
    return section("gates", "Gates", told, parts, empty, made)


def causes(runs: Rows, made: Sequence[str]) -> Markup:
    """Return why runs fail: causes with their shares of the failures, and an example of each."""
    parts = []
    for place_, run in enumerate(runs):
        scale = Scale.of(((row["low"], row["high"]) for row in run["causes"]), [0.0])
        head = ("cause", "failures", "of failures", "95% interval", scale.title, "of answers", "for example")
        lines = [
            (
                line(row["cause"], 80), row["failures"], f"{row['score']:.1%}",
                f"{row['low']:.1%} to {row['high']:.1%}", scale.drawn(row["score"], row["low"], row["high"]),
                f"{row['rate']:.1%}", _example(row["example"]),
            )
            for row in run["causes"]
        ]  # fmt: skip
        title = [element("strong", model(run)), Markup(" "), f"{run['run_id']}: {run['failures']:,} of"
                 f" {run['answers']:,} answers failed, split {run['split']}"]  # fmt: skip
        parts.append(fold(title, table(head, lines), opened=place_ < OPENED))
    told = "Examples are the most typical failures of the split dev: sealed samples stay sealed."
    return section("causes", "Causes of failure", told, parts, "No run is analysed. Type: harness failures RUN", made)


def rounds(loops: Rows, made: Sequence[str]) -> Markup:
    """Return what each round of the improvement loops gained, cost and came to."""
    parts = []
    for loop in loops:
        done = loop["rounds"]
        scale = Scale.of(((row["low"], row["high"]) for row in done), [0.0])
        head = (*ROUNDS[:4], scale.title, *ROUNDS[4:])
        ended = f"{loop['outcome']}: {place(loop['why'])}" if loop["outcome"] else "not at its end"
        title = [element("strong", loop["loop"]), Markup(" "), f"on {model(loop)}, {counted(done, 'round')}, {ended}"]
        parts.append(fold(title, table(head, [_round_row(row, scale) for row in done])))
    told = (
        "A round is accepted by sealed samples alone. The gain is of those that it aimed at, a share of the metric's"
        " range, as its decision was stored."
    )
    empty = "No improvement loop. Type: harness improve RECIPE.yaml"
    return section("rounds", "Rounds", told, parts, empty, made)


def calibration(rows: Rows, draw: Draw, made: Sequence[str]) -> Markup:
    """Return how far runs with choices are from being right as often as they say; the newest one's diagram."""
    scale = Scale.of(((row["low"], row["high"]) for row in rows), [0.0])
    head = ("model", "suite", "error (ECE)", "95% interval", scale.title, "right", "mean confidence", "n", "scaling",
            "samples", "run")  # fmt: skip
    lines = [
        (
            model(row), row["suite"], score(row["score"]), interval(row["low"], row["high"]),
            scale.drawn(row["score"], row["low"], row["high"]), f"{row['right']:.1%}", f"{row['said']:.1%}", row["n"],
            row["scaling"], row["split"], row["run_id"],
        )
        for row in rows
    ]  # fmt: skip
    parts = [table(head, lines)] if lines else []
    if rows:
        parts.append(
            figure(
                draw("reliability", rows[0]),
                f"How sure against how often right: {model(rows[0])} on {rows[0]['suite']}, the newest run.",
            )
        )
    told = "Expected calibration error of choices: does a model that says 80% turn out right in 80% of the cases?"
    empty = "No answer with choices. Type: harness eval MODEL --suite primer:choices"
    return section("calibration", "Calibration", told, parts, empty, made)


def _check_row(row: Mapping[str, Any]) -> tuple[Part, ...]:
    bound = row["bound"] if row["bound"] is not None and math.isfinite(row["bound"]) else None
    scale = Scale.of([(row["low"], row["high"])], [x for x in (row["observed"], bound) if x is not None])
    return (
        row["suite"], row["rule"], row["outcome"], row["required"], row["observed"], bound,
        interval(row["low"], row["high"]),
        "" if row["low"] is None else scale.drawn(row["observed"], row["low"], row["high"], bound),
        place(row["note"]),
    )  # fmt: skip


def _round_row(row: Mapping[str, Any], scale: Scale) -> tuple[Part, ...]:
    came = {True: "accepted", False: "rejected", None: "not decided"}[row["accepted"]]
    cost = ", ".join(f"{amount:,.4g} {line(what, 20)}" for what, amount in (row["cost"] or {}).items())
    bounds = f"{signed(row['low'])} to {signed(row['high'])}" if row["low"] is not None else ""
    return (
        row["number"], element("strong", came, class_=f"badge {came.partition(' ')[0]}"), signed(row["gain"]), bounds,
        scale.drawn(row["gain"], row["low"], row["high"], 0.0), signed(row["others"]), cost, row["rows"],
        place(row["why"]),
    )  # fmt: skip


def _example(found: Mapping[str, str] | None) -> Part:
    """Return what was asked, expected and said."""
    if found is None:
        return "(sealed)"
    names = ("asked", "expected", "said")
    lines = [element("span", element("b", name), Markup(" "), line(found[name], EXAMPLE)) for name in names]
    return element("div", *lines, class_="example")
