"""How fast models read, score and generate, how soon they begin, and what memory they take.

The address holds the state: `model` (part of a model or of the id of a bench), `measure`, `bench`, `page`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import streamlit as st

from dashboards import charts_gates, names
from dashboards.pages._choice import choose, page_of, switch, turn, typed
from dashboards.queries import Rows
from dashboards.queries import bench as queries
from dashboards.view import View

TITLE, ICON, ORDER = "Bench", ":material/speed:", 8
SHOWN = 50
"""Benches of a page of the table."""
DRAWN = 12
"""Lines of the chart at most: more cannot be told apart."""
RATES = {"generate": "generated", "prompt": "prompts read", "score": "choices scored"}
MIB = 2**20
UNITS = ("tok/s", "ms", "MiB")
SCALES = {"s": (1000.0, "ms"), "bytes": (1 / MIB, "MiB")}
ORDERED = (
    "machine",
    "model",
    "type",
    "size",
    "generate",
    "prompt",
    "score",
    "first",
    "memory",
    "load",
    "date",
    "bench",
)
"""First words of the columns, in their order."""


def show(view: View) -> None:
    """Show the benches that the filters leave."""
    asked = st.columns([4, 2, 2], vertical_alignment="bottom")
    words = typed(view, asked[0], "Model or bench contains", "model", clears=("page",))
    newest = switch(view, asked[1], "latest of each model", "newest", clears=("page",))
    quiet = switch(view, asked[2], "quiet machine only", "quiet", clears=("page",))
    total = queries.count(view.ask, words, quiet, newest)
    if not total:
        _nothing(queries.count(view.ask))
        return
    page, pages = page_of(view, total, SHOWN)
    benches = queries.page(view.ask, words, quiet, newest, SHOWN, (page - 1) * SHOWN)
    measures = queries.measures(view.ask, [row["bench_id"] for row in benches])
    if busy := sum(bool(row["busy"]) for row in benches):
        st.warning(f"{busy} of {len(benches)} benches here ran beside other work: a quiet machine is faster.")
    _rates(view, benches, measures)
    _table(view, benches, measures)
    turn(view, page, pages, f"{total} benches")
    _one(view, benches, measures)


def _nothing(others: int) -> None:
    if others:
        st.warning(f"Nothing is left of {others} benches: the filters above leave all of them out.")
    else:
        st.info("Nothing measured yet. Type: harness bench MODEL")


def _rates(view: View, benches: Rows, measures: Rows) -> None:
    there = [name for name in RATES if any(row["measure"] == name for row in measures)]
    if not there:
        return
    chosen = choose(view, st, "Rate", "measure", there, width=240)
    labels = _labels(benches[:DRAWN])
    rows = [
        {**row, "label": labels[row["bench_id"]]}
        for row in measures if row["measure"] == chosen and row["bench_id"] in labels
    ]  # fmt: skip
    if rows:
        st.altair_chart(charts_gates.rates(rows, f"tokens {RATES[chosen]} a second"), width="stretch")
        st.caption("Bars: lowest to highest repeat. Hollow: measured on a busy machine.")
    if len(benches) > DRAWN:
        st.caption(f"Drawn: the newest {DRAWN} of the {len(benches)} benches of the table.")


def _labels(benches: Rows) -> dict[str, str]:
    """Return bench -> its model, quantisation and time; with its id where all of that is equal."""
    found: dict[str, str] = {}
    for row in benches:
        parts = (names.model(row["model"]), row["quantisation"], f"{row['started_at']:%m-%d %H:%M}")
        label = " · ".join(filter(None, parts))
        found[row["bench_id"]] = label if label not in found.values() else f"{label} {row['bench_id'][:6]}"
    return found


def _table(view: View, benches: Rows, measures: Rows) -> None:
    """Show a row a bench; a click opens it below."""
    held: dict[str, Rows] = defaultdict(list)
    for row in measures:
        held[row["bench_id"]].append(row)
    rows = [_cells(bench, held[bench["bench_id"]]) for bench in benches]
    there = {name for row in rows for name in row}
    columns = sorted(there, key=lambda name: (ORDERED.index(name.split()[0]), name))
    figures = {name: "%.0f" if name.endswith("tok/s") else "%.1f" for name in columns if name.split()[-1] in UNITS}
    ids = [row["bench_id"] for row in benches]

    def clicked() -> None:
        places = st.session_state["bench-table"]["selection"]["rows"]
        view.put(bench=ids[places[0]] if places and places[0] < len(ids) else None)

    st.dataframe(
        rows, hide_index=True, on_select=clicked, selection_mode="single-row", key="bench-table", placeholder="",
        column_order=columns,
        column_config={name: st.column_config.NumberColumn(format=how) for name, how in figures.items()}
        | {"date": st.column_config.DatetimeColumn(format="MM-DD HH:mm"),
           "model": st.column_config.TextColumn(width="medium")},
    )  # fmt: skip


def _cells(bench: dict[str, Any], measures: Rows) -> dict[str, Any]:
    size = bench["size_bytes"]
    found = {
        "machine": "busy" if bench["busy"] else "quiet", "model": names.model(bench["model"]),
        "type": bench["quantisation"], "size MiB": None if size is None else size / MIB,
    }  # fmt: skip
    for row in measures:
        if row["measure"] in RATES:
            found[f"{row['measure']} x{row['width']} tok/s"] = row["median"]
        elif row["measure"] == "memory":
            found["memory MiB"] = row["median"] / MIB
        elif row["measure"] in ("ttft", "load"):
            found["first token ms" if row["measure"] == "ttft" else "load ms"] = row["median"] * 1000
    return {**found, "date": bench["started_at"], "bench": bench["bench_id"]}


def _one(view: View, benches: Rows, measures: Rows) -> None:
    """Show all measurements of a bench and what it ran under."""
    ids, labels = [row["bench_id"] for row in benches], _labels(benches)
    chosen = choose(
        view, st, "All measurements of", "bench", ids, "", format_func=labels.__getitem__,
        placeholder="choose a bench, or the box of a row above",
    )  # fmt: skip
    if not chosen:
        return
    bench = benches[ids.index(chosen)]
    st.text(bench["model"])
    for note in bench["notes"] or []:
        st.text(note)
    shares = dict.fromkeys(("of llama.cpp", "of its CPU"), st.column_config.NumberColumn(format="percent"))
    figures = dict.fromkeys(("median", "low", "high"), st.column_config.NumberColumn(format="%.5g"))
    st.dataframe(
        [_measure(row) for row in measures if row["bench_id"] == chosen], hide_index=True, placeholder="",
        column_config={**figures, **shares, "note": st.column_config.TextColumn(width="medium")},
    )  # fmt: skip
    st.caption(
        "Median, lowest and highest of the repeats. Of llama.cpp: the rate as a share of llama.cpp's own on the same"
        " batches; of its CPU: the same in CPU seconds, which a busy machine bends less."
    )
    view.link("Scores of this model", "leaderboard", model=bench["model"])
    with st.expander("Engine, settings, machine, model"):
        told = {name: json.loads(text) for name, text in queries.conditions(view.ask, chosen).items() if text}
        st.code(json.dumps(told, indent=1), language="json", wrap_lines=True)


def _measure(row: dict[str, Any]) -> dict[str, Any]:
    scale, unit = SCALES.get(row["unit"], (1.0, row["unit"]))
    figures = {name: row[name] * scale for name in ("median", "low", "high")}
    told = {name: row[name] for name in ("measure", "width")}
    asked = {"prompt tokens": row["prompt_tokens"] or None, "tokens": row["tokens"] or None}
    shares = {"of llama.cpp": row["raw_share"], "of its CPU": row["cpu_share"]}
    return {
        **told, **figures, "unit": unit, "repeats": row["repeats"], **shares, **asked, "note": row["note"],
        "layout": row["layout"],
    }  # fmt: skip
