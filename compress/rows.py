"""What steps hand on: training rows in a dataset's folder, rows.jsonl and report.json, and the model they are for.

    rows.jsonl      {"id": "9f..", "prompt": "Q: 2 + 2\\nA:", "completion": " 4", "source": {"generator": "primer", ..}}
    report.json     {"step": "compress.draw", "in": 2000, "out": 2000, "dropped": {}, "parameters": {..}}

A row is a prompt and its completion, or messages of which the assistant said the last. Its id is a digest of what is
trained on: the same row has one id wherever it came from, in every wing. Rows are plain mappings: a step reads what it
knows and leaves the rest as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import data
from harness.errors import UsageError
from harness.hashing import digest
from harness.types import Artifact, Message, Request

ROWS, REPORT = "rows.jsonl", "report.json"
Row = Mapping[str, Any]


def row_id(row: Row) -> str:
    """Return the digest of what is trained on."""
    if "messages" in row:
        return digest("row", row["messages"], row.get("tools") or [])
    return digest("row", row["prompt"], row["completion"])


def read(place: Path) -> list[Row]:
    """Return the rows of a dataset's folder, or of a file of rows, in order, each with its id.

    Raises:
        UsageError: no such file, a line that is no row (names the line).
    """
    path = place / ROWS if place.is_dir() else place
    try:
        found = data.read_jsonl(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}", f"a dataset with {ROWS}", "check the inputs") from error
    for number, row in enumerate(found, start=1):
        if not _is_row(row):
            expected = "prompt and completion, or messages of which the assistant said the last"
            raise UsageError(f"row {number} of {str(path)!r} is no training row", expected, "mend it or take it out")
    return [row if "id" in row else {"id": row_id(row), **row} for row in found]


def of(inputs: Sequence[Artifact], step: str) -> list[Row]:
    """Return the rows of all datasets among the inputs of a step.

    Raises:
        UsageError: there is no dataset, or no row in it.
    """
    datasets = [one for one in inputs if one.kind == "dataset"]
    rows = [row for one in datasets for row in read(Path(one.path))]
    if not rows:
        what = f"{step} has {len(datasets)} datasets among its inputs, with no row"
        raise UsageError(what, "rows to train on", "look at the recipe's `training`")
    return rows


def model_of(inputs: Sequence[Artifact], step: str) -> Artifact:
    """Return the one model among the inputs of a step.

    Raises:
        UsageError: there is none, or several.
    """
    models = [one for one in inputs if one.kind == "model"]
    if len(models) != 1:
        raise UsageError(f"{step} has {len(models)} models among its inputs", "one", "look at the recipe")
    return models[0]


def write(folder: Path, step: str, rows: Sequence[Row], given: int, **report: Any) -> Path:
    """Write a dataset into `folder` and return it. `given`: rows that came in; `report`: further lines."""
    folder.mkdir(parents=True, exist_ok=True)
    # ASCII: a lone surrogate of somebody's text is an escape, and no character ends a line.
    lines = [json.dumps(row, ensure_ascii=True) + "\n" for row in rows]
    (folder / ROWS).write_text("".join(lines), encoding="ascii")
    told = {"step": step, "in": given, "out": len(rows), **report}
    (folder / REPORT).write_text(json.dumps(told, ensure_ascii=True, indent=2) + "\n", encoding="ascii")
    return folder


def request(row: Row) -> tuple[Request, str]:
    """Return (what a model is asked by a row, the text that it is to answer)."""
    if "messages" not in row:
        return Request("generate", prompt=row["prompt"]), row["completion"]
    *before, last = row["messages"]
    turns = tuple(Message(turn["role"], str(turn.get("content") or "")) for turn in before)
    return Request("generate", messages=turns, tools=tuple(row.get("tools") or ())), str(last.get("content") or "")


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    if "messages" not in row:
        return isinstance(row.get("prompt"), str) and isinstance(row.get("completion"), str)
    turns = row["messages"]
    if not isinstance(turns, list) or len(turns) < 2:
        return False
    return (
        all(isinstance(t, dict) and isinstance(t.get("role"), str) for t in turns) and turns[-1]["role"] == "assistant"
    )
