"""`harness gate` as a command: every exit code, every output, and one verdict behind all of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import worlds
import yaml

from harness.store import Database, gates, read

N = 400
QUIZ: Mapping[str, Any] = {"non_inferiority": {"margin": 0.05}}

pytestmark = pytest.mark.slow


def model(place: Path, name: str, wrong: Sequence[int], without: Sequence[int] = ()) -> str:
    """Write recorded answers to the sums, some of them wrong or missing; return the model's spec."""
    lines = [
        {"prompt": f"What is {i} plus {i * 7 % 50}?", "completion": "no idea" if i in wrong else str(i + i * 7 % 50)}
        for i in range(N)
        if i not in without
    ]
    (place / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"replay:{name}"


def policy(place: Path, name: str, quiz: Mapping[str, Any] = QUIZ, **more: Any) -> str:
    given = {"reference": {"run": "main"}, "suites": {"sums.jsonl": dict(quiz)}, **more}
    (place / name).write_text(yaml.safe_dump(given))
    return name


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite of 400 sums and a baseline `main`, which has 80 of them wrong."""
    here = tmp_path_factory.mktemp("gate")
    rows = [{"question": f"What is {i} plus {i * 7 % 50}?", "answer": str(i + i * 7 % 50)} for i in range(N)]
    (here / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = model(here, "base.jsonl", range(80))
    done = worlds.harness("eval", base, "-s", "sums.jsonl", "-q", "--json", "--db", "h.duckdb", cwd=here)
    assert done.returncode == 0, done.stderr
    gates.set_baseline(Database(here / "h.duckdb"), "main", worlds.document(done)["run_id"])
    return here


def gate(place: Path, *arguments: object, **extra: str) -> subprocess.CompletedProcess[str]:
    return worlds.harness("gate", *arguments, "--db", "h.duckdb", cwd=place, **extra)


def runs(place: Path) -> int:
    return len(read.runs(Database(place / "h.duckdb")))


@pytest.mark.parametrize(
    ("outcome", "code", "wrong", "without", "quiz", "defaults"),
    [
        ("PASS", 0, range(5, 85), (), QUIZ, {}),
        ("FAIL", 1, range(150), (), QUIZ, {}),
        ("INCONCLUSIVE", 3, range(20, 100), (), {"non_inferiority": {"margin": 0.01}}, {}),
        ("INCONCLUSIVE", 1, range(21, 101), (), {"non_inferiority": {"margin": 0.01}}, {"on_inconclusive": "fail"}),
        ("ERROR", 4, range(80), range(390, 400), QUIZ, {}),
    ],
)
def test_all_outputs_tell_the_one_verdict(
    place: Path, outcome: str, code: int, wrong: range, without: Sequence[int], quiz: Any, defaults: Any
) -> None:
    name = f"{outcome}-{code}"
    candidate = model(place, f"{name}.jsonl", wrong, without)
    terms = policy(place, f"{name}.yaml", quiz, defaults=defaults)
    done = gate(
        place, candidate, "--policy", terms, "--json", "--github", "--junit", f"{name}/gate.xml",
        "--comment", f"{name}/comment.md", "-q", GITHUB_STEP_SUMMARY=str(place / f"{name}.md"),
        GITHUB_OUTPUT=str(place / f"{name}.out"),
    )  # fmt: skip
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["exit_code"], shown["outcome"]) == (code, code, outcome), done.stderr
    row, checks = gates.verdict(Database(place / "h.duckdb"), shown["gate_id"])
    assert (row["outcome"], row["exit_code"], row["candidate"]) == (outcome, code, shown["candidate"])
    assert row["reference"] == shown["baseline"] and row["policy_text"] == (place / terms).read_text()
    assert [(c.suite, c.rule, c.outcome) for c in checks] == [
        (c["suite"], c["rule"], c["outcome"]) for c in shown["checks"]
    ]
    root = Xml.parse(place / name / "gate.xml").getroot()
    broken = {"PASS": (0, 0), "FAIL": (1, 0), "ERROR": (0, 1), "INCONCLUSIVE": (int(code == 1), 0)}[outcome]
    assert (int(root.get("failures", "")) > 0, int(root.get("errors", "")) > 0) == tuple(map(bool, broken))
    for text in (place / f"{name}.md").read_text(), (place / name / "comment.md").read_text():
        assert outcome in text
    assert f"verdict={outcome}" in (place / f"{name}.out").read_text()
    assert f"{outcome} " in done.stderr and ("::error" in done.stderr) == (code in (1, 4))


def test_a_model_that_did_not_change_is_asked_nothing_and_passes(place: Path) -> None:
    before = runs(place)
    done = gate(place, "replay:base.jsonl", "--policy", policy(place, "same.yaml"), "--json", "-q")
    shown = json.loads(done.stdout)
    assert done.returncode == 0 and shown["candidate"] == shown["baseline"] and runs(place) == before
    assert any("this very run" in check["note"] for check in shown["checks"])


def test_a_stored_run_and_a_reference_by_option(place: Path) -> None:
    terms = policy(place, "bare.yaml", {}, reference={"run": "nothing-yet"})
    done = gate(place, "main", "-p", terms, "--baseline", "main")
    assert done.returncode == 0 and "candidate: the run replay-base.jsonl-" in done.stdout and "PASS" in done.stdout
    assert gate(place, "main", "-p", terms, "--baseline", "main", "--limit", "5").returncode == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sums.jsonl", "sumz.jsonl"), "sumz.jsonl"),
        (("margin: 0.05", "margn: 0.05"), "nearest: 'margin'"),
        (("margin: 0.05", "margin: -0.05"), "margin = -0.05"),
        (("run: main", "run: mian"), "nearest: 'main'"),
    ],
)
def test_a_wrong_policy_is_told_before_a_token(place: Path, change: tuple[str, str], said: str) -> None:
    text = (place / policy(place, "wrong.yaml")).read_text()
    assert change[0] in text
    (place / "wrong.yaml").write_text(text.replace(*change))
    before = runs(place)
    candidate = model(place, "never.jsonl", range(7))
    done = gate(place, candidate, "--policy", "wrong.yaml", "--json")
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["exit_code"] == 2 and runs(place) == before


def test_what_can_be_told_is_said_without_a_token(place: Path) -> None:
    before = runs(place)
    candidate = model(place, "planned.jsonl", range(7))
    done = gate(place, candidate, "-p", policy(place, "plan.yaml"), "--plan", "--json", "-q")
    row = json.loads(done.stdout)["plan"][0]
    assert done.returncode == 0 and row["suite"] == "sums.jsonl" and row["n"] == N
    assert 0.0 < row["certifiable"] < 0.2 and runs(place) == before


def test_a_loop_whose_budget_is_spent_is_told_so(place: Path) -> None:
    terms = policy(place, "loop.yaml", budget={"looks": 1})
    first = gate(place, "main", "-p", terms, "--loop", "repair", "--json")
    second = gate(place, "main", "-p", terms, "--loop", "repair", "--json")
    assert (first.returncode, second.returncode) == (0, 3)
    check = json.loads(second.stdout)["checks"][0]
    assert (check["rule"], check["outcome"]) == ("budget", "INCONCLUSIVE") and "has used its 1 looks" in check["note"]
    before = runs(place)
    third = gate(place, model(place, "late.jsonl", range(9)), "-p", terms, "--loop", "repair")
    assert third.returncode == 3 and "has used its 1 looks" in third.stderr and runs(place) == before


def test_candidate_and_policy_must_be_given(place: Path) -> None:
    for arguments, said in ((("main",), "--policy is missing"), (("-p", "classic"), "CANDIDATE is missing")):
        done = gate(place, *arguments)
        assert done.returncode == 2 and said in done.stderr
