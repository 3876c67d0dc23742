"""What a person does with a cause: gives it a name, takes its failures away as JSON lines.

A name is written only where `harness dashboard --write` serves; else the field is shut and says so.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from dashboards import names
from dashboards.view import View
from harness.failures.case import Case, Diagnosis
from harness.failures.cases import cases
from harness.failures.diagnosis import diagnose_all
from harness.store import Database, failures

WRITE = "HARNESS_DASHBOARD_WRITE"
"""Environment variable that `harness dashboard --write` sets to 1."""
Key = tuple[str, str, int]


def name(view: View, chosen: dict[str, Any]) -> None:
    """Show the name of the cause of row `chosen`, to be changed where this dashboard may write."""
    if not chosen["cause"]:
        st.write("What is like no known cause has no name.")
        return
    may = os.environ.get(WRITE) == "1"
    with st.form(f"clusters-name-{chosen['cause']}"):
        label = st.text_input("Name of this cause", chosen["label"], max_chars=200, disabled=not may)
        if st.form_submit_button("Rename", disabled=not may) and may and label.strip():
            failures.set_name(view.database, chosen["cause"], label.strip())
            st.rerun()
    if may:
        by = f" Named so far by: {names.plain(chosen['label_source'])}." if chosen["label_source"] else ""
        st.caption(f"The id {chosen['cause']} stays, in later analyses too.{by}")
    else:
        st.caption("This dashboard only reads. Names are written by `harness dashboard --write`, or by:")
        st.code(f"harness failures RUN --rename {chosen['cause']}=NAME", language="sh")


def export(view: View, analysis: dict[str, Any], chosen: dict[str, Any]) -> None:
    """Show the button that downloads the failures of a cause."""
    path, stamp = str(view.database.path), view.stamp
    st.download_button(
        f"Download {chosen['failures']:,} failures as JSONL",
        partial(jsonl, path, stamp, analysis, chosen["cause"], chosen["label"]),
        file_name=f"{analysis['run_id']}-{chosen['cause'] or 'unlike'}.jsonl", mime="application/jsonl",
        on_click="ignore", disabled=not chosen["failures"],
    )  # fmt: skip
    if analysis["split"] != "dev":
        st.caption("With samples of the test split: to look at, never to make training data of.")


def jsonl(path: str, stamp: tuple[int, int], analysis: dict[str, Any], cause: str, label: str) -> bytes:
    """Return a line of JSON for each failure of a cause: what was asked, wanted and said, and what went wrong."""
    found: dict[Key, tuple[Case, Diagnosis]] = {}
    for suite in analysis["suites"]:
        found |= told(path, stamp, analysis["run_id"], suite, analysis["split"])
    members = failures.members(Database(Path(path)), analysis["taxonomy_id"], analysis["run_id"])
    lines = []
    for row in members:
        if row["cause_id"] == cause and (pair := found.get(key_of(row))):
            case, diagnosis = pair
            lines.append(json.dumps({
                "run_id": case.run_id, "taxonomy_id": analysis["taxonomy_id"], "cause_id": cause, "cause": label,
                "suite": case.suite, "sample_id": case.sample_id, "attempt": case.attempt, "name": case.name,
                "split": case.split, "tags": dict(case.tags), "mode": case.mode, "diagnosis": diagnosis.text,
                "similarity": row["similarity"], "question": case.question, "choices": list(case.choices),
                "target": case.target, "answer": case.answer, "said": case.text,
            }))  # fmt: skip
    return "".join(f"{line}\n" for line in lines).encode()


@st.cache_data(max_entries=16, show_spinner="reading failures")  # type: ignore[untyped-decorator]
def told(
    path: str, stamp: tuple[int, int], run_id: str, suite: str, split: str, only: Key | None = None
) -> dict[Key, tuple[Case, Diagnosis]]:
    """Return the failures of a run's suite (one of them) with their diagnoses, by key. Programs are not run again."""
    every = cases(Database(Path(path)), run_id, split, [suite])
    found = [case for case in every if only in (None, case.key)]
    return {case.key: (case, diagnosis) for case, diagnosis in zip(found, diagnose_all(every, found), strict=True)}


def key_of(row: dict[str, Any]) -> Key:
    """Return suite, sample and attempt of a row."""
    return (row["suite"], row["sample_id"], row["attempt"])
