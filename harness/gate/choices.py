"""Log-likelihoods of choices from the store: what a calibration is fitted to, and what a gate makes confidences of.

    write(database, "model.gguf-4c1d..", Path("report"))    -> report/choices.jsonl, report/choices.json

    {"suite": "mmlu", "sample": "9f..", "origin": "41..", "subject": "anatomy", "logprobs": [-3.1, -0.2, -4.0, -5.2],
     "target": 1}

Which choice is right is asked of the suite's own scorer, one choice after the other: targets are letters, texts,
places, or counts, as each benchmark likes. A suite whose score is not that of the likeliest choice (normalised by
length, several right ones, several turns) is left out whole, and the report says so: what could be read of it would be
its right answers.
Cost: a scoring per choice; 7,000 answers of four choices about two seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import registry
from harness.compare.pairs import declared_metric
from harness.contracts import Suite
from harness.errors import UsageError
from harness.stats.scaling import FARTHEST, Answer, Scaling, likeliest, read
from harness.store import Database
from harness.store import read as stored
from harness.types import Completion, Sample

CHOICES, ABOUT = "choices.jsonl", "choices.json"


def scaling_of(run: Mapping[str, Any]) -> Scaling:
    """Return how the model of a stored run is calibrated: the softmax as it stands where nothing is said."""
    told = (run["model_facts"] or {}).get("calibration")
    return read(told) if told else Scaling()


def write(database: Database, run_id: str, folder: Path, split: str = "dev") -> Path:
    """Write what a run's suites by log-likelihood say of their choices into a folder; return it.

    A run without such suites gives a file without lines, which `load` refuses.
    """
    run = stored.run(database, run_id)
    suites, lines = {}, []
    for name, row in stored.run_suites(database, run_id).items():
        found = rows(database, run_id, name, split)
        if found:
            answers, why = _answers(name, declared_metric(row, "").value, found)
            suites[name] = {"n": len(answers), **({"left_out": why} if why else {})}
            lines += answers
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / CHOICES).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, sort_keys=True) + "\n" for line in lines)
    about = {"run": run_id, "model": run["model"], "model_digest": run["model_digest"], "split": split}
    text = json.dumps({**about, "suites": suites}, indent=1, sort_keys=True)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")
    return folder


def rows(database: Database, run_id: str, suite: str, split: str = "all") -> list[dict[str, Any]]:
    """Return the scored records of a suite that chose, with `sums` (log-likelihoods) and the sample's columns."""
    where = "" if split == "all" else " AND s.split = ?"
    return stored.query(
        database,
        "SELECT r.sample_id, r.attempt, s.origin, s.split, s.tags, s.data, s.target, c.choice_logprobs AS sums,"
        " sc.measures FROM records r JOIN completions c ON c.key = r.completion_keys[-1]"
        " JOIN scores sc ON sc.key = r.score_key AND sc.suite = r.suite"
        " LEFT JOIN samples s ON s.suite = r.suite AND s.digest = r.sample_digest"
        f" WHERE r.run_id = ? AND r.suite = ? AND len(c.choice_logprobs) > 1{where} ORDER BY r.sample_id, r.attempt",
        [run_id, suite, *([] if split == "all" else [split])],
    )


def _answers(name: str, value: str, found: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Return the lines of a suite, or none and why."""
    try:
        suite = registry.suite(name)
    except UsageError as error:
        return [], error.what
    if not suite.one_turn:
        return [], "a sample asks more than once"
    lines = []
    for row in found:
        target = right(suite, _sample(suite, row), value, len(row["sums"]))
        if target is None:
            return [], f"no one choice is the right one of {row['sample_id'][:12]}"
        if (likeliest(row["sums"]) == target) != (row["measures"][value] >= 1.0):
            return [], f"its {value} is not that of the likeliest choice ({row['sample_id'][:12]})"
        tags = row["tags"] or {}
        lines.append({
            "suite": name, "sample": row["sample_id"], "origin": row["origin"] or row["sample_id"],
            "subject": str(tags.get(suite.group_tag, "")), "target": target,
            "logprobs": [x if math.isfinite(x) else max(row["sums"]) - FARTHEST for x in row["sums"]],
        })  # fmt: skip
    return lines, ""


def _sample(suite: Suite, row: Mapping[str, Any]) -> Sample:
    data, target = (json.loads(row[name]) if row[name] else {} for name in ("data", "target"))
    return Sample(row["sample_id"], suite.name, row["origin"] or "", row["split"], data, target, row["tags"] or {})


def right(suite: Suite, sample: Sample, value: str, count: int) -> int | None:
    """Return the index of the one choice that the suite's scorer calls right; None where there is none or several."""
    found = []
    for likely in range(count):
        sums = tuple(-1.0 if place == likely else -99.0 for place in range(count))
        said = Completion(choice_logprobs=sums, choice_tokens=(1,) * count, choice_greedy=(False,) * count)
        try:
            found += [likely] * (suite.score(sample, said).values[value] >= 1.0)
        except (ValueError, LookupError, TypeError):
            return None
    return found[0] if len(found) == 1 else None


def load(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what is said about the answers, and the answers, of a folder that `write` made.

    Raises:
        UsageError: it is none, a line cannot be read, or there are no answers; names it.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        with (folder / CHOICES).open(encoding="utf-8") as file:
            lines = list(_lines(file))
        if not isinstance(about, dict) or not isinstance(about.get("suites"), dict):
            raise ValueError(f"{ABOUT} tells no suites")
    except (OSError, ValueError) as error:
        what = f"no log-likelihoods of choices in {str(folder)!r}: {error}"
        raise UsageError(what, f"a report with {CHOICES} and {ABOUT}", "make it with gate.choices.write") from error
    if not lines:
        left = "; ".join(f"{name}: {one['left_out']}" for name, one in about["suites"].items() if "left_out" in one)
        what = f"run {about.get('run')!r} has no log-likelihoods of choices in the split {about.get('split')!r}"
        expected = left or "a suite that is scored by them"
        raise UsageError(what, expected, "add primer:choices or mmlu to the suites of the policy")
    return about, lines


def _lines(file: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(file, start=1):
        line = json.loads(text)
        sums: Any = line.get("logprobs") if isinstance(line, dict) else None
        is_one = (
            isinstance(sums, list)
            and len(sums) > 1
            and all(isinstance(x, int | float) and math.isfinite(x) for x in sums)
        )
        if not is_one or not isinstance(line.get("target"), int) or not 0 <= line["target"] < len(sums):
            raise ValueError(f"{CHOICES}, line {number}: no answer: {text.strip()[:80]!r}")
        yield line


def answer(line: Mapping[str, Any]) -> Answer:
    """Return a line as `stats.scaling` fits it."""
    return line["logprobs"], line["target"]
