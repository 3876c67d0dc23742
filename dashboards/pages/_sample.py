"""One sample of a run, whole: shown by the page `samples` where the address names one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboards import charts_samples
from dashboards.queries import Rows, sample, samples
from dashboards.queries.samples import Filter
from dashboards.view import View
from harness.grading.choice import probabilities

TALL = 420
"""Pixels of a text before it scrolls."""
LONG = 4000
"""Characters of a text before it scrolls."""


def show(view: View, wanted: Filter, sample_id: str, order: str) -> None:
    """Show a sample: the ways around it, what was asked and said, and what other runs made of it."""
    found = sample.attempts(view.ask, wanted.run, sample_id, wanted.suite)
    found = found or sample.attempts(view.ask, wanted.run, sample_id)
    _ways(view, wanted, sample_id, order)
    if not found:
        st.warning("This run has no record of that sample.")
        if wanted.suite:
            _history(view, wanted, wanted.suite, sample_id)
        return
    suite = str(found[0]["suite"])
    found = [row for row in found if row["suite"] == suite]
    row = _attempt(view, found)
    said = sample.answers(view.ask, row["completion_keys"])
    _facts(row, said)
    left, right = st.columns(2)
    with left:
        _asked(said, row)
    with right:
        _made(row, said)
    if len(found) > 1:
        st.subheader("Attempts")
        st.dataframe([_line(one) for one in found], hide_index=True)
    _history(view, wanted, suite, sample_id)
    _permalink(view, wanted.run, suite, sample_id, row)


def _ways(view: View, wanted: Filter, sample_id: str, order: str) -> None:
    """Show the way back and to the neighbours among the samples that fit the filter."""
    beside = samples.beside(view.ask, wanted, sample_id, order)
    columns = st.columns([2, 2, 2, 6], vertical_alignment="center")
    if columns[0].button("Back to the list", width="stretch"):
        _open(view, None)
    if columns[1].button("Previous sample", disabled=not (beside and beside["before"]), width="stretch") and beside:
        _open(view, beside["before"])
    if columns[2].button("Next sample", disabled=not (beside and beside["after"]), width="stretch") and beside:
        _open(view, beside["after"])
    where = f"sample {beside['place']:,} of {beside['total']:,} that fit" if beside else "outside the list's filters"
    columns[3].caption(where)


def _open(view: View, sample_id: str | None) -> None:
    view.put(sample=sample_id, attempt=None)
    st.rerun()


def _attempt(view: View, found: Rows) -> dict[str, Any]:
    """Return the attempt that the address or the box names."""
    numbers = [str(row["attempt"]) for row in found]
    named = view.param("attempt")
    if len(found) == 1:
        return found[0]
    chosen = st.selectbox("Attempt", numbers, numbers.index(named) if named in numbers else 0)
    view.put(attempt=None if chosen == numbers[0] else chosen)
    return found[numbers.index(chosen)]


def _facts(row: dict[str, Any], said: Rows) -> None:
    st.text(f"{row['suite']}  ›  {row['name'] or row['sample_id']}")
    tags = dict(zip(row["tag_names"] or (), row["tags"] or (), strict=True))
    st.text("   ".join([f"split {row['split'] or 'unknown'}", *(f"{key} = {value}" for key, value in tags.items())]))
    with st.container(horizontal=True):
        _number(str(row["metric"]), "none" if row["score"] is None else f"{row['score']:.4g}")
        _number("tokens read", f"{sum(one['prompt_tokens'] or 0 for one in said):,}")
        _number("tokens said", f"{sum(one['completion_tokens'] or 0 for one in said):,}")
        _number("seconds", f"{sum(one['seconds'] or 0 for one in said):.3g}")
    _text("Mode", row["mode"])


def _number(label: str, value: str) -> None:
    st.metric(label, value, width="content")


def _asked(said: Rows, row: dict[str, Any]) -> None:
    """Show the prompts as they were sent, turn by turn, and what the sample is made of."""
    if not said:
        st.info("Nothing was asked of the model, or what it said is not stored.")
    for place, answer in enumerate(said, 1):
        title = "Prompt" if len(said) == 1 else f"Prompt {place} of {len(said)}"
        turns = sample.messages(answer)
        for role, text in turns:
            _text(f"{title}: {role}", text)
        if turns:
            with st.expander(f"{title} as stored"):
                _code(answer["prompt"])
        else:
            _text(title, answer["prompt"])
        if answer["asked"]:
            with st.expander(f"{title}: settings"):
                _code(_json(answer["asked"]))
    if row["data"]:
        with st.expander("Data and tests of the sample"):
            _code(_json(row["data"]))


def _made(row: dict[str, Any], said: Rows) -> None:
    """Show what was said, and what the scorer made of it."""
    for place, answer in enumerate(said, 1):
        title = "Completion" if len(said) == 1 else f"Completion {place} of {len(said)}"
        if answer["reasoning"]:
            _text(f"{title}: reasoning", answer["reasoning"])
        if answer["text"] or not answer["choice_logprobs"]:
            _text(title, answer["text"] or "", "The model said nothing.")
        if answer["tool_calls"]:
            _text(f"{title}: tool calls", _json(answer["tool_calls"]))
        _choices(answer, row)
        cut = f"; {answer['cut_tokens']:,} tokens of the prompt cut, on its left" if answer["cut_tokens"] else ""
        st.caption(f"finish: {answer['finish'] or 'unknown'}{cut}")
    if row["fault_boundary"]:
        _text("Fault: there is no score", row["fault_message"] or "")
        return
    _text("Expected", _json(row["target"]), "The sample holds no target.")
    _text("Extracted answer", row["answer"] or "", "No answer could be extracted.")
    measures = dict(zip(row["names"] or (), row["measures"] or (), strict=True))
    if len(measures) > 1:
        st.dataframe([{"measure": name, "value": value} for name, value in measures.items()], hide_index=True)
    _verdicts(row["detail"])


def _choices(answer: dict[str, Any], row: dict[str, Any]) -> None:
    values = answer["choice_logprobs"]
    if not values:
        return
    try:
        shares = probabilities(values)
    except ValueError:
        st.info("The log-probabilities name no choice.")
        return
    target = row["target"] if isinstance(row["target"], str) else ""
    st.altair_chart(charts_samples.chosen(sample.choices(answer), shares, target), width="stretch")


def _verdicts(detail: Any) -> None:
    """Show what explains the score: what is plain as one table, lists of verdicts as tables of their own."""
    if not isinstance(detail, dict) or not detail:
        return
    plain = {name: value for name, value in detail.items() if not isinstance(value, dict | list)}
    if plain:
        st.dataframe([{"verdict": name, "value": _json(value)} for name, value in plain.items()], hide_index=True)
    for name, value in detail.items():
        if name in plain or not value or name == "probabilities":  # shown as a chart
            continue
        items = value.items() if isinstance(value, dict) else enumerate(value, 1)
        st.text(name)
        st.dataframe([_verdict(key, one) for key, one in items], hide_index=True)


def _verdict(key: Any, value: Any) -> dict[str, str]:
    columns = value if isinstance(value, dict) else {"value": value}
    return {"test": str(key), **{str(name): _json(one) for name, one in columns.items()}}


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return {"attempt": row["attempt"], "score": row["score"], "mode": row["mode"], "answer": row["answer"]}


def _history(view: View, wanted: Filter, suite: str, sample_id: str) -> None:
    """Show what every run made of this sample."""
    rows = sample.history(view.ask, suite, sample_id)
    if not {row["run_id"] for row in rows} - {wanted.run}:
        st.caption("No other run has asked this sample.")
        return
    st.subheader("This sample over all runs")
    st.altair_chart(charts_samples.strip(rows), width="stretch")
    keys = ("run_id", "model", "started_at", "attempt", "score", "mode", "answer", "version")
    cells = [{"here": "•" if row["run_id"] == wanted.run else "", **{key: row[key] for key in keys}} for row in rows]
    config = {
        "started_at": st.column_config.DatetimeColumn("date", format="YYYY-MM-DD HH:mm"), "run_id": "run",
        "score": st.column_config.NumberColumn(format="%.3f"), "version": "suite version",
    }  # fmt: skip
    shown = st.dataframe(
        cells, hide_index=True, on_select="rerun", selection_mode="single-row", key=f"history-{wanted.run}",
        column_config=config,
    )  # fmt: skip
    others = list(dict.fromkeys(str(row["run_id"]) for row in rows if row["run_id"] != wanted.run))
    chosen = st.selectbox("The same sample in run", others, index=None, key=f"other-{wanted.run}")
    picked = [str(rows[place]["run_id"]) for place in shown["selection"]["rows"]]
    if other := next((run for run in [*picked, chosen] if run and run != wanted.run), None):
        view.put(run=other, attempt=None)
        st.rerun()
    if others:
        other = wanted.flip if wanted.flip in others else others[0]
        view.link("compare with another run that asked it", "compare", a=other, b=wanted.run, suite=suite)


def _permalink(view: View, run: str, suite: str, sample_id: str, row: dict[str, Any]) -> None:
    st.caption("Link to this sample")
    attempt = {"attempt": str(row["attempt"])} if view.param("attempt") else {}
    st.code(
        "/samples?" + urlencode({"run": run, "suite": suite, "sample": sample_id, **attempt}),
        language=None, wrap_lines=True,
    )  # fmt: skip


def _text(label: str, text: str, empty: str = "Nothing.") -> None:
    """Show a text of a model or a data set under a label of ours."""
    st.text(label)
    if text:
        _code(text)
    else:
        st.caption(empty)


def _code(text: str) -> None:
    st.code(text, language=None, wrap_lines=True, height=TALL if len(text) > LONG else "content")


def _json(value: Any) -> str:
    """Return a value as a person reads it: a text bare, nothing as nothing, all else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, indent=1, ensure_ascii=False)
