"""The easy set: causes with failure modes of their own, over many topics, from `primer` and from recorded outputs.

`primer` (topics: its skills, by variant). Spoilt answers of {"name": "Ana", "age": 7}:

    truncated      {"name": "An                       finish `length`
    empty          (blanks)
    wrong_answer   the answer of another question of the same variant
    unparsed       {name: Ana, age: 7                 JSON variants only
    bad_arguments  {"name": "feed", "arguments": {"pet": "Ana"}}
    runtime_error  def f(x): return x + undefined_3

Recorded outputs (topics: tasks of BBH, themes of HumanEval and MBPP): right ones of real models, cut, emptied, robbed
of the line that says the answer, given another answer of the task, with a name misspelt, with a bracket lost.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from planted import WEIGHTS, Plant, draw

from harness import registry
from harness.contracts import Suite
from harness.dice import Dice
from harness.types import Completion, Sample

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
CODEX = DATA / "model_outputs" / "bbh" / "code-davinci-002-outputs" / "code-davinci-002-cot"
RANKS = (("truncated", "empty"), ("wrong_answer", "unparsed"))
"""Causes that most topics can have get the large shares, so that cause and topic are crossed."""
PRIMER = ("bad_arguments", "runtime_error")
RECORDED = ("syntax_error", "runtime_error")
THEMES = {
    "text": "string|word|char|letter|sentence",
    "lists": "list|tuple|array|element|dict",
    "numbers": "number|sum|digit",
}
Spoil = Callable[[Sample, str, Dice, list[str]], Completion | None]
"""Sample, a right text, dice, right texts of the same group -> a wrong completion; None where the cause cannot be."""


def _cut(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    if len(right) < 4:
        return None
    return Completion(right[: dice.between(len(right) // 3, 2 * len(right) // 3)], finish="length")


def _empty(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion:
    return Completion(dice.one(("", " ", "\n", "  ")), finish="stop")


def _other(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    """Of a code question another function would be another mode; a call gives way to its values alone."""
    if _check(sample) == "code" or sample.suite in ("mbpp", "humaneval"):
        return None
    if _check(sample) == "tool":
        return Completion(json.dumps(list(json.loads(right)["arguments"].values())), finish="stop")
    return Completion(dice.one(others), finish="stop")


def _check(sample: Sample) -> str:
    return str(sample.data.get("check", {}).get("kind", ""))


def _broken_json(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    if _check(sample) not in ("json", "tool"):
        return None
    spoilt = dice.one((right.replace('"', ""), right[:-1], right.replace('"', "'"), f"Sure: {right}"))
    return Completion(spoilt, finish="stop")


def _arguments(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    if _check(sample) != "tool":
        return None
    call = json.loads(right)
    key = dice.one(sorted(call["arguments"]))
    if dice.below(2):
        del call["arguments"][key]
    else:
        call["arguments"][key] = "Nowhere"
    return Completion(json.dumps(call), finish="stop")


def _undefined(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    """A name that nobody defined, an index beyond the end, or a text where a number is wanted."""
    if _check(sample) != "code" and sample.suite not in ("mbpp", "humaneval"):
        return None
    bad = dice.one((f"undefined_{dice.below(9)}", "[][3]", "('a' + 1)"))
    spoilt, hits = re.subn(r"\breturn\b[ (]", f"return {bad} or ", right, count=1)
    if right.count("(") != right.count(")") or spoilt.count("(") != spoilt.count(")"):
        spoilt, hits = re.subn(r"\breturn\b", f"return {bad} or", right, count=1)
    return Completion(spoilt, finish="stop") if hits else None


def _bracket(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    if sample.suite not in ("mbpp", "humaneval"):
        return None
    places = [i for i, mark in enumerate(right) if mark in "()[]:"]
    place = dice.one(places) if places else 0
    return Completion(right[:place] + right[place + 1 :], finish="stop") if places else None


def _undecided(sample: Sample, right: str, dice: Dice, others: list[str]) -> Completion | None:
    if sample.suite != "bbh":
        return None
    before = right.rpartition("So the answer is")[0]
    return Completion(before, finish="eos") if len(before) > 20 else None


SPOIL: Mapping[str, Mapping[str, Spoil]] = {
    "primer": {
        "truncated": _cut, "empty": _empty, "wrong_answer": _other, "unparsed": _broken_json,
        "bad_arguments": _arguments, "runtime_error": _undefined,
    },
    "recorded": {
        "truncated": _cut, "empty": _empty, "wrong_answer": _other, "unparsed": _undecided,
        "syntax_error": _bracket, "runtime_error": _undefined,
    },
}  # fmt: skip


def primer(seed: int, count: int = 800) -> list[Plant]:
    """Return about `count` spoilt answers of `primer:large`, topic: skill and variant."""
    suite = registry.suite("primer:large")
    rows = [
        (suite, sample, str(sample.target), sample.tags["variant"], sample.tags["variant"]) for sample in _samples()
    ]
    return _plants(rows, PRIMER, "primer", seed, count)


def recorded(seed: int, count: int = 800) -> list[Plant]:
    """Return about `count` spoilt right outputs of real models, topic: task of BBH, or theme of a program."""
    return _plants(_outputs(), RECORDED, "recorded", seed, count)


Output = tuple[Suite, Sample, str, str, str]
"""Suite, sample, right text, group within which answers are exchanged, topic."""


def _plants(rows: list[Output], causes: tuple[str, ...], where: str, seed: int, count: int) -> list[Plant]:
    dice, groups = Dice("easy", where, seed), dict[str, list[str]]()
    for _, _, right, group, _ in rows:
        groups.setdefault(group, []).append(right)
    waiting, plants = dice.some(rows, len(rows)), []
    planned = []
    for rank, kinds in enumerate((*RANKS, causes)):
        shares = WEIGHTS[2 * rank : 2 * rank + 2]
        planned += draw(kinds, count * sum(shares) // sum(WEIGHTS), "easy", where, seed, weights=shares)
    used: Counter[str] = Counter()
    for cause in reversed(planned):
        # The topic that was spoilt least comes first, so that no topic goes with a cause more than it must.
        for place in sorted(range(len(waiting)), key=lambda i: used[waiting[i][4]]):
            suite, sample, right, group, topic = waiting[place]
            spoilt = SPOIL[where][cause](sample, right, dice, groups[group])
            if spoilt is not None and spoilt.text != right:
                plants.append(Plant(suite, sample, spoilt, cause, topic))
                used[topic] += 1
                del waiting[place]
                break
    return plants


@cache
def _samples() -> list[Sample]:
    return list(registry.suite("primer:large").samples(None))


@cache
def _outputs() -> list[Output]:
    return [*_codex(), *_programs("mbpp", 400), *_programs("humaneval", 164)]


def _codex() -> Iterator[Output]:
    suite = registry.suite("bbh")
    known = {sample.data["input"].strip(): sample for sample in suite.samples(DATA)}
    for path in sorted(CODEX.glob("*.json.gz")):
        task = path.name.partition("_few_shot")[0]
        for row in json.loads(gzip.decompress(path.read_bytes()))["outputs"]:
            asked = row["input"].rpartition("\nQ: ")[2].rpartition("\nA:")[0].strip()
            sample = known.get(asked)
            if sample is not None and suite.score(sample, Completion(row["prediction"])).mode == "right":
                yield suite, sample, row["prediction"], task, task


def _programs(name: str, most: int) -> Iterator[Output]:
    """Yield GPT-3.5's programs as they were recorded; whether all were right does not matter once they are spoilt."""
    suite = registry.suite(name)
    folder = DATA / "model_outputs" / name
    file = folder / (
        "getcursor-eval/azure.jsonl.gz" if name == "humaneval" else "LLMDebugger/gpt-3.5-turbo-0613.seed.jsonl.gz"
    )
    rows: list[dict[str, Any]] = [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    said = {str(row["task_id"]).rpartition("/")[2]: row.get("completion") or row["solution"] for row in rows}
    for sample in list(suite.samples(DATA))[:most]:
        number = sample.name.rpartition("/")[2]
        if number in said:
            question = str(sample.data.get("prompt") or sample.data.get("text")).lower()
            theme = next((theme for theme, words in THEMES.items() if re.search(words, question)), "other")
            yield suite, sample, said[number], name, f"{name}/{theme}"
