"""What a stage broke: samples that flipped between two runs, by capability and by cause of failure.

    damage(database, "tiny-0a76..", "stage-1-77c0..")["capabilities"][0]
      -> {"suite": "primer", "tag": "skill", "capability": "logic", "n": 92, "broken": 31, "mended": 2, "delta": -0.315,
          "low": -0.42, "high": -0.21, "loss_low": 0.21, "p": 2e-7, "p_adjusted": 2e-6, "verdict": "worse", ..}
    first_broken(stages.rows(database, "quickstart"))    -> {"stage": 2, "step": "compress.prune", "capability": ..}

A capability is a value of any tag of a suite's samples that takes up to `MOST_VALUES` values (skill and variant,
subject and category): the same samples may count under several. `delta` is the score after minus before with its 95%
interval, `p` McNemar's two-sided exact one (for graded scores see `harness.stats.contrast`), adjusted over all
capabilities of all suites by Benjamini and Hochberg: of undamaged models at most 5% have one named `worse`.

Clusters are causes of failure of `dev` samples, where both runs' failures were assigned to one taxonomy: `delta` there
is the change of the share of samples that fail for the cause, so more is worse. Not here: why; `harness failures` says.

Cost: some ten short queries; thousands of samples in about a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness import stats
from harness.compare.comparison import Line, line_of
from harness.compare.flips import Flip, flips
from harness.compare.pairs import SuitePairs, declared_metric, paired, result_rows
from harness.failures import cases, trends
from harness.failures.taxonomy import UNASSIGNED
from harness.store import Database, failures, read

ALPHA = 0.05
LISTED = 50
"""Flipped samples that are listed of a suite, losses first; all are counted."""
MOST_VALUES = 64
"""A tag with more values names samples, not capabilities."""
ADJUSTED = ("p_adjusted", "verdict")
"""Figures of a line that say something among others only."""
FIGURES = ("n", "clusters", "delta", "low", "high", "p", *ADJUSTED, "method")


def damage(database: Database, run_before: str, run_after: str, split: str = "test") -> dict[str, Any]:
    """Return what changed between two runs (ids) as a JSON document; bounds that are not known are None.

    Suites that may not be compared (another prompt, scorer or version) stand in `refused` with the reason.

    Raises:
        UsageError: an unknown run, or no suite in common.
    """
    head = {"before": run_before, "after": run_after, "split": split, "alpha": ALPHA}
    if run_before == run_after:  # the same weights: nothing was asked again
        return {**head, "suites": {}, "refused": {}, "capabilities": [], "clusters": []}
    found = paired(database, run_before, run_after, split=split)
    able = [pairs for pairs in found if pairs.ids and not pairs.refused]
    return {
        **head,
        "suites": {pairs.suite: _suite(database, pairs, run_before, run_after) for pairs in able},
        "refused": {pairs.suite: pairs.refused or "no sample that both scored" for pairs in found if pairs not in able},
        "capabilities": capabilities(able),
        "clusters": _clusters(database, run_before, run_after, [pairs.suite for pairs in able]),
    }


def capabilities(suites: Sequence[SuitePairs]) -> list[dict[str, Any]]:
    """Return what became of each capability of paired suites, adjusted over all of them, the surest loss first."""
    lines = [(pairs, tag, line) for pairs in suites for tag, line in _lines(pairs)]
    adjusted = stats.benjamini_hochberg({place: line.p for place, (_, _, line) in enumerate(lines)})
    found = [_capability(*line, p_adjusted=adjusted[place]) for place, line in enumerate(lines)]
    return sorted(found, key=lambda one: (-_bound(one), one["suite"], one["capability"]))


def first_broken(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the capability that broke first: of the earliest stage with a significant loss, the largest for sure.

    `rows`: of `harness.store.stages`, rolled-back stages among them. Where nothing broke, `stage` and `capability` are
    None and `why` says so.
    """
    judged = [row for row in sorted(rows, key=lambda row: int(row["number"])) if row.get("damage")]
    for row in judged:
        if worse := [one for one in row["damage"]["capabilities"] if one["verdict"] == "worse"]:
            worst = max(worse, key=_bound)
            others = [one["capability"] for one in worse if one is not worst]
            why = f"{worst['broken']} of {worst['n']} samples broke, {worst['mended']} were mended"
            return {"stage": row["number"], "step": row["step"], **worst, "others": others, "why": why}
    why = f"no capability lost significantly in {len(judged)} stages (adjusted p above {ALPHA})"
    return {"stage": None, "step": None, "capability": None, "why": why}


def _lines(pairs: SuitePairs) -> list[tuple[str, Line]]:
    """Return a line for each value of each tag, the suite's own tag first."""
    values: dict[str, set[str]] = {}
    for each in pairs.tags:
        for tag, value in each.items():
            values.setdefault(tag, set()).add(value)
    parted: dict[tuple[int, ...], str] = {}
    for tag in sorted(values, key=lambda tag: (tag != pairs.group_tag, tag)):
        if len(values[tag]) <= MOST_VALUES:
            numbers: dict[str | None, int] = {}
            # Two tags that part the samples alike are one, under two names.
            parted.setdefault(tuple(numbers.setdefault(each.get(tag), len(numbers)) for each in pairs.tags), tag)
    found = []
    for tag in parted.values():
        for value in sorted(values[tag]):
            here = pairs.within([each.get(tag) == value for each in pairs.tags])
            found += [(tag, line)] if (line := line_of(value, here, ALPHA)) else []
    return found


def _capability(pairs: SuitePairs, tag: str, line: Line, p_adjusted: float) -> dict[str, Any]:
    figures = _figures(line)
    losing = line.delta < 0 if pairs.metric.higher_is_better else line.delta > 0
    figures["p_adjusted"], figures["verdict"] = p_adjusted, ""
    if p_adjusted <= ALPHA and line.delta:
        figures["verdict"] = "worse" if losing else "better"
    loss_low = -line.high if pairs.metric.higher_is_better else line.low
    named = {"suite": pairs.suite, "tag": tag, "capability": line.name, "broken": line.losses, "mended": line.wins}
    return {**named, **figures, "loss_low": _finite(loss_low)}


def _suite(database: Database, pairs: SuitePairs, before: str, after: str) -> dict[str, Any]:
    whole, signs = line_of(pairs.suite, pairs, ALPHA), pairs.signs
    counts = {"broken": signs.count(-1), "mended": signs.count(1), "metric": pairs.metric.name}
    figures = {name: value for name, value in _figures(whole).items() if name not in ADJUSTED} if whole else {}
    shown = flips(database, pairs, before, after, LISTED)
    return {**figures, **counts, "flips": [_flip(flip) for flip in shown]}


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "sample_id": flip.sample_id, "name": flip.name, "group": flip.group, "change": flip.change,
        "kind": "mended" if flip.better else "broken", "before": flip.reference.mode, "after": flip.candidate.mode,
    }  # fmt: skip


def _clusters(database: Database, before: str, after: str, suites: Sequence[str]) -> list[dict[str, Any]]:
    """Return the causes of the newest taxonomy that both runs' failures of `dev` were assigned to, the worst first."""
    both = {before, after}
    known = (str(row["taxonomy_id"]) for row in failures.taxonomies(database))
    taxonomy_id = next((one for one in known if both <= set(failures.member_runs(database, one))), None)
    taxonomy = failures.taxonomy(database, taxonomy_id) if taxonomy_id else None
    if taxonomy is None:
        return []
    labels = {str(row["cause_id"]): str(row["label"]) for row in taxonomy["causes"]} | failures.names(database)
    causes = [str(row["cause_id"]) for row in taxonomy["causes"]]
    sides = [_answers(database, run_id, str(taxonomy_id), suites) for run_id in (before, after)]
    if not {one.key for one in sides[0]} & {one.key for one in sides[1]}:
        return []
    moved = {(flow.origin, flow.to): flow.answers for flow in trends.flows(sides[0], sides[1])}
    found = []
    for cause, change in trends.changes(sides[0], sides[1], causes).items():
        counts = {"broken": moved.get((trends.RIGHT, cause), 0), "mended": moved.get((cause, trends.RIGHT), 0)}
        figures = {name: value for name, value in asdict(change).items() if name not in ("cause", "samples")}
        named = {"cause": cause, "label": labels.get(cause, "unassigned"), "n": change.samples}
        found.append({**named, **counts, **{name: _finite(value) for name, value in figures.items()}})
    return sorted(found, key=lambda one: (-one["delta"], one["cause"]))


def _answers(database: Database, run_id: str, taxonomy_id: str, suites: Sequence[str]) -> list[trends.Answer]:
    """Return every scored answer of a run to `dev` samples with the cause that it was assigned to, if it failed."""
    given = {(m["suite"], m["sample_id"], m["attempt"]): m for m in failures.members(database, taxonomy_id, run_id)}
    wanted, found = read.run_suites(database, run_id), []
    for suite in suites:
        metric = declared_metric(wanted[suite], "")
        for row in result_rows(database, run_id, suite, "dev"):
            if row["measures"] is None:
                continue
            key = (suite, row["sample_id"], row["attempt"])
            broke = cases.failed(metric, row["measures"], row["mode"])
            state = (given[key]["cause_id"] if key in given else UNASSIGNED) if broke else trends.RIGHT
            origin = row["origin"] or row["sample_id"]
            found.append(trends.Answer(key, row["sample_digest"] or "", origin, state))
    return sorted(found, key=lambda answer: answer.key)


def _figures(line: Line) -> dict[str, Any]:
    return {name: _finite(getattr(line, name)) for name in FIGURES}


def _bound(one: Mapping[str, Any]) -> float:
    """Return the loss that a capability has at least, 95%; where no bound is known, the least there can be."""
    return -math.inf if one["loss_low"] is None else float(one["loss_low"])


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
