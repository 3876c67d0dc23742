"""Runs whose completions say what a test wants, one or more attempts a sample: what comparisons are shown of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.data import Row, number_samples
from harness.hashing import digest, sample_digest
from harness.store import Database, write
from harness.types import Completion, Metric, Record, Request, Run, Sample, Score

CONFIG: Mapping[str, Any] = {
    "prompt": "raw", "temperature": None, "top_p": None, "max_tokens": None, "reasoning_tokens": 2048, "seed": 0,
    "samples": 1, "judges": {}, "engine": {"name": "scripted"},
}  # fmt: skip
HOSTILE = "<script>alert(1)</script> **bold** ![x](http://e.vil/x.png)"

Said = tuple[float, str]
"""Score and text of an attempt."""


def samples(count: int, suite: str = "quiz") -> list[Sample]:
    """Return samples in four subjects and two levels."""
    rows = [
        Row({"n": n}, {"n": n}, f"target {n}", {"subject": f"s{n % 4}", "level": f"l{n % 2}"}, f"{suite}/{n}")
        for n in range(count)
    ]
    return list(number_samples(suite, rows))


def store(
    database: Database,
    run_id: str,
    said: Sequence[tuple[Sample, Sequence[Said]]],
    *,
    config: Mapping[str, Any] | None = None,
    started: str = "2026-01-01",
    status: str = "done",
    answer: str | None = None,
) -> str:
    """Store a run; return its id."""
    suites = list(dict.fromkeys(sample.suite for sample, _ in said))
    frozen = {**CONFIG, **(config or {})}
    run = Run(run_id, f"name-{run_id}", f"scripted:{run_id}", digest(run_id), frozen, tuple(suites), started)
    wanted = [
        {
            "suite": suite, "version": "1", "source": "", "licence": "", "metrics": [asdict(Metric("acc", "acc"))],
            "group_tag": "subject", "scorer_key": f"scorer-{suite}", "sandbox": "",
            "wanted": sum(sample.suite == suite for sample, _ in said),
        }
        for suite in suites
    ]  # fmt: skip
    write.add_samples(database, [sample for sample, _ in said])
    write.add_run(
        database, run, digest(run_id), 0, {"model_facts": {"size_bytes": 7}, "engine": {}, "host": {}}, wanted
    )
    journal = write.Journal(database, run_id)
    for sample, tries in said:
        for attempt, (value, text) in enumerate(tries):
            key = digest("completion", run_id, sample_digest(sample), attempt)
            request = Request("generate", prompt="q", attempt=attempt, source={"suite": sample.suite})
            journal.add_completion(key, request, Completion(text), digest(run_id))
            score = Score({"acc": value}, "right" if value else "wrong_answer", answer)
            record = Record(run_id, sample.suite, sample.id, attempt, (key,), score, None)
            scored = digest("score", key)
            journal.add_record(record, sample_digest(sample), scored, f"scorer-{sample.suite}", replaces=False)
    journal.flush()
    write.set_status(database, run_id, status)
    return run_id
