"""Stores a run of given samples, completions and scores, as `harness eval` would have left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.hashing import digest, sample_digest
from harness.store import Database, write
from harness.types import Completion, Fault, Message, Metric, Record, Request, Run, Sample, Score

ACC = Metric("acc", "acc")


def sample(number: int, suite: str = "made", **more: Any) -> Sample:
    """Return a sample; even numbers are `dev`."""
    filled: dict[str, Any] = {
        "id": f"{number:05}", "suite": suite, "origin": f"o{number}", "split": "test" if number % 2 else "dev",
        "data": {"question": f"What is {number}?"}, "target": str(number), "tags": {"subject": "s"},
        "name": f"{suite}/{number}",
    }  # fmt: skip
    return Sample(**{**filled, **more})


Row = tuple[Sample, int, Sequence[tuple[str, Request, Completion]], Score | Fault]
"""Sample, attempt, completions (digest of who said it, request, what was said), what was made of them."""


def row(one: Sample, text: str, score: Score | Fault, attempt: int = 0, prompt: str = "Q: .. A:", **said: Any) -> Row:
    """Return a row of one completion."""
    request = Request("generate", prompt=prompt, attempt=attempt)
    return one, attempt, [("model", request, Completion(text, **said))], score


def chat(text: str) -> Request:
    """Return a request in chat form."""
    turns = (Message("user", "an example"), Message("assistant", "its answer"), Message("user", text))
    return Request("generate", messages=turns)


def run(path: Path, rows: Sequence[Row], metrics: Sequence[Metric] = (ACC,), run_id: str = "run-1") -> Database:
    """Store the rows as one run; return its database."""
    database = Database(path)
    suites = sorted({one.suite for one, *_ in rows})
    entries = [
        {
            "suite": name, "version": "1", "source": "", "licence": "", "group_tag": "subject",
            "scorer_key": f"k-{name}",
            "metrics": [asdict(metric) for metric in metrics], "sandbox": "", "wanted": len(rows),
        }
        for name in suites
    ]  # fmt: skip
    write.add_samples(database, list({(s.suite, s.id): s for s, *_ in rows}.values()))
    config = {"prompt": "raw", "seed": 0, "samples": 1, "judges": {}, "engine": {"name": "made"}}
    made = Run(run_id, "", "made:it", "model", config, tuple(suites), "2026-01-01")
    write.add_run(database, made, digest(run_id), 0, {"model_facts": {}, "engine": {}, "host": {}}, entries)
    journal = write.Journal(database, run_id)
    for one, attempt, said, outcome in rows:
        keys = [digest("completion", run_id, one.suite, one.id, attempt, place) for place in range(len(said))]
        for key, (who, request, completion) in zip(keys, said, strict=True):
            journal.add_completion(key, request, completion, who)
        is_score = isinstance(outcome, Score)
        record = Record(
            run_id, one.suite, one.id, attempt, tuple(keys),
            outcome if isinstance(outcome, Score) else None, outcome if isinstance(outcome, Fault) else None,
        )  # fmt: skip
        score_key = digest("score", *keys) if is_score else None
        journal.add_record(record, sample_digest(one), score_key, f"k-{one.suite}", False)
    journal.flush()
    return database
