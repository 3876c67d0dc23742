"""`harness frontier`: a table, a picture on the terminal and in a file, one JSON document."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compress"))

import compression_kit as kit

from harness.cli import app, listing
from harness.store import Database, stages


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    made = Database(tmp_path_factory.mktemp("frontier") / "h.duckdb")
    told = [
        {"step": "compress.gguf \x1b[2J[red]", "wrong": 8, "measures": kit.measures(1.0, 0.05)},
        {"step": "destroy", "wrong": 80, "measures": kit.measures(0.2, 4.0), "kept": False},
    ]
    kit.compression(made, "small", told, {"wrong": 6, "measures": kit.measures(4.0)})
    kit.run(made, "chatty", 2, facts={"size_bytes": 9 * kit.MIB}, config={"prompt": "chat"})
    return made


def said(database: Database, *words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["frontier", *map(str, words), "--db", str(database.path)])
    assert result.exit_code == code, result.output
    return result.output


def test_people_see_a_table_and_a_picture(database: Database) -> None:
    text = said(database)
    lines = text.splitlines()
    assert f"mmlu acc, version 1, prompt raw, {len(kit.SEALED)} sealed samples" in lines[0] and "\x1b" not in text
    (gguf,) = (line for line in lines if line.startswith("2 "))
    assert "small/1 compress.gguf \\x1b[2J[red]" in gguf and gguf.rstrip().endswith("optimal")
    assert any(line.startswith("1 ") and line.rstrip().endswith("not proven better than 2") for line in lines)
    assert any(line.startswith("3 ") and line.rstrip().endswith("rolled back") for line in lines)
    assert "size, MiB (log)" in text and "1 models that share an axis with no other" in text and "chatty" not in text


def test_json_is_one_document_with_every_axis(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "frontier.svg"
    document = json.loads(said(database, "small", "chatty", "--json", "--plot", target))
    assert document["plot"] == str(target) and document["against"] == "size"
    first, second = document["axes"]
    assert [one["optimal"] for one in first["marked"]] == [True, True, False]
    assert second["prompt"] == "chat" and second["marked"][0]["point"]["size_bytes"] == 9 * kit.MIB
    svg = target.read_text()
    assert svg.startswith("<svg") and "small/2 destroy" in svg and "rolled back" in svg and "\x1b" not in svg


def test_a_picture_as_png(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "frontier.png"
    assert f"written: {target}" in said(database, "small", "--plot", target)
    width, height = struct.unpack(">II", target.read_bytes()[16:24])
    assert target.read_bytes().startswith(b"\x89PNG") and width > 1000 and height > 600


def test_what_cannot_be_shown_is_refused(database: Database, tmp_path: Path) -> None:
    assert "nearest: 'speed'" in said(database, "--against", "sped", code=2)
    assert "ends in .svg or .png" in said(database, "--plot", tmp_path / "x.pdf", code=2)
    assert "no speed was measured" in said(database, "--against", "speed", "--plot", tmp_path / "x.svg", code=2)
    assert "no compression or run 'nobody'" in said(database, "nobody", code=2)
    assert "harness compress tiny" in said(Database(tmp_path / "none.duckdb"), code=2)
    assert not list(tmp_path.iterdir())


def test_compressions_are_listed_and_no_run_is_made_of_one(database: Database, tmp_path: Path) -> None:
    [small] = listing.compressions(str(database.path))
    assert (small["compression"], small["stages"], small["kept"]) == ("small", 2, 1)
    empty = Database(tmp_path / "h.duckdb")
    assert listing.compressions(str(empty.path)) == []
    stages.start(empty, "tight", {}, "0", "tiny")
    assert [row["compression"] for row in listing.compressions(str(empty.path))] == ["tight"]
    result = CliRunner().invoke(app, ["show", "tight", "--db", str(empty.path)])
    assert result.exit_code == 2 and "type: harness frontier tight" in result.stderr
