"""Compressions: what they saved at which quality, which stages are worth their size, and what broke where.

The address holds the state: `name` of the compression, the suite whose score is the quality (`suite`), one `stage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts_frontier
from dashboards.pages import _stages
from dashboards.pages._choice import Put, choose
from dashboards.queries import Rows, frontier, sealed
from dashboards.queries.sealed import Score
from dashboards.view import View

TITLE, ICON, ORDER = "Frontier", ":material/compress:", 6
ALL = "all compressions"
HIT = 20
"""Lines of the damage map at most."""
MIB = 2**20
Scores = Mapping[tuple[str, str], Score]


def show(view: View) -> None:
    """Show a compression, or all of them."""
    known = {row["compression"]: row for row in frontier.compressions(view.ask)}
    if not known:
        st.info("No compression yet. Type: harness compress tiny --recipe quickstart")
        return
    asked = st.columns([3, 3, 3])
    listed = [*known, *([ALL] if len(known) > 1 else [])]
    name = choose(view, asked[0], "Compression", "name", listed, clears=("stage",), pinned=True)
    rows = frontier.stages(view.ask, list(known) if name == ALL else [name])
    scores = sealed.scores(view.ask, view.database, [row["run_id"] for row in rows])
    axis = _axis(view, asked[1], scores)
    own = {run: one for (run, _), one in scores.items() if axis and _same(one, axis)}
    shown = _marked(rows, own, name != ALL)
    put = partial(view.put, name=name)
    chosen = _chosen(view, asked[2], shown, put)
    if name != ALL:
        _stages.headline(known[name], shown, axis)
    _charts(put, shown, axis, chosen)
    if chosen:
        _stages.opened(view, chosen)
    _stages.table(put, shown, scores, name == ALL)
    if name != ALL:
        _damage(rows)


def _axis(view: View, place: Any, scores: Scores) -> Score | None:
    """Return a score of the scale to show: other versions or scorers are other scales, each an axis of its own."""
    axes = {f"{one.suite} {one.fingerprint}": one for one in scores.values()}
    # First what was measured on most samples: there differences are seen best.
    ordered = sorted(axes, key=lambda named: (-axes[named].n, named))
    return axes[choose(view, place, "Quality is the score on", "suite", ordered)] if axes else None


def _same(one: Score, axis: Score) -> bool:
    return (one.suite, one.fingerprint) == (axis.suite, axis.fingerprint)


def _marked(rows: Rows, scores: Mapping[str, Score], numbered: bool) -> Rows:
    """Return the rows with `score`, `low`, `high`, `size` (MiB), `speed`, `sign` and what each `is`."""
    found = []
    for row in rows:
        one = scores.get(row["run_id"])
        values = {name: getattr(one, how) if one else None for name, how in
                  (("score", "value"), ("low", "low"), ("high", "high"), ("good", "good"))}  # fmt: skip
        size = None if row["size_bytes"] is None else row["size_bytes"] / MIB
        sign = str(row["number"]) if numbered else ""  # a number says nothing among several compressions
        told = "not scored" if row["state"] == "kept" else row["state"]
        found.append({**row, **values, "size": size, "speed": row["tokens_per_s"], "sign": sign, "is": told})
    choices = [row for row in found if row["good"] is not None and row["size_bytes"] and row["state"] == "kept"]
    marks = frontier.optimal([(row["good"], row["size_bytes"], row["speed"]) for row in choices])
    for row, best in zip(choices, marks, strict=True):
        row["is"] = "optimal" if best else "dominated"
    return found


def _chosen(view: View, place: Any, rows: Rows, put: Put) -> dict[str, Any] | None:
    """Return the stage of the address, else the last one that was kept."""
    labels = {row["name"]: row for row in rows}
    if not labels:
        return None
    last = max(range(len(rows)), key=lambda at: (rows[at]["state"] == "kept", at))
    return labels[choose(view, place, "Stage", "stage", list(labels), rows[last]["name"], put=put)]


def _charts(put: Put, rows: Rows, axis: Score | None, chosen: Mapping[str, Any] | None) -> None:
    points = [row for row in rows if row["score"] is not None and row["size"] and row["is"] in charts_frontier.STATES]
    if axis is None or not points:
        st.caption("No stage has a score on sealed samples yet.")
        return
    for place, cost in zip(st.columns(2), ("size", "speed"), strict=True):
        if any(row[cost] for row in points):
            drawn = charts_frontier.against(
                points, cost, f"{axis.suite}: {axis.metric}", chosen["name"] if chosen else ""
            )
            key = f"against_{cost}"
            place.altair_chart(drawn, width="stretch", key=key, on_select=partial(_picked, put, key))
        else:
            place.caption("No stage was timed.")
    timed = [row for row in points if row["speed"]]
    busy = [str(row["number"]) for row in timed if row["busy"]]
    told = "all stages" if len(busy) == len(timed) else ", ".join(busy)
    st.caption(
        "Optimal: no other kept model is at least as good in quality, size and speed and better in one. Intervals that"
        " overlap prove no difference; the pairs of compare see finer. A line joins the stages that were kept."
        f"{f' Timed on a busy machine: {told}.' if busy else ''} Click a point to open its stage."
    )


def _picked(put: Put, key: str) -> None:
    """Open the stage of a clicked point; a click beside all of them changes nothing."""
    if found := st.session_state[key].selection.get(charts_frontier.PICKED):
        put(stage=found[0]["name"])


def _damage(rows: Sequence[Mapping[str, Any]]) -> None:
    st.subheader("What broke")
    cells = frontier.damage(rows)
    if not cells:
        st.caption("No sample broke at any stage, or no stage was compared with the one before.")
        return
    lines = list(dict.fromkeys(cell["capability"] for cell in cells))
    kept = [cell for cell in cells if cell["capability"] in lines[:HIT]]
    st.altair_chart(charts_frontier.damage(kept), width="stretch")
    rest = f" The {len(lines) - HIT} least hit are left out here." if len(lines) > HIT else ""
    st.caption(
        "Broken (-) and mended (+) sealed samples by stage, of the model right before; · none; * a loss that is"
        f" significant at 5% over all capabilities of its stage.{rest}"
    )
    with st.expander("The same as a table"):
        told = [{k: v for k, v in cell.items() if k != "number"} for cell in cells]
        st.dataframe(told, hide_index=True, placeholder="")
