"""What the pages of loops and compressions ask: gains, costs, graphs, Pareto marks, damage, sealed scores."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import laps_world
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import charts_frontier, charts_rounds
from dashboards.queries import Ask, frontier, lineage, rounds, sealed
from harness.compare.pairs import result_rows
from harness.report import aggregate
from harness.store import Database, read


def asking(database: Database) -> Ask:
    """Return the `Ask` of a database."""
    return lambda sql, parameters: read.query(database, sql, list(parameters))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, dict[str, str]]:
    return laps_world.once(tmp_path_factory.getbasetemp())


def test_a_loop_tells_state_budget_and_rounds(world: tuple[Database, dict[str, str]]) -> None:
    ask = asking(world[0])
    (loop,) = rounds.loops(ask)
    assert (loop["outcome"], loop["wanted"], loop["starts"]) == (None, 3, 1)
    state = rounds.state(ask, loop)
    assert state["state"] == "not at its end: it runs, or was killed"
    assert (state["round"], state["accepted"], state["rejected"]) == (3, 1, 1)
    assert state["fault"] == laps_world.HOSTILE
    assert rounds.budget(ask, loop) == [
        {"what": "seconds", "spent": 25.0, "cap": 100.0, "share": 0.25},
        {"what": "usd", "spent": 0.0, "cap": 5.0, "share": 0.0},
    ]


def test_rounds_carry_gain_and_cost(world: tuple[Database, dict[str, str]]) -> None:
    first, second, third = rounds.rounds(asking(world[0]), laps_world.LOOP)
    assert (first["gain"], first["low"], first["others"]) == (0.25, 0.2, -0.01)
    assert second["why"] == laps_world.HOSTILE
    assert second["cost"] == {"seconds": 36.0, "usd": 0.5}
    assert (third["gain"], third["accepted"], third["cost"]) == (None, None, None)


def test_steps_of_a_round_and_what_broke_in_it(world: tuple[Database, dict[str, str]]) -> None:
    ask = asking(world[0])
    done = rounds.rounds(ask, laps_world.LOOP)
    assert [one["step"] for one in rounds.steps(ask, done[0])] == ["improve.generate", "improve.finetune"]
    assert [(one["step"], one["fault"]) for one in rounds.steps(ask, done[2])] == [
        ("improve.verify", laps_world.HOSTILE)
    ]


def test_a_graph_leads_from_failure_to_score(world: tuple[Database, dict[str, str]]) -> None:
    database, ids = world
    ask = asking(database)
    row = rounds.rounds(ask, laps_world.LOOP)[0]
    graph = lineage.of_round(ask, row, sealed.scores(ask, database, ["base", "better"]))
    edges = set(graph.edges)
    way = ["base", ids["report"], "cause0", ids["data"], ids["adapter"], "better", "decision"]
    assert set(pairwise(way)) <= edges
    assert (ids["report"], ids["data"]) not in edges  # a cause stands between
    after = next(node for node in graph.nodes if node.id == "better")
    assert any(line.startswith("mmlu 0.7") for line in after.lines)
    assert sum(node.kind == "cause" for node in graph.nodes) == lineage.CAUSES + 1


def test_a_chain_of_steps_is_one_node() -> None:
    def made(name: str, kind: str) -> lineage.Node:
        return lineage.Node(name, kind, (f"{kind} {name}", f"improve.{name}"), name)

    chain = [made("draw", "dataset"), made("verify", "dataset"), made("mix", "dataset"), made("tune", "adapter")]
    edges = (("draw", "verify"), ("verify", "mix"), ("mix", "tune"))
    found = lineage.compact(lineage.Graph(tuple(chain), edges))
    assert found.nodes == (lineage.Node("mix", "dataset", ("dataset mix", "draw → verify → mix"), "mix"), chain[3])
    assert found.edges == (("mix", "tune"),)
    forked = lineage.Graph(tuple(chain), (*edges, ("draw", "tune")))  # two know of the first: it stays
    assert [node.id for node in lineage.compact(forked).nodes] == ["draw", "mix", "tune"]


def test_bounds_and_mended_causes(world: tuple[Database, dict[str, str]], tmp_path: Path) -> None:
    ask = asking(world[0])
    row = rounds.rounds(ask, laps_world.LOOP)[0]
    assert [one["failures"] for one in rounds.causes(ask, row)] == list(range(10, 1, -1))
    assert {one["still"] for one in rounds.causes(ask, row)} == {None}  # no case of them is stored
    assert rounds.bounds(ask, laps_world.LOOP) == {}
    database = Database(tmp_path / "h.duckdb")
    laps_world.make(database)
    with database.write() as connection:
        # Every sample of the base's run that it got wrong, in one cause; the run after mended some of them.
        connection.execute(
            "INSERT INTO members BY NAME SELECT 't' AS taxonomy_id, run_id, suite, sample_id, attempt,"
            " 'cause0' AS cause_id FROM results WHERE run_id = 'base' AND score = 0"
        )
        connection.execute("INSERT INTO checks BY NAME SELECT 'g' AS gate_id, 'mmlu' AS suite, 'absolute' AS rule,"
                           " true AS required, 0.8 AS bound")  # fmt: skip
        connection.execute("INSERT INTO gates BY NAME SELECT 'g' AS gate_id, ? AS loop", [laps_world.LOOP])
    told = rounds.causes(asking(database), row)
    wrong = read.query(database, "SELECT count(*) AS n FROM results WHERE run_id = 'better' AND mode <> 'right'")
    assert (told[0]["still"], told[1]["still"]) == (wrong[0]["n"], None)
    assert rounds.bounds(asking(database), laps_world.LOOP) == {"mmlu": 0.8}


def test_points_on_one_another_share_a_sign() -> None:
    own = {"low": 0.5, "high": 0.9}
    rows = [{"cost": cost, "score": 0.7, "sign": sign, **own} for cost, sign in ((1.0, "4"), (1.001, "5"), (3.0, "0"))]
    assert charts_frontier.signs(rows) == ["4, 5", "", "0"]
    assert charts_frontier.signs([]) == []
    heap = [{"cost": 1.0, "score": 0.7, "sign": str(number), **own} for number in range(9)]
    assert charts_frontier.signs(heap) == ["0, 1, 2, 3 +5", *[""] * 8]


def test_noise_is_smoothed_and_a_schedule_is_not() -> None:
    noisy = [(step, float(step % 2)) for step in range(400)]
    assert all(abs(value - 0.5) < 0.1 for _, value in charts_rounds.smoothed(noisy)[20:])
    assert charts_rounds.smoothed([(step, step / 400) for step in range(400)]) == []
    assert charts_rounds.smoothed(noisy[:50]) == []


def test_labels_cannot_leave_their_quotes(world: tuple[Database, dict[str, str]]) -> None:
    ask = asking(world[0])
    row = rounds.rounds(ask, laps_world.LOOP)[1]
    text = charts_rounds.dot(lineage.of_round(ask, row, {}))
    bare = text.replace("\\\\", "").replace('\\"', "")
    assert all(line.count('"') % 2 == 0 for line in bare.splitlines())
    outside = "".join(part for place, part in enumerate(bare.split('"')) if place % 2 == 0)
    assert "evil" not in outside
    assert "script" not in outside


def test_sealed_scores_are_those_of_the_report(world: tuple[Database, dict[str, str]]) -> None:
    database = world[0]
    found = sealed.scores(asking(database), database, ["base", "worse", None, "unknown"])
    assert {run for run, _ in found} == {"base", "worse"}
    for (run, suite), one in found.items():
        metric = laps_world.MACRO if run == "worse" else laps_world.ACC
        told = aggregate(metric, result_rows(database, run, suite, "test"))
        assert told is not None
        assert (one.value, one.low, one.high, one.n) == pytest.approx((told.value, told.low, told.high, told.n))


def test_stages_with_the_model_before(world: tuple[Database, dict[str, str]]) -> None:
    rows = frontier.stages(asking(world[0]), ["small"])
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert (rows[0]["kl"], rows[1]["kl"], rows[1]["top1"], rows[1]["tokens_per_s"]) == (None, 0.05, 0.9, 400.0)
    assert [row["state"] for row in rows] == ["kept", "kept", "rolled back", "open"]
    cells = frontier.damage(rows)
    assert [(cell["number"], cell["broken"]) for cell in cells[:2]] == [(1, 9), (2, 18)]
    assert cells[0]["significant"]
    assert not any(cell["capability"].endswith("s1") for cell in cells)
    values = charts_frontier.damage(cells).to_dict()
    assert "-18 +1*" in str(values)


@pytest.mark.parametrize(
    ("points", "marks"),
    [
        ([(0.7, 4e6, 200.0), (0.7, 1e6, 400.0)], [False, True]),
        ([(0.7, 1_000_000, 400.0), (0.7, 1_000_100, 401.0)], [True, True]),  # a header, a clock
        ([(0.7, 1e6, None), (0.6, 1e6, 900.0)], [True, False]),  # not timed: by quality and size alone
        ([(0.7, 1e6, 100.0), (0.6, 1e6, 900.0)], [True, True]),
    ],
)
def test_pareto_marks(points: list[Any], marks: list[bool]) -> None:
    assert frontier.optimal(points) == marks


sizes = st.floats(1e5, 1e9)


@given(st.lists(st.tuples(st.floats(0, 1), sizes, st.floats(1, 1e4)), min_size=1, max_size=12))
def test_somebody_is_always_optimal_and_the_best_is_never_beaten(points: list[Any]) -> None:
    marks = frontier.optimal(points)
    assert any(marks)
    best = max(quality for quality, *_ in points)
    assert any(mark for mark, point in zip(marks, points, strict=True) if point[0] == best)


def test_an_older_file_has_no_loops(tmp_path: Path) -> None:
    database = Database(tmp_path / "old.duckdb")
    with database.write() as connection:
        for table in ("loops", "rounds", "compressions", "stages", "steps", "spendings", "gates"):
            connection.execute(f"DROP TABLE {table}")
    ask = asking(database)
    assert rounds.loops(ask) == rounds.rounds(ask, "any") == []
    assert frontier.compressions(ask) == frontier.stages(ask, ["any"]) == []


def test_curves_are_drawn_with_their_marks(tmp_path: Path) -> None:
    panel = {"loss": [(1, 2.0), (2, float("nan")), (3, 1.0)], "held_out_loss": [(1, 2.0), (3, 2.4)]}
    chart = charts_rounds.training(panel, 1, [2])
    drawn = chart.to_dict()
    counts = [len(drawn["datasets"][layer["data"]["name"]]) for layer in drawn["layer"]]
    assert counts == [2, 2, *[1] * 4]  # both curves without the value that is none; two marks, each with its words
    chart.save(str(tmp_path / "loss.svg"))
    assert (tmp_path / "loss.svg").read_text().startswith("<svg")
