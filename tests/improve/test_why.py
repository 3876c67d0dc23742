"""`harness why` on a loop that really curated: each kind of id, both ways, and what is damaged, old or hostile."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import why_world
from why_world import EVIL, Small

from harness.cli import listing
from harness.errors import UsageError
from harness.store import Database, read
from harness.workbench import keep
from harness.workbench import rows as dataset
from harness.workbench.shelf import folder_of
from improve.lineage.node import Node, Walk
from improve.lineage.taught import LATER, ON, taught
from improve.lineage.walks import why
from improve.lineage.world import World

pytestmark = pytest.mark.slow
STEPS = ("improve.generate", "improve.verify", "improve.dedup", "improve.decontaminate")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_ALLOW_SCRIPTED", "1")
        yield why_world.build(tmp_path_factory.mktemp("why"))


def walked(small: Small, named: str, rows: int = 5) -> Walk:
    return why(small.database, named, rows)


def every(nodes: Any) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from every(node.below)


def found(nodes: Any, what: str) -> list[Node]:
    return [node for node in every(nodes) if node.what == what]


def in_round(walk: Walk, number: int = 1) -> Node:
    return next(node for node in walk.down if node.id == f"mend/{number}")


def test_a_row_that_lives_is_walked_from_the_failure_to_the_score(small: Small) -> None:
    row = small.rows("improve.decontaminate")[0]
    walk = walked(small, row["id"])
    assert walk.of.facts["prompt"] == row["prompt"]
    [call] = found(walk.up, "call")
    assert call.id == row["source"]["completion"] and why_world.SPEC in call.text
    assert {node.id for node in found(walk.up, "shown")} == set(row["source"]["exemplars"])
    assert [node.id for node in found(walk.up, "cause")] == [row["cause"]]
    assert small.gate_before in [node.id for node in found(walk.up, "gate")]
    assert [node.id for node in found(walk.up, "model")] == ["ba5e" * 4], "back to the base"
    lap = in_round(walk)
    assert [node.id for node in found([lap], "dataset")] == [small.steps[step].id for step in STEPS]
    assert [node.facts["kept"] for node in found([lap], "dataset")] == [1] * 4
    [adapter] = found([lap], "adapter")
    assert "trained on it" in adapter.text and "2 steps" in adapter.text
    assert [node.id for node in found([lap], "run")] == [small.run_after]
    assert [node.id for node in found([lap], "gate")] == [small.gate_after]
    assert "9 wins" in found([lap], "check")[0].text and "accepted" in lap.text
    assert all("->" in node.text for node in found([lap], "shown"))
    [again] = found([in_round(walk, 2)], "dataset")
    assert again.id == small.steps["improve.verify"].id, "each round that it came to"


def test_rows_that_die_say_where_and_of_what(small: Small) -> None:
    for step, reason in zip(STEPS[1:], ("agreement", "near", "exact"), strict=True):
        [row, *_] = small.rows(step, "dropped.jsonl")
        walk = walked(small, row["id"])
        last = found([in_round(walk)], "dataset")[-1]
        assert last.id == small.steps[step].id and f"dropped by {step}: {reason}" in last.text
        assert not found([in_round(walk)], "adapter") and not found([in_round(walk)], "model"), "it is in no model"
    [copy, *_] = small.rows("improve.decontaminate", "dropped.jsonl")
    detail = found([in_round(walked(small, copy["id"]))], "dataset")[-1].facts["detail"]
    assert detail["near"]["sample"] == why_world.sealed().id
    near = small.rows("improve.dedup", "dropped.jsonl")[0]
    assert near["dropped"]["of"] in found([in_round(walked(small, near["id"]))], "dataset")[-1].text


def test_what_the_training_made_of_rows_that_came_to_it(small: Small) -> None:
    rows = small.rows("improve.decontaminate")
    world = World(small.database)
    fate = taught(world, world.artifacts[small.steps["improve.finetune"].id])
    assert [fate(row["id"]) for row in rows] == [ON, "too_long", ON, *[LATER] * (len(rows) - 3)] and len(rows) > 6
    [adapter] = found(walked(small, rows[1]["id"]).down, "adapter")
    assert "not trained on it (too_long)" in adapter.text and f"after 2 of {len(rows) - 1} rows" in adapter.text


def test_counts_of_a_cause_are_those_of_the_files(small: Small) -> None:
    cause = small.rows("improve.generate")[0]["cause"]
    lap = in_round(walked(small, cause, rows=0))
    for node, step in zip(found([lap], "dataset"), STEPS, strict=True):
        kept, gone = (
            [row for row in small.rows(step, name) if row["cause"] == cause] for name in ("rows.jsonl", "dropped.jsonl")
        )
        assert node.facts["kept"] == len(kept) and sum(node.facts["dropped"].values()) == len(gone)
    assert not found([lap], "row"), "none is named where none is asked for"
    [failures] = found([lap], "failures")
    assert 0 < failures.facts["failing_after"] < failures.facts["failed_before"] == failures.facts["scored_after"]
    assert len(found([in_round(walked(small, cause, rows=2))], "row")) == 2
    sizes = json.loads((folder_of(small.database, small.report) / "failures.json").read_text())["analysis"]["causes"]
    assert failures.facts["failed_before"] == next(one["size"] for one in sizes if one["id"] == cause)
    [run] = found(walked(small, cause).up, "run")
    assert run.id == small.run_before and all("(dev)" in node.text for node in run.below)


def test_a_dev_sample_shows_its_cause_its_rows_and_its_scores(small: Small) -> None:
    row = small.rows("improve.generate")[0]
    sample = row["source"]["exemplars"][0]
    walk = walked(small, sample)
    assert walk.of.facts["split"] == "dev"
    answers = found(walk.up, "answer")
    assert [node.facts["run_id"] for node in answers] == [small.run_before, small.run_after]
    assert answers[0].below[0].what == "cause" and answers[0].facts["score"] == 0
    lap = in_round(walk)
    shown = [one for one in small.rows("improve.generate") if sample in one["source"]["exemplars"]]
    assert found([lap], "dataset")[0].facts["kept"] == len(shown) > 0
    [score] = found([lap], "score")
    assert score.facts["before"] == [0.0] and len(score.facts["after"]) == 1
    assert "made for it" in found([lap], "cause")[0].text
    assert "not asked" in found([in_round(walk, 2)], "score")[0].text


def test_of_a_sealed_sample_no_row_comes_and_copies_are_told(small: Small) -> None:
    walk = walked(small, why_world.sealed().id)
    assert found(walk.up, "sealed") and not found(walk.down, "dataset")
    assert "12 sealed samples" in found(walk.down, "aim")[0].text
    [repeats] = found(walk.down, "repeats")
    assert [node.id for node in repeats.below] == [small.rows("improve.decontaminate", "dropped.jsonl")[0]["id"]]


def test_a_teachers_call_and_an_answer(small: Small) -> None:
    row = small.rows("improve.generate")[0]
    walk = walked(small, row["source"]["completion"])
    made = [one for one in small.rows("improve.generate") if one["source"]["completion"] == row["source"]["completion"]]
    assert found([in_round(walk)], "dataset")[0].facts["kept"] == len(made) > 1
    assert [node.id for node in found(walk.up, "cause")] == [row["cause"]] and not found(walk.up, "sample")
    answer = found(walked(small, why_world.sealed().id).up, "answer")[0]
    assert [node.id for node in found(walked(small, answer.id).up, "sample")] == [why_world.sealed().id]


def test_artifacts_lead_back_to_the_failures_and_on_to_the_round(small: Small) -> None:
    adapter = walked(small, small.steps["improve.finetune"].id)
    assert {node.id for node in found(adapter.up, "dataset")} == {small.steps[step].id for step in STEPS}
    assert [node.id for node in found(adapter.up, "report")] == [small.report.id]
    assert adapter.of.facts["record"]["commit"] == "c0ffee" and "trl 1.16.0" in found(adapter.up, "record")[0].text
    assert [node.id for node in found(adapter.down, "model")] == [small.steps["improve.merge"].id]
    base = walked(small, "ba5e" * 4)
    assert found(base.down, "round") and small.run_before in [node.id for node in found(base.down, "run")]
    unfolded = [node.id for node in every(base.down) if node.what == "adapter" and node.below]
    assert unfolded == [small.steps["improve.finetune"].id], "lineages that join are unfolded once"
    model = walked(small, small.steps["improve.merge"].id)
    assert small.run_after in [node.id for node in found(model.down, "run")]


def test_gate_run_loop_and_round(small: Small) -> None:
    gate = walked(small, small.gate_before[:12])
    assert gate.of.facts["outcome"] == "FAIL" and {node.id for node in found(gate.down, "round")} == {
        "mend/1",
        "mend/2",
    }
    assert found(gate.up, "run")[0].id == small.run_before and "absolute" in found(gate.up, "check")[0].text
    run = walked(small, "run-after")
    assert run.of.id == small.run_after, "by its name"
    assert [node.id for node in found(run.up, "round")] == ["mend/1"] and found(run.up, "adapter")
    loop = walked(small, "mend")
    assert "broken: memory ran out" in loop.of.text and [node.id for node in loop.down] == ["mend/1", "mend/2"]
    lap = walked(small, "mend/1")
    assert [node.id for node in found(lap.down, "dataset")] == [small.steps[step].id for step in STEPS]
    sizes = [node.facts["failures"] for node in found(lap.up, "cause")]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) > 1
    assert "memory ran out" in found(walked(small, "mend/2").down, "broke")[0].text
    assert not found(lap.down, "broke"), "what broke later is not of this round"


def test_loops_are_listed_with_their_rounds(small: Small) -> None:
    [loop] = listing.loops(str(small.database.path))
    assert (loop["loop"], loop["outcome"], loop["rounds"], loop["accepted"]) == ("mend", "broken", 2, 1)


def test_every_kind_is_shown_in_a_terminal_and_as_json_without_what_it_must_not_say(small: Small) -> None:
    evil = next(row for row in small.rows("improve.generate") if "among" in row["prompt"])
    dev = evil["source"]["exemplars"][0]
    kinds = {
        "row": evil["id"], "sample": dev, "cause": evil["cause"], "call": evil["source"]["completion"],
        "run": small.run_before, "gate": small.gate_after, "adapter": small.steps["improve.finetune"].id,
        "loop": "mend", "round": "mend/1",
    }  # fmt: skip
    for what, named in kinds.items():
        done = why_world.why(small.database, named)
        assert done.returncode == 0 and done.stdout.startswith(f"{what} "), (what, done.stderr)
        assert "came from" in done.stdout and "led to" in done.stdout
        assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    assert "[bold]<script>" in why_world.why(small.database, evil["id"]).stdout, "markup of a model is text"
    document = json.loads(why_world.why(small.database, evil["id"], "--json").stdout)
    assert (document["what"], document["id"]) == ("row", evil["id"]) and EVIL in document["facts"]["prompt"]
    assert {"what", "id", "text", "facts", "below"} == set(document["down"][0])


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("mendd", "nearest: 'mend'"),
        ("mend/3", "mend/1, mend/2"),
        ("mend/x", "mend/1, mend/2"),
        ("", "'mend'"),
        ("f" * 32, "'mend'"),
        ("facts/aks/0", "'facts/ask/0'"),
    ],
)
def test_what_nothing_is_called_is_told_with_the_nearest(small: Small, named: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        walked(small, named)
    assert repr(named.rpartition("/")[2]) in refused.value.what or repr(named) in refused.value.what
    assert said in refused.value.expected and refused.value.next.startswith("type: harness ")


def test_an_id_of_a_hostile_hand_is_refused_on_three_lines(small: Small) -> None:
    done = why_world.why(small.database, EVIL)
    assert (done.returncode, done.stdout) == (2, "") and "\\x1b" in done.stderr and "\x1b" not in done.stderr
    assert "next" in done.stderr and "Traceback" not in done.stderr


def test_a_beginning_that_many_share_is_refused_and_names_them(small: Small) -> None:
    with pytest.raises(UsageError, match="could be many things") as refused:
        walked(small, "a")
    assert refused.value.expected.count(" of primer") > 2
    row = small.rows("improve.decontaminate")[0]["id"]
    assert walked(small, row[:12]).of.id == row


def test_a_folder_that_is_gone_or_damaged_is_told(small: Small, tmp_path: Path) -> None:
    database = why_world.copied(small, tmp_path)
    row = small.rows("improve.decontaminate")[0]["id"]
    shutil.rmtree(folder_of(database, small.steps["improve.verify"]))
    (folder_of(database, small.steps["improve.dedup"]) / dataset.ROWS).write_text('{"id": "' + row + '", torn')
    said = [node.text for node in found([next(n for n in why(database, row).down if n.id == "mend/1")], "dataset")]
    assert "is gone" in said[1] and "cannot be read" in said[2] and "kept by improve.decontaminate" in said[3]
    assert "gone" in found(why(database, small.steps["improve.dedup"].id).up, "dataset")[0].text


def test_a_dataset_of_no_round_and_numbers_that_json_lacks(small: Small, tmp_path: Path) -> None:
    database = why_world.copied(small, tmp_path)
    row = {"prompt": "Q: :skull: [red]?", "completion": " \ud800"}
    made = keep(database, dataset.write(tmp_path / "own", "own", [row], [], 1), "dataset", (), {"step": "own"})
    adapter = tmp_path / "nan"
    adapter.mkdir()
    (adapter / "run.json").write_text('{"training": {"steps": 2, "loss": NaN}}')
    tuned = keep(database, adapter, "adapter", (made.id,), {"step": "own"})
    walk = why(database, dataset.row_id(row))
    assert [(node.id, node.text) for node in walk.down] == [("", "of no round")]
    assert [node.id for node in found(walk.down, "adapter")] == [tuned.id]
    shown = why_world.why(database, dataset.row_id(row)).stdout
    assert ":skull: [red]?" in shown and "\\xd800" in shown
    done = why_world.why(database, tuned.id, "--json")
    document = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert document["facts"]["training"] == {"steps": 2, "loss": None}


def test_databases_from_before_loops(tmp_path: Path) -> None:
    store = Path(__file__).parents[1] / "store"
    for old in sorted(store.glob("schema_*.duckdb.gz")):
        path = tmp_path / old.stem
        path.write_bytes(gzip.decompress(old.read_bytes()))
        database = Database.at(path)
        run_id = read.query(database, "SELECT run_id FROM runs")[0]["run_id"]
        assert "no round began" in why(database, run_id).down[0].text
        name = read.query(database, "SELECT name FROM samples LIMIT 1")[0]["name"]
        assert [node.text for node in why(database, name).down] == ["no loop has run in this database"]
        with pytest.raises(UsageError, match="nothing is called"):
            why(database, "nobody")
    with pytest.raises(UsageError, match="no database"):
        why(Database.at(tmp_path / "none.duckdb"), "mend")
