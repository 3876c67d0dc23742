"""Gathers what went wrong in a run: one Case a scored sample and attempt whose primary value is not full marks.

    cases(database, "codex-1f0c9a77d2", split="dev", suites=["bbh"])
      -> [Case(suite="bbh", name="navigate/3", question="If you follow these ..", target="Yes", answer="No", ..), ..]

A fault is no failure: it has no score. What a suite calls `right` is none either, though its value may be below the
metric's best end (a probability of .9 on the true answers). Where the best end is infinite, the mode alone decides.

The question is what the sample's row asks, without instructions and few-shot examples; where a row has no field that is
known here, the end of the stored prompt. Text and finish are those of the model's last completion: whoever answers
later under another identity than the first is a judge.

Cost: three queries a suite and one pass over the failures (`tests/failures/test_cases_scale.py`: 14,000 in a few
seconds on two cores).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.compare.pairs import declared_metric
from harness.failures.case import Case
from harness.store import Database, read
from harness.types import Metric

QUESTIONS = ("question", "input", "text", "prompt", "query", "problem", "instruction", "sentence", "goal", "ctx")
"""Fields of a row that hold its question, the first that is there."""
CHOICES = ("choices", "options", "endings")
TAIL = 4000
"""Characters of a stored prompt that are looked at where the row holds no question."""
SHOT = re.compile(r"\n\s*\n|\n(?=(?:Q|Question|User|Problem|Instruction|Input)\s{0,2}\d{0,4}\s{0,2}[:.])")
OPTION = re.compile(r"^[ \t]{0,4}[(\[]?([A-Z])[)\].][ \t]{1,4}(\S.{0,400})$", re.MULTILINE)
USER = re.compile(r'"content":\s?"((?:[^"\\]|\\.)*)",\s?"role":\s?"user"')


def cases(database: Database, run_id: str, split: str = "all", suites: Sequence[str] | None = None) -> list[Case]:
    """Return the failures of a run, sorted by `Case.key`.

    `split`: `dev`, `test` or `all`. `suites`: names, all that the run has where None.

    Raises:
        UsageError: a suite that the run lacks; tells the nearest.
    """
    wanted = read.run_suites(database, run_id, suites)
    found = [case for row in wanted.values() for case in _of_suite(database, run_id, row, split)]
    return sorted(found, key=lambda case: case.key)


def failed(metric: Metric, measures: Mapping[str, float], mode: str) -> bool:
    """Return whether a score is below full marks: not `right`, and not at the metric's better end."""
    value = measures.get(metric.value)
    if mode == "right" or value is None:
        return False
    how, _, below = metric.aggregate.partition(":")
    if how == "ratio":
        best = measures.get(below, 0.0) if metric.higher_is_better else metric.low
    else:
        best = metric.high if metric.higher_is_better else metric.low
    return value < best - 1e-9 if metric.higher_is_better else value > best + 1e-9


def asked(data: Mapping[str, Any], prompt: str = "") -> str:
    """Return what a row asks; else the end of `prompt`, few-shot examples cut off."""
    row = data["document"] if isinstance(data.get("document"), Mapping) else data
    found = next((row[name] for name in QUESTIONS if isinstance(row.get(name), str) and row[name].strip()), None)
    if found is not None:
        facts = row.get("facts") or row.get("passage")
        return f"{facts}\n{found}" if isinstance(facts, str) and facts.strip() else str(found)
    parts = [text for name in ("first", "second", "premise", "hypothesis") if isinstance(text := row.get(name), str)]
    return "\n".join(part for part in parts if part.strip()) or last_turn(prompt)


def last_turn(prompt: str) -> str:
    """Return the last question of a stored prompt: the last user turn of a chat, or what follows the last example."""
    turns = USER.findall(prompt)
    if turns:
        try:
            prompt = json.loads(f'"{turns[-1]}"', strict=False)
        except ValueError:
            prompt = turns[-1]
        return prompt.strip()
    blocks = [block.strip() for block in SHOT.split(prompt)]
    return next((block for block in reversed(blocks) if len(block) > 12), prompt.strip())


def options(data: Mapping[str, Any], question: str) -> tuple[str, ...]:
    """Return the texts of the options: of the row, or of the lines `(A) ..` under "Options:" in its question."""
    row = data["document"] if isinstance(data.get("document"), Mapping) else data
    for name in CHOICES:
        found = row.get(name)
        found = found.get("text") if isinstance(found, Mapping) else found
        if isinstance(found, list) and len(found) > 1:
            return tuple(str(one) for one in found)
    _, listed, rest = question.rpartition("Options:")
    return tuple(text.strip() for _, text in OPTION.findall(rest)) if listed else ()


def _of_suite(database: Database, run_id: str, wanted: Mapping[str, Any], split: str) -> list[Case]:
    metric, suite = declared_metric(wanted, ""), wanted["suite"]
    rows = [row for row in _scored(database, run_id, suite, split) if failed(metric, row["measures"], row["mode"])]
    said = _completions(database, {key for row in rows for key in row["completion_keys"]})
    return [_case(run_id, suite, row, metric, _last(row["completion_keys"], said)) for row in rows]


def _scored(database: Database, run_id: str, suite: str, split: str) -> list[dict[str, Any]]:
    """Return the scored records of a suite; should one lie there twice, the latest speaks."""
    where = "" if split == "all" else " AND s.split = ?"
    return read.query(
        database,
        "SELECT r.sample_id, r.attempt, r.completion_keys, s.name, s.origin, s.split, s.tags, s.target, s.data,"
        " sc.measures, sc.mode, sc.answer, sc.detail FROM records r"
        " JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite"
        " LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest"
        f" WHERE r.run_id = ? AND r.suite = ? AND sc.mode <> 'right'{where}"
        " QUALIFY row_number() OVER (PARTITION BY r.sample_id, r.attempt ORDER BY r.recorded_at DESC) = 1",
        [run_id, suite, *([] if split == "all" else [split])],
    )


def _completions(database: Database, keys: set[str]) -> dict[str, dict[str, Any]]:
    import pyarrow as pa

    if not keys:
        return {}
    with database.read() as connection:
        connection.register("wanted", pa.table({"key": pa.array(sorted(keys), pa.string())}))
        found = read.rows(
            connection,
            "SELECT c.key, c.model_digest, c.text, c.finish, c.completion_tokens, c.tool_calls,"
            f" right(c.tail, {TAIL}) AS tail FROM completions c SEMI JOIN wanted w ON c.key = w.key",
        )
        connection.unregister("wanted")
    return {row["key"]: row for row in found}


def _last(keys: Sequence[str], said: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the last completion by whoever answered first: a judge answers after the model."""
    there = [said[key] for key in keys if key in said]
    own = [row for row in there if row["model_digest"] == there[0]["model_digest"]]
    return own[-1] if own else {}


def _case(run_id: str, suite: str, row: Mapping[str, Any], metric: Metric, said: Mapping[str, Any]) -> Case:
    data = json.loads(row["data"]) if row["data"] else {}
    data = data if isinstance(data, dict) else {}
    question = asked(data, said.get("tail") or "")
    below = metric.aggregate.partition(":")[2] if metric.aggregate.startswith("ratio:") else ""
    return Case(
        run_id=run_id,
        suite=suite,
        sample_id=row["sample_id"],
        attempt=row["attempt"],
        name=row["name"] or row["sample_id"][:12],
        origin=row["origin"] or row["sample_id"],
        split=row["split"] or "",
        tags=dict(row["tags"] or {}),
        question=question,
        target=json.loads(row["target"]) if row["target"] else None,
        choices=options(data, question),
        answer=row["answer"],
        text=(said.get("text") or "") or (said.get("tool_calls") or ""),
        finish=said.get("finish") or "",
        mode=row["mode"],
        score=row["measures"][metric.value] / (row["measures"].get(below) or 1.0 if below else 1.0),
        detail=json.loads(row["detail"]) if row["detail"] else {},
        completion_tokens=said.get("completion_tokens") or 0,
    )
