"""Training rows for six tasks that a program can ask and solve, in the words of the official questions; none is one.

    even(seed=0, count=1)     -> Practice("Q: not False or True and ( False ) is\\nA:", " True", {"task": ..})
    base(seed=0, count=1)     -> Practice("Q: Ana lies. Tom says .. Is Kim honest?\\nA:", " False", {"task": ..})

A task is a pair of functions in a room of its own: `draw` writes a question, `solve` reads one and answers it. They
share nothing but the language of the question, so `solve`, held against all 1,500 official questions and targets
(`tests/suites/test_bbh_practice.py`), proves for `draw` too that rows are right. Words, names and things are lists of
our own.

Two mixes. `even` asks as the official questions do, every task alike often. `base` is what a small model is pretrained
on: by shares, and of two tasks only in words of its own (`reworded`), so that it can do what they ask and fails the
official questions by their form; word sorting, which a model of a million parameters does not learn, is not in it.

A question that the official files ask is drawn again: of boolean expressions every eighth one is (there are only 2,122
of that length). What they ask is known here by digests alone (`official.py`), so rows are the same on every machine.

Cost: about 20,000 rows a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.contracts import Practice
from harness.dice import Dice
from harness.errors import UsageError, nearest

from . import brackets, counting, logic, ordering, walking
from .official import asked


@dataclass(frozen=True)
class Task:
    """A task that a program asks and solves."""

    draw: Callable[[Dice], str]
    """Writes a question."""
    solve: Callable[[str], str]
    """Reads a question and returns its target; ValueError for one of another form."""
    share: int
    """Relative share in the mix `base`."""
    reworded: Callable[[str, str], tuple[str, str]] | None = None
    """Question and target in other words: the only ones in the mix `base`, where there are such."""


TASKS: Mapping[str, Task] = {
    "boolean_expressions": Task(logic.expression, logic.value, 16),
    "dyck_languages": Task(brackets.sequence, brackets.rest, 12),
    "navigate": Task(walking.instructions, walking.returns, 3),
    "object_counting": Task(counting.belongings, counting.total, 16, counting.reworded),
    "web_of_lies": Task(logic.testimony, logic.truthful, 24, logic.reworded),
    "word_sorting": Task(ordering.words, ordering.sorted_words, 0),
}
"""In the order of the official list."""
LEARNED = tuple(name for name, task in TASKS.items() if task.share)
"""What a small model can learn."""


def even(seed: int, count: int, tasks: Sequence[str] = tuple(TASKS)) -> Iterator[Practice]:
    """Yield `count` rows in the official form, drawn evenly from `tasks`.

    Raises:
        UsageError: a task that nothing here draws.
    """
    for name in tasks:
        if name not in TASKS:
            raise UsageError(f"no practice rows of {name!r} are made", nearest(name, TASKS), "check the name")
    dice = Dice("bbh", "practice", seed, list(tasks))
    for _ in range(count):
        name = dice.one(tasks)
        yield _row(name, *_drawn(name, dice))


def base(seed: int, count: int) -> Iterator[Practice]:
    """Yield `count` rows of the mix for pretraining."""
    names = [name for name in LEARNED for _ in range(TASKS[name].share)]
    dice = Dice("bbh", "base", seed, names)
    for _ in range(count):
        name = dice.one(names)
        question, target = _drawn(name, dice)
        other = TASKS[name].reworded
        yield _row(name, *(other(question, target) if other else (question, target)))


def _drawn(name: str, dice: Dice) -> tuple[str, str]:
    """Return a question of a task and its target, drawn again where it is an official one."""
    while asked(question := TASKS[name].draw(dice)):
        pass
    return question, TASKS[name].solve(question)


def _row(name: str, question: str, target: str) -> Practice:
    return Practice(f"Q: {question}\nA:", f" {target}", {"task": name})
