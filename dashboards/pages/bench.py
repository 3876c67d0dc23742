"""How fast models read, score and generate, how soon they begin, and what memory they take.

The address holds the state: `model` (part of a model or of the id of a bench), `measure`, `bench`, `page`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_gates
from dashboards.queries import Rows
from dashboards.queries import bench as queries
from dashboards.view import View

TITLE, ICON, ORDER = "Bench", ":material/speed:", 8
SHOWN = 50
"""Benches of a page of the table."""
DRAWN = 12
"""Lines of the chart at most: more cannot be told apart."""
RATES = {"generate": "generated", "prompt": "prompts read", "score": "choices scored"}
WIDE = 36
"""Characters of a model's name in the chart."""
MIB = 2**20
UNITS = ("tok/s", "ms", "MiB")


def show(view: View) -> None:
    """Show the benches that the filters leave."""
    asked = st.columns([4, 2, 2, 1], vertical_alignment="bottom")
    words = asked[0].text_input("Model or bench contains", key="model", bind="query-params")
    newest = asked[1].toggle("latest of each model", key="newest", bind="query-params")
    quiet = asked[2].toggle("quiet machine only", key="quiet", bind="query-params")
    total = queries.count(view.ask, words, quiet, newest)
    pages = max(1, -(-total // SHOWN))
    page = int(asked[3].number_input("Page", 1, pages, key="page", bind="query-params"))
    if not total:
        _nothing(queries.count(view.ask))
        return
    benches = queries.page(view.ask, words, quiet, newest, SHOWN, (page - 1) * SHOWN)
    measures = queries.measures(view.ask, [row["bench_id"] for row in benches])
    if busy := sum(bool(row["busy"]) for row in benches):
        st.warning(f"{busy} of {len(benches)} benches here ran beside other work: a quiet machine is faster.")
    _rates(benches, measures)
    _table(benches, measures)
    if total > SHOWN:
        st.caption(f"Page {page} of {pages}, {total} benches.")
    _one(view, benches, measures)


def _nothing(others: int) -> None:
    if others:
        st.warning(f"Nothing is left of {others} benches: the filters above leave all of them out.")
    else:
        st.info("Nothing measured yet. Type: harness bench MODEL")


def _rates(benches: Rows, measures: Rows) -> None:
    there = [name for name in RATES if any(row["measure"] == name for row in measures)]
    if not there:
        return
    chosen = st.selectbox("Rate", there, key="measure", bind="query-params")
    labels = _labels(benches[:DRAWN])
    rows = [
        {**row, "label": labels[row["bench_id"]]}
        for row in measures if row["measure"] == chosen and row["bench_id"] in labels
    ]  # fmt: skip
    if rows:
        st.altair_chart(charts_gates.rates(rows, f"tokens {RATES[chosen]} a second"), width="stretch")
    if len(benches) > DRAWN:
        st.caption(f"Drawn: the newest {DRAWN} of the {len(benches)} benches of the table.")


def _labels(benches: Rows) -> dict[str, str]:
    """Return bench -> end of its model's name, quantisation and time; with its id where all of that is equal."""
    found: dict[str, str] = {}
    for row in benches:
        model = str(row["model"])
        short = model if len(model) <= WIDE else f"…{model[1 - WIDE :]}"
        label = f"{short} {row['quantisation'] or ''} {row['started_at']:%m-%d %H:%M}"
        found[row["bench_id"]] = label if label not in found.values() else f"{label} {row['bench_id'][:6]}"
    return found


def _table(benches: Rows, measures: Rows) -> None:
    """Show a row a bench; a click opens it below."""
    held: dict[str, Rows] = defaultdict(list)
    for row in measures:
        held[row["bench_id"]].append(row)
    rows = [_cells(bench, held[bench["bench_id"]]) for bench in benches]
    names = list(dict.fromkeys(name for row in rows for name in row))
    figures = {name: "%.0f" if name.endswith("tok/s") else "%.1f" for name in names if name.split()[-1] in UNITS}
    st.dataframe(
        rows, hide_index=True, on_select=partial(_clicked, [row["bench_id"] for row in benches]),
        selection_mode="single-row", key="bench-table",
        column_order=[name for name in names if name not in ("bench", "date")] + ["date", "bench"],
        column_config={name: st.column_config.NumberColumn(format=how) for name, how in figures.items()}
        | {"date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
           "model": st.column_config.TextColumn(width="medium")},
    )  # fmt: skip


def _clicked(names: list[str]) -> None:
    """Make the bench of the row that was clicked the chosen one."""
    places = st.session_state["bench-table"]["selection"]["rows"]
    st.session_state["bench-one"] = names[places[0]] if places else None


def _cells(bench: dict[str, Any], measures: Rows) -> dict[str, Any]:
    size = bench["size_bytes"]
    found = {
        "machine": "busy" if bench["busy"] else "quiet", "model": bench["model"], "type": bench["quantisation"],
        "MiB": None if size is None else size / MIB,
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
    names, labels = [row["bench_id"] for row in benches], _labels(benches)
    if "bench-one" not in st.session_state:
        st.session_state["bench-one"] = view.param("bench")
    if st.session_state["bench-one"] not in names:
        st.session_state["bench-one"] = None
    chosen = st.selectbox(
        "All measurements of", names, index=None, key="bench-one", format_func=labels.__getitem__,
        placeholder="choose a bench, or a row above",
    )  # fmt: skip
    view.put(bench=chosen)
    if not chosen:
        return
    bench = benches[names.index(chosen)]
    for note in bench["notes"] or []:
        st.text(note)
    st.dataframe([_measure(row) for row in measures if row["bench_id"] == chosen], hide_index=True)
    st.caption("Median, lowest and highest of the repeats. Share: of llama.cpp's own rate on the same batches.")
    view.link("Scores of this model", "leaderboard", model=bench["model"])
    with st.expander("Engine, settings, machine, model"):
        told = {name: json.loads(text) for name, text in queries.conditions(view.ask, chosen).items() if text}
        st.code(json.dumps(told, indent=1), language="json", wrap_lines=True)


def _measure(row: dict[str, Any]) -> dict[str, Any]:
    names = ("measure", "width", "prompt_tokens", "tokens", "median", "low", "high", "unit", "repeats")
    shown = {name: row[name] for name in names}
    shares = {"share": row["raw_share"], "share, CPU": row["cpu_share"]}
    return {**shown, **shares, "layout": row["layout"], "note": row["note"]}
