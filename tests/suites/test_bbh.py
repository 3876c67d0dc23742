"""BBH from small official-looking files and from a hub data set: rows, shots, prompts, errors. Texts are our own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from harness import registry
from harness.errors import MissingData, UsageError
from harness.types import Completion
from suites import bbh

ROWS = [
    {"input": "Is the sky\ngreen?\nOptions:\n- yes\n- no", "target": "no"},
    {"input": "Is 2 even?", "target": "yes"},
    {"input": "Is 2 even?", "target": "yes"},
]
SHOTS = """canary: not a real one
-----
Answer questions.

They are simple.

Q: Is 1 odd?
A: Let's think step by step.
One is not
divisible by two. So the answer is yes.

Q: Is 5 even?
A: Let's think step by step. It is not. So the answer is no."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with every task and its shots."""
    (tmp_path / "bbh" / "cot-prompts").mkdir(parents=True)
    for task in bbh.TASKS:
        (tmp_path / "bbh" / f"{task}.json").write_text(json.dumps({"canary": "none", "examples": ROWS}))
        (tmp_path / "bbh" / "cot-prompts" / f"{task}.txt").write_text(SHOTS)
    return tmp_path


def test_rows(folder: Path) -> None:
    samples = list(registry.suite("bbh").samples(folder))
    assert len(samples) == 27 * 3
    assert len({sample.id for sample in samples}) == len(samples)
    assert samples[0].name == "boolean_expressions/0"
    assert samples[0].data == {"task": "boolean_expressions", "input": ROWS[0]["input"]}
    assert samples[0].tags == {"task": "boolean_expressions", "category": "algorithmic"}


def test_siblings_share_origins_not_ids(folder: Path) -> None:
    names = ("bbh", "bbh:direct", "bbh:lm_eval", "bbh:0shot")
    found = [list(registry.suite(name).samples(folder)) for name in names]
    assert found[0][1].origin == found[0][2].origin
    assert len({tuple((sample.origin, sample.split) for sample in samples) for samples in found}) == 1
    assert len({sample.id for samples in found for sample in samples}) == 4 * len(found[0])


def test_chain_of_thought_prompt(folder: Path) -> None:
    suite = registry.suite("bbh")
    request = suite.request(next(iter(suite.samples(folder))))
    assert request.prompt == (
        "Answer questions.\n\nThey are simple.\n\n"
        "Q: Is 1 odd?\nA: Let's think step by step.\nOne is not\ndivisible by two. So the answer is yes.\n\n"
        "Q: Is 5 even?\nA: Let's think step by step.\nIt is not. So the answer is no.\n\n"
        "Q: Is the sky\ngreen?\nOptions:\n- yes\n- no\nA: Let's think step by step.\n"
    )
    assert request.stop == ("</s>", "\n\nQ:")


def test_direct_prompt(folder: Path) -> None:
    suite = registry.suite("bbh:direct")
    request = suite.request(list(suite.samples(folder))[1])
    assert request.prompt == (
        "Answer questions.\n\nThey are simple.\n\nQ: Is 1 odd?\nA: yes\n\nQ: Is 5 even?\nA: no\n\nQ: Is 2 even?\nA:"
    )


def test_without_shots_the_question_stands_alone(folder: Path) -> None:
    """Neither form needs the files with the shots; the smaller one asks five tasks of the same origins."""
    for path in (folder / "bbh" / "cot-prompts").iterdir():
        path.write_text("of no form")
    whole, fewer = registry.suite("bbh:0shot"), registry.suite("bbh:small")
    samples = list(whole.samples(folder))
    request = whole.request(samples[1])
    assert (request.prompt, request.stop) == ("Q: Is 2 even?\nA:", ("</s>", "\n"))
    assert len(samples) == 27 * 3
    own = list(fewer.samples(folder))
    assert sorted({sample.tags["task"] for sample in own}) == sorted(bbh.practising.LEARNED) and len(own) == 5 * 3
    assert {sample.origin for sample in own} <= {sample.origin for sample in samples}
    assert not {sample.id for sample in own} & {sample.id for sample in samples}
    assert fewer.request(own[1]).prompt == request.prompt


@pytest.mark.parametrize(
    ("name", "text", "mode"),
    [
        ("bbh", "Why not. So the answer is no.", "right"),
        ("bbh", "So the answer is yes.", "wrong_answer"),
        ("bbh", "So the answer is No.", "wrong_answer"),
        ("bbh", "no", "stopped_early"),
        ("bbh:direct", " no\n", "right"),
        ("bbh:direct", "no, surely", "wrong_answer"),
        ("bbh:direct", " ", "empty"),
        ("bbh:0shot", " no", "right"),
        ("bbh:0shot", "So the answer is no.", "wrong_answer"),
        ("bbh:lm_eval", "So the answer is no.", "right"),
        ("bbh:lm_eval", "So the answer is no", "wrong_answer"),
        ("bbh:lm_eval", "no", "stopped_early"),
    ],
)
def test_score(folder: Path, name: str, text: str, mode: str) -> None:
    suite = registry.suite(name)
    sample = next(iter(suite.samples(folder)))
    score = suite.score(sample, Completion(text=text, finish="stop"))
    assert (score.mode, score.values) == (mode, {"acc": float(mode == "right")})


def test_shots_from_an_installed_lm_eval(folder: Path) -> None:
    """Without the official prompt files the shots are lm-eval's: our text for the one task they differ in."""
    (folder / "bbh" / "cot-prompts" / "sports_understanding.txt").unlink()
    suite = registry.suite("bbh")
    sample = next(s for s in suite.samples(folder) if s.tags["task"] == "sports_understanding")
    prompt = suite.request(sample).prompt
    assert prompt.count("\nA: Let's think step by step.\n") == 4
    assert prompt.count("So the answer is ") == 3


def test_the_hub_gives_the_same_samples(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "hub"
    place.mkdir()
    configs = [{"config_name": t, "data_files": [{"split": "test", "path": "rows.jsonl"}]} for t in bbh.TASKS]
    (place / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    (place / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    monkeypatch.setattr(bbh, "HUB", str(place))
    assert list(registry.suite("bbh").samples(None)) == list(registry.suite("bbh").samples(folder))


def test_no_source_names_the_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bbh, "HUB", str(tmp_path / "no" / "such" / "data set"))
    with pytest.raises(MissingData) as error:
        registry.suite("bbh").samples(tmp_path)
    assert all(way in str(error.value) for way in ("--data DIR", "package", "hub"))


def test_one_missing_file_is_no_silent_skip(folder: Path) -> None:
    (folder / "bbh" / "navigate.json").unlink()
    with pytest.raises(MissingData, match=r"navigate\.json"):
        registry.suite("bbh").samples(folder)


@pytest.mark.parametrize(
    "content",
    ['{"examples": [{"input": "x"}]}', '{"examples": ["x"]}', "[1]", "{", "{}", '"x"', '[{"input": "x", "target": 1}]'],
)
def test_a_file_of_another_form_is_named(folder: Path, content: str) -> None:
    (folder / "bbh" / "navigate.json").write_text(content)
    with pytest.raises(UsageError, match=r"navigate\.json"):
        registry.suite("bbh").samples(folder)


@pytest.mark.parametrize("content", ["", "canary\n-----\nOnly a description.", "Q: no canary\nA: nothing"])
def test_shots_of_another_form_are_named(folder: Path, content: str) -> None:
    (folder / "bbh" / "cot-prompts" / "navigate.txt").write_text(content)
    with pytest.raises(UsageError, match=r"navigate\.txt"):
        registry.suite("bbh").samples(folder)


@pytest.mark.parametrize(
    ("name", "asked"), [("bbh", 4), ("bbh:direct", 4), ("bbh:lm_eval", 4), ("bbh:0shot", 1), ("bbh:small", 1)]
)
def test_examples(name: str, asked: int) -> None:
    suite = registry.suite(name)
    for sample, right, wrong in suite.examples():
        assert suite.request(sample).prompt.count("Q: ") == asked
        assert suite.score(sample, right).values["acc"] == 1.0
        assert suite.score(sample, wrong).values["acc"] == 0.0


def test_categories_are_the_papers() -> None:
    """15 and 12 files: 11 algorithmic tasks, of which two come in three sizes, and 12 of natural language."""
    assert Counter(bbh.TASKS.values()) == {"algorithmic": 15, "natural language": 12}
