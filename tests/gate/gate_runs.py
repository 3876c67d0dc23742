"""Runs in a database as tests of the gate want them: a score or a fault per sample, written through the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.data import Row, number_samples
from harness.hashing import digest, sample_digest
from harness.store import Database, write
from harness.types import Completion, Fault, Metric, Record, Request, Run, Sample, Score

ACC = Metric("acc", "acc")
CONFIG: Mapping[str, Any] = {
    "prompt": "raw", "temperature": None, "top_p": None, "max_tokens": None, "reasoning_tokens": 2048, "seed": 0,
    "samples": 1, "judges": {}, "engine": {"name": "scripted"},
}  # fmt: skip


def samples(count: int, suite: str = "mmlu") -> list[Sample]:
    """Return samples in five subjects."""
    rows = [Row({"n": n}, {"n": n}, "A", {"subject": f"s{n % 5}"}, f"{suite}/{n}") for n in range(count)]
    return list(number_samples(suite, rows))


def store(
    database: Database,
    run_id: str,
    asked: Sequence[Sample],
    values: Sequence[float | Fault | None],
    *,
    metrics: Sequence[Metric] = (ACC,),
    config: Mapping[str, Any] | None = None,
    name: str = "",
    logprobs: Sequence[Sequence[float]] = (),
    facts: Mapping[str, Any] | None = None,
    **suite: Any,
) -> str:
    """Store one run; None records nothing (the run is unfinished). `suite`: columns of run_suites."""
    names = list(dict.fromkeys(sample.suite for sample in asked))
    run = Run(
        run_id, name, f"scripted:{run_id}", digest(run_id), {**CONFIG, **(config or {})}, tuple(names), "2026-01-01"
    )
    rows = [
        {
            "suite": one, "version": "1", "source": "", "licence": "", "metrics": [asdict(m) for m in metrics],
            "group_tag": "subject", "scorer_key": f"scorer-{one}", "sandbox": "",
            "wanted": sum(sample.suite == one for sample in asked), **suite,
        }
        for one in names
    ]  # fmt: skip
    write.add_samples(database, list(asked))
    write.add_run(database, run, digest(run_id), 0, {"model_facts": facts or {}, "engine": {}, "host": {}}, rows)
    journal = write.Journal(database, run_id)
    for place, (sample, value) in enumerate(zip(asked, values, strict=True)):
        if value is not None:
            _record(journal, run_id, sample, value, tuple(logprobs[place]) if logprobs else ())
    journal.flush()
    write.set_status(database, run_id, "done" if None not in values else "interrupted")
    return run_id


def _record(
    journal: write.Journal, run_id: str, sample: Sample, value: float | Fault, logprobs: tuple[float, ...]
) -> None:
    key = digest("completion", run_id, sample_digest(sample))
    request = Request("choose" if logprobs else "generate", prompt="q", source={"suite": sample.suite})
    journal.add_completion(key, request, Completion("A", choice_logprobs=logprobs), digest(run_id))
    fault = value if isinstance(value, Fault) else None
    score = None if isinstance(value, Fault) else Score({"acc": value}, "right" if value else "wrong_answer")
    record = Record(run_id, sample.suite, sample.id, 0, (key,), score, fault)
    journal.add_record(record, sample_digest(sample), digest("score", key), f"scorer-{sample.suite}", replaces=False)
