"""Blind ratings by people: one answer at a time, or two side by side, and what they say.

The exception among the pages: a name and every rating are written, each in one short transaction (`harness.store.
reviews`); everything else here is read-only like the rest. Nothing that a person sees who rates names a model, nor
leads to results, before all is rated. A link with `session` and `rater` comes back to the first item that this person
has not rated. The address holds the state: `session`, `rater`, `show=results`.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import streamlit as st

from dashboards.pages import _review_results
from dashboards.pages._choice import choose, switch
from dashboards.queries import review as queries
from dashboards.view import View
from harness.store import reviews

TITLE, ICON, ORDER = "Review", ":material/rate_review:", 9
QUESTIONS = {
    "rate": "How satisfied would you be with this answer? 1 not at all, 10 completely.",
    "compare": "Which answer is better?",
}
KEYS = {"rate": tuple("1234567890"), "compare": ("Left", "N", "Right")}
TOLD = {"rate": "Keys: 1 to 9, 0 for 10, U to undo.", "compare": "Keys: arrow left, N, arrow right, U to undo."}
TALL = 1500
"""Characters from which a text gets a box that scrolls."""


def show(view: View) -> None:
    """Show a session: its next item for a person, its beginning, or its results."""
    known = {row["review"]: row for row in queries.sessions(view.ask)}
    if not known:
        st.info("No review yet. Type: harness review new RUN --samples 20 --raters 3")
        return
    asked, rater = view.param("session"), view.param("rater")
    if asked in known and rater:
        _rate(view, known[asked], rater)
        return
    if asked and asked not in known:
        st.warning("There is no such session; another one is shown.")
    head = known[_choose(view, known)]
    if view.param("show") == "results":
        _review_results.show(view, head)
    else:
        _begin(view, head)


def _choose(view: View, known: dict[str, Any]) -> str:
    """Return the session."""
    row = st.columns([3, 1], vertical_alignment="bottom")
    picked = choose(
        view, row[0], "Session", "session", list(known), clears=("rater",), pinned=True,
        format_func=lambda name: _label(known[name]),
    )  # fmt: skip
    put = partial(view.put, session=picked, rater=None)
    switch(view, row[1], "Results", "show", on="results", put=put, help="They name the models: rate first.")
    return picked


def _label(head: dict[str, Any]) -> str:
    how = "rate one answer" if head["mode"] == "rate" else "compare two answers"
    return f"{head['review']} · {how} · {head['done']} of {head['wanted']} ratings · {head['made_at']:%Y-%m-%d %H:%M}"


def _begin(view: View, head: dict[str, Any]) -> None:
    with st.form("begin", border=False):
        name = st.text_input("Your name or code", max_chars=100, help="The same one brings you back to your place.")
        ready = st.form_submit_button("Begin", type="primary")
    st.caption(
        f"{head['people']} of {head['seats']} people have begun. Answers are shown without the model's name; results"
        " come after the last one. This page writes your name and your ratings into the database."
    )
    if ready:
        reviews.join(view.database, head["review"], name)
        view.put(session=head["review"], rater=" ".join(name.split()), show=None)
        st.rerun()


def _rate(view: View, head: dict[str, Any], rater: str) -> None:
    seat = reviews.join(view.database, head["review"], rater)
    place = queries.waiting(view.ask, head["review"], seat)
    row = st.columns([6, 2, 1], vertical_alignment="bottom")
    done = place.dealt - len(place.left)
    row[0].progress(done / max(1, place.dealt), text=f"{done} of {place.dealt} rated")
    if place.last is not None:
        item, value = place.last
        label = f"Undo the last ({value:.0f})" if head["mode"] == "rate" else "Undo the last"
        # Like a rating, it names what it means: a second click takes nothing further back.
        if row[1].button(label, key=f"{head['review']}-{seat}-{item}-undo", shortcut="U", width="stretch"):
            reviews.undo(view.database, head["review"], item, seat)
            st.rerun()
    leave = partial(view.put, rater=None)
    row[2].button("Leave", help="Your ratings are kept; the same name comes back here.", on_click=leave)
    if not place.left:
        st.success(
            "All is rated. Thank you." if place.dealt else "No item was dealt to this seat. Thank you for coming."
        )
        st.button("See the results", on_click=partial(view.put, rater=None, show="results"))
        return
    item = reviews.order(head["seed"], seat, place.left)[0]
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
    keys = KEYS[head["mode"]]
    st.text(head["question"] or QUESTIONS[head["mode"]])
    # A click that comes late carries the key of its own item, so it can never rate the one after.
    with st.container(horizontal=True):
        for key, (label, value) in zip(keys, options.items(), strict=True):
            if st.button(label, key=f"{head['review']}-{seat}-{item}-{value}", shortcut=key):
                reviews.rate(view.database, head["review"], item, seat, value)
                st.rerun()
    st.caption(TOLD[head["mode"]])


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
