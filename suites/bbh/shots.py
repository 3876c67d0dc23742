"""The three answered questions before each question of a task, and the cue of the question itself.

    shots(Path("../data"), "navigate").header(direct=True)
      -> "Given a series of navigation instructions, ..\\n\\nQ: ..\\nA: No\\n\\nQ: ..\\nA: Yes\\n\\nQ: ..\\nA: No\\n\\n"

From the official `bbh/cot-prompts/TASK.txt`, or else from the task files of an installed lm-eval.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness import data
from harness.errors import UsageError
from harness.grading.text import answer_after

CUE = "Let's think step by step."


@dataclass(frozen=True)
class Shots:
    """What stands before a question: the task's description and answered questions."""

    about: str
    solved: tuple[tuple[str, str], ...]
    """(question, reasoning that ends with "the answer is X.")."""

    def header(self, direct: bool) -> str:
        """Return the text before the question, with the bare answers only when `direct`."""
        parts = [f"{self.about}\n\n"]
        for question, reasoning in self.solved:
            parts.append(cue(question, direct) + (f" {answer_after(reasoning)}" if direct else reasoning) + "\n\n")
        return "".join(parts)


def cue(question: str, direct: bool) -> str:
    """Return a question up to where the answer begins."""
    return f"Q: {question}\nA:" if direct else f"Q: {question}\nA: {CUE}\n"


def shots(data_dir: Path | None, task: str) -> Shots:
    """Return a task's three shots, from the folder's official cot-prompts or else from an installed lm-eval.

    Raises:
        errors.MissingData: neither has them.
    """
    official = data.find(data_dir, "bbh", f"cot-prompts/{task}.txt")
    if official:
        return read_shots(data.read_text(official), str(official))
    spec = importlib.util.find_spec("lm_eval")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "tasks" / "bbh" / "cot_fewshot" / f"{task}.yaml"
        if path.is_file():
            read = yaml.safe_load(path.read_text(encoding="utf-8"))
            solved = [(shot["input"], shot["target"]) for shot in read["fewshot_config"]["samples"]]
            return Shots(read["description"].rstrip("\n"), tuple(solved))
    raise data.missing("bbh", f"the shots of {task}, bbh/cot-prompts/{task}.txt", package="lm_eval")


def read_shots(text: str, where: str) -> Shots:
    """Return the shots of an official prompt file, whose first two lines are a canary and dashes.

    Raises:
        errors.UsageError: naming the file, when it is of another form.
    """
    body = text.partition("\n-----\n")[2].strip("\n")
    about, *blocks = re.split(r"\n\n(?=Q: )", body)
    solved = [block.removeprefix("Q: ").partition(f"\nA: {CUE}") for block in blocks]
    if not solved or not all(found for _, found, _ in solved):
        raise UsageError(f"{where}: not a BBH prompt file", "canary, -----, description, Q: .. A: ..", "check it")
    return Shots(about, tuple((question, reasoning.lstrip()) for question, _, reasoning in solved))


EXAMPLE_SHOTS = Shots(
    "Say whether a number is even.",
    (
        ("Is 4 even?", "Half of 4 is 2, a whole number. So the answer is yes."),
        ("Is 7 even?", "Half of 7 is 3.5, no whole number. So the answer is no."),
        ("Is 10 even?", "Half of 10 is 5, a whole number. So the answer is yes."),
    ),
)
