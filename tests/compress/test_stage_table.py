"""The table of a compression: what each stage cost, what broke first, nothing measured is nothing shown."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import compression_kit as kit
import pytest
from rich.console import Console

from compress import damage_map, scores, stage_table
from harness.store import Database, stages

TOLD: list[dict[str, Any]] = [
    {"step": "gradual [red]38%\x1b[2J", "wrong": 6, "measures": kit.measures(3.0, 0.04)},
    {"step": "compress.gguf", "wrong": 8, "measures": kit.measures(0.75, 0.06, speed=81.0)},
    {"step": "compress.prune", "wrong": 60, "measures": kit.measures(0.5, 2.5), "kept": False},
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    made = Database(tmp_path_factory.mktemp("stages") / "h.duckdb")
    kit.compression(made, "small", TOLD, {"wrong": 4, "measures": kit.measures(12.0)}, outcome="undone", damaged=True)
    return made


def printed(rows: list[dict[str, Any]], base: dict[str, Any]) -> str:
    console = Console(width=80, record=True, file=io.StringIO(), highlight=False)
    stage_table.show(console, rows, base)
    return console.export_text()


def test_the_document_is_what_the_issue_wants(database: Database) -> None:
    shown = stage_table.document(*scores.compression(database, "small"))
    assert json.loads(json.dumps(shown)) == shown and shown["outcome"] == "undone"
    wanted = {"step", "artifact_id", "size_bytes", "kl_mean", "top1_agreement", "scores", "verdict", "kept"}
    assert all(wanted <= set(stage) for stage in shown["stages"])
    first, second, third = shown["stages"]
    n = len(kit.SEALED)
    score = first["scores"]["mmlu"]
    assert score["n"] == n and score["score"] == pytest.approx(1 - 6 / n), "sealed samples alone"
    assert score["low"] < score["score"] < score["high"] < 1
    assert (first["broken"], first["mended"]) == (2, 0) and (second["broken"], second["mended"]) == (2, 0)
    assert third["broken"] == 52 and third["kept"] is False and third["verdict"] == "FAIL"
    assert (first["kl_mean"], first["kl_mean_before"]) == (0.04, 0.02)
    assert shown["before"]["kl_mean"] is None and shown["before"]["size_bytes"] == 12 * kit.MIB


def test_the_table_tells_every_price_and_escapes_names(database: Database) -> None:
    text = printed(*scores.compression(database, "small"))
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("broke first"))
    assert "1 gradual [red]38%\\x1…" in text and "\x1b" not in text
    cost, answers = [line.split() for line in lines if line.startswith("2 compress.gguf")]
    assert cost[2:] == ["0.75", "16.00", "0.0600", "0.0300", "97.0%", "PASS", "24"]
    assert answers[2] == f"{1 - 8 / len(kit.SEALED):.3f}" and answers[-2:] == ["2", "0"]
    assert "FAIL, undone" in next(line for line in lines if line.startswith("3 compress.prune"))
    assert "broke first: subject s" in text and "of mmlu, at 3 compress.prune: " in text and "small: undone" in text


def test_the_damage_map_has_every_capability_that_was_hit(database: Database) -> None:
    rows, base = scores.compression(database, "small")
    hit = damage_map.lines(rows)
    assert {line["name"] for line in hit} == {f"subject s{n}" for n in range(5)}
    lost = sum(line["stages"][3][0] for line in hit)
    assert lost == stage_table.document(rows, base)["stages"][2]["broken"] == 52, "every flip is on the map, once"
    assert all(line["stages"][3][2] and not line["stages"][1][2] for line in hit), "significant where it was ruined"
    losses = [line["stages"][3][0] / line["n"] for line in hit]
    assert losses == sorted(losses, reverse=True)
    text = printed(rows, base)
    (header,) = (line for line in text.splitlines() if line.startswith("damage map"))
    assert header.split()[2:] == ["n", "1", "2", "3"] and "* a significant loss" in text and " +0*" in text


def test_a_long_damage_map_is_cut_and_names_are_escaped() -> None:
    told = [
        {
            "suite": suite,
            "tag": "skill",
            "capability": f"[red]{n}\x1b",
            "n": 50,
            "broken": n,
            "mended": 0,
            "verdict": "",
        }
        for n in range(10)
        for suite in ("one", "two")
    ]
    causes = [{"label": "off by one", "n": 9, "broken": 2, "mended": 0}]
    rows = [{"number": 1, "step": "s", "damage": {"capabilities": told, "clusters": causes}}]
    console = Console(width=80, record=True, file=io.StringIO(), highlight=False)
    damage_map.show(console, rows)
    text = console.export_text()
    assert "one: skill [red]9\\x1b" in text and "\x1b" not in text and "cause off by one" in text
    assert f"and {9 * 2 + 1 - damage_map.SHOWN} more were hit" in text
    assert len(text.splitlines()) == damage_map.SHOWN + 2


def test_what_was_not_measured_is_not_a_zero(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    stages.start(database, "young", {}, "digest", "tiny")
    stages.begin(database, "young", 1, step="compress.awq", parameters={})
    rows, base = scores.compression(database, "young")
    shown = stage_table.document(rows, base)
    (stage,) = shown["stages"]
    assert {stage[key] for key in ("size_bytes", "kl_mean", "broken", "verdict", "kept", "seconds")} == {None}
    assert stage["scores"] == {} and shown["outcome"] is None and shown["broke_first"]["capability"] is None
    text = printed(rows, base)
    assert "0.0" not in text.split("broke first")[0] and "it runs, or was killed" in text
    assert printed(stages.rows(database, "young"), base), "rows as they are stored, without scores"
    assert scores.compression(database, "nobody") == ([], {"scores": {}})
