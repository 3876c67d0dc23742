"""The questions behind gates, calibration and bench, and their charts, without Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gates_world
import pytest

from dashboards import charts_gates
from dashboards.queries import Ask, Rows, bench, calibration, gates, has
from harness.errors import UsageError
from harness.gate.calibration import reliability
from harness.gate.gather import gather
from harness.gate.policy import load
from harness.stats.scaling import Scaling
from harness.store import Database, read
from harness.store import gates as stored


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return the small world."""
    return gates_world.make(tmp_path_factory.mktemp("queries") / "h.duckdb")


@pytest.fixture
def ask(database: Database) -> Ask:
    """Return a way to ask it."""

    def asked(sql: str, parameters: Sequence[Any]) -> Rows:
        return read.query(database, sql, list(parameters))

    return asked


def test_a_verdict_is_the_one_that_was_stored(ask: Ask, database: Database) -> None:
    assert has(ask, "gates") and has(ask, "speeds") and not has(ask, "nothing")
    assert gates.counts(ask) == dict.fromkeys(gates.OUTCOMES, 1)
    assert gates.counts(ask, "repair") == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 0, "ERROR": 0}
    for shown in gates.page(ask):
        row, verdict = gates.verdict(ask, shown["gate_id"])
        assert (row, verdict.checks) == stored.verdict(database, shown["gate_id"])
        assert (verdict.outcome, verdict.baseline) == (row["outcome"], row["reference"])
    with pytest.raises(UsageError, match="could be 4 gates"):
        gates.verdict(ask, "gate-")


def test_verdicts_come_in_pages(ask: Ask) -> None:
    whole = [row["gate_id"] for row in gates.page(ask)]
    assert [gates.page(ask, limit=1, offset=n)[0]["gate_id"] for n in range(4)] == whole
    assert not gates.page(ask, offset=4)


def test_confidences_are_those_of_the_gate(ask: Ask, database: Database, tmp_path: Path) -> None:
    policy = tmp_path / "gates.yaml"
    policy.write_text("version: 1\nsuites:\n  mmlu: {calibration: {max_ece: 0.1}}\n")
    assert [row["run_id"] for row in calibration.runs(ask)] == ["plain-1", "scaled-1"]
    for run in calibration.runs(ask):
        found = calibration.answers(ask, run["run_id"], "mmlu")
        split = "test" if run["scaling"] else "all"
        held = calibration.confidences(found, run["scaling"] or Scaling(), split)
        assert held == list(gather(database, load(policy), run["run_id"]).suites["mmlu"].confidences)


def test_benches_are_counted_as_they_are_listed(ask: Ask) -> None:
    for quiet in (False, True):
        for newest in (False, True):
            assert bench.count(ask, "", quiet, newest) == len(bench.page(ask, "", quiet, newest))
    # The latest bench of a model on a quiet machine is not hidden by a later one on a busy machine.
    assert [row["bench_id"] for row in bench.page(ask, quiet=True, newest=True)] == ["b0"]
    assert {row["bench_id"] for row in bench.measures(ask, ["b0"])} == {"b0"} and not bench.measures(ask, [])
    assert bench.conditions(ask, "b0")["host"] and not bench.conditions(ask, "b9")


def test_charts_are_drawn(ask: Ask, tmp_path: Path) -> None:
    checks = charts_gates.checks((gates_world.DROP, gates_world.LATER, gates_world.SIZE))
    assert checks is not None and charts_gates.checks((gates_world.SIZE,)) is None
    held = calibration.confidences(calibration.answers(ask, "plain-1", "mmlu"), Scaling())
    series = {"as it stands": reliability(held, 10)}
    rates = [{**row, "label": row["bench_id"]} for row in bench.measures(ask, ["b0", "b1"])]
    row, _ = gates.verdict(ask, gates.page(ask)[0]["gate_id"])
    drawn = (
        checks, charts_gates.reliability(series), charts_gates.confidences(series, "as it stands"),
        charts_gates.rates(rates, "x"), charts_gates.history(gates.history(ask, row), row["gate_id"]),
    )  # fmt: skip
    for number, chart in enumerate(drawn):
        chart.save(tmp_path / f"{number}.svg")
        assert "<svg" in (tmp_path / f"{number}.svg").read_text()
