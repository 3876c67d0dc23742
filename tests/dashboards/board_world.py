"""A small board: three suites and models, attempts, faults, a macro mean, two versions of a suite, people's ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.data import Row, number_samples
from harness.hashing import digest, sample_digest
from harness.store import Database, gates, review_runs, write
from harness.types import Completion, Fault, Metric, Record, Request, Run, Sample, Score

HOSTILE = "hf:**bold**/<img src=x onerror=window.pwned=1>"
ACC = Metric("acc", "acc")
MACRO = Metric("acc_by_skill", "acc", "macro:skill")
PASS = Metric("pass@1", "acc", "pass@1")
CONFIG = {
    "prompt": "raw", "temperature": None, "top_p": None, "max_tokens": None, "reasoning_tokens": 2048, "seed": 0,
    "samples": 1, "judges": {}, "engine": {"name": "scripted"},
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A suite of a run: the values of the attempts at each sample, None for a fault; `wanted`: records, 0 for those."""

    values: Sequence[Sequence[float] | None]
    metric: Metric = ACC
    version: str = "1"
    wanted: int = 0


def right(share: int, of: int = 120, shift: int = 0) -> list[Sequence[float]]:
    """Return one attempt at each sample, `share` of a hundred right."""
    return [(float((n * 37 + shift) % 100 < share),) for n in range(of)]


def store(
    database: Database,
    run_id: str,
    suites: Mapping[str, Asked],
    *,
    model: str = "",
    day: int = 1,
    status: str = "done",
    **config: object,
) -> str:
    """Store a run; return its id."""
    spec = model or f"scripted:{run_id}"
    run = Run(run_id, "", spec, digest(spec), {**CONFIG, **config}, tuple(suites), f"2026-01-{day:02}")
    wanted = [
        {
            "suite": name, "version": asked.version, "source": "", "licence": "", "metrics": [asdict(asked.metric)],
            "group_tag": "skill", "scorer_key": digest(name, asked.version), "sandbox": "",
            "wanted": asked.wanted or sum(len(tries or [1]) for tries in asked.values),
        }
        for name, asked in suites.items()
    ]  # fmt: skip
    facts = {"size_bytes": day * 2**20, "quantisation": "F16"}
    write.add_run(database, run, digest(run_id), 0, {"model_facts": facts, "engine": {}, "host": {}}, wanted)
    journal = write.Journal(database, run_id)
    for name, asked in suites.items():
        made = samples(name, len(asked.values))
        write.add_samples(database, made)
        for sample, tries in zip(made, asked.values, strict=True):
            _record(journal, run_id, sample, tries, digest(name, asked.version))
    journal.flush()
    write.set_status(database, run_id, status)
    return run_id


def samples(suite: str, count: int) -> list[Sample]:
    """Return samples of three skills, of unequal numbers."""
    rows = [Row({"n": n}, {"n": n}, n, {"skill": f"skill {min(n % 5, 2)}"}, f"{suite}/{n}") for n in range(count)]
    return list(number_samples(suite, rows))


def _record(journal: write.Journal, run_id: str, sample: Sample, tries: Sequence[float] | None, scorer: str) -> None:
    for attempt, value in enumerate([None] if tries is None else tries):
        key = digest("completion", run_id, sample_digest(sample), attempt)
        if value is None:
            failed = Record(run_id, sample.suite, sample.id, attempt, (), None, Fault("model", "http_500", "no"))
            journal.add_record(failed, sample_digest(sample), "", scorer, replaces=False)
            continue
        request = Request("generate", prompt="q", attempt=attempt, source={"suite": sample.suite})
        journal.add_completion(key, request, Completion("said"), digest(run_id))
        score = Score({"acc": value}, "right" if value else "wrong_answer")
        record = Record(run_id, sample.suite, sample.id, attempt, (key,), score, None)
        journal.add_record(record, sample_digest(sample), digest("score", key, scorer), scorer, replaces=False)


def make(path: Path) -> Database:
    """Return the board: `base` pinned as main; `tuned` far better; `late` unfinished; `old` a version ago."""
    database = Database(path)
    store(database, "base", {"quiz": Asked(right(50)), "code": Asked(right(30, 40), PASS)}, day=1)
    tuned = {"quiz": Asked(right(90)), "code": Asked(right(30, 40, 7), PASS), "tasks": Asked(right(40), MACRO)}
    store(database, "tuned", tuned, model=HOSTILE, day=2)
    store(database, "late", {"quiz": Asked([*right(52, 60), None, None], wanted=120)}, day=3, status="running")
    store(database, "old", {"quiz": Asked(right(60), version="0")}, model="scripted:base", day=4)
    store(database, "again", {"tasks": Asked([(1.0, 0.0)] * 30, MACRO)}, model="scripted:base", day=5, samples=2)
    gates.set_baseline(database, "main", "base")
    people = {f"p{n}": 7.0 + n % 3 for n in range(4)}
    head = {"review": "r1", "mode": "rate", "question": "?", "seats": 4, "overlap": 1}
    review_runs.store(database, head, "tuned", "satisfaction", people, (1.0, 10.0), dict.fromkeys(people, "test"))
    return database
