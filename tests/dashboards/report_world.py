"""A small database of which every name, note and label is hostile: what reports are tested on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

import gate_runs

from harness.store import Database, failures, gates, rounds, stages
from harness.types import Check, Fault, Metric, Verdict

HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(2)>", '"><svg onload=alert(3)>', "' onclick='alert(4)",
    "</style><iframe src=https://e.vil>", "]]><!--", "javascript:alert(5)", "\x1b[2J\u202egnp.exe", "&lt;b&gt;",
)  # fmt: skip
ALL = " ".join(HOSTILE)
SAID = "<b onmouseover=alert(6)>said</b>"
MACRO = Metric("by subject", "acc", "macro:subject")
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "nav", "a", "section", "div", "table",
    "thead", "tbody", "tr", "th", "td", "details", "summary", "strong", "figure", "figcaption",
    "svg", "g", "path", "rect", "line", "text", "defs", "clippath", "circle",
    "header", "main", "pre", "code", "span", "b",
}  # fmt: skip
"""What our pages and the chart library's pictures are made of."""


def make(database: Database) -> dict[str, str]:
    """Fill a database with three runs, a baseline, a gate, an analysis, a loop and a compression; return role -> id."""
    hostile, plain = gate_runs.samples(20, f"suite {ALL}"), gate_runs.samples(40)
    runs = {
        "hostile": gate_runs.store(
            database, f"run {ALL}", hostile, [1.0, 0.0] * 9 + [Fault("model", ALL, ALL), 1.0], name=ALL,
            facts={"size_bytes": 2**21},
        ),
        "small": gate_runs.store(
            database, "small-1", plain, [1.0, 0.0, 1.0, 1.0] * 10, metrics=(MACRO,), facts={"size_bytes": 2**20}
        ),
        "large": gate_runs.store(
            database, "large-1", plain, [1.0, 0.0, 0.0, 1.0] * 10, metrics=(MACRO,), facts={"size_bytes": 2**22},
            logprobs=[(-0.1, -2.0)] * 40,
        ),
    }  # fmt: skip
    with database.write() as connection:
        changed = "UPDATE completions SET text = ?, tail = 'first ' || ? WHERE suite = ?"
        connection.execute(changed, [SAID, ALL, hostile[0].suite])
    gates.set_baseline(database, "main", runs["small"])
    check = Check(ALL, "absolute", "FAIL", 0.5, 0.7, 0.3, 0.6, ALL)
    gates.add(
        database,
        Verdict("FAIL", (check,), runs["hostile"], ALL, note=ALL),
        policy=f"/home/ada/{HOSTILE[1]}",
        split="all",
    )
    cause = {
        "cause_id": "c1", "label": ALL, "label_source": "model", "keywords": [ALL], "medoid_suite": None,
        "medoid_sample": None, "medoid_attempt": None, "size": 9,
    }  # fmt: skip
    row = {
        "taxonomy_id": "tax-1", "embedder": "lsa:1", "seed": 0, "split": "all", "suites": [hostile[0].suite],
        "parent": "", "silhouette": 0.1, "stability": 0.1, "params": {}, "state": b"", "n": 9,
    }  # fmt: skip
    failures.add_taxonomy(database, row, [cause])
    members = [
        {
            "suite": sample.suite, "sample_id": sample.id, "attempt": 0, "cause_id": "c1" if place < 12 else "",
            "similarity": 1.0, "novel": False, "x": 0.0, "y": 0.0,
        }
        for place, sample in enumerate(hostile)
        if place % 2 and place < 18
    ]  # fmt: skip
    failures.add_members(database, "tax-1", runs["hostile"], members)
    rounds.start(database, ALL, {}, "digest", "tiny")
    rounds.begin(database, ALL, 1, model="tiny")
    gained = {"rule": "superiority", "observed": 0.25, "low": 0.2, "high": 0.3}
    decision = {"checks": [gained]}
    rounds.note(database, ALL, 1, accepted=True, why=ALL, decision=decision, cost={"seconds": 80.5, ALL: 1.0}, rows=96)
    rounds.finish(database, ALL, "passed", ALL)
    stages.start(database, ALL, {}, "digest", "tiny")
    stages.begin(database, ALL, 1, step=ALL)
    stages.note(
        database, ALL, 1, kept=False, why=ALL, verdict="FAIL", measures={"size_bytes": 2**20, "perplexity": 2.5}
    )
    return runs


class Page(HTMLParser):
    """A page that was read by a parser: its elements, its text, and nothing that could act."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.policies: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Refuse an element that we do not write, and an attribute that runs or fetches."""
        assert tag in ELEMENTS, tag
        told: Mapping[str, str | None] = dict(attrs)
        assert not [name for name in told if name.startswith("on") or name in ("src", "srcdoc", "xlink:href")], told
        assert (told.get("href") or "#").startswith("#"), told
        assert "url(" not in (told.get("style") or ""), told
        if told.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(told["content"] or "")
        self.elements.append(tag)

    def handle_comment(self, data: str) -> None:
        """Refuse a comment: we write none."""
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data
