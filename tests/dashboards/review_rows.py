"""Runs with texts, as reviews want them: every run says something of its own to the same samples."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from harness.data import Row, number_samples
from harness.hashing import digest, sample_digest
from harness.store import Database, write
from harness.types import Completion, Metric, Record, Request, Run, Sample, Score

HOSTILE = "<script>alert(1)</script> **bold** [link](x)"


def said(request: Request) -> str:
    """Answer as `scripted:review_rows:said`, the model of an evaluation beside a review."""
    return f"answer {len(request.prompt or '')}"


def copied(path: Path, count: int) -> Database:
    """Return a database of its own with the runs `base` and `tuned` over `count` samples."""
    path.write_bytes(_made(count))
    return Database(path)


@cache
def _made(count: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "h.duckdb")
        runs_with_texts(database, ["base", "tuned"], count)
        return database.path.read_bytes()


def runs_with_texts(database: Database, names: Sequence[str], count: int) -> list[Sample]:
    """Store runs over `count` samples of the suite `essay`."""
    rows = [Row({"n": n}, {"n": n}, None, {}, f"essay/{n}") for n in range(count)]
    samples = list(number_samples("essay", rows))
    write.add_samples(database, samples)
    wanted = {
        "suite": "essay", "version": "1", "source": "", "licence": "", "metrics": [asdict(Metric("acc", "acc"))],
        "group_tag": "", "scorer_key": "s", "sandbox": "", "wanted": count,
    }  # fmt: skip
    for name in names:
        model = digest(name)
        config = {"prompt": "raw", "samples": 1, "judges": {}, "engine": {}, "seed": 0}
        run = Run(name, "", f"scripted:{name}", model, config, ("essay",), "2026-01-01")
        write.add_run(database, run, model, 0, {"model_facts": {}, "engine": {}, "host": {}}, [wanted])
        journal = write.Journal(database, name)
        for n, sample in enumerate(samples):
            key = digest("completion", name, n)
            request = Request("generate", prompt=f"Question {n}?", source={"suite": "essay", "sample_id": sample.id})
            text = f"{HOSTILE} answer {digest(name)[:4]} to {n}"
            journal.add_completion(key, request, Completion(text), model)
            record = Record(name, "essay", sample.id, 0, (key,), Score({"acc": 1.0}, "right"), None)
            journal.add_record(record, sample_digest(sample), digest("score", key), "s", replaces=False)
        journal.flush()
        write.set_status(database, name, "done")
    return samples
