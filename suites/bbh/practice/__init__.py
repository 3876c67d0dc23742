"""Training rows for six tasks that a program can ask and solve, in the words of the official questions; none is one.

    rows(seed=0, count=1)   -> Practice("Q: not False or True and ( False ) is\\nA:", " True", {"task": ..})

A task is a pair of functions in a room of its own: `draw` writes a question, `solve` reads one and answers it. They
share nothing but the language of the question, so `solve`, held against all 1,500 official questions and targets
(`tests/suites/test_bbh_practice.py`), proves for `draw` too that rows are right. Words, names and things are lists of
our own.

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
    """Relative share in the default practice mix."""


TASKS: Mapping[str, Task] = {
    "boolean_expressions": Task(logic.expression, logic.value, 30),
    "dyck_languages": Task(brackets.sequence, brackets.rest, 20),
    "navigate": Task(walking.instructions, walking.returns, 4),
    "object_counting": Task(counting.belongings, counting.total, 8),
    "web_of_lies": Task(logic.testimony, logic.truthful, 4),
    "word_sorting": Task(ordering.words, ordering.sorted_words, 6),
}
"""In the order of the official list. The shares leave a small model weak at some tasks that it could learn."""


def rows(seed: int, count: int, tasks: Sequence[str] = ()) -> Iterator[Practice]:
    """Yield `count` rows, drawn evenly from `tasks`; where none is named from all, by their shares.

    Raises:
        UsageError: a task that nothing here draws.
    """
    for name in tasks:
        if name not in TASKS:
            raise UsageError(f"no practice rows of {name!r} are made", nearest(name, TASKS), "check the name")
    names = list(tasks) or [name for name in TASKS for _ in range(TASKS[name].share)]
    dice = Dice("bbh", "practice", seed, names)
    while count > 0:
        name = dice.one(names)
        question = TASKS[name].draw(dice)
        if asked(question):
            continue
        count -= 1
        yield Practice(f"Q: {question}\nA:", f" {TASKS[name].solve(question)}", {"task": name})
