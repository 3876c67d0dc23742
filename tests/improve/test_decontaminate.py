"""No benchmark sample trains: planted copies are found and named, clean rows stay, and no recipe goes without."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from curating import done, stored
from planted_copies import PROSE, planted

from harness import registry
from harness.dice import Dice
from harness.errors import MissingData, UsageError
from harness.workbench import clean
from improve.curation import kept_out
from improve.curation.kept_out import Item

OURS = ["primer:large", "adversarial", "humaneval", "formatting:structured"]


@cache
def items(suite: str) -> list[Item]:
    return list(kept_out.gather([suite], None).items)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for all runs, so that they share the index."""
    return tmp_path_factory.mktemp("decontaminate")


def held(place: Path, rows: list[dict[str, Any]], suites: list[str] = OURS, **more: Any) -> Any:
    source = stored(place / f"in-{len(list(place.iterdir()))}", rows)
    return done("improve.decontaminate", place, [source], suites=suites, embedder="words", **more)


@pytest.mark.parametrize("kind", ["verbatim", "recased"])
def test_every_exact_copy_of_a_procedural_sample_is_found(place: Path, kind: str) -> None:
    dice = Dice("planted", kind)
    drawn = dice.some(items("primer:large"), 300)
    rows = [row for item in drawn if (row := planted(item, kind, dice)) is not None]
    kept, dropped, report, _ = held(place, rows)
    assert not kept and report["dropped"] == {"exact": 300}
    assert {one["dropped"]["near"]["split"] for one in dropped} == {"dev", "test"}
    known = {one.id for suite in OURS for one in registry.suite(suite).samples(None)}
    assert {one["dropped"]["near"]["sample"] for one in dropped} <= known
    assert report["against"]["samples"]["primer:large"] == 3000


def test_practice_is_clean(place: Path) -> None:
    from suites.primer.skills import VARIANTS

    drawn = registry.suite("primer").practice(3, 1500, variants=sorted(VARIANTS))  # type: ignore[call-arg]
    rows = [{"prompt": one.prompt, "completion": one.target} for one in drawn]
    kept, dropped, report, _ = held(place, rows)
    assert not [one for one in dropped if one["dropped"]["near"]["suite"].startswith("primer")]
    # `practice` of primer looks at primer's own samples, not at those that `adversarial` makes of them.
    assert len(dropped) <= 15, [one["prompt"] for one in dropped]
    assert len(kept) + len(dropped) == 1500
    assert {one["checks"]["decontaminate"] for one in kept} == {report["against"]["key"]}


def test_answers_offered_the_other_way_round_are_the_same_question(place: Path) -> None:
    sample = next(one for one in registry.suite("primer:large").samples(None) if one.tags["variant"] == "facts/choose")
    left, right = sample.data["question"].rstrip("?").split()[-3], sample.data["question"].rstrip("?").split()[-1]
    turned = sample.data["prompt"].replace(f"{left} or {right}?", f"{right} or {left}?")
    assert turned != sample.data["prompt"]
    kept, dropped, _, _ = held(place, [{"prompt": turned, "completion": sample.target}])
    assert not kept and dropped[0]["dropped"]["near"]["name"] == sample.name


def test_a_near_question_of_a_procedural_suite_is_another_question(place: Path) -> None:
    sample = next(one for one in registry.suite("primer").samples(None) if one.tags["variant"] == "code/k_op_x")
    other = sample.data["prompt"].replace("returns ", "returns 1")
    assert len(held(place, [{"prompt": other, "completion": "x"}])[0]) == 1


@pytest.mark.parametrize("kind", ["verbatim", "recased", "renamed", "wrapped"])
def test_copies_of_programming_tasks(place: Path, kind: str) -> None:
    dice = Dice("planted", kind)
    made = [row for item in items("humaneval") if (row := planted(item, kind, dice)) is not None]
    kept, _, report, _ = held(place, made)
    assert len(made) >= 120 and not kept, [one["completion"] for one in kept]
    if kind in ("verbatim", "renamed"):
        assert report["dropped"] == {"exact": len(made)}


def test_tests_and_solutions_of_a_sample_count_as_the_sample(place: Path) -> None:
    sample = next(one for one in registry.suite("humaneval").samples(None) if one.name == "HumanEval/1")
    told = f"Look at these tests and say what is tested.\n{sample.data['test']}"
    chat = [{"role": "user", "content": told}, {"role": "assistant", "content": "Parentheses."}]
    kept, dropped, _, _ = held(place, [{"messages": chat}])
    assert not kept and dropped[0]["dropped"]["near"]["name"] == "HumanEval/1"


def test_a_sample_hidden_among_others_in_a_prompt_is_found(place: Path) -> None:
    sample = items("primer:large")[7]
    shots = f"Q: Who are you?\nA: A model.\n\n{sample.form.questions[0]} x\n\nQ: And who am I?\nA:"
    assert not held(place, [{"prompt": shots, "completion": " You."}])[0]


def test_the_index_is_built_once(place: Path) -> None:
    rows = [{"prompt": "Name three rivers of Europe.", "completion": "Rhine, Danube, Volga"}]
    first = held(place, rows)
    built = {path: path.stat().st_mtime_ns for path in (place / "cache").rglob("about.json")}
    again = held(place, rows)
    assert built and {path: path.stat().st_mtime_ns for path in (place / "cache").rglob("about.json")} == built
    assert (first[3] / "rows.jsonl").read_bytes() == (again[3] / "rows.jsonl").read_bytes()
    assert not list((place / "cache").glob(".building*"))


def test_hostile_rows_do_no_harm(place: Path) -> None:
    nasty = [
        "(" * 5000,
        "-" * 9000 + "x",
        "\x1b[31m" * 50,
        "\ud800",
        "",
        "\u2028",
        "x" + "+x" * 9000,
        "[" * 59 + "]" * 59,
    ]
    rows = [{"prompt": one, "completion": f"```python\n{one}\n```"} for one in nasty]
    assert len(held(place, rows)[0]) == len(nasty)


def test_a_suite_that_is_named_must_be_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [{"prompt": "a", "completion": "b"}]
    with pytest.raises(UsageError, match="nearest: 'primer'"):
        held(place, rows, ["primmer"])
    with pytest.raises(MissingData):
        held(place, rows, ["toolbench:toolalpaca"])


def test_no_recipe_trains_without_decontamination() -> None:
    good = ["improve.generate", "improve.verify", "improve.mix", "improve.decontaminate", "improve.dedup"]
    clean.require([*good, "improve.finetune", "improve.merge"])
    clean.require([])
    for bad in (
        ["improve.finetune"],
        ["improve.generate", "improve.finetune"],
        ["improve.decontaminate", "improve.mix", "improve.finetune"],
        [*good, "improve.generate", "improve.finetune"],
        [*good, "improve.finetune", "improve.generate", "improve.finetune"],
    ):
        with pytest.raises(UsageError, match=r"improve\.finetune"):
            clean.require(bad)
    with pytest.raises(UsageError, match="no step named"):
        clean.require(["improve.finetun"])


DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "gsm8k").is_dir(), reason="no benchmark data beside the checkout")
def test_prose_copies_are_found_and_clean_rows_stay(place: Path) -> None:
    """The bench's figures on a part of the suites, by words alone: see tests/bench/bench_decontamination.py."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
    from bench_decontamination import clean

    dice, suites = Dice("decontaminate", 5), ["gsm8k", "adversarial:truthfulqa", "formatting"]
    drawn = dice.some(list(kept_out.gather(suites, DATA).items), 400)
    found = {}
    for kind in PROSE:
        made = [row for item in drawn if (row := planted(item, kind, dice)) is not None][:60]
        kept, _, report, _ = held(place, made, suites, data=str(DATA))
        found[kind] = 1 - len(kept) / len(made)
        if kind in ("verbatim", "recased", "reordered"):
            assert report["dropped"] == {"exact": len(made)}, kind
    assert min(found.values()) >= 0.9 and sum(found.values()) / len(found) >= 0.95, found
    rows = [row for source, row in clean(DATA, dice, 500) if source == "gsm8k train"]
    kept, dropped, _, _ = held(place, rows, suites, data=str(DATA))
    assert len(dropped) <= 5, [one["prompt"] for one in dropped]
