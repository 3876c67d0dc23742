"""The gate on recorded outputs of real models: verdicts listed beforehand, spoiled answers found at predicted power."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from recordings import CASES, COPY, HUMANEVAL, OUTPUTS, SHARED, Case, World, build, held, spoil, terms, write

from harness.config import validate
from harness.gate.decide import decide
from harness.gate.gather import gather
from harness.gate.policy import Policy
from harness.store import gates, read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not OUTPUTS.is_dir(), reason="no recorded outputs beside the checkout"),
]
FEW = {"gpt-4", "gpt-4" + COPY, "claude-1.3"}
QUICK = [case for case in CASES if case.suite != "humaneval" or {case.reference, case.candidate} <= FEW]
"""The others need 164 programs more each; `recorded_table.py` has them all."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(tmp_path_factory.mktemp("recorded"), QUICK)


def gate(world: World, policy: dict[str, object], candidate: str, folder: Path) -> tuple[int, str, str]:
    """Return exit code, outcome and gate id of `harness gate` as a command."""
    path = folder / "gates.yaml"
    path.write_text(yaml.safe_dump(policy))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "gate", candidate, "--policy", path, "--db", world.database.path, "--json",
         "--data", SHARED, "--quiet"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    shown = json.loads(done.stdout or "{}")
    row = gates.latest(world.database, 1)[0]
    assert shown.get("outcome") == row["outcome"] and done.returncode == row["exit_code"], done.stderr[-2000:]
    return done.returncode, row["outcome"], row["gate_id"]


@pytest.mark.parametrize(
    "case", QUICK, ids=lambda case: f"{case.suite} {case.reference} {case.candidate} {case.margin}"
)
def test_the_verdict_is_the_one_expected(world: World, case: Case) -> None:
    assert held(world, case).outcome == case.expected


def test_the_sample_number_that_an_inconclusive_copy_names_would_settle_it(world: World) -> None:
    """Nothing differs, so Tango's bound is -z^2 / (n + z^2) by algebra; 164 are too few for one point, 268 are not."""
    verdict = held(world, Case("humaneval", "gpt-4", "gpt-4" + COPY, 0.01, "INCONCLUSIVE"))
    (check,) = [check for check in verdict.checks if check.rule == "non_inferiority"]
    z = 1.6448536269514722
    assert check.low == pytest.approx(-(z**2) / (164 + z**2)) and check.numbers["needed"] == 268
    assert z**2 / (268 + z**2) < 0.01 < z**2 / (267 + z**2)


def test_reversing_a_pair_mirrors_its_numbers(world: World) -> None:
    both = [Case("humaneval", *pair, 0.05, "PASS") for pair in (("gpt-4", "claude-1.3"), ("claude-1.3", "gpt-4"))]
    there, back = (next(c for c in held(world, case).checks if c.rule == "non_inferiority") for case in both)
    assert (there.numbers["wins"], there.numbers["losses"]) == (back.numbers["losses"], back.numbers["wins"])
    assert there.low == pytest.approx(-back.high) and there.observed == pytest.approx(-back.observed)


def test_a_recording_of_a_part_cannot_pass_as_the_whole(world: World) -> None:
    """Forty-eight rows of MMLU have no recording: 4%, more than the default share of faults."""
    case = Case("mmlu:generative", "gpt-4", "gpt-4" + COPY, 0.01, "PASS")
    assert held(world, case, max_faults=0.01).outcome == "ERROR"
    assert held(world, case, max_faults=0.05).outcome == "PASS"


@pytest.mark.parametrize(
    ("suite", "model"),
    [("humaneval", "gpt-4"), ("humaneval", "claude-1.3"), ("mmlu:generative", "gpt-4"), ("bbh", "code-davinci-002")],
)
def test_spoiled_answers_are_found_at_the_predicted_power(world: World, suite: str, model: str) -> None:
    found = spoil(world, suite, model, seeds=200)
    error = (found.predicted * (1 - found.predicted) / found.of) ** 0.5
    print(f"{suite} {model}: {found.right} right, found {found.found / found.of:.3f}, predicted {found.predicted:.3f}")
    assert abs(found.found / found.of - found.predicted) <= 3.3 * error + 1e-6


def test_the_command_finds_a_spoiled_recording_and_passes_a_copy(world: World, tmp_path: Path) -> None:
    """Real programs, made wrong in the file, through `harness gate` from the recording to the exit code."""
    run = world.runs["humaneval", "gpt-4"]
    scored = read.query(world.database, "SELECT sample, score FROM results WHERE run_id = ? ORDER BY sample", [run])
    rng = np.random.default_rng(5)
    lost = {row["sample"] for row in scored if rng.random() < 0.05 and row["score"] == 1.0}
    assert len(lost) >= 5, "by seed: five losses without a win are p = 1/32"
    text = gzip.decompress((OUTPUTS / "humaneval" / HUMANEVAL["gpt-4"]).read_bytes()).decode()
    rows = [json.loads(line) for line in text.splitlines()]
    spoiled = [{**row, "completion": "    raise ValueError\n"} if row["task_id"] in lost else row for row in rows]
    write(tmp_path / "spoiled.jsonl", spoiled)
    code, outcome, gate_id = gate(world, terms("humaneval", run), f"replay:{tmp_path / 'spoiled.jsonl'}", tmp_path)
    assert (code, outcome) == (1, "FAIL")
    (check,) = [one for one in gates.verdict(world.database, gate_id)[1] if one.rule == "regression"]
    assert (check.numbers["wins"], check.numbers["losses"]) == (0, len(lost))
    assert check.numbers["p"] == pytest.approx(0.5 ** len(lost))
    copy = world.runs["humaneval", "gpt-4" + COPY]
    assert gate(world, terms("humaneval", run, 0.05), copy, tmp_path)[:2] == (0, "PASS")
    assert gate(world, terms("humaneval", run, 0.01), copy, tmp_path)[:2] == (3, "INCONCLUSIVE")


def test_the_same_policy_and_evidence_give_the_same_verdict(world: World) -> None:
    policy = validate(terms("mmlu:generative", world.runs["mmlu:generative", "claude-3-opus"], 0.02), Policy, "test")
    evidence = gather(world.database, policy, world.runs["mmlu:generative", "gpt-4"])
    assert decide(policy, evidence) == decide(policy, evidence)
