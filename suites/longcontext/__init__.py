"""longcontext: facts planted in 1,000 to 32,000 tokens of prose, and questions that need them.

Source: procedural, written for this project; no data file, no network. The kinds of question follow the field
(needle in a haystack; RULER, Hsieh et al. 2024, https://arxiv.org/abs/2404.06654), the texts are our own. Worked
example:

    prompt      Read this chronicle .. On market day the old cooper .. The ledger number of the copper lantern is
                482913. .. What is the ledger number of the copper lantern? Answer with the number alone.\\nAnswer:
    completion  " 482913"
    score       acc=1.0, partial=1.0, answer="482913", mode="right"

Six tasks (`tasks.py`), twenty samples for each task and length. Tags: `length` (01k to 32k, group tag), `task`, `depth`
(where a single fact stands: 000 the beginning, 100 the end; `spread` where there are several). `acc` wants exactly the
numbers or names asked for, in order where an order is asked for; `partial` credits what is right (`reading.py`).

Lengths need no tokenizer: a length of 8k is a prompt of 8,000 x 4 characters. A vocabulary of 30,522 English word
pieces (BERT's) makes one token of 4.4 to 4.5 characters of it, so that 8k is some 7,200 tokens and leaves room to
answer in a context of 8,192. What the model really counted is kept with every score
(`detail.prompt_tokens`); an answer that is wrong after the engine cut the prompt is `truncated`.

A sample holds its seed, not its text: the prompt is made when it is asked for. It does not test long answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from harness.contracts import Practice, Suite
from harness.data import Row, number_samples
from harness.dice import Dice
from harness.grading.text import why_none
from harness.types import Completion, Message, Metric, Request, Sample, Score

from . import prose, reading
from .tasks import TASKS, Puzzle

LENGTHS = (1, 2, 4, 8, 16, 32)
"""Thousands of approximate tokens."""
CHARACTERS = 4
"""Of a prompt to one approximate token."""
LONGEST = {"": 8, "4k": 4, "16k": 16, "32k": 32}
"""Variant -> longest length in it."""
COUNT = 20
"""Samples of each task and length."""
DEPTHS = (0, 25, 50, 75, 100)
INTRO = "Read this chronicle of a small town. A question about it stands at the end.\n\n"
CUE = "\nAnswer:"
STOPS = ("\nQuestion:", "\nRead this")
"""No blank line: a chat model may begin with one, and of a raw answer only the first line counts."""


class LongContext(Suite):
    """Planted facts by task, length and depth; every variant holds the shorter ones."""

    variants: ClassVar[Mapping[str, str]] = {
        "": "1k to 8k tokens",
        "4k": "1k to 4k tokens",
        "16k": "1k to 16k tokens",
        "32k": "1k to 32k tokens",
    }
    version = "1"
    source = "procedural, written for this project (suites/longcontext)"
    licence = "Apache-2.0"
    group_tag = "length"
    wording = "question"
    metrics = (Metric("acc", "acc"), Metric("partial", "partial"))

    @property
    def size(self) -> int:  # type: ignore[override]
        """Samples: so many of each task and length."""
        return COUNT * len(TASKS) * len(self.lengths)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Thousands of approximate tokens of this variant's prompts."""
        return tuple(length for length in LENGTHS if length <= LONGEST[self.variant])

    def samples(self, data_dir: Path | None) -> Iterator[Sample]:
        """Yield the fixed list by length, task and number; `data_dir` is not looked at."""
        return number_samples(self.name, (row(*place) for place in _places(self.lengths)))

    def request(self, sample: Sample) -> Request:
        """Return the prompt, made from the sample's seed; the raw form ends with "Answer:"."""
        seed, task, length = (sample.data[key] for key in ("seed", "task", "length"))
        asked = f"{INTRO}{haystack(seed, task, length)}\n\n{sample.data['question']}"
        return Request("generate", asked + CUE, messages=(Message("user", asked),), stop=STOPS, max_tokens=128)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return `acc`, 0 or 1, and `partial` in [0, 1]."""
        order, target = sample.data["order"], sample.target
        answer = reading.read(completion.text, completion.form, sample.data["candidates"])
        share = reading.share(answer, target, order)
        values = {"acc": float(share == 1.0), "partial": share}
        detail = {"prompt_tokens": completion.prompt_tokens, "cut_tokens": completion.cut_tokens}
        if not answer:
            mode = why_none(completion)
        elif share == 1.0:
            mode = "right"
        elif set(answer) == set(target):
            mode = "wrong_order"
        else:
            mode = "partial" if share else "wrong_answer"
        if mode != "right" and completion.cut_tokens:
            mode = "truncated"
        return Score(values, mode, ", ".join(answer) or None, detail)

    def examples(self) -> Iterator[tuple[Sample, Completion, Completion]]:
        """Yield the first sample of every task with its answer and with one that is wrong throughout."""
        firsts = {sample.tags["task"]: sample for sample in reversed(list(self.samples(None)))}
        for sample in firsts.values():
            others = [name for name in sample.data["candidates"] if name not in sample.target] or ["100001"]
            yield sample, Completion(f" {', '.join(sample.target)}"), Completion(f" {others[0]}")

    def practice(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield `count` training rows of this variant's lengths; none has a question or a fact of any sample.

        A row's text is `prompt + target`, and the target begins with its blank. The same seed gives the same rows.
        """
        dice, taken = Dice("longcontext", "practice", seed), _evaluated()
        number = 0
        while count > 0:
            task, length, number = dice.one(tuple(TASKS)), dice.one(self.lengths), number + 1
            own = f"practice/{seed}/{number}"
            asked = puzzle(own, task)
            if not taken.isdisjoint(asked.key):
                continue
            count -= 1
            prompt = f"{INTRO}{haystack(own, task, length)}\n\n{asked.question}{CUE}"
            tags = {"task": task, "length": f"{length:02}k", **dict(asked.tags)}
            yield Practice(prompt, f" {', '.join(asked.target)}", tags)


def row(task: str, length: int, number: int) -> Row:
    """Return the row of one evaluated puzzle."""
    seed = f"evaluation/{length}/{number}"
    asked = puzzle(seed, task)
    depth = f"{DEPTHS[number % len(DEPTHS)]:03}" if len(asked.facts) == 1 else "spread"
    data: dict[str, Any] = {
        "seed": seed,
        "task": task,
        "length": length,
        "question": asked.question,
        "candidates": list(asked.candidates),
        "order": asked.order,
    }
    return Row(
        content=["longcontext", length, *asked.key],
        data=data,
        target=list(asked.target),
        tags={"length": f"{length:02}k", "task": task, "depth": depth, **dict(asked.tags)},
        name=f"{task}/{length:02}k/{number}",
    )


@lru_cache(maxsize=4096)
def puzzle(seed: str, task: str) -> Puzzle:
    """Return the puzzle of a seed."""
    return TASKS[task](Dice("longcontext", "puzzle", seed, task))


def haystack(seed: str, task: str, length: int) -> str:
    """Return the filler with the puzzle's facts in it, in paragraphs; with the question, `length` thousand tokens."""
    asked = puzzle(seed, task)
    dice = Dice("longcontext", "haystack", seed, task, length)
    taken = sum(len(fact) + 1 for fact in asked.facts) + len(INTRO) + len(asked.question) + len(CUE) + 2
    filler = prose.sentences(dice, length * 1000 * CHARACTERS - taken)
    lines: list[str] = []
    begun = 0
    for place, fact in zip(_depths(dice, seed, len(asked.facts), len(filler)), asked.facts, strict=True):
        lines += [*filler[begun:place], fact]
        begun = place
    return "".join(_spaced(dice, [*lines, *filler[begun:]])).rstrip()


def _depths(dice: Dice, seed: str, facts: int, sentences: int) -> list[int]:
    """Return before how many sentences each fact stands, ascending: one at its depth, several in equal strata."""
    if facts == 1:
        number = int(seed.rpartition("/")[2])
        return [DEPTHS[number % len(DEPTHS)] * sentences // 100]
    bounds = [stratum * sentences // facts for stratum in range(facts + 1)]
    return [low + dice.below(max(1, high - low)) for low, high in pairwise(bounds)]


def _spaced(dice: Dice, lines: Iterable[str]) -> Iterator[str]:
    """Yield sentences with what follows them: a blank, or a line break after four to eight of them."""
    left = 4 + dice.below(5)
    for line in lines:
        left -= 1
        yield f"{line} " if left else f"{line}\n"
        left = left or 4 + dice.below(5)


def _places(lengths: Iterable[int]) -> Iterator[tuple[str, int, int]]:
    return ((task, length, number) for length in lengths for task in TASKS for number in range(COUNT))


@cache
def _evaluated() -> frozenset[str]:
    """Return the questions and facts of every sample of any variant."""
    keys = (puzzle(f"evaluation/{length}/{number}", task).key for task, length, number in _places(LENGTHS))
    return frozenset(line for key in keys for line in key)
