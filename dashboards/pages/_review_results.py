"""What a review says: means with intervals, how answers are spread, differences, agreement, and who has rated.

_review_results.show(view, head)        `head`: a row of `queries.sessions`
"""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from dashboards import charts_review, names
from dashboards.queries import Rows
from dashboards.queries import review as queries
from dashboards.view import View

FIGURES = {name: st.column_config.NumberColumn(format="%.3f") for name in ("mean", "low", "high")}
POLICY = """version: 1
suites:
  review: {{metric: {metric}, min_items: {units}, absolute: {{min: {least}}}}}"""
LEAST = {"satisfaction": 7.5, "preference": 0.5}


def show(view: View, head: dict[str, Any]) -> None:
    """Show the results of a session."""
    told = queries.results(view.ask, head["review"])
    st.caption(f"{head['done']} of {head['wanted']} ratings by {head['people']} of {head['seats']} people.")
    if not told.scores:
        st.info("No rating yet.")
        return
    _, low, high = queries.RANGES[head["mode"]]
    st.dataframe([_cells(one) for one in told.scores], hide_index=True, column_config=FIGURES)
    rows = [{"run": one.run, "mean": one.value, "low": one.low, "high": one.high} for one in told.scores]
    st.altair_chart(charts_review.means(rows, told.scores[0].metric, (low, high)), width="stretch")
    if told.differences:
        st.caption("Difference to the first run, by what one person said to the same sample")
        st.dataframe([_cells(one) for one in told.differences], hide_index=True, column_config=FIGURES)
    _agreement(told)
    st.caption(
        "Intervals are over samples or over people, whichever is wider. Fewer than six people stand for nobody else:"
        " then over samples, and the score is that of these people."
    )
    order = [one.run for one in told.scores]
    _spread(sorted(queries.spread(view.ask, head["review"]), key=lambda row: order.index(row["run_a"])), head["mode"])
    _gate(head, told)
    with st.expander("Who has rated"):
        st.dataframe(_people(queries.people(view.ask, head["review"])), hide_index=True)
    with st.container(horizontal=True):
        for one in told.scores:
            view.link(f"Samples of {names.plain(one.run)}", "samples", run=one.run)


def _agreement(told: queries.Results) -> None:
    agreed = "not known: nobody rated the same, or all said the same" if math.isnan(told.alpha) else f"{told.alpha:.2f}"
    st.text(f"Agreement (Krippendorff's alpha; 1 perfect, 0 chance): {agreed}")
    if told.left is not None and told.left.n:
        left = told.left
        st.text(f"The left answer won {left.value:.0%} ({left.low:.0%} to {left.high:.0%}) of {left.n} decided ones.")


def _spread(found: Rows, mode: str) -> None:
    st.subheader("How people answered")
    if mode == "rate":
        rows = [{"run": row["run_a"], "said": f"{row['value']:.0f}", "n": row["n"]} for row in found]
        st.altair_chart(charts_review.spread(rows, [str(n) for n in range(1, 11)]), width="stretch")
        return
    said = {0.0: f"{found[0]['run_a']} is better", 0.5: "neither", 1.0: f"{found[0]['run_b']} is better"}
    rows = [{"run": "", "said": said[row["value"]], "n": row["n"]} for row in found]
    st.altair_chart(charts_review.spread(rows, list(said.values())), width="stretch")


def _gate(head: dict[str, Any], told: queries.Results) -> None:
    """Show how a gate holds what people said."""
    one = told.scores[-1]
    with st.expander("Hold a gate to it"):
        st.code(f"harness review results {head['review']} --run\nharness gate REVIEW_RUN --policy people.yaml", "bash")
        st.caption("people.yaml")
        st.code(POLICY.format(metric=one.metric, units=len(one.units), least=LEAST[one.metric]), language="yaml")


def _people(rows: Rows) -> Rows:
    return [
        {"name": row["rater"], "rated": row["rated"], "of": row["wanted"], "since": row["joined_at"]} for row in rows
    ]


def _cells(one: queries.Told) -> dict[str, Any]:
    return {
        "run": one.run, "metric": one.metric, "mean": one.value, "low": one.low, "high": one.high,
        "interval over": f"{len(one.units)} {one.by}s", "ratings": one.ratings,
    }  # fmt: skip
