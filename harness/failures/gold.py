"""Suspected bad gold labels: samples that several models "fail" with the same answer.

    suspects(database, ["gpt-4-1f0c..", "opus-77ab..", "llama-9c21.."])[0]
      -> Suspect(suite="mmlu:generative", name="virology/60", gold="B", answer="D", agree=3, of=3, p=0.0002, odds=7.9)

`agreement` computes both figures: p, adjusted over all samples by Benjamini and Hochberg, finds what independent errors
do not explain; odds rank it. Models do not err independently: they learn from the same texts and fall for the same
traps. A suspicion is for a person to look at: docs/failure-weakness.md says how many were wrong by human annotation.

Programs have no answer to compare; what they fail with (verdict and reason) stands for it: where a
test asserts, that all fail there, not that they return the same.
Cost: a query a run and suite, and a pass over the samples: five runs of 1,319 samples in a second.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import stats
from harness.compare.pairs import declared_metric
from harness.failures.agreement import Agreement, Item, agreements
from harness.failures.cases import asked, failed, options
from harness.store import Database, read

ALPHA = 0.05
LONGEST = 300
"""Characters of an answer that are compared."""
RIGHT = "(right)"
"""What stands for the right answer where the target is no answer itself (tests, several targets)."""


@dataclass(frozen=True)
class Suspect:
    """A sample whose target may be wrong."""

    suite: str
    sample_id: str
    name: str
    question: str
    """With its options (hostile text)."""
    gold: str
    answer: str
    """What the models agree on (hostile text)."""
    agree: int
    """Models that gave it."""
    right: int
    """Models that gave the gold."""
    of: int
    """Models with a score."""
    p: float
    """Adjusted for all samples."""
    odds: float
    """Natural log: the common answer is right, to: the gold is."""


def suspects(database: Database, run_ids: Sequence[str], split: str = "all", alpha: float = ALPHA) -> list[Suspect]:
    """Return the samples whose gold is suspected, the likeliest first; none where only one run has a suite.

    The first attempt at a sample speaks. Only samples of the same content and target are compared.

    Raises:
        UsageError: no such run; tells the nearest.
    """
    named = dict.fromkeys(read.run(database, run_id)["run_id"] for run_id in run_ids)
    suites: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for run_id in named:
        for name, row in read.run_suites(database, run_id).items():
            suites[name].append(row)
    found, rows = list[tuple[str, Agreement]](), dict[tuple[str, str], Mapping[str, Any]]()
    for suite, wanted in sorted(suites.items()):
        if len(wanted) > 1:
            said = {str(row["run_id"]): _answers(database, row, split) for row in wanted}
            rows |= {(suite, row["sample_digest"]): row for each in said.values() for row in each}
            found += [(suite, one) for one in agreements(_items(wanted[0], said))]
    adjusted = stats.benjamini_hochberg({place: one.p for place, (_, one) in enumerate(found)})
    kept = [
        _suspect(suite, rows[suite, one.item.id], one, adjusted[place])
        for place, (suite, one) in enumerate(found)
        if adjusted[place] <= alpha and one.odds > 0
    ]
    return sorted(kept, key=lambda one: (-one.odds, one.suite, one.sample_id))


def _answers(database: Database, wanted: Mapping[str, Any], split: str) -> list[dict[str, Any]]:
    """Return the first scored attempt at each sample of a run's suite, with `wrong` and `said`."""
    metric = declared_metric(wanted, "")
    where = "" if split == "all" else " AND s.split = ?"
    found = read.query(
        database,
        "SELECT r.sample_id, r.sample_digest, s.name, s.tags, s.target, s.data, sc.measures, sc.mode, sc.answer,"
        " sc.detail FROM records r JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite"
        " JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest"
        f" WHERE r.run_id = ? AND r.suite = ?{where}"
        " QUALIFY row_number() OVER (PARTITION BY r.sample_id ORDER BY r.attempt, r.recorded_at DESC) = 1",
        [wanted["run_id"], wanted["suite"], *([] if split == "all" else [split])],
    )
    return [{**row, "wrong": failed(metric, row["measures"], row["mode"]), "said": _said(row)} for row in found]


def _said(row: Mapping[str, Any]) -> str:
    """Return an answer in the form that equal ones share: a program's by what it fails with."""
    detail = json.loads(row["detail"] or "{}")
    if "verdict" in detail:
        reason = str(detail.get("reason") or "")
        if reason.startswith("AssertionError"):
            reason = ""  # its message is the test's own, not what the program gave
        return f"{detail['verdict']}: {reason}".strip(": ")[:LONGEST]
    return plain(row["answer"] or "")


def plain(text: str) -> str:
    """Return an answer without case, outer marks and ways to write a number: ` $1,200.0.` -> `1200`."""
    bare = " ".join(text.casefold().split()).strip(" .$")[:LONGEST]
    try:
        number = float(bare.replace(",", ""))
    except ValueError:
        return bare
    return f"{number:.12g}" if math.isfinite(number) else bare


def _items(wanted: Mapping[str, Any], said: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Item]:
    """Return the samples of a suite with what each run said to them."""
    answers: dict[str, dict[str, str]] = defaultdict(dict)
    rows: dict[str, Mapping[str, Any]] = {}
    for run_id, each in said.items():
        for row in each:
            rows[row["sample_digest"]] = row
            answers[row["sample_digest"]][run_id] = row["said"] if row["wrong"] else RIGHT
    tag = wanted["group_tag"] or ""
    groups = {key: (row["tags"] or {}).get(tag, "") for key, row in rows.items()}
    golds = {key: _gold(row) for key, row in rows.items()}
    return [
        Item(key, groups[key], golds[key], {run: golds[key] if a == RIGHT else a for run, a in by.items()})
        for key, by in sorted(answers.items())
    ]


def _gold(row: Mapping[str, Any]) -> str:
    """Return the target as an answer; what is no single text or number (tests, several targets) is `RIGHT`."""
    target = json.loads(row["target"] or "null")
    return plain(str(target)) if isinstance(target, str | int | float) and "verdict" not in row["detail"] else RIGHT


def _suspect(suite: str, row: Mapping[str, Any], one: Agreement, p: float) -> Suspect:
    data = json.loads(row["data"] or "{}")
    question = asked(data)
    text = "\n".join([question, *options(data, question)])
    right = sum(said == one.item.gold for said in one.item.said.values())
    name = row["name"] or row["sample_id"][:12]
    target = json.loads(row["target"] or "null")
    gold = target if isinstance(target, str) else json.dumps(target)
    of = len(one.item.said)
    return Suspect(suite, row["sample_id"], name, text, gold, one.answer, one.agree, right, of, p, one.odds)
