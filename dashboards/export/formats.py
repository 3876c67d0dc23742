"""A run in other people's formats: the results JSON of lm-eval, the results of a Hugging Face model card.

    lm_eval(database, "tiny-0a76b1c2d3")["results"]["primer"]["acc,none"]       -> 0.7412
    write_lm_eval(database, Path("out"), "tiny-0a76b1c2d3")          -> out/tiny/results_2026-11-21T11-31-05.123456.json
    model_card(database, "tiny-0a76b1c2d3")                          -> "---\\nmodel-index:\\n- name: tiny.gguf\\n .."

Of a model that came out of an improvement loop only the split `test` is told: what was learned from says nothing. Paths
are shortened to their last part. lm-eval's `_stderr` is "N/A" (its own word for none): our 95% intervals are Wilson's
and others that no standard error gives back; they stand under `intervals`.

Sources: lm-eval 0.4.13, `result_schema.py`; huggingface.co/docs/hub/model-cards, `EvalResult` of huggingface_hub.
Cost: one pass over the run's records.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC
from pathlib import Path
from typing import Any

from dashboards.export.beside import write_text
from harness.cli.publish import card
from harness.cli.publish.scores import scores
from harness.errors import MissingPackage, UsageError
from harness.gate import seal
from harness.store import Database, read
from harness.workbench.record import cell, table, without_places

COLUMNS = ("suite", "metric", "value", "95% interval", "n")


def lm_eval(database: Database, named: str) -> dict[str, Any]:
    """Return a run as the document that lm-eval writes; `make_table` and its leaderboards read it.

    Raises:
        UsageError: no such run, or none of its suites has a score.
    """
    run, told, split = _told(database, named)
    wanted = read.run_suites(database, run["run_id"])
    results: dict[str, dict[str, Any]] = {}
    intervals: dict[str, dict[str, Any]] = {}
    for one in told:
        row = results.setdefault(one["suite"], {"name": one["suite"], "alias": one["suite"], "sample_len": one["n"]})
        row |= {f"{one['metric']},none": one["value"], f"{one['metric']}_stderr,none": "N/A"}
        intervals.setdefault(one["suite"], {})[one["metric"]] = {
            "low": _finite(one["low"]), "high": _finite(one["high"]), "n": one["n"],
        }  # fmt: skip
    kept = {suite: wanted[suite] for suite in results}
    name = str(without_places(run["model"]))
    return {
        "results": results,
        "group_subtasks": {suite: [] for suite in kept},
        "configs": {suite: _config(row, split) for suite, row in kept.items()},
        "versions": {suite: row["version"] for suite, row in kept.items()},
        "n-shot": {},
        "higher_is_better": {
            suite: {one["name"]: one["higher_is_better"] for one in row["metrics"]} for suite, row in kept.items()
        },
        "n-samples": {
            suite: {"original": row["wanted"], "effective": results[suite]["sample_len"]} for suite, row in kept.items()
        },
        "config": {"model": "harness", "model_args": name, "limit": run["config"].get("limit")},
        "date": run["started_at"].replace(tzinfo=UTC).timestamp(),
        "model_source": "harness",
        "model_name": name,
        "model_name_sanitized": _folder(name),
        "total_evaluation_time_seconds": str(sum(row["seconds"] or 0 for row in kept.values())),
        "run_id": run["run_id"],
        "intervals": intervals,
    }


def write_lm_eval(database: Database, folder: Path, named: str) -> Path:
    """Write the document where lm-eval itself would, so that what looks for its results finds it; return the file.

    Raises:
        UsageError: see `lm_eval`. InfrastructureError: the disk refuses.
    """
    told = lm_eval(database, named)
    at = read.run(database, named)["started_at"].isoformat(timespec="microseconds").replace(":", "-")
    text = json.dumps(told, ensure_ascii=False, indent=2, default=str)
    return write_text(folder / told["model_name_sanitized"] / f"results_{at}.json", text + "\n")


def write_model_card(database: Database, path: Path, named: str) -> Path:
    """Write the card; return the file. Raises what `model_card` does, and what `beside` does."""
    return write_text(path, model_card(database, named))


def model_card(database: Database, named: str) -> str:
    """Return a card's front matter with the run's results, and the same as a table below it.

    Raises:
        UsageError: see `lm_eval`. MissingPackage: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import ModelCardData
    except ImportError as error:
        raise MissingPackage("huggingface_hub", "a model card", "hf") from error
    run, told, split = _told(database, named)
    name = str(without_places(run["model"])).rpartition(":")[2] or run["run_id"]
    head = ModelCardData(model_name=name, eval_results=card.results(told)).to_yaml()
    lines = [
        (
            f"{one['suite']} v{one['version']}", one["metric"], f"{one['value']:.4g}",
            f"{one['low']:.3f} to {one['high']:.3f}", one["n"],
        )
        for one in told
    ]  # fmt: skip
    said = "On samples of the split `test` alone, which no step of the loop has seen." if split == "test" else ""
    parts = [f"---\n{head}\n---", f"# {cell(name)}", table("Scores", COLUMNS, lines), said]
    return "\n\n".join(filter(None, parts)) + "\n"


def _told(database: Database, named: str) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """Return the run, a row a suite and metric, and the split that they are of."""
    run = read.run(database, named)
    split = "test" if seal.why_run(database, run["run_id"]) or run["config"].get("split") == "test" else "all"
    told = scores(database, run["run_id"], split)
    if not told:
        what = f"run {run['run_id']!r} has no score"
        raise UsageError(what, "a run with scores", f"type: harness show {run['run_id']}")
    return run, told, split


def _folder(name: str) -> str:
    """Return a model's name as lm-eval makes a folder of it, and no longer than a file system takes."""
    clean = re.sub(r'["<>:/|\\?*\[\]\x00-\x1f]+', "__", name).encode(errors="replace")[:200].decode(errors="ignore")
    return clean.strip(".") or "model"


def _finite(value: float) -> float | None:
    """Return a bound; None for none at all: JSON knows no infinity."""
    return value if math.isfinite(value) else None


def _config(row: dict[str, Any], split: str) -> dict[str, Any]:
    return {
        "task": row["suite"], "test_split": split,
        "metadata": {"version": row["version"], "source": row["source"], "licence": row["licence"]},
    }  # fmt: skip
