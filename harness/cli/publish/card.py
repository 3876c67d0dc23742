"""The completed card: verdict, scores, what it was taught on, where it came from; then the run record.

    complete(database, found, "org/name")    -> "---\\nlibrary_name: gguf\\nmodel-index: ..\\n---\\n\\n# org/name ..."

Scores stand in the front matter too, as the hub's own results (`EvalResult`). Of a model that came out of a loop only
the split `test` is shown: what was learned from says nothing. Nothing in the text can leave its cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.cli.publish.model import Found
from harness.cli.publish.scores import scores
from harness.cli.publish.teaching import Teaching, teaching
from harness.store import Database, gates
from harness.workbench import record
from harness.workbench.record import cell, table

FRONT_MATTER = re.compile(r"---\n(.*?)\n---", re.DOTALL)
UNKNOWN = "not known: that of the base model applies, look it up"


def complete(database: Database, found: Found, name: str = "") -> str:
    """Return the card of a model. `name`: of the repository; empty: the artifact's.

    Raises:
        MissingPackage: huggingface_hub is not installed.
    """
    name = name or found.name
    told = _scores(database, found)
    licence = _licence(found.record)
    sections = [f"# {cell(name)}", _opening(found), *_verdict(database, found), *_scored(found, told)]
    sections += [*_taught(teaching(database, found.artifact), found), _origin(found, licence)]
    about: dict[str, Any] = {"license": licence} if licence else {}
    if told:
        about |= {"model_name": name, "eval_results": results(told)}
    return record.card(found.record, sections, **about)


def _opening(found: Found) -> str:
    base = cell(record.without_places(str(record.base(found.record).get("name", "a model that nobody named"))))
    if (row := found.round) is None:
        return f"A model made from {base}."
    taken = {True: "accepted", False: "not accepted", None: "not judged yet"}[row["accepted"]]
    why = f" ({cell(row['why'])})" if row["why"] else ""
    return f"Round {row['number']} of the improvement loop {cell(row['loop'])}, {taken}{why}; made from {base}."


def _scores(database: Database, found: Found) -> list[dict[str, Any]]:
    if found.run_id is None:
        return []
    before = found.round["run_before"] if found.round else None
    return scores(database, found.run_id, "test" if found.sealed else "all", before)


def _verdict(database: Database, found: Found) -> Iterator[str]:
    if found.gate is None:
        yield f"## Verdict\n\nNone: {cell(found.unproven)}."
        return
    row, checks = gates.verdict(database, found.gate["gate_id"])
    facts = {
        "outcome": row["outcome"], "policy": Path(row["policy"]).name, "samples": row["split"], "sealed": row["sealed"],
        "decided": f"{row['decided_at']:%Y-%m-%d %H:%M} UTC", "note": record.without_places(row["note"] or "-"),
    }  # fmt: skip
    if found.round and found.round["verdict_before"]:
        facts["before the round"] = found.round["verdict_before"]
    yield table("Verdict", ("what", "value"), facts.items())
    lines = [(one.suite or "-", one.rule, one.outcome, _number(one.observed), _number(one.bound)) for one in checks]
    yield table("Checks", ("suite", "rule", "outcome", "observed", "bound"), lines)


def _scored(found: Found, told: list[dict[str, Any]]) -> Iterator[str]:
    if not told:
        yield "## Scores\n\nNone: no run of these weights is stored."
        return
    columns = ("suite", "metric", "value", "95% interval", "n", "before", "licence of the samples")
    lines = [
        (
            f"{one['suite']} v{one['version']}", one["metric"], _number(one["value"]),
            f"{one['low']:.3f} to {one['high']:.3f}", one["n"], _number(one["before"]), one["licence"],
        )
        for one in told
    ]  # fmt: skip
    yield table("Scores", columns, lines)
    if found.sealed:
        yield "On samples of the split `test` alone, which no step of the loop has seen."


def _taught(told: Teaching, found: Found) -> Iterator[str]:
    if told.steps:
        steps = [(one["step"], one["in"], one["out"], one["dropped"] or "-") for one in told.steps]
        yield table("Training data", ("step", "rows in", "rows out", "dropped"), steps)
    if told.causes:
        labels = (found.round or {}).get("causes") or {}
        causes = [
            (labels.get(cause, {}).get("label", "another round's" if cause else "none: replay"), cause or "-", count)
            for cause, count in told.causes.items()
        ]
        yield table("Rows by cause of failure", ("cause", "id", "rows"), causes)
    if told.against:
        near = [(suite, count, told.near.get(suite, 0)) for suite, count in sorted(told.against.items())]
        yield table("Decontamination", ("suite", "samples", "rows that repeated one, taken out"), near)
    if told.teachers:
        yield f"Rows were made by {cell(', '.join(told.teachers))}: its terms of use may apply."


def _origin(found: Found, licence: str | None) -> str:
    base = record.without_places(record.base(found.record))
    facts = {"base model": base.get("name", "-"), "its digest": base.get("digest", "-")}
    return table("Base model and licence", ("what", "value"), {**facts, "licence": licence or UNKNOWN}.items())


def _licence(told: Mapping[str, Any]) -> str | None:
    """Return the licence that the base's own card names, where that card is on this machine."""
    import yaml
    from huggingface_hub import try_to_load_from_cache

    hub_name = record.hub_name(told)
    folder = Path(str(record.base(told).get("name", "")))
    place = try_to_load_from_cache(hub_name, record.CARD) if hub_name else folder / record.CARD
    if not isinstance(place, str | Path):  # nothing of it is in the cache
        return None
    try:
        head = FRONT_MATTER.match(Path(place).read_text(encoding="utf-8"))
        licence = yaml.safe_load(head[1]).get("license") if head else None
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None
    return licence if isinstance(licence, str) else None


def results(told: list[dict[str, Any]]) -> list[Any]:
    """Return rows of `scores` as the hub's own results (`EvalResult`)."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="text-generation",
            dataset_type=one["suite"].partition(":")[0],
            dataset_name=f"{one['suite']} v{one['version']}",
            dataset_config=one["suite"].partition(":")[2] or None,
            dataset_split=one["split"],
            metric_type=one["metric"],
            metric_name=one["metric"],
            metric_value=round(one["value"], 6),
            metric_args={"low": round(one["low"], 6), "high": round(one["high"], 6), "n": one["n"]},
        )
        for one in told
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
