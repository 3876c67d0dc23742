"""Does a model that says 80% turn out right in 80% of the cases? Reliability of choices, before and after its scaling.

The address holds the state: `model` (a run, a name, a model or its digest), `suite`, `split`, `bins`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import charts_gates, names
from dashboards.pages._choice import choose, switch
from dashboards.queries import Rows
from dashboards.queries import calibration as queries
from dashboards.view import View
from harness.gate.calibration import estimate, reliability
from harness.stats.scaling import Scaling

TITLE, ICON, ORDER = "Calibration", ":material/target:", 7
BINS = ("5", "10", "15", "20", "30")
DEFAULT = "15"
"""Bins of a policy that names none."""
BEFORE = "as it stands"
SIDE = 0.025
"""One-sided error of each bound: together a 95% interval."""
OTHERS = 12
"""Runs beside which one is shown, at most."""
Confidences = list[tuple[float, bool]]
Columns = Sequence[DeltaGenerator]


def show(view: View) -> None:
    """Show the diagram of one run and suite."""
    runs = queries.runs(view.ask)
    if not runs:
        st.info("No answer with choices yet. Type: harness eval MODEL --suite primer:choices")
        return
    asked = st.columns([6, 3, 2, 2])
    run = _choose(view, runs, asked)
    scaling, found = run["scaling"], queries.answers(view.ask, run["run_id"], run["suite"])
    split, bins = _how(view, run, found, asked)
    held = _held(found, scaling, split)
    if not held[BEFORE]:
        st.warning(f"Nothing of {len(found)} answers is left: none is of the split {split!r}.")
        return
    _explain(scaling, split)
    series = {name: reliability(each, bins) for name, each in held.items()}
    left, right = st.columns([3, 2])
    with left:
        st.altair_chart(charts_gates.reliability(series), width="stretch")
        for name in series:
            st.altair_chart(charts_gates.confidences(series, name), width="stretch")
    with right:
        st.dataframe([_cells(name, each, bins) for name, each in held.items()], hide_index=True, column_config=_FIGURES)
        st.caption("ECE: expected calibration error, with a 95% interval that allows for the noise of the bins.")
        view.link("Samples of this run", "samples", run=run["run_id"], suite=run["suite"])
        view.link("Verdicts on this run", "gates", words=run["run_id"])
    _others(view, [each for each in runs if each["suite"] == run["suite"]], split, bins)


def _choose(view: View, runs: Rows, asked: Columns) -> dict[str, Any]:
    """Return the run and suite that the address names, else the newest; the widgets follow it, and write it."""
    model, suite = view.param("model"), view.param("suite")
    named = [row for row in runs if model in ("", *(row[key] for key in ("run_id", "name", "model", "model_digest")))]
    if not named:
        st.warning("No answers with choices of the model that the address names; all others are shown.")
        st.text(model)
        named = runs
    run = next((row for row in named if row["suite"] == suite), named[0])
    ids = list(dict.fromkeys(row["run_id"] for row in runs))
    label = {row["run_id"]: "   ".join(filter(None, (row["run_id"], row["name"], names.model(row["model"]))))
             for row in runs}  # fmt: skip
    suites = [row["suite"] for row in runs if row["run_id"] == run["run_id"]]
    # Each is written with the other: whoever is sent the address sees the same.
    how: dict[str, Any] = {"pinned": True, "put": partial(view.put, model=run["run_id"], suite=run["suite"])}
    told = names.plain(run["model"])
    choose(view, asked[0], "Run", "model", ids, asked=run["run_id"], format_func=label.get, help=told, **how)
    choose(view, asked[1], "Suite", "suite", suites, asked=run["suite"], **how)
    return run


def _how(view: View, run: Mapping[str, Any], found: Rows, asked: Columns) -> tuple[str, int]:
    """Return split and number of bins. A model calibrated on dev is shown on test, unless somebody asks otherwise."""
    there = {row["split"] for row in found}
    first = "test" if run["scaling"] and "test" in there else "all"
    split = choose(view, asked[2], "Split", "split", queries.SPLITS, first, pinned=True)
    return split, int(choose(view, asked[3], "Bins", "bins", BINS, DEFAULT))


def _held(found: Sequence[Mapping[str, Any]], scaling: Scaling | None, split: str) -> dict[str, Confidences]:
    held = {BEFORE: queries.confidences(found, Scaling(), split)}
    return held | ({str(scaling): queries.confidences(found, scaling, split)} if scaling else {})


def _explain(scaling: Scaling | None, split: str) -> None:
    said = "Confidence: the probability of the likeliest choice. Points on the diagonal: as often right as said."
    if scaling is None:
        said += " This model carries no scaling of its own: its softmax is shown as it stands."
    elif split != "test":
        said += " The scaling was fitted on dev: only samples of test tell what it is worth."
    st.caption(said)


_FIGURES = {
    name: st.column_config.NumberColumn(format="%.4f") for name in ("ECE", "low", "high", "right", "mean confidence")
}


def _cells(name: str, held: Confidences, bins: int) -> dict[str, Any]:
    found = estimate(held, bins, 1.0, SIDE)
    return {
        "probabilities": name, "ECE": found.value, "low": found.low, "high": found.high,
        "right": sum(right for _, right in held) / found.n, "mean confidence": sum(sure for sure, _ in held) / found.n,
        "n": found.n,
    }  # fmt: skip


def _others(view: View, runs: Rows, split: str, bins: int) -> None:
    if len(runs) < 2 or not switch(view, st, "Beside other runs of this suite", "beside"):
        return
    rows = []
    for run in runs[:OTHERS]:
        found = queries.answers(view.ask, run["run_id"], run["suite"])
        name, held = list(_held(found, run["scaling"], split).items())[-1]
        if held:
            rows.append({"run": run["run_id"], "model": names.model(run["model"]), **_cells(name, held, bins)})
    st.dataframe(sorted(rows, key=lambda row: row["ECE"]), hide_index=True, column_config=_FIGURES)
    if len(runs) > OTHERS:
        st.caption(f"The newest {OTHERS} of {len(runs)} runs.")
