"""Evidence from stored runs: what is counted, paired, left out, and what it costs."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from evidence_made import policy
from gate_runs import samples, store

from harness.errors import UsageError
from harness.gate.decide import decide
from harness.gate.gather import gather
from harness.store import Database, benches, gates
from harness.types import Fault

DOWN = Fault("model", "http_500", "a bad day")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "h.duckdb")


def test_a_run_against_a_baseline(database: Database) -> None:
    asked = samples(20)
    store(database, "base-1", asked, [1.0] * 15 + [0.0] * 5)
    store(database, "cand-1", asked, [0.0] * 2 + [1.0] * 14 + [0.0] * 4, sandbox="medium")
    gates.set_baseline(database, "main", "base-1")
    found = gather(database, policy({"mmlu": {}}), "cand-1")
    held = found.suites["mmlu"]
    pairs = held.pairs["reference"]
    assert (found.candidate, found.model, found.split) == ("cand-1", "scripted:cand-1", "all")
    assert len(held.values) == 20 and sum(held.values) == 14 and held.sandbox == "medium"
    assert (held.wanted, dict(held.faults), pairs.run) == (20, {}, "base-1")
    assert sum(pairs.reference) == 15 and sum(pairs.candidate) == 14
    differing = sum(x != y for x, y in zip(pairs.reference, pairs.candidate, strict=True))
    assert differing == 3 and "sandbox differs" in pairs.warnings[0]


def test_faults_are_counted_and_left_out_of_values_and_pairs(database: Database) -> None:
    asked = samples(20)
    store(database, "base-1", asked, [1.0] * 19 + [DOWN], name="main")
    store(database, "cand-1", asked, [DOWN, DOWN] + [1.0] * 18)
    held = gather(database, policy({"mmlu": {}}), "cand-1").suites["mmlu"]
    assert dict(held.faults) == {"model/http_500": 2} and held.wanted == 20
    assert len(held.values) == 18 and len(held.pairs["reference"].reference) == 17
    assert held.pairs["reference"].warnings == ("without a partner: 2 samples of the reference, 1 of the candidate",)


def test_what_a_run_still_wants_counts_as_faults_in_any_split(database: Database) -> None:
    """An interrupted run has answered the first samples of the file, which may be the easy ones."""
    asked = samples(40)
    store(database, "cand-1", asked, [1.0] * 30 + [None] * 10)
    wanted = policy({"mmlu": {"absolute": {"min": 0.1}}}, reference=None)
    for split in ("all", "test"):
        held = gather(database, wanted, "cand-1", split).suites["mmlu"]
        assert held.faults["run/unfinished"] == 10 and held.wanted == len(held.values) + 10
    assert decide(wanted, gather(database, wanted, "cand-1")).outcome == "ERROR"


def test_sealed_counts_test_samples_only_whatever_was_asked(database: Database) -> None:
    asked = samples(60)
    of_test = [sample for sample in asked if sample.split == "test"]
    assert 0 < len(of_test) < 60
    store(database, "base-1", asked, [1.0] * 60, name="main")
    store(database, "cand-1", asked, [float(sample.split == "dev") for sample in asked])
    for sealed, split, expected in ((True, "all", 0.0), (True, "dev", 0.0), (False, "dev", 1.0)):
        found = gather(database, policy({"mmlu": {}}), "cand-1", split, sealed)
        held = found.suites["mmlu"]
        assert set(held.values) == {expected} and set(held.pairs["reference"].candidate) == {expected}
        assert found.split == ("test" if sealed else "dev")
    assert len(gather(database, policy({"mmlu": {}}), "cand-1", "test").suites["mmlu"].values) == len(of_test)


def test_clusters_are_the_tag_that_the_policy_names_else_origins(database: Database) -> None:
    asked = samples(20)
    store(database, "base-1", asked, [1.0] * 20, name="main")
    store(database, "cand-1", asked, [1.0] * 20)
    by_tag = gather(database, policy({"mmlu": {"cluster": "subject"}}), "cand-1").suites["mmlu"]
    assert set(by_tag.clusters or ()) == {f"s{n}" for n in range(5)} == set(by_tag.pairs["reference"].clusters or ())
    by_origin = gather(database, policy({"mmlu": {}}), "cand-1").suites["mmlu"]
    assert set(by_origin.clusters or ()) == {sample.origin for sample in asked}


def test_runs_that_differ_in_prompts_are_refused_not_paired_silently(database: Database) -> None:
    asked = samples(20)
    store(database, "base-1", asked, [1.0] * 20, name="main", config={"prompt": "chat"})
    store(database, "cand-1", asked, [1.0] * 20)
    verdict = decide(policy({"mmlu": {}}), gather(database, policy({"mmlu": {}}), "cand-1"))
    assert verdict.outcome == "ERROR" and any("prompt: chat against raw" in c.note for c in verdict.checks)


def test_a_model_that_did_not_change_is_its_own_reference(database: Database) -> None:
    store(database, "base-1", samples(200), [1.0] * 150 + [0.0] * 50, name="main")
    wanted = policy({"mmlu": {"non_inferiority": {"margin": 0.05}}})
    verdict = decide(wanted, gather(database, wanted, "base-1"))
    assert verdict.outcome == "PASS" and verdict.baseline == "base-1"
    assert any("this very run" in check.note for check in verdict.checks)


def test_further_references_are_gathered_where_a_rule_names_them(database: Database) -> None:
    asked = samples(20)
    for run in ("base-1", "old-1", "big-1"):
        store(database, run, asked, [1.0] * 20)
    store(database, "cand-1", asked, [1.0] * 20)
    wanted = policy(
        {"mmlu": {"relative": {"min_ratio": 0.9, "to": "big"}}},
        reference={"run": "base-1"}, previous={"run": "old-1"},
        references={"big": {"run": "big-1"}, "unused": {"run": "old-1"}},
    )  # fmt: skip
    pairs = gather(database, wanted, "cand-1").suites["mmlu"].pairs
    assert {name: found.run for name, found in pairs.items()} == {
        "reference": "base-1", "previous": "old-1", "big": "big-1",
    }  # fmt: skip


def test_published_figures(database: Database, tmp_path: Path) -> None:
    (tmp_path / "gpt-4.yaml").write_text("model: gpt-4\nsource: a paper\nsuites:\n  mmlu: {acc: 0.864, n: 14042}\n")
    store(database, "cand-1", samples(20), [1.0] * 20)
    wanted = policy(
        {"mmlu": {"relative": {"min_ratio": 1.0, "to": "gpt4"}}},
        reference=None, references={"gpt4": {"figures": "gpt-4.yaml"}},
    )  # fmt: skip
    figure = gather(database, wanted, "cand-1", folder=tmp_path).suites["mmlu"].figures["gpt4"]
    assert (figure.value, figure.n, figure.source) == (0.864, 14042, "gpt-4, a paper")


def test_confidences_are_read_only_where_calibration_is_promised(database: Database) -> None:
    store(
        database, "cand-1", samples(2), [1.0, 0.0], logprobs=[(math.log(0.6), math.log(0.2)), (-1.0, -1.0)]
    )  # fmt: skip
    plain = policy({"mmlu": {"absolute": {"min": 0.1}}}, reference=None)
    promised = policy({"mmlu": {"calibration": {"max_ece": 0.1}}}, reference=None)
    assert gather(database, plain, "cand-1").suites["mmlu"].confidences == ()
    found = gather(database, promised, "cand-1").suites["mmlu"].confidences
    assert {(round(sure, 6), right) for sure, right in found} == {(0.75, True), (0.5, False)}


def test_speeds_come_from_the_latest_bench_of_the_model_and_the_size_without_one(database: Database) -> None:
    store(database, "cand-1", samples(2), [1.0, 0.0], facts={"size_bytes": 2**20 * 300})
    wanted = policy({"mmlu": {"absolute": {"min": 0.1}}}, reference=None)
    assert gather(database, wanted, "cand-1").speeds == {("size_mib", 1): 300.0}
    bench = {
        "bench_id": "b1", "model": "scripted:cand-1", "model_digest": None, "model_facts": {"size_bytes": 2**20 * 310},
        "engine": {}, "settings": {}, "host": {}, "started_at": "2026-01-01",
    }  # fmt: skip
    from harness.store import read

    bench["model_digest"] = read.run(database, "cand-1")["model_digest"]
    rows = [
        {"measure": "generate", "unit": "tokens/s", "width": 4, "measured": [10.0, 12.0, 11.0], "raw": []},
        {"measure": "memory", "unit": "bytes", "width": 1, "measured": [2.0**30], "raw": []},
        {"measure": "ttft", "unit": "s", "width": 1, "measured": [0.25], "raw": []},
    ]
    benches.add(database, bench, rows)
    assert gather(database, wanted, "cand-1").speeds == {
        ("size_mib", 1): 310.0, ("generated_tokens_per_s", 4): 11.0, ("peak_memory_mib", 1): 1024.0,
        ("first_token_s", 1): 0.25,
    }  # fmt: skip


def test_a_suite_that_the_run_lacks_is_left_out_for_decide_to_say(database: Database) -> None:
    store(database, "cand-1", samples(2), [1.0, 0.0])
    wanted = policy({"bbh": {"absolute": {"min": 0.1}}}, reference=None)
    assert gather(database, wanted, "cand-1").suites == {}


def test_a_reference_that_is_not_there_is_told(database: Database) -> None:
    store(database, "cand-1", samples(2), [1.0, 0.0])
    with pytest.raises(UsageError, match="main"):
        gather(database, policy({"mmlu": {}}), "cand-1")


@pytest.mark.slow
def test_fourteen_thousand_records_against_a_reference(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    asked = samples(14_000)
    store(database, "base-1", asked, [float(n % 3 > 0) for n in range(14_000)], name="main")
    store(database, "cand-1", asked, [float(n % 3 > 0) for n in range(14_000)])
    wanted = policy({"mmlu": {"cluster": "subject", "relative": {"min_ratio": 0.95}}})
    started = time.process_time()
    verdict = decide(wanted, gather(database, wanted, "cand-1"))
    with capsys.disabled():
        print(f"\ngather and decide, 14,000 records against a reference: {time.process_time() - started:.1f} s of CPU")
    assert len(verdict.checks) == 4
