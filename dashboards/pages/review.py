"""Blind ratings by people: one answer at a time, or two side by side, and what they say.

The exception among the pages: a name and every rating are written, each in one short transaction (`harness.store.
reviews`); everything else here is read-only like the rest. Nothing on the page names a model until results are asked
for. A link with `session` and `rater` comes back to the first item that this person has not rated.
"""

from __future__ import annotations

import json
import math
from typing import Any

import streamlit as st

from dashboards.charts import intervals
from dashboards.queries import review as queries
from dashboards.view import View
from harness.store import reviews

TITLE, ICON, ORDER = "Review", ":material/rate_review:", 9
QUESTIONS = {
    "rate": "How satisfied would you be with this answer? 1 not at all, 10 completely.",
    "compare": "Which answer is better?",
}
TALL = 1500
"""Characters from which a text gets a box that scrolls."""


def show(view: View) -> None:
    """Show a session: its next item for a person, or its results."""
    known = {row["review"]: row for row in queries.sessions(view.ask)}
    if not known:
        st.info("No review yet. Type: harness review new RUN --samples 20 --raters 3")
        return
    names, asked = list(known), view.param("session")
    if asked and asked not in known:
        st.warning("There is no such session; another one is shown.")
    chosen = st.selectbox("Session", names, index=names.index(asked) if asked in known else 0)
    view.put(session=chosen)
    head = known[chosen]
    done = st.toggle("Results (they name the models: rate first)", value=view.param("show") == "results")
    view.put(show="results" if done else None)
    if done:
        _results(view, head)
    elif rater := view.param("rater"):
        _rate(view, head, rater)
    else:
        _begin(view, head)
    st.caption("This page writes names and ratings, each in one short transaction; all other pages only read.")


def _begin(view: View, head: dict[str, Any]) -> None:
    with st.form("begin", border=False):
        name = st.text_input("Your name or code", max_chars=100, help="The same one brings you back to your place.")
        ready = st.form_submit_button("Begin", type="primary")
    st.caption(f"{head['people']} of {head['seats']} people have begun.")
    if ready:
        reviews.join(view.database, head["review"], name)
        view.put(rater=" ".join(name.split()))
        st.rerun()


def _rate(view: View, head: dict[str, Any], rater: str) -> None:
    seat = reviews.join(view.database, head["review"], rater)
    items, dealt = queries.waiting(view.ask, head["review"], seat)
    row = st.columns([5, 1], vertical_alignment="center")
    row[0].progress((dealt - len(items)) / max(1, dealt), text=f"{dealt - len(items)} of {dealt} rated")
    if row[1].button("Leave", help="Your ratings are kept; the same name comes back here."):
        view.put(rater=None)
        st.rerun()
    if not items:
        st.success("All is rated. Thank you." if dealt else "No item was dealt to this seat. Thank you for coming.")
        return
    item = reviews.order(head["seed"], seat, items)[0]
    found = view.ask(queries.SHOWN, (head["review"], item))
    if not found:
        st.error("The answer to be rated is no longer in this database.")
        return
    _item(view, head, seat, item, found[0])


def _item(view: View, head: dict[str, Any], seat: int, item: int, texts: dict[str, Any]) -> None:
    st.caption("What was asked")
    _text(_prompt(texts["prompt"]))
    one, two = (_answer(texts[side], texts[f"calls_{side}"]) for side in ("a", "b"))
    if head["mode"] == "rate":
        st.caption("The answer")
        _text(one)
        options = {str(int(value)): value for value in reviews.MODES["rate"]}
    else:
        turned = reviews.swapped(head["seed"], seat, item)
        for place, label, text in zip(
            st.columns(2), ("Left", "Right"), (two, one) if turned else (one, two), strict=True
        ):
            with place:
                st.caption(label)
                _text(text)
        options = {"Left is better": float(turned), "Neither": 0.5, "Right is better": float(not turned)}
    st.text(head["question"] or QUESTIONS[head["mode"]])
    # A click that comes late carries the key of its own item, so it can never rate the one after.
    with st.container(horizontal=True):
        for place, (label, value) in enumerate(options.items(), start=1):
            if st.button(label, key=f"{head['review']}-{seat}-{item}-{value}", shortcut=str(place % 10)):
                reviews.rate(view.database, head["review"], item, seat, value)
                st.rerun()
    st.caption("Keys: 1 to 9, 0 for 10." if head["mode"] == "rate" else "Keys: 1 left, 2 neither, 3 right.")


def _prompt(text: str) -> str:
    """Return a prompt as people read it: the messages of a chat one after another."""
    try:
        messages = json.loads(text)
    except ValueError:
        return text
    if not isinstance(messages, list) or not all(isinstance(one, dict) and "role" in one for one in messages):
        return text
    return "\n\n".join(f"[{one['role']}]\n{one.get('content') or ''}" for one in messages)


def _answer(text: str | None, calls: str | None) -> str:
    """Return what a model said, with the calls of tools that it made."""
    return "\n\n".join(part for part in (text, calls) if part) or "(nothing)"


def _text(text: str) -> None:
    st.code(text, language=None, wrap_lines=True, height=360 if len(text) > TALL else "content")


def _results(view: View, head: dict[str, Any]) -> None:
    told = queries.results(view.ask, head["review"])
    st.caption(f"{head['done']} of {head['wanted']} ratings by {head['people']} of {head['seats']} people.")
    if not told.scores:
        st.info("No rating yet.")
        return
    st.dataframe([_cells(one) for one in told.scores], hide_index=True, column_config=FORMATS)
    rows = [{"run": one.run, "score": one.value, "low": one.low, "high": one.high} for one in told.scores]
    st.altair_chart(intervals(rows, "run"), width="stretch")
    if told.differences:
        st.caption("Difference to the first run, by what one person said to the same sample")
        st.dataframe([_cells(one) for one in told.differences], hide_index=True, column_config=FORMATS)
    agreed = "not known: nobody rated the same, or all said the same" if math.isnan(told.alpha) else f"{told.alpha:.2f}"
    st.text(f"Agreement (Krippendorff's alpha; 1 perfect, 0 chance): {agreed}")
    if told.left is not None and told.left.n:
        left = told.left
        st.text(f"The left answer won {left.value:.0%} ({left.low:.0%} to {left.high:.0%}) of {left.n} decided ones.")
    st.caption(
        "Intervals are over samples or over people, whichever is wider. Fewer than six people stand for nobody else:"
        " then over samples, and the score is that of these people. As a run that a gate can hold:"
    )
    st.code(f"harness review results {head['review']} --run", language="bash")
    for one in told.scores:
        view.link(f"samples of {one.run}", "samples", run=one.run)


FORMATS = {name: st.column_config.NumberColumn(format="%.3f") for name in ("mean", "low", "high")}


def _cells(one: queries.Told) -> dict[str, Any]:
    return {
        "run": one.run, "metric": one.metric, "mean": one.value, "low": one.low, "high": one.high,
        "interval over": f"{len(one.units)} {one.by}s", "ratings": one.ratings,
    }  # fmt: skip
