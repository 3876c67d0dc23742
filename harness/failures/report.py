"""The one document of an analysis: what `--json` prints, and what a data generator reads.

    document(analyse(database, "tuned-9c21d0aa3e"))
      -> {"run_id": .., "taxonomy_id": "tax-5b0c93f1aa", "clusters": [{"id": "3f9a..", "label": .., "size": 41,
          "share": .34, "low": .26, "high": .43, "sample_ids": [..], ..}, ..], "unassigned": [..], "analysis": {..}, ..}

`share` is that of the failures, `rate` that of all scored answers, both with 95% intervals. `analysis` is what rows are
generated from: per cause what went wrong in words and what was asked, wanted and said. It is there for the split `dev`
alone and holds no other sample; for other splits it is None, so that nobody generates from a test sample by oversight.
Text of models stands unescaped: JSON escapes what must be, and whoever shows it escapes it again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.failures.analysis import Analysis, Member
from harness.failures.gold import Suspect
from harness.failures.taxonomy import UNASSIGNED, Cause
from harness.failures.taxonomy.fitting import FEW
from harness.failures.taxonomy.lineage import refit_advised
from harness.failures.taxonomy.naming import exemplars
from harness.failures.trends import sentence
from harness.failures.weakness import Weakness
from harness.stats import Estimate

CHARACTERS = 2000
"""Of a question or an answer in the document."""
DIAGNOSES = 3
EXEMPLARS = 4


def document(found: Analysis, examples: int = EXEMPLARS) -> dict[str, Any]:
    """Return the document; at most `examples` exemplars a cause."""
    taxonomy = found.taxonomy
    return {
        "run_id": found.run["run_id"],
        "model": found.run["model"],
        "split": found.split,
        "suites": list(found.suites),
        "taxonomy_id": taxonomy.id if taxonomy else None,
        "taxonomy": None if taxonomy is None else {
            "how": found.found.how, "embedder": taxonomy.embedder, "seed": taxonomy.seed, "split": taxonomy.split,
            "parent": taxonomy.parent, "silhouette": taxonomy.silhouette, "stability": taxonomy.stability,
            **{name: taxonomy.params.get(name) for name in ("grouping", "minimum", "n")},
        },
        "answers": found.answers,
        "faults": found.faulty,
        "failures": len(found.failures),
        "clusters": [_cluster(found, cause, examples) for cause in found.causes],
        "unassigned": _ids(found.members(UNASSIGNED)),
        "before": found.before and {"run_id": found.before["run_id"], "model": found.before["model"]},
        "flows": [asdict(flow) for flow in found.flows if flow.origin != flow.to],
        "lineage": [asdict(descent) for descent in found.found.descents],
        "weak": [_weak(one) for one in found.weak],
        "gold": [_suspect(one) for one in found.gold],
        "analysis_faults": len(found.faults),
        "notes": notes(found),
        "analysis": analysis(found, examples) if found.split == "dev" else None,
    }  # fmt: skip


def analysis(found: Analysis, examples: int = EXEMPLARS) -> dict[str, Any]:
    """Return what rows may be generated from.

    Raises:
        ValueError: the analysis or its taxonomy looked at other samples than those of `dev`.
    """
    if found.split != "dev" or (found.taxonomy and found.taxonomy.split != "dev"):
        raise ValueError(f"an analysis of split {found.split!r}: rows are generated from 'dev' alone")
    return {
        "failures": len(found.failures),
        "answers": found.answers,
        "causes": [
            {
                "id": cause.id,
                "label": cause.label,
                "size": found.shares[cause.id].failures,
                "suites": dict(Counter(member.case.suite for member in found.members(cause.id)).most_common()),
                "diagnoses": diagnoses(found.members(cause.id)),
                "exemplars": [_whole(member) for member in shown(found, cause.id, examples)],
            }
            for cause in found.causes
            if found.shares[cause.id].failures
        ],
    }


def shown(found: Analysis, cause: str, count: int) -> list[Member]:
    """Return the failures that show a cause: the most typical one first, its edge last."""
    members = {(member.case.run_id, member.case.key): member for member in found.members(cause)}
    cases = [member.case for member in members.values()]
    chosen = exemplars(cause, cases, [member.assignment for member in members.values()], count) if count else []
    return [members[case.run_id, case.key] for case in chosen]


def notes(found: Analysis) -> list[str]:
    """Return what a reader must know, as lines: how it was grouped, what is due, what is missing."""
    taxonomy, told = found.taxonomy, list[str]()
    if taxonomy and str(taxonomy.params.get("grouping", "")).startswith("signatures"):
        why = str(taxonomy.params["grouping"]).partition(": ")[2]
        told.append(f"causes are signature classes, not clusters: {why}")
        if why.startswith("fewer") and found.found.how == "assigned" and len(found.failures) >= FEW:
            told.append(f"{len(found.failures)} failures are enough to cluster: --refit")
    if refit_due(found):
        away = len(found.members(UNASSIGNED))
        told.append(f"{away} of {len(found.failures)} failures are like no known cause: a refit is due (--refit)")
    if found.before is not None and not found.changes:
        told.append(f"no sample of run {found.before['run_id']} has the same content: nothing to compare")
    if found.faulty:
        told.append(f"{found.faulty} answers have no score (faults); they are in no cause")
    if found.faults:
        first = found.faults[0]
        asked = f"{len(found.faults)} questions to judge, label model or sandbox came to nothing"
        told.append(f"{asked} ({first.kind}: {first.message[:200]})")
    return told


def refit_due(found: Analysis) -> bool:
    """Return whether so many failures are like no cause that the taxonomy no longer tells what goes wrong."""
    known = found.found.how == "assigned" and len(found.failures) >= FEW
    return known and refit_advised([member.assignment for member in found.failures])


def _cluster(found: Analysis, cause: Cause, examples: int) -> dict[str, Any]:
    share, change = found.shares[cause.id], found.changes.get(cause.id)
    return {
        "id": cause.id,
        "label": cause.label,
        "size": share.failures,
        "share": _number(share.of_failures.value),
        "low": share.of_failures.low,
        "high": share.of_failures.high,
        "sample_ids": _ids(found.members(cause.id)),
        "rate": _estimate(share.of_answers),
        "keywords": list(cause.keywords),
        "label_source": cause.label_source,
        "change": change and {name: _number(value) for name, value in asdict(change).items()},
        "said": change and sentence(change, cause.label, found.flows, labels(found)),
        "diagnoses": diagnoses(found.members(cause.id)),
        "exemplars": [_short(member) for member in shown(found, cause.id, examples)],
    }


def labels(found: Analysis) -> dict[str, str]:
    """Return the label of each cause by id."""
    return {cause.id: cause.label for cause in found.causes}


def _ids(members: Sequence[Member]) -> list[str]:
    return sorted({member.case.sample_id for member in members})


def diagnoses(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Return the commonest diagnoses (text and count), at most `DIAGNOSES`."""
    counted = Counter(member.diagnosis.text for member in members).most_common(DIAGNOSES)
    return [{"text": text, "count": count} for text, count in counted]


def _short(member: Member) -> dict[str, Any]:
    case = member.case
    return {
        "suite": case.suite, "sample_id": case.sample_id, "name": case.name, "attempt": case.attempt,
        "split": case.split, "mode": case.mode, "similarity": round(member.assignment.similarity, 4),
        "diagnosis": member.diagnosis.text,
    }  # fmt: skip


def _whole(member: Member) -> dict[str, Any]:
    case = member.case
    return {
        **_short(member), "tags": dict(case.tags), "question": case.question[:CHARACTERS], "target": case.target,
        "choices": list(case.choices), "answer": case.answer and case.answer[:CHARACTERS],
        "said": case.text[-CHARACTERS:], "signature": dict(member.diagnosis.signature),
    }  # fmt: skip


def _weak(one: Weakness) -> dict[str, Any]:
    return {
        "label": one.label, "path": list(one.path), "n": one.n, "accuracy": one.accuracy, "low": one.low,
        "high": one.high, "overall": one.overall, "p_adjusted": one.p, "keywords": list(one.keywords),
        "exemplars": [{"sample_id": q.sample_id, "name": q.name} for q in one.exemplars],
        "sample_ids": list(one.sample_ids),
    }  # fmt: skip


def _suspect(one: Suspect) -> dict[str, Any]:
    return {**asdict(one), "question": one.question[:CHARACTERS]}


def _estimate(one: Estimate) -> dict[str, Any]:
    return {"value": _number(one.value), "low": one.low, "high": one.high, "n": one.n}


def _number(value: Any) -> Any:
    """Return None for what JSON has no number for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
