"""Dataset artifacts, of every wing: a folder with `rows.jsonl`, `dropped.jsonl` and `report.json`.

    rows.jsonl      {"id": "9f..", "prompt": "Q: 2 + 2\\nA:", "completion": " 4", "cause": "c1", "source": {..}}
    dropped.jsonl   {.. the row .., "dropped": {"by": "improve.dedup", "reason": "exact", "of": "41.."}}
    report.json     {"step": "improve.dedup", "in": 900, "out": 871, "dropped": {"exact": 29}, "parameters": {..}}

A row is a prompt and its completion, or messages of which the assistant said the last; curation and training read rows
here, so that one place says it. Its id is a digest of what is trained on, so that the same row has one id wherever it
came from; a line without an id is given it. `dropped.jsonl` holds what this step dropped, not what earlier ones did.
Rows are plain mappings: each step reads what it knows and leaves the rest as it is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.hashing import digest
from harness.types import Artifact, Message, Request

ROWS, DROPPED, REPORT = "rows.jsonl", "dropped.jsonl", "report.json"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Dropped:
    """A row that a step takes out."""

    row: Row
    reason: str
    """Word that the report counts by."""
    detail: Mapping[str, Any]
    """JSON data: what it is near to, the verdict of a check."""


def row_id(row: Row) -> str:
    """Return the digest of what is trained on."""
    if "messages" in row:
        return digest("row", row["messages"], row.get("tools") or [])
    return digest("row", row["prompt"], row["completion"])


def named(row: Row) -> Row:
    """Return the row with its id, first."""
    return row if "id" in row else {"id": row_id(row), **row}


def question(row: Row) -> str:
    """Return what a row asks: its prompt, or its last user turn."""
    turns = [turn for turn in row.get("messages", ()) if turn.get("role") == "user"]
    return str(row["prompt"] if "messages" not in row else turns[-1].get("content") or "" if turns else "")


def answer(row: Row) -> str:
    """Return what is trained on: the completion, or the last turn."""
    return str(row["completion"] if "messages" not in row else row["messages"][-1].get("content") or "")


def texts(row: Row) -> list[str]:
    """Return all texts of a row: prompt and completion, or each turn, calls of tools as JSON."""
    if "messages" not in row:
        return [row["prompt"], row["completion"]]
    found = []
    for turn in row["messages"]:
        found += [str(turn.get("content") or "")]
        found += [json.dumps(call, ensure_ascii=False) for call in turn.get("tool_calls") or ()]
    return found


def read(artifact: Artifact) -> list[Row]:
    """Return the rows of a dataset artifact, as `at`."""
    return at(Path(artifact.path))


def at(place: Path) -> list[Row]:
    """Return the rows of a dataset's folder, or of a file of rows, in the order of the file; there may be none.

    Raises:
        UsageError: no such file, a line that is no row.
    """
    path = place / ROWS if place.is_dir() else place
    try:
        # Not splitlines: a row's text may hold U+2028.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}", f"a dataset with {ROWS}", "check the inputs") from error
    return [_row(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def all_of(inputs: Sequence[Artifact], step: str) -> list[Row]:
    """Return the rows of all datasets among the inputs of a step.

    Raises:
        UsageError: there is no dataset.
    """
    datasets = [one for one in inputs if one.kind == "dataset"]
    if not datasets:
        kinds = sorted({one.kind for one in inputs})
        raise UsageError(f"{step} has no dataset among its inputs {kinds}", "one or more datasets", "check the recipe")
    return [row for one in datasets for row in read(one)]


def some_of(inputs: Sequence[Artifact], step: str) -> list[Row]:
    """Return the rows of all datasets among the inputs of a step that cannot do without.

    Raises:
        UsageError: there is no dataset, or no row in any.
    """
    found = all_of(inputs, step)
    if not found:
        raise UsageError(f"{step} has no row among its inputs", "rows to train on", "look at where they come from")
    return found


def request(row: Row) -> tuple[Request, str]:
    """Return (what a model is asked by a row, the text that it is to answer)."""
    if "messages" not in row:
        return Request("generate", prompt=row["prompt"]), row["completion"]
    turns = tuple(Message(turn["role"], str(turn.get("content") or "")) for turn in row["messages"][:-1])
    return Request("generate", messages=turns, tools=tuple(row.get("tools") or ())), answer(row)


def write(folder: Path, step: str, rows: Sequence[Row], dropped: Sequence[Dropped], given: int, **report: Any) -> Path:
    """Write a dataset into `folder` and return it. `given`: rows that came in."""
    folder.mkdir(parents=True, exist_ok=True)
    gone = [{**named(one.row), "dropped": {"by": step, "reason": one.reason, **one.detail}} for one in dropped]
    _lines(folder / ROWS, map(named, rows))
    _lines(folder / DROPPED, gone)
    counts = Counter(one.reason for one in dropped)
    told = {"step": step, "in": given, "out": len(rows), "dropped": dict(sorted(counts.items())), **report}
    (folder / REPORT).write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return folder


def passed(row: Row, check: str, verdict: Any) -> Row:
    """Return the row with the verdict of a check."""
    return {**row, "checks": {**row.get("checks", {}), check: verdict}}


def _lines(path: Path, rows: Iterator[Row] | Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            # A lone surrogate of a model's text is written as an escape.
            line = json.dumps(row, ensure_ascii=False)
            stream.write((line if line.isprintable() else json.dumps(row)) + "\n")


def _row(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{str(path)!r} line {number}: {error}", "one JSON object a line", "mend that line") from error
    if not isinstance(row, dict) or not _is_row(row):
        expected = "prompt and completion, or messages of which the assistant said the last"
        raise UsageError(f"{str(path)!r} line {number} is no training row", expected, "mend that line")
    return named(row)


def _is_row(row: Row) -> bool:
    if "messages" not in row:
        return isinstance(row.get("prompt"), str) and isinstance(row.get("completion"), str)
    turns = row["messages"]
    if not isinstance(turns, list) or len(turns) < 2:
        return False
    told = all(isinstance(turn, dict) and isinstance(turn.get("role"), str) for turn in turns)
    return told and turns[-1]["role"] == "assistant"
