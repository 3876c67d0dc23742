"""Evidence from the store: everything that a policy asks about a candidate, as plain numbers.

    evidence = gather(database, policy, "tuned-9c01..", split="all", folder=Path("."))
    evidence.suites["mmlu"].pairs["reference"]     the same samples in the reference's run

Only what is stored is read: no model is opened. Records that a run still wants (interrupted, stopped) are counted with
the faults as `run/unfinished`: what is there of them may be the easy ones. Cost: one pass over the candidate's records,
two more for each stored reference; 14,000 records against one reference take 1.0 s on one core
(`tests/gate/test_gather.py`, slow).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import registry
from harness.compare import SuitePairs, paired
from harness.compare.pairs import declared_metric, fault_counts, result_rows
from harness.compare.values import sample_values
from harness.gate import choices, figures
from harness.gate.evidence import Evidence, Figure, Pairs, SuiteEvidence
from harness.gate.policy import Policy, SuitePolicy
from harness.stats.scaling import Scaling
from harness.store import Database, benches, gates, read
from harness.types import Metric

MEASURED = {
    "load": "load_s", "ttft": "first_token_s", "prompt": "prompt_tokens_per_s", "generate": "generated_tokens_per_s",
    "memory": "peak_memory_mib",
}  # fmt: skip
"""Measure of `harness bench` -> measure of a policy."""
MIB = 2.0**20


def gather(
    database: Database,
    policy: Policy,
    candidate: str,
    split: str = "all",
    sealed: bool = False,
    loop: str = "",
    looks: int = 0,
    folder: Path = Path(),
) -> Evidence:
    """Return the evidence about a stored run. A sealed one counts on `test` samples only, whatever `split` says.

    `folder`: of the policy, where files of figures are looked for.

    Raises:
        UsageError: a reference, metric or figure that is not there.
    """
    run = read.run(database, candidate)
    split = "test" if sealed else split
    rows = read.run_suites(database, run["run_id"])
    published = {name: (figures.load(path), path) for name, path in figures.files(policy, folder)}
    references = stored_references(database, policy)
    suites = {}
    for name, wanted in policy.suites.items():
        row = rows.get(stored_name(name, rows))
        if row is None:
            continue
        metric = declared_metric(row, wanted.metric)
        known = {to: figures.figure(*published[to], name, metric) for to in used(wanted) if to in published}
        pairs = {
            to: _pairs(database, references[to], run["run_id"], row["suite"], wanted, metric, split)
            for to in used(wanted)
            if to in references and _has(database, references[to], row["suite"])
        }
        suites[name] = _suite(database, run, name, row, wanted, metric, split, pairs, known)
    return Evidence(run["run_id"], run["model"], suites, _speeds(database, run), split, sealed, loop, looks)


def used(wanted: SuitePolicy) -> list[str]:
    """Return the names of the references that a suite is held against: the two pinned ones and those of its rules."""
    ruled = [rule.to for rule in (wanted.relative, wanted.non_inferiority) if rule is not None]
    return list(dict.fromkeys(["reference", "previous", *ruled]))


def stored_references(database: Database, policy: Policy) -> dict[str, str]:
    """Return name -> run id of the references that are runs.

    Raises:
        UsageError: one that names no run; tells the nearest.
    """
    named = {**policy.references, "reference": policy.reference, "previous": policy.previous}
    return {name: gates.resolve(database, to.run) for name, to in named.items() if to is not None and to.run}


def stored_name(name: str, known: Mapping[str, Any]) -> str:
    """Return the name that a run knows a policy's suite by: `my.jsonl` is `file:my.jsonl` there."""
    return name if name in known or not registry.is_path(name) else registry.suite(name).name


def _has(database: Database, run_id: str, suite: str) -> bool:
    return suite in read.run_suites(database, run_id)


def _suite(
    database: Database, run: Mapping[str, Any], name: str, row: Mapping[str, Any], wanted: SuitePolicy, metric: Metric,
    split: str, pairs: Mapping[str, Pairs], known: Mapping[str, Figure],
) -> SuiteEvidence:  # fmt: skip
    run_id, scaling = run["run_id"], choices.scaling_of(run)
    found = result_rows(database, run_id, row["suite"], split)
    scored = [r for r in found if r["measures"] is not None]
    values = sample_values(metric, scored)
    first = {r["sample_id"]: r for r in scored}
    faults = fault_counts(found)
    recorded = len(found) if split == "all" else len(read.recorded(database, run_id, row["suite"]))
    # A missing record may belong to any split: all of them count, until the run is finished.
    if unfinished := row["wanted"] - recorded:
        faults["run/unfinished"] = unfinished
    return SuiteEvidence(
        suite=name,
        metric=metric,
        values=tuple(values.values()),
        clusters=tuple(_cluster(first[i], wanted.cluster) for i in values),
        wanted=len(found) + unfinished,
        faults=faults,
        sandbox=row["sandbox"] or "",
        pairs=pairs,
        figures=known,
        confidences=_confidences(database, run_id, row["suite"], metric, scored, scaling) if wanted.calibration else (),
        scaling="" if scaling.method == "none" else str(scaling),
    )


def _cluster(row: Mapping[str, Any], tag: str) -> str:
    return str((row["tags"] or {}).get(tag, "")) if tag else str(row["origin"] or row["sample_id"])


def _pairs(
    database: Database, reference: str, candidate: str, suite: str, wanted: SuitePolicy, metric: Metric, split: str
) -> Pairs:
    if reference == candidate:
        return _itself(database, candidate, suite, wanted, metric, split)
    found = paired(database, reference, candidate, {suite: metric.name}, split, [suite])[0]
    if not found.ids:
        return Pairs((), (), None, found.refused, reference)
    clusters = found.clusters(wanted.cluster)
    return Pairs(found.reference, found.candidate, clusters, found.refused, reference, tuple(_warnings(found)))


def _warnings(found: SuitePairs) -> list[str]:
    said = [f"{d.what} differs: {d.reference} against {d.candidate}" for d in found.differences if not d.fatal]
    alone = found.unpaired_reference, found.unpaired_candidate
    if any(alone):
        said.append(f"without a partner: {alone[0]} samples of the reference, {alone[1]} of the candidate")
    return said


def _itself(
    database: Database, run_id: str, suite: str, wanted: SuitePolicy, metric: Metric, split: str
) -> Pairs:  # fmt: skip
    """Return a run against itself: a model that did not change is the same run, and every pair is a tie."""
    rows = [r for r in result_rows(database, run_id, suite, split) if r["measures"] is not None]
    values, first = sample_values(metric, rows), {r["sample_id"]: r for r in rows}
    same = tuple(values.values())
    clusters = tuple(_cluster(first[i], wanted.cluster) for i in values)
    return Pairs(same, same, clusters, "", run_id, ("the candidate is this very run: the model did not change",))


def _confidences(
    database: Database, run_id: str, suite: str, metric: Metric, scored: Sequence[Mapping[str, Any]], scaling: Scaling
) -> tuple[tuple[float, bool], ...]:
    """Return (probability of the chosen answer, right or not) of every record with choices.

    Chosen is the likeliest continuation, which is what suites by log-likelihood score. Of a model that was calibrated
    on `dev` only the samples of `test` count.
    """
    held = [row for row in scored if scaling.method == "none" or row["split"] == "test"]
    right = {(row["sample_id"], row["attempt"]): row["measures"][metric.value] >= 1.0 for row in held}
    found = [((row["sample_id"], row["attempt"]), row["sums"]) for row in choices.rows(database, run_id, suite)]
    return tuple((scaling.sure(sums), right[key]) for key, sums in found if key in right)


def _speeds(database: Database, run: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    """Return (measure, width) -> median of the latest bench of the run's model; the size also without a bench."""
    found: dict[tuple[str, int], float] = {}
    if size := (run["model_facts"] or {}).get("size_bytes"):
        found["size_mib", 1] = size / MIB
    for row in benches.speeds(database, run["model_digest"] or run["model"]):
        if row["size_bytes"]:
            found["size_mib", 1] = row["size_bytes"] / MIB
        if name := MEASURED.get(row["measure"]):
            wide = row["width"] if name.endswith("_per_s") else 1
            found[name, wide] = row["median"] / MIB if row["unit"] == "bytes" else row["median"]
    return found
