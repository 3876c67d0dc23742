"""Runs written row by row through the journal: every score, fault and attempt as a test wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.data import Row, number_samples
from harness.hashing import digest, sample_digest
from harness.store import Database, write
from harness.types import Completion, Fault, Metric, Record, Request, Run, Sample, Score

CONFIG: Mapping[str, Any] = {
    "prompt": "raw", "temperature": None, "top_p": None, "max_tokens": None, "reasoning_tokens": 2048, "seed": 0,
    "samples": 1, "judges": {}, "engine": {"name": "scripted"},
}  # fmt: skip
ACC = Metric("acc", "acc")
FACTS: Mapping[str, Any] = {"model_facts": {}, "engine": {}, "host": {}}

Outcome = Mapping[str, float] | Fault | None
"""Values of a score, why there is none, or nothing recorded."""


def questions(count: int, suite: str = "quiz", target: str = "", twice: int = 0) -> list[Sample]:
    """Return samples in four subjects; `target` in all of them; the first `twice` stand in the file twice."""
    numbers = [*range(count), *range(twice)]
    rows = [Row({"n": n}, {"n": n}, target, {"subject": f"s{n % 4}"}, f"{suite}/{n}") for n in numbers]
    return list(number_samples(suite, rows))


def add_run(
    database: Database,
    run_id: str,
    outcomes: Sequence[tuple[Sample, Sequence[Outcome]]],
    *,
    metrics: Sequence[Metric] = (ACC,),
    config: Mapping[str, Any] | None = None,
    status: str = "done",
    **suite: Any,
) -> None:
    """Store a run of one or more suites: per sample an outcome per attempt. `suite`: columns of run_suites."""
    names = list(dict.fromkeys(sample.suite for sample, _ in outcomes))
    run = Run(
        run_id, "", f"scripted:{run_id}", digest(run_id), {**CONFIG, **(config or {})}, tuple(names), "2026-01-01"
    )
    wanted = [
        {
            "suite": name, "version": "1", "source": "", "licence": "", "metrics": [asdict(m) for m in metrics],
            "group_tag": "subject", "scorer_key": f"scorer-{name}", "sandbox": "",
            "wanted": sum(len(tries) for sample, tries in outcomes if sample.suite == name), **suite,
        }
        for name in names
    ]  # fmt: skip
    write.add_samples(database, [sample for sample, _ in outcomes])
    write.add_run(database, run, digest(run_id), 0, FACTS, wanted)
    journal = write.Journal(database, run_id)
    for sample, tries in outcomes:
        for attempt, outcome in enumerate(tries):
            if outcome is not None:
                add_record(journal, run_id, sample, attempt, outcome)
    journal.flush()
    write.set_status(database, run_id, status)


def add_record(
    journal: write.Journal, run_id: str, sample: Sample, attempt: int, outcome: Mapping[str, float] | Fault
) -> None:
    """Journal one record with its completion, which says `RUN says ATTEMPT`."""
    key = digest("completion", run_id, sample_digest(sample), attempt)
    request = Request("generate", prompt="q", attempt=attempt, source={"suite": sample.suite, "sample_id": sample.id})
    journal.add_completion(key, request, Completion(f"{run_id} says {attempt}"), digest(run_id))
    score = None if isinstance(outcome, Fault) else Score(outcome, "right" if outcome.get("acc") else "wrong_answer")
    fault = outcome if isinstance(outcome, Fault) else None
    record = Record(run_id, sample.suite, sample.id, attempt, (key,), score, fault)
    journal.add_record(record, sample_digest(sample), digest("score", key), f"scorer-{sample.suite}", replaces=False)


def once(samples: Sequence[Sample], values: Sequence[float]) -> list[tuple[Sample, list[Outcome]]]:
    """Return one attempt at each sample with that `acc`."""
    return [(sample, [{"acc": float(value)}]) for sample, value in zip(samples, values, strict=True)]
