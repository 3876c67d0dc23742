"""primer: a procedural suite that a model of a million parameters can really pass or fail.

Source: written for this project; no data file, no network. Split by skill and by variant of skill (`skills.py`), each
with thousands of possible prompts. The evaluation set is a fixed, seeded list; `practice` yields any number of other
rows. One raw format, stop at the end of the line:

    Q: Sort these words in alphabetical order: pencil candle oven
    A:                                    -> " candle oven pencil" -> acc 1, mode `right`

`primer:choices` asks the same questions of `primer:large` with the right answer among up to four (`options.py`), by
log-likelihood: what a calibration is fitted to.

An answer is compared exactly after stripping blanks, JSON as a value (with the order of keys where the variant asks for
it), code by running it in the sandbox. It measures nothing about the world: every fact in it is invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from harness.contracts import Canonical, Practice, Suite
from harness.data import Row as OfficialRow
from harness.data import number_samples
from harness.dice import Dice
from harness.errors import UsageError, nearest
from harness.grading.choice import pick, probabilities
from harness.types import Completion, Metric, Request, Sample, Score

from . import marking
from .options import options
from .row import Row
from .skills import VARIANTS, of_role

COUNTS = {"": 25, "large": 120, "choices": 120}
"""Samples per variant of skill. The larger list begins with the smaller one."""
OFFERED = re.compile(r"(\w+) or (\w+)\?")


class Primer(Suite):
    """Skills of a closed world, by variant."""

    variants: ClassVar[Mapping[str, str]] = {
        "": "25 samples of each variant of skill",
        "large": "120 samples of each: narrow intervals",
        "choices": "log-likelihood of the right answer among plausible wrong ones, 120 of each but weak variants",
    }
    version = "2"
    source = "procedural, written for this project (suites/primer)"
    licence = "Apache-2.0"
    metrics = (Metric("acc", "acc"), Metric("acc_by_skill", "acc", "macro:skill"))
    group_tag = "skill"
    runs_code = True
    wording = "question"

    def __init__(self, variant: str = "") -> None:
        super().__init__(variant)
        self.chooses = variant == "choices"
        self.runs_code = not self.chooses

    @property
    def size(self) -> int:  # type: ignore[override]
        """Samples: so many of each variant of skill."""
        return COUNTS[self.variant] * len(self._asked())

    def _asked(self) -> list[str]:
        """Return the variants of skill that this form asks.

        `tiny` answers a weak variant as it would answer its neighbour, at a thousand to one and more: no map from
        confidence to chance mends that, and what is to be calibrated would drown in it (docs/compression.md).
        """
        return [name for name, variant in VARIANTS.items() if not (self.chooses and variant.role == "weak")]

    def samples(self, data_dir: Path | None) -> Iterable[Sample]:
        """Yield the fixed list, variant by variant; `data_dir` is not looked at."""
        rows = [(name, row) for name in self._asked() for row in _evaluation(name, COUNTS[self.variant])]
        shape = _with_choices if self.chooses else _official
        return number_samples(self.name, [shape(name, row, number) for number, (name, row) in enumerate(rows)])

    def request(self, sample: Sample) -> Request:
        """Return the raw prompt; answers are one line of at most 64 tokens, or the choices."""
        if self.chooses:
            return Request("choose", sample.data["prompt"], choices=tuple(f" {one}" for one in sample.data["choices"]))
        return Request("generate", prompt=sample.data["prompt"], stop=("\n",), max_tokens=64)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Mark the stripped answer, or the likeliest choice; a wrong one that was cut short is `truncated`."""
        if self.chooses:
            return _chosen(sample, completion)
        answer = completion.text.strip()
        mode, detail = marking.mark(sample.data["check"], sample.target, answer)
        if mode != "right" and completion.finish in ("length", "truncated"):
            mode = "truncated"
        return Score({"acc": float(mode == "right")}, mode, answer or None, detail)

    def reword(self, sample: Sample, change: Callable[[str], str]) -> Sample:
        """Return the sample with another question, in its prompt too; `Q:`, `A:` and a line before stay."""
        row = sample.data
        question = change(row["question"])
        prompt = row["prompt"].removesuffix(f"{row['question']}\nA:") + f"{question}\nA:"
        return replace(sample, data={**row, "question": question, "prompt": prompt})

    def scorer(self) -> Mapping[str, Any]:
        """Return the time limit of code."""
        return {} if self.chooses else {"cpu_s": marking.CPU_S}

    def examples(self) -> Iterable[tuple[Sample, Completion, Completion]]:
        """Yield the first sample of every variant with its reference answer and with that of another question."""
        samples = list(self.samples(None))
        firsts = {sample.tags["variant"]: sample for sample in reversed(samples)}
        for variant, sample in sorted(firsts.items()):
            if self.chooses:
                place = sample.data["choices"].index(sample.target)
                yield sample, _leaning(sample, place), _leaning(sample, place - 1)
                continue
            wrong = next(
                other.target
                for other in samples
                if other.tags["variant"] == variant and _answer_key(other) != _answer_key(sample)
            )
            yield sample, Completion(f" {sample.target}"), Completion(f" {wrong}")

    def practice(self, seed: int, count: int, *, variants: Sequence[str] | None = None) -> Iterator[Practice]:
        """Yield `count` training rows, none of which asks what a sample of any form of this suite asks.

        A row's text is `prompt + target`, and the target begins with its blank. The same seed gives the same rows.

        Args:
            variants: draw evenly from these alone; None: the base variants by their shares.

        Raises:
            UsageError: no such variant.
        """
        for name in variants or ():
            if name not in VARIANTS:
                raise UsageError(f"primer has no variant of skill {name!r}", nearest(name, VARIANTS), "check the name")
        names = list(variants) if variants else [n for n in of_role("base") for _ in range(VARIANTS[n].share)]
        dice = Dice("primer", "practice", seed, names)
        taken = _evaluated()
        while count > 0:
            name = dice.one(names)
            row = VARIANTS[name].draw(dice)
            if row.key in taken or canonical(row.prompt) in taken:
                continue
            count -= 1
            yield Practice(row.prompt, f" {row.answer}", _tags(name))

    def practice_all(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield `count` training rows, drawn evenly from all variants."""
        return self.practice(seed, count, variants=list(VARIANTS))

    def canonical(self, sample: Sample) -> Canonical:
        """Return the prompt; where two answers are offered, with these the other way round too."""
        asked = sample.data["prompt"]
        swapped = OFFERED.sub(r"\2 or \1?", asked)
        wordings = (asked, swapped) if sample.tags.get("variant") == "facts/choose" else (asked,)
        return Canonical(wordings, answers=(sample.target,), exact=True)


def canonical(prompt: str) -> str:
    """Return `prompt` in lower case, every run of blanks one blank, sentence marks dropped."""
    return " ".join("".join(" " if mark in ".,:;?!" else mark for mark in prompt.lower()).split())


def _tags(variant: str) -> dict[str, str]:
    return {"skill": variant.partition("/")[0], "variant": variant}


def _official(name: str, row: Row, number: int) -> OfficialRow:
    data = {"prompt": row.prompt, "question": row.question, "check": row.check}
    return OfficialRow(row.prompt, data, row.answer, _tags(name), f"{name}/{number}", origin=["primer", row.key])


def _with_choices(name: str, row: Row, number: int) -> OfficialRow:
    plain = _official(name, row, number)
    return replace(plain, data={**plain.data, "choices": list(options(row))})


def _chosen(sample: Sample, completion: Completion) -> Score:
    """Return the score of the likeliest choice.

    Raises:
        ValueError: another number of log-likelihoods than choices.
    """
    listed, sums = sample.data["choices"], completion.choice_logprobs
    if len(sums) != len(listed):
        raise ValueError(f"{len(listed)} choices, {len(sums)} log-probabilities")
    answer, shares = listed[pick(sums)], list(probabilities(sums))
    right = answer == sample.target
    return Score({"acc": float(right)}, "right" if right else "wrong_answer", answer, {"probabilities": shares})


def _leaning(sample: Sample, place: int) -> Completion:
    """Return what a model says that finds one choice the likeliest."""
    wanted = place % len(sample.data["choices"])
    sums = tuple(-0.2 if i == wanted else -3.0 for i in range(len(sample.data["choices"])))
    return Completion(choice_logprobs=sums, finish="scored")


def _answer_key(sample: Sample) -> Any:
    """Return what tells two right answers apart: code by its body (two names may share one), text by itself."""
    return sample.data["check"].get("body", sample.target)


@cache
def _evaluation(name: str, count: int) -> tuple[Row, ...]:
    """Return the first `count` different questions of a variant, drawn with a seed of its own."""
    dice, rows = Dice("primer", "evaluation", name), dict[str, Row]()
    while len(rows) < count:
        row = VARIANTS[name].draw(dice)
        rows.setdefault(row.key, row)
    return tuple(rows.values())


@cache
def _evaluated() -> frozenset[str]:
    """Return the keys and canonical prompts of every sample in any form of the suite."""
    rows = [row for name in VARIANTS for row in _evaluation(name, max(COUNTS.values()))]
    return frozenset({row.key for row in rows} | {canonical(row.prompt) for row in rows})
