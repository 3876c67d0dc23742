"""A loop's looks at a gate: each is a row, each spends alpha, and what is spent stays spent."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import read_yaml, validate
from harness.gate import budget
from harness.gate.decide import decide, exit_code
from harness.gate.evidence import Evidence, Pairs, SuiteEvidence
from harness.gate.policy import Policy
from harness.store import Database, gates
from harness.types import Check, Metric, Outcome, Verdict


def policy(*suites: str, looks: int = 3, alpha: float = 0.05, on_inconclusive: str = "report", **more: Any) -> Policy:
    given = {
        "suites": {name: {"non_inferiority": {"margin": 0.05}} for name in suites or ("mmlu",)},
        "budget": {"looks": looks},
        "defaults": {"alpha": alpha, "on_inconclusive": on_inconclusive},
        "reference": {"run": "main"},
    }
    return validate(given | more, Policy, "test")


def said(*suites: str, outcome: Outcome = "FAIL") -> Verdict:
    return Verdict(outcome, tuple(Check(name, "regression", outcome) for name in suites or ("mmlu",)), "c")


def evidence(loop: str = "", looks: int = 0, n: int = 1000) -> Evidence:
    same = tuple(float(i % 2) for i in range(n))
    suite = SuiteEvidence("mmlu", Metric("acc", "acc"), same, wanted=n, pairs={"reference": Pairs(same, same)})
    return Evidence("c", "m", {"mmlu": suite}, loop=loop, looks=looks)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def add_samples(database: Database, **origins: str) -> None:
    """Store one sample a suite and letter: `mmlu="ab"` has the origins a and b."""
    with database.write() as connection:
        for suite, letters in origins.items():
            for letter in letters:
                connection.execute(
                    "INSERT INTO samples BY NAME SELECT ? AS suite, ? AS origin", [suite.replace("__", ":"), letter]
                )


def test_no_loop_no_budget(database: Database) -> None:
    assert decide(policy(), evidence()).outcome == "PASS"
    for _ in range(5):
        budget.record(database, policy(), said())
    assert budget.looks(database, policy(), "") == budget.looks(database, policy(), "repair") == 0
    assert {row["loop"] for row in gates.latest(database)} == {None}
    assert {row["alpha"] for row in gates.latest(database)} == {0.05}


def test_alpha_is_shared_equally_and_nothing_is_left_in_the_end() -> None:
    assert [budget.alpha_now(policy(looks=4), n) for n in range(6)] == [0.0125] * 4 + [0.0] * 2
    levels = {c.numbers["alpha"] for c in decide(policy(looks=4), evidence("repair")).checks if "alpha" in c.numbers}
    assert levels == {0.0125}


def test_every_look_is_counted_then_the_gate_says_so(database: Database) -> None:
    for used in range(3):
        assert budget.looks(database, policy(), "repair") == used
        held = evidence("repair", used)
        gate_id, verdict = budget.record(database, policy(), decide(policy(), held), "repair")
        assert verdict.outcome == "PASS" and verdict.checks[0].note == f"look {used + 1} of 3 of the loop 'repair'"
        row, checks = gates.verdict(database, gate_id)
        assert (row["loop"], row["alpha"], row["exit_code"]) == ("repair", pytest.approx(0.05 / 3), 0)
        assert checks == verdict.checks
    late = decide(policy(), evidence("repair", budget.looks(database, policy(), "repair")))
    assert late.outcome == "INCONCLUSIVE" and [check.rule for check in late.checks] == ["budget"]
    assert "has used its 3 looks" in late.note and "samples that it never saw" in late.note
    assert budget.looks(database, policy(), "another loop") == 0


@pytest.mark.parametrize(("mapped", "code"), [("report", 3), ("fail", 1), ("pass", 3)])
def test_a_spent_budget_never_exits_with_0(mapped: str, code: int) -> None:
    told = policy(on_inconclusive=mapped)
    assert exit_code(decide(told, evidence("repair", 3)), told) == code


def test_a_refusal_is_a_row_and_no_look(database: Database) -> None:
    for _ in range(3):
        budget.record(database, policy(), said(), "repair")
    for _ in range(2):
        gate_id, verdict = budget.record(database, policy(), said(outcome="PASS"), "repair")
        assert verdict.outcome == "INCONCLUSIVE" and [check.rule for check in verdict.checks] == ["budget"]
        assert gates.verdict(database, gate_id)[0]["exit_code"] == 3
    assert budget.looks(database, policy(), "repair") == 3 and len(gates.latest(database)) == 5


def test_an_error_that_showed_figures_is_a_look(database: Database) -> None:
    budget.record(database, policy(), said(outcome="ERROR"), "repair")
    assert budget.looks(database, policy(), "repair") == 1


def test_comments_order_and_spelt_out_defaults_are_the_same_policy(tmp_path: Path) -> None:
    texts = [
        "suites: {mmlu: {relative: {min_ratio: 1}}, bbh: {}}\nbudget: {looks: 10}",
        "# a comment\nversion: 1\nsuites:\n  bbh: {}  # another\n  mmlu:\n    relative: {min_ratio: 1.0}\n",
    ]
    digests = set()
    for number, text in enumerate([*texts, texts[0].replace("1}", "1.1}")]):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        digests.add(budget.policy_digest(read_yaml(path, Policy)))
    assert len(digests) == 2, "two are the same, the third promises something else"


@pytest.mark.parametrize(
    ("changed", "used"),
    [
        (policy("mmlu", "bbh", alpha=0.05, sandbox={"min_level": "strong"}), 2),
        (policy("mmlu"), 2),
        (policy("mmlu", "gsm8k"), 2),
        (policy("mmlu", "bbh", reference={"run": "another"}), 2),
        (policy("bbh:direct"), 2),
        (policy("adversarial:mmlu/typos"), 2),
        (policy("gsm8k"), 0),
        (policy("mmlu", "bbh", looks=30), 20),
        (policy("mmlu", "bbh", looks=2), 2),
    ],
    ids=["setting", "fewer", "swapped", "reference", "sibling", "perturbed", "other", "more looks", "fewer looks"],
)
def test_changing_the_file_buys_no_looks(database: Database, changed: Policy, used: int) -> None:
    """What was spent is spent, wherever a question is the same; `looks` raised tenfold makes ten small ones of one."""
    add_samples(database, mmlu="ab", bbh="cd", bbh__direct="de", gsm8k="xy", **{"adversarial__mmlu/typos": "b"})
    for _ in range(2):
        budget.record(database, policy("mmlu", "bbh"), said("mmlu", "bbh"), "repair")
    assert budget.looks(database, changed, "repair") == used


@pytest.mark.parametrize("edits", [[3, 1, 9], [10, 30, 2, 30], [1, 40], [2, 3, 2]])
def test_alpha_is_never_overspent_however_the_number_of_looks_is_edited(database: Database, edits: list[int]) -> None:
    for number in edits * 3:
        budget.record(database, policy(looks=number), said(), "repair")
    spent = sum(row["alpha"] for row in gates.latest(database, outcome="FAIL"))
    assert 0.0 < spent <= 0.05 + 1e-9


def test_a_suite_without_code_is_the_same_under_another_path(database: Database) -> None:
    """Policies and checks name the path, samples `file:PATH`."""
    add_samples(database, **{"file__sums.jsonl": "ab", "file__/tmp/copy.jsonl": "bc", "file__others.jsonl": "d"})
    budget.record(database, policy("sums.jsonl"), said("sums.jsonl"), "repair")
    assert budget.looks(database, policy("/tmp/copy.jsonl"), "repair") == 1
    assert budget.looks(database, policy("file:/tmp/copy.jsonl"), "repair") == 1
    assert budget.looks(database, policy("others.jsonl"), "repair") == 0


TAKE = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from test_budget import Database, budget, policy, said
database = Database(Path({path!r}))
Path({ready!r}).touch()
while not Path({go!r}).exists():
    time.sleep(0.001)
print(budget.record(database, policy(looks=2), said(outcome="PASS"), "repair")[1].outcome)
"""


@pytest.mark.slow
def test_of_gates_at_once_only_as_many_are_let_in_as_there_are_looks(database: Database, tmp_path: Path) -> None:
    """Six processes have decided PASS and store it at the same moment; two looks are left."""
    here, go = str(Path(__file__).parent), tmp_path / "go"
    with database.write():
        pass
    others = []
    for number in range(6):
        ready = tmp_path / f"ready {number}"
        code = TAKE.format(here=here, path=str(database.path), ready=str(ready), go=str(go))
        others.append((subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True), ready))
    while not all(ready.exists() for process, ready in others if process.poll() is None):
        pass
    go.touch()
    outcomes = sorted(process.communicate(timeout=120)[0].strip() for process, _ in others)
    assert outcomes == ["INCONCLUSIVE"] * 4 + ["PASS"] * 2
    assert sorted(row["outcome"] for row in gates.latest(database)) == outcomes
    assert budget.looks(database, policy(looks=2), "repair") == 2


def test_a_failed_write_takes_no_look(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="no column 'nonsense'"):
        budget.record(database, policy(), said(), "repair", nonsense=1)
    broken = replace(said(), checks=(*said().checks, Check("mmlu", "x", "PASS", observed="no number")))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="no number"):
        budget.record(database, policy(), broken, "repair")
    assert budget.looks(database, policy(), "repair") == 0 and not gates.latest(database)
