"""What is said before a token is spent: noise measured on real runs, effects as `stats.power` has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import registry
from harness.config import EvalConfig
from harness.gate import foresight
from harness.gate.foresight import lines, noise_floor
from harness.gate.policy import Defaults, Evaluate, NonInferiority, Policy, Reference, Sequential, SuitePolicy
from harness.hashing import fraction
from harness.models.scripted import Scripted
from harness.runner import evaluate
from harness.stats import power
from harness.store import Database, gates
from harness.types import Check, Request, Verdict

N = 164
KNOWN = {sample.id: str(sample.target) for sample in registry.suite("primer").samples(None)}


def steady(request: Request) -> str:
    """Know eight tenths, always the same."""
    known = fraction("steady", request.source["sample_id"]) < 0.8
    return f" {KNOWN[request.source['sample_id']]}" if known else " no idea"


def moody(request: Request) -> str:
    """Know any sample with probability .9, by seed or attempt."""
    known = fraction("moody", request.source["sample_id"], request.attempt, request.seed) < 0.9
    return f" {KNOWN[request.source['sample_id']]}" if known else " no idea"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "harness.duckdb")


def run(database: Database, function=steady, name: str = "base", **config) -> str:
    model = Scripted(function, digest=function.__name__)
    return evaluate(EvalConfig(suites=["primer"], limit=N, name=name, **config), database, model).run_id


def policy(margin: float | None = 0.05, reference: str = "base", **more) -> Policy:
    rule = NonInferiority(margin=margin) if margin else None
    pinned = Reference(run=reference) if reference else None
    return Policy(reference=pinned, suites={"primer": SuitePolicy(non_inferiority=rule)}, **more)


def only(rows: list[foresight.Row]) -> foresight.Row:
    assert len(rows) == 1
    return rows[0]


def test_without_any_knowledge_a_fifth_is_assumed(database: Database) -> None:
    run(database)
    row = only(lines(policy(), database, {"primer": N}))
    assert (row.n, row.psi, row.source, row.floor) == (N, 0.2, "assumed", None)
    assert row.detectable == pytest.approx(power.detectable(N, 0.2, 0.05, 0.8))
    assert row.certifiable == pytest.approx(power.certifiable(N, 0.2, 0.05, 0.8))
    assert row.needed == power.needed(0.2, 0.05, 0.05, 0.8) and "507 samples" in row.warning
    assert only(lines(policy(margin=0.2), database, {"primer": N})).warning == ""


def test_fewer_samples_than_the_reference_and_too_few(database: Database) -> None:
    run(database)
    assert only(lines(policy(), database, {"primer": 120})).n == 120
    assert only(lines(policy(), database, {"primer": 10**6})).n == N
    assert "fewer than 100" in only(lines(policy(), database, {"primer": 99})).warning
    assert "nothing is asked" in only(lines(policy(), database, {})).warning


def test_without_a_reference_there_is_nothing_to_compare(database: Database) -> None:
    row = only(lines(policy(margin=None, reference=""), database, {"primer": N}))
    assert row.n == N and row.detectable is None and row.certifiable is None and "no stored reference" in row.warning


def test_loops_and_looks_leave_less_of_alpha(database: Database) -> None:
    run(database)
    plain, looped = (only(lines(policy(), database, {"primer": N}, loop)) for loop in ("", "repair"))
    looking = only(lines(policy(sequential=Sequential(enabled=True)), database, {"primer": N}))
    assert plain.certifiable < looking.certifiable and plain.detectable == looking.detectable
    assert looped.detectable == pytest.approx(power.detectable(N, 0.2, 0.005, 0.8))


def test_many_suites_are_the_worst_case_of_holm(database: Database) -> None:
    model = Scripted(lambda request: " True", digest="steady")
    suites = ["primer", "adversarial:primer/typos"]
    evaluate(EvalConfig(suites=suites, limit=N, name="base"), database, model)
    both = Policy(reference=Reference(run="base"), suites={name: SuitePolicy() for name in suites})
    rows = lines(both, database, dict.fromkeys(suites, N))
    assert rows[0].detectable == pytest.approx(power.detectable(N, 0.2, 0.025, 0.8))
    assert rows[0].certifiable == pytest.approx(power.certifiable(N, 0.2, 0.05, 0.8)), "passing needs no adjustment"


def test_noise_floor_of_attempts(database: Database) -> None:
    run(database, moody, samples=3, temperature=1.0)
    floor = noise_floor(database, "primer")
    assert floor == pytest.approx(2 * 0.9 * 0.1, abs=0.06)
    row = only(lines(policy(evaluate=Evaluate(samples=3)), database, {"primer": N}))
    # DuckDB adds floats in the order in which threads finish: asked twice, the last digit may differ.
    assert row.source == "noise floor" and (row.psi, row.floor) == (pytest.approx(floor), pytest.approx(floor))
    assert row.certifiable == pytest.approx(power.detectable_by_se((floor / 3 / N) ** 0.5, 0.05, 0.8))


def test_noise_floor_of_runs_with_other_seeds(database: Database) -> None:
    run(database, moody, temperature=1.0)
    assert noise_floor(database, "primer") is None
    run(database, moody, name="again", temperature=1.0)
    assert noise_floor(database, "primer") is None, "the same completions under another name are no repetition"
    run(database, moody, name="warmer", temperature=0.7, seed=1)
    assert noise_floor(database, "primer") is None, "other decoding is no repetition"
    run(database, moody, name="other", temperature=1.0, seed=1)
    assert noise_floor(database, "primer") == pytest.approx(0.18, abs=0.08)
    assert noise_floor(database, "primer", "no such metric") is None


def test_greedy_decoding_has_no_noise_and_says_nothing_of_others(database: Database) -> None:
    run(database, steady, samples=2)
    row = only(lines(policy(), database, {"primer": N}))
    assert row.floor == 0.0 and (row.psi, row.source) == (0.2, "assumed")


def test_the_reference_s_own_noise_comes_first(database: Database) -> None:
    other = run(database, moody, name="other", samples=2, temperature=1.0)
    reference = run(database, steady, samples=2)
    assert noise_floor(database, "primer", run=reference) == 0.0
    assert noise_floor(database, "primer", run=other) == pytest.approx(0.18, abs=0.08)


def remember(database: Database, candidate: str, psi: float, se: float) -> None:
    numbers = {"n": float(N), "psi": psi, "se": se}
    verdict = Verdict("PASS", (Check("primer", "regression", "PASS", numbers=numbers),), candidate, "base-run")
    gates.add(database, verdict)


def test_past_gates_tell_how_models_differ(database: Database) -> None:
    run(database)
    for psi in (0.1, 0.12, 0.3):
        remember(database, "other", psi, (psi / N) ** 0.5)
    remember(database, "base-run", 0.0, 0.0)
    row = only(lines(policy(), database, {"primer": N}))
    assert (row.psi, row.source) == (0.12, "3 past gates"), "the median; a run against itself left out"
    assert row.detectable == pytest.approx(power.detectable(N, 0.12, 0.05, 0.8))


def test_clusters_go_by_the_standard_error_of_the_past(database: Database) -> None:
    run(database)
    remember(database, "other", 0.1, 0.05)
    clustered = policy().model_copy(update={"suites": {"primer": SuitePolicy(cluster="skill")}})
    row = only(lines(clustered, database, {"primer": N}))
    assert row.detectable == pytest.approx(power.detectable_by_se(0.05, 0.05, 0.8))


def test_what_is_asked_is_counted_without_a_model(database: Database) -> None:
    config = EvalConfig(model="scripted:none:none", suites=["primer"], limit=40, samples=2)
    assert foresight.asked(config) == {"primer": 40}
    assert foresight.recorded(database, run(database, steady, samples=2)) == {"primer": N}


def test_more_power_takes_larger_drops(database: Database) -> None:
    run(database)
    rows = [only(lines(policy(defaults=Defaults(power=p)), database, {"primer": N})) for p in (0.7, 0.9)]
    assert rows[0].detectable < rows[1].detectable and rows[0].certifiable < rows[1].certifiable
