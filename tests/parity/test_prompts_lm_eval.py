"""Our prompts are lm-eval 0.4.13's, byte for byte: every sample of mmlu, bbh and humaneval, raw form."""

from __future__ import annotations

from importlib.metadata import version

import lm_eval_oracle as oracle
import pytest

from harness import registry
from suites.bbh import TASKS
from suites.mmlu import SUBJECTS

SHARED = oracle.SHARED
pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="no benchmark data beside the checkout"),
]


def ours(name: str, tag: str) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Return (sample name, prompt, stops or choices) by tag."""
    suite = registry.suite(name)
    found: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for sample in suite.samples(SHARED):
        request = suite.request(sample)
        found.setdefault(sample.tags.get(tag, ""), []).append((sample.name, request.prompt, request.choices))
    return found


def differing(mine: list[tuple[str, str, tuple[str, ...]]], theirs: list[str]) -> list[str]:
    """Return the names of samples whose prompts differ."""
    return [name for (name, prompt, _), other in zip(mine, theirs, strict=True) if prompt != other]


def test_the_oracle_is_the_pinned_one() -> None:
    assert version("lm_eval") == "0.4.13"


@pytest.mark.parametrize(("name", "shots"), [("mmlu", 5), ("mmlu:0shot", 0)])
def test_mmlu_all_14042(name: str, shots: int) -> None:
    mine, theirs = ours(name, "subject"), oracle.mmlu(SHARED, SUBJECTS, "default", shots)
    assert sum(map(len, mine.values())) == 14042
    for subject, task in theirs.items():
        groups = task.instances()
        assert differing(mine[subject], [group[0].args[0] for group in groups]) == []
        assert {tuple(one.args[1] for one in group) for group in groups} == {mine[subject][0][2]}


def test_mmlu_generative_prompts_and_stops() -> None:
    subjects = ["abstract_algebra", "high_school_us_history"]
    mine, theirs = ours("mmlu:generative", "subject"), oracle.mmlu(SHARED, subjects, "generative")
    for subject, task in theirs.items():
        groups = task.instances()
        assert differing(mine[subject], [group[0].args[0] for group in groups]) == []
        assert groups[0][0].args[1]["until"] == ["</s>", "\n"]


@pytest.mark.parametrize(("name", "folder"), [("bbh", "cot_fewshot"), ("bbh:direct", "fewshot")])
def test_bbh_all_6511(name: str, folder: str) -> None:
    mine, theirs = ours(name, "task"), oracle.bbh(SHARED, folder, TASKS)
    assert sum(map(len, mine.values())) == 6511
    assert {task: differing(mine[task], theirs[task].prompts()) for task in TASKS} == {task: [] for task in TASKS}


def test_bbh_lm_eval_asks_what_lm_eval_asks() -> None:
    suite = registry.suite("bbh:lm_eval")
    sample = next(iter(suite.samples(SHARED)))
    ((instance,), *_) = oracle.bbh(SHARED, "cot_fewshot", [sample.tags["task"]])[sample.tags["task"]].instances([0])
    request, theirs = suite.request(sample), instance.args[1]
    assert (list(request.stop), request.max_tokens) == (theirs["until"], theirs["max_gen_toks"])


def test_humaneval_all_164() -> None:
    (mine,) = ours("humaneval", "").values()
    task = oracle.humaneval(SHARED)
    assert len(mine) == 164
    assert differing(mine, task.prompts()) == []
    suite = registry.suite("humaneval")
    request = suite.request(next(iter(suite.samples(SHARED))))
    theirs = task.task.config.generation_kwargs
    assert (list(request.stop), request.max_tokens) == (theirs["until"], theirs["max_gen_toks"])
