"""What was said to one sample, and what the scorer made of it: the right half of a sample shown whole."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from dashboards import charts_samples, names
from dashboards.queries import Rows, sample
from harness.grading.choice import probabilities

TALL = 420
"""Pixels of a text before it scrolls."""
LONG = 4000
"""Characters of a text before it scrolls."""
SHOWN = 40_000
"""Characters of a text that are shown; a browser lays out a megabyte for seconds. The rest can be downloaded."""
CELL = 80
"""Characters of a value that fits a table's cell."""
TOLD = {"reason": "Verdict · reason", "at": "The test stopped at", "got": "What the program had returned last"}
"""Verdicts that are shown as texts however short, with their labels."""


def show(row: dict[str, Any], said: Rows) -> None:
    """Show completions, the expected and the extracted answer, and the verdict."""
    speakers = {answer["model_digest"] for answer in said}
    for place, answer in enumerate(said, 1):
        title = "Completion" if len(said) == 1 else f"Completion {place} of {len(said)}"
        who = f" · model {answer['model_digest'][:8]}" if len(speakers) > 1 else ""
        _said(title + who, answer, row)
    if row["fault_boundary"]:
        text("Fault: there is no score", row["fault_message"] or "")
        return
    tests = _tests(row["data"])
    expected = plain(row["target"])
    left, right = st.columns(2) if expected else (st.container(), st.container())
    with left:
        text("Expected", expected, "To pass the tests below." if tests else "The sample holds no target.")
    with right:
        whole = bool(said and row["answer"]) and row["answer"] == said[-1]["text"]
        empty = "The whole completion." if whole else "No answer could be extracted."
        text("Extracted answer", "" if whole else row["answer"] or "", empty)
    measures = dict(zip(row["names"] or (), row["measures"] or (), strict=True))
    if len(measures) > 1:
        table([{"measure": name, "value": value} for name, value in measures.items()])
    _verdicts(row["detail"], row["data"])
    if tests:
        with st.expander("Tests that the program must pass"):
            code(tests, "python")


def _tests(data: Any) -> str:
    """Return the tests of a program; empty where the sample is none."""
    held = data if isinstance(data, dict) else {}
    if isinstance(held.get("test_list"), list):
        return "\n".join(str(one) for one in held["test_list"])
    return held["test"].strip() if isinstance(held.get("test"), str) else ""


def _said(title: str, answer: dict[str, Any], row: dict[str, Any]) -> None:
    if answer["reasoning"]:
        with st.expander(f"{names.plain(title)}: reasoning, {len(answer['reasoning']):,} characters, never scored"):
            code(answer["reasoning"])
    if answer["text"] or not (answer["choice_logprobs"] or answer["tool_calls"]):
        text(title, answer["text"] or "", "The model said nothing.")
    if answer["tool_calls"]:
        text(f"{title}: tool calls", sample.called(answer["tool_calls"]))
    if answer["choice_logprobs"]:
        _choices(answer, row)
    cut = f"; {answer['cut_tokens']:,} tokens of the prompt cut, on its left" if answer["cut_tokens"] else ""
    st.caption(f"finish: {names.plain(answer['finish'] or 'unknown')}{cut}")


def _choices(answer: dict[str, Any], row: dict[str, Any]) -> None:
    try:
        shares = probabilities(answer["choice_logprobs"])
    except ValueError:
        st.info("The log-probabilities name no choice.")
        return
    offered = sample.choices(answer)
    right = sample.expected(offered, row["target"])
    st.markdown("**Choices**")
    st.altair_chart(charts_samples.chosen(sample.spelled(offered, row["data"]), shares, right), width="stretch")


def _verdicts(detail: Any, data: Any) -> None:
    """Show what explains the score: long reasons as texts, what is plain as one table, lists of verdicts as tables."""
    if not isinstance(detail, dict):
        return
    single = {name: plain(value) for name, value in detail.items() if not isinstance(value, dict | list)}
    long = {name for name, value in single.items() if len(value) > CELL or "\n" in value or name in TOLD}
    for name in sorted(long, key=list(single).index):
        if single[name]:
            text(TOLD.get(name, f"Verdict · {name}"), single[name])
    if rows := [{"verdict": name, "value": value} for name, value in single.items() if value and name not in long]:
        table(rows)
    for name, value in detail.items():
        if name in single or not value or name == "probabilities":  # shown as a chart
            continue
        items = value.items() if isinstance(value, dict) else enumerate(value, 1)
        asked = data.get("test_list") if name == "tests" and isinstance(data, dict) else None
        asked = asked if isinstance(asked, list) and len(asked) == len(value) else [None] * len(value)
        st.markdown(f"**{names.plain(name)}**")
        table([_verdict(key, one, test) for (key, one), test in zip(items, asked, strict=True)])


def _verdict(key: Any, value: Any, test: Any) -> dict[str, str]:
    columns = value if isinstance(value, dict) else {"value": value}
    told = {"test": str(key), **({"asks": plain(test)} if test else {})}
    return {**told, **{str(name): plain(one) for name, one in columns.items()}}


def table(rows: Rows) -> None:
    """Show rows that nobody clicks."""
    st.dataframe(rows, hide_index=True, placeholder="")


def text(label: str, words: str, empty: str = "Nothing.") -> None:
    """Show a text of a model or a data set under a label."""
    st.markdown(f"**{names.plain(label)}**")
    if words:
        code(words)
    else:
        st.caption(empty)


def code(words: str, language: str | None = None) -> None:
    """Show a text for what it is; of a very long one the beginning, and a way to have the whole."""
    shown = words[:SHOWN]
    tall = len(shown) > LONG or shown.count("\n") > LONG // 100
    st.code(shown, language=language, wrap_lines=True, height=TALL if tall else "content")
    if len(words) > SHOWN:
        st.caption(f"The first {SHOWN:,} of {len(words):,} characters.")
        st.download_button("Download the whole text", words, "text.txt", key=f"whole-{hash(words)}", on_click="ignore")


def plain(value: Any) -> str:
    """Return a value as a person reads it: a text bare, nothing as nothing, all else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, indent=1, ensure_ascii=False)
