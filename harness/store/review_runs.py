"""Ratings of people as a run, so that gates, comparisons and the leaderboard read them like any score.

    run_id = store(database, head, "tuned-9c01..", "satisfaction", units, (1.0, 10.0), splits, note="..")

and a gate says PASS when the lower bound keeps 7.5:

    suites: {review: {metric: satisfaction, min_items: 20, absolute: {min: 7.5}}}

A sample of it is an independent unit, a question or a person with the mean of its ratings. The same ratings give the
same run; more ratings give a new one. Cost: four short writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.hashing import digest, sample_digest
from harness.store import read, write
from harness.store.connect import Database
from harness.store.rows import now
from harness.types import Metric, Record, Run, Sample, Score, Split

SUITE = "review"
VERSION = "1"


def store(
    database: Database,
    head: Mapping[str, Any],
    reviewed: str,
    metric: str,
    units: Mapping[str, float],
    scale: tuple[float, float],
    splits: Mapping[str, Split],
    note: str = "",
) -> str:
    """Return the run of a session's ratings of the run `reviewed`, storing it where it is new.

    `head`: row of `reviews`. `units`: name -> mean of its ratings, within `scale`; `splits`: name -> split.
    """
    identity = digest(SUITE, VERSION, head["review"], reviewed, metric, dict(units))
    run_id = f"{SUITE}-{identity[:10]}"
    known = read.query(database, "SELECT status FROM runs WHERE run_id = ?", [run_id])
    if known and known[0]["status"] == "done":
        return run_id
    of = read.run(database, reviewed)
    config = {**of["config"], "review": head["review"], "reviewed": reviewed, "samples": 1, "suites": {}}
    run = Run(run_id, "", of["model"], of["model_digest"], config, (SUITE,), now().isoformat())
    scorer = digest(SUITE, VERSION, head["mode"], head["question"], head["seats"], head["overlap"])
    wanted = {
        "suite": SUITE, "version": VERSION, "source": "people", "licence": "", "group_tag": "", "sandbox": "",
        "metrics": [asdict(Metric(metric, metric, "micro", *scale))], "scorer_key": scorer, "wanted": len(units),
    }  # fmt: skip
    facts = {name: of[name] for name in ("model_facts", "engine", "host")}
    samples = {name: _sample(head["review"], name, splits[name]) for name in units}
    write.add_samples(database, samples.values())
    if not known:  # else a killed call got as far
        write.add_run(database, run, identity, 0, facts, [wanted])
    stored = read.recorded(database, run_id, SUITE)
    journal = write.Journal(database, run_id)
    for name, sample in samples.items():
        if (sample.id, 0) in stored:
            continue
        score = Score({metric: units[name]}, "right" if units[name] == scale[1] else "partial")
        record = Record(run_id, SUITE, sample.id, 0, (), score, None)
        journal.add_record(record, sample_digest(sample), digest(identity, name), scorer, replaces=False)
    journal.flush()
    write.set_status(database, run_id, "done", note)
    return run_id


def _sample(review: str, name: str, split: Split) -> Sample:
    content = digest(SUITE, review, name)
    return Sample(content, SUITE, content, split, {"review": review, "unit": name}, None, {}, name)
