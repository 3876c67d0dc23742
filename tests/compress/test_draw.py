"""`compress.draw`: training rows of a suite or a file, each once, none of them a sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rows_kit import Remembering

from harness import registry
from harness.errors import UsageError
from harness.hashing import file_sha256
from harness.types import Artifact
from harness.workbench import rows as dataset

STEP = registry.step("compress.draw")


def drawn(scratch: Path, **parameters: Any) -> Path:
    return STEP.run([], parameters, Remembering(scratch))


def test_practice_rows_come_once_and_by_seed(tmp_path: Path) -> None:
    first = dataset.at(drawn(tmp_path / "a", suite="primer", rows=300))
    again = dataset.at(drawn(tmp_path / "b", suite="primer", rows=300))
    other = dataset.at(drawn(tmp_path / "c", suite="primer", rows=300, seed=1))
    ids = [row["id"] for row in first]
    assert first == again and len(set(ids)) == 300
    assert len(set(ids) & {row["id"] for row in other}) < 100
    samples = {one.data["prompt"] for one in registry.suite("primer:large").samples(None)}
    assert not samples & {row["prompt"] for row in first}
    report = json.loads((tmp_path / "a" / "rows" / "report.json").read_text())
    assert report["out"] == 300 and report["wanted"] == 300 and report["parameters"]["suite"] == "primer"


def test_the_curation_of_the_improvement_wing_takes_the_rows(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "draw", suite="primer", rows=200)
    sample = next(iter(registry.suite("primer").samples(None)))
    copy = {"prompt": sample.data["prompt"], "completion": f" {sample.target}"}
    with (folder / dataset.ROWS).open("a") as stream:
        stream.write(json.dumps({"id": dataset.row_id(copy), **copy}) + "\n")
    step = registry.step("improve.decontaminate")
    context = Remembering(tmp_path / "clean", tmp_path / "cache")
    clean = step.run([Artifact("d", "dataset", str(folder), "x")], {"suites": ["primer"]}, context)
    kept = dataset.at(clean)
    assert len(kept) == 200 and dataset.row_id(copy) not in {row["id"] for row in kept}
    assert [row["source"]["generator"] for row in kept] == ["primer"] * 200


def test_rows_of_a_file(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"prompt": f"Q: {n}\nA:", "completion": f" {n}", "tags": {"mark": "x"}} for n in range(50)
    ]
    lines += [lines[0], {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = dataset.at(drawn(tmp_path / "all", file=str(path), file_sha256=file_sha256(path)))
    assert len(found) == 51 and all("tags" not in row and row["source"] == {"file": "mine.jsonl"} for row in found)
    few = dataset.at(drawn(tmp_path / "few", file=str(path), rows=10))
    assert few == found[:10] and few != dataset.at(drawn(tmp_path / "seed", file=str(path), rows=10, seed=3))
    with pytest.raises(UsageError, match="not the file that it was"):
        drawn(tmp_path / "changed", file=str(path), file_sha256="0" * 64)


def test_rows_of_a_file_are_taken_as_given(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"prompt": "Name a river.", "completion": "Elbe"}\n')
    given = Artifact("d", "dataset", str(drawn(tmp_path / "draw", file=str(path))), "x")
    taught = {"prompt": "Name a lake.", "completion": "Como", "source": {"teacher": "openai:big"}}
    made = dataset.write(tmp_path / "made", "test", [{"id": dataset.row_id(taught), **taught}], (), 1)
    inputs = [Artifact("m", "dataset", str(made), "y"), given]
    folder = registry.step("improve.verify").run(inputs, {}, Remembering(tmp_path / "verify"))
    assert [row["checks"]["verify"] for row in dataset.at(folder)] == ["given"], "the other one nobody checked"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "one of"),
        ({"suite": "primer", "file": "x.jsonl"}, "one of"),
        ({"suite": "mmlu"}, "no practice rows"),
        ({"suite": "primr"}, "no suite named"),
        ({"file": "/nowhere/rows.jsonl"}, "cannot read"),
        ({"suite": "primer", "row": 3}, "unknown key 'row'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_begins(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        STEP.check(parameters)


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n')
    with pytest.raises(UsageError, match="line 2"):
        STEP.check({"file": str(path)})
    path.write_text("")
    with pytest.raises(UsageError, match="holds no rows"):
        STEP.check({"file": str(path)})
