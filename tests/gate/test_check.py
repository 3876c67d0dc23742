"""Everything wrong with a policy is found before a token, with the nearest right name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_runs import samples, store

from harness.errors import UsageError
from harness.gate.check import check
from harness.gate.policy import CLASSIC, Policy, load
from harness.store import Database, gates

ABSOLUTE = {"absolute": {"min": 0.5}}


@pytest.fixture
def held(tmp_path: Path) -> Callable[..., None]:
    """A database with a candidate and a baseline on `mmlu`, and the check of a policy on it."""
    database = Database(tmp_path / "h.duckdb")
    for run in ("base-1", "cand-1"):
        store(database, run, samples(20), [1.0] * 20)
    store(database, "other-1", samples(5, "bbh"), [1.0] * 5)
    gates.set_baseline(database, "main", "base-1")
    (tmp_path / "gpt-4.yaml").write_text("model: gpt-4\nsource: paper\nsuites:\n  mmlu: {acc: 0.864}\n")

    def against(suites: dict[str, Any], candidate: str | None = "cand-1", **more: Any) -> None:
        policy = Policy.model_validate({"suites": suites, **more})
        check(policy, "gates.yaml", database, tmp_path, candidate)

    return against


@pytest.mark.parametrize(
    ("suites", "more"),
    [
        ({"mmlu": ABSOLUTE}, {}),
        ({"mmlu": {}}, {"reference": {"run": "main"}}),
        ({"mmlu": {"metric": "acc", "cluster": "subject", **ABSOLUTE}}, {}),
        ({"mmlu": {"relative": {"min_ratio": 1.1, "to": "gpt4"}}}, {"references": {"gpt4": {"figures": "gpt-4.yaml"}}}),
        ({"mmlu": ABSOLUTE}, {"reference": {"run": "other-1"}}),
        ({"mmlu": ABSOLUTE}, {"limits": {"prompt_tokens_per_s": {"min": 1.0, "width": 4}}}),
    ],
)
def test_what_is_right_passes(held: Callable[..., None], suites: dict[str, Any], more: dict[str, Any]) -> None:
    held(suites, **more)


REF = {"reference": {"run": "main"}}
GPT4 = {"references": {"gpt4": {"figures": "gpt-4.yaml"}}}


@pytest.mark.parametrize(
    ("suites", "more", "what", "expected"),
    [
        ({"mmlu": {**ABSOLUTE, "metric": "accu"}}, {}, "no metric 'accu'", "nearest: 'acc'"),
        ({"bbh": ABSOLUTE}, {}, "the run 'cand-1' has no suite 'bbh'", "mmlu"),
        ({"mmlu": {**ABSOLUTE, "cluster": "subjct"}}, {}, "no tag 'subjct'", "nearest: 'subject'"),
        ({"mmlu": {"absolute": {"min": 72.0}}}, {}, "absolute.min = 72", "0.72?"),
        ({"mmlu": {"absolute": {"max": -0.1}}}, {}, "absolute.max = -0.1", "0 to 1"),
        ({"mmlu": {"non_inferiority": {"margin": 3.0}}}, REF, "margin = 3", "0.03?"),
        ({"mmlu": {"non_inferiority": {"margin": 0.03}}}, {}, "there is none", "reference: {run: NAME}"),
        ({"mmlu": {"relative": {"min_ratio": 1.0, "to": "gpt5"}}}, GPT4, "`to: gpt5` names no", "nearest: 'gpt4'"),
        ({"mmlu": {"relative": {"min_ratio": 1.2, "to": "gpt4"}}}, GPT4, "1.2 of 0.864 is 1.037", "up to 1.157"),
        ({"mmlu": {}}, {}, "promises nothing", "a rule"),
        ({"mmlu": {**ABSOLUTE, "required": False}}, {}, "no suite is required", "one that is"),
        ({"mmlu": ABSOLUTE}, {"limits": {"load": {"max": 1.0}}}, "no measure named 'load'", "nearest: 'load_s'"),
        ({"mmlu": ABSOLUTE}, {"limits": {"load_s": {"max": 1.0, "width": 4}}}, "width 4", "tokens_per_s only"),
        ({"mmlu": ABSOLUTE}, {"sequential": {"enabled": True}}, "sequential mode", "reference: {run: NAME}"),
        ({"mmlu": {}}, {"reference": {"run": "mian"}}, "no run 'mian'", "nearest: 'main'"),
        ({"mmlu": {}}, {"reference": {"run": "other-1"}}, "the run 'other-1' has no suite 'mmlu'", "bbh"),
        ({"mmlu": ABSOLUTE}, {"references": {"g": {"figures": "none.yaml"}}}, "cannot read", "YAML"),
    ],
)
def test_what_is_wrong_is_told(
    held: Callable[..., None], suites: dict[str, Any], more: dict[str, Any], what: str, expected: str
) -> None:
    with pytest.raises(UsageError) as told:
        held(suites, **more)
    assert what in told.value.what and expected in told.value.expected and told.value.exit_code == 2
    assert told.value.next


def test_a_model_is_checked_by_what_its_suites_declare(held: Callable[..., None]) -> None:
    held({"primer": {**ABSOLUTE, "cluster": "skill", "metric": "acc_by_skill"}}, None)
    for suites, said in (
        ({"primr": ABSOLUTE}, "suites.primr: no suite named 'primr'\nnearest: 'primer'"),
        ({"primer": {**ABSOLUTE, "cluster": "skil"}}, "nearest: 'skill'"),
        ({"primer": {**ABSOLUTE, "metric": "acc_by_skil"}}, "nearest: 'acc_by_skill'"),
    ):
        with pytest.raises(UsageError, match=said.replace("(", r"\(")):
            held(suites, None)


def test_a_stored_run_needs_no_code_of_its_suite(tmp_path: Path) -> None:
    """A suite of another machine, or a file that is gone, is judged by what the run declares."""
    database = Database(tmp_path / "h.duckdb")
    store(database, "cand-1", samples(20, "file:gone.jsonl"), [1.0] * 20)
    policy = Policy.model_validate({"suites": {"file:gone.jsonl": {**ABSOLUTE, "cluster": "subject"}}})
    check(policy, "gates.yaml", database, tmp_path, "cand-1")


def test_the_classic_floors_are_valid_today(tmp_path: Path) -> None:
    policy = load("classic")
    check(policy, "classic", Database(tmp_path / "none.duckdb"), CLASSIC.parent)
    floors = {name: wanted.absolute.min for name, wanted in policy.suites.items() if wanted.absolute}
    assert floors == {"humaneval": 0.72, "mbpp": 0.72, "mmlu": 0.70, "bbh": 0.70, "toolbench": 0.75}
    assert all(wanted.absolute is not None and wanted.absolute.mode == "point" for wanted in policy.suites.values())
