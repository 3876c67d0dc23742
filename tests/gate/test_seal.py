"""Lineages: what a step of the loop made, or anything made of that, counts on `test` alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate import seal
from harness.gate.seal import sealed, why
from harness.store import Database

INSERT = "INSERT INTO artifacts SELECT ?, ?, ?, ?, ?, ?::JSON, now()::TIMESTAMP"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "results" / "harness.duckdb")


def row(
    database: Database, name: str, step: str = "", parents: Sequence[str] = (), kind: str = "model", path: str = ""
) -> str:
    """Store an artifact; its digest is `digest of NAME`."""
    made_by = json.dumps({"step": step, "version": "1"} if step else {})
    with database.write() as connection:
        connection.execute(INSERT, [name, kind, path, f"digest of {name}", list(parents), made_by])
    return f"digest of {name}"


def note(shelf: Path, name: str, step: str = "", parents: Sequence[str] = (), kind: str = "model") -> Path:
    """Write an artifact's folder with its `artifact.json`; return a model file in it."""
    folder = shelf / kind / name
    (folder / "inner").mkdir(parents=True)
    made_by = {"step": step} if step else {}
    (folder / "artifact.json").write_text(
        json.dumps({"id": name, "kind": kind, "parents": parents, "made_by": made_by})
    )
    (folder / "inner" / "model.gguf").write_bytes(b"GGUF")
    return folder / "inner" / "model.gguf"


def run(database: Database, model: str, digest: str, adapter: str = "") -> None:
    with database.write() as connection:
        connection.execute(
            "INSERT INTO runs BY NAME SELECT ? AS run_id, ? AS name, ? AS model, ? AS model_digest, ?::JSON AS config,"
            " '{}' AS model_facts, '{}' AS engine, '{}' AS host",
            [f"run of {model}", "", model, digest, json.dumps({"adapter": adapter})],
        )


def test_a_model_without_lineage_is_not_sealed(database: Database, tmp_path: Path) -> None:
    assert not sealed(database, "d", "hf:org/name") and not sealed(database, None, "openai:gpt@https://host/v1")
    row(database, "other", "improve.finetune")
    assert not sealed(database, "digest of another", str(tmp_path / "model.gguf"))


def test_an_imported_base_and_what_compression_makes_of_it_are_not_sealed(database: Database) -> None:
    row(database, "base")
    assert not sealed(database, row(database, "q4", "compress.quantise", ["base"]))


@pytest.mark.parametrize(("kind", "step"), [("dataset", "improve.generate"), ("model", "improve.finetune")])
def test_any_ancestor_made_by_the_loop_seals_all_descendants(database: Database, kind: str, step: str) -> None:
    row(database, "base")
    row(database, "made", step, ["base"], kind)
    row(database, "trained", "someone.finetune", ["base", "made"])
    row(database, "merged", "compress.merge", ["trained"])
    digest = row(database, "q4", "compress.quantise", ["merged"])
    assert why(database, digest, "gguf:anywhere.gguf") == f"{kind} 'made' was made by {step!r}"


def test_a_name_that_only_contains_the_loops_is_another_step(database: Database) -> None:
    assert not sealed(database, row(database, "m", "acme.improve.finetune"))


def test_a_cycle_ends_and_still_finds_the_loop(database: Database) -> None:
    row(database, "a", "compress.merge", ["b", "a"])
    digest = row(database, "b", "compress.merge", ["a"])
    assert not sealed(database, digest)
    row(database, "b", "compress.merge", ["c"])
    row(database, "c", "improve.finetune", ["a"])
    assert why(database, digest) == "model 'c' was made by 'improve.finetune'"


def test_a_parent_that_is_nowhere_seals_and_is_named(database: Database) -> None:
    digest = row(database, "m", "compress.quantise", ["lost"])
    assert "names a parent 'lost' that is nowhere" in why(database, digest)


def test_the_note_above_a_models_file_is_found_without_any_row(database: Database, tmp_path: Path) -> None:
    shelf = tmp_path / "elsewhere" / "artifacts"
    note(shelf, "data", "improve.generate", kind="dataset")
    trained = note(shelf, "trained", "train.sft", ["data"])
    assert why(database, None, f"gguf:{trained}") == "dataset 'data' was made by 'improve.generate'"
    assert why(database, None, trained.parent) == why(database, None, trained.parent.parent)
    linked = tmp_path / "innocent.gguf"
    linked.symlink_to(trained)
    assert sealed(database, None, str(linked))
    clean = note(shelf, "clean")
    assert not sealed(database, None, f"gguf:{clean}")


def test_rows_and_notes_complete_one_another(database: Database) -> None:
    note(database.folder / "artifacts", "tuned", "improve.finetune")
    digest = row(database, "q4", "compress.quantise", ["tuned"])
    assert why(database, digest) == "model 'tuned' was made by 'improve.finetune'"


def test_where_an_artifact_lies_is_enough_when_its_note_is_gone(database: Database) -> None:
    """Digests of folders and of what a model loads from them differ; paths in rows are as they were written."""
    row(database, "m", "improve.finetune", path="artifacts/model/m")
    folder = database.folder / "artifacts" / "model" / "m"
    assert sealed(database, "another digest", f"hf:{folder}") and sealed(database, None, f"{folder}/model.gguf")
    assert not sealed(database, None, f"{folder}2/model.gguf")


def test_a_copy_of_the_weights_is_known_by_the_run_that_had_the_original(database: Database, tmp_path: Path) -> None:
    original = note(tmp_path / "artifacts", "m", "improve.finetune")
    run(database, f"gguf:{original}", "same weights")
    assert sealed(database, "same weights", "gguf:/tmp/innocent.gguf")
    assert not sealed(database, "other weights", "gguf:/tmp/innocent.gguf")


@pytest.mark.parametrize("typed", ["{}", "{}@0.5", "clean@1.0,{}@0.5"])
def test_an_adapter_seals_its_base(database: Database, tmp_path: Path, typed: str) -> None:
    adapter = note(tmp_path / "artifacts", "lora", "improve.finetune", kind="adapter").parent
    assert sealed(database, "d", "hf:org/base", typed.format(adapter))
    run(database, "hf:org/base", "digest of both", typed.format(adapter))
    assert seal.why_run(database, "run of hf:org/base") == "adapter 'lora' was made by 'improve.finetune'"


def test_a_base_seals_its_adapter(database: Database, tmp_path: Path) -> None:
    base = note(tmp_path / "artifacts", "m", "improve.finetune").parent
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    assert sealed(database, None, "hf:org/base", str(tmp_path / "lora"))


@pytest.mark.parametrize("text", ["{", "", "\x00", '{"parents": 1, "made_by": {}}', '{"parents": [], "made_by": "x"}'])
def test_a_note_that_cannot_be_read_seals(database: Database, tmp_path: Path, text: str) -> None:
    model = note(tmp_path / "artifacts", "m")
    (model.parent.parent / "artifact.json").write_text(text)
    assert "its lineage is unknown" in why(database, None, str(model))


@pytest.mark.parametrize("text", ["[]", '{"name": "my-web-app", "version": 3}'])
def test_a_file_of_that_name_of_somebody_else_is_not_ours(database: Database, tmp_path: Path, text: str) -> None:
    (tmp_path / "artifact.json").write_text(text)
    assert not sealed(database, None, str(tmp_path / "model.gguf"))


@pytest.mark.parametrize("parent", ["../model/clean", "*", "/", "", "a\x1b[2Jb", "'; DROP TABLE artifacts; --"])
def test_a_parent_of_an_odd_name_is_nobody(database: Database, tmp_path: Path, parent: str) -> None:
    note(database.folder / "artifacts", "clean")
    model = note(tmp_path / "artifacts", "m", "train.sft", [parent])
    assert "nowhere" in why(database, None, str(model))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20), st.sets(st.integers(0, 7)), st.data())
def test_sealed_is_reachability(edges: list[tuple[int, int]], loops: set[int], data: Any) -> None:
    """Against the closure of the parent relation, computed the slow way."""
    from harness.types import Artifact

    made = {i: {"step": "improve.x" if i in loops else "other.x"} for i in range(8)}
    known = {
        str(i): Artifact(str(i), "model", "", "", tuple(str(b) for a, b in edges if a == i), made[i]) for i in made
    }

    class All:
        def of(self, name: str) -> list[Artifact]:
            return [known[name]]

    start = data.draw(st.integers(0, 7))
    reached = {start}
    for _ in range(8):
        reached |= {b for a, b in edges if a in reached}
    assert bool(seal._walked([known[str(start)]], All())) == bool(reached & loops)  # type: ignore[arg-type]
