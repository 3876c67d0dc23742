"""BIG-Bench Hard: 6,511 questions in 27 tasks, three shots, with or without a chain of thought.

Source: Suzgun et al. 2022, "Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them",
https://arxiv.org/abs/2210.09261, data and shots https://github.com/suzgunmirac/BIG-Bench-Hard, MIT.

Worked example (variant `""`, task boolean_expressions, shots left out):

    row         {"input": "not ( True ) and ( True ) is", "target": "False"}
    prompt      Evaluate the result of a random Boolean expression.\\n\\n ... \\n\\n
                Q: not ( True ) and ( True ) is\\nA: Let's think step by step.\\n
    completion  "Not True is False. So the answer is False."
    score       acc=1.0, answer="False", mode="right"

Prompts are byte-identical to lm-eval 0.4.13's `bbh_cot_fewshot` and `bbh_fewshot`. The official cot-prompts files
hold the same text with one exception: in sports_understanding the reasoning stands on the line of the cue "Let's
think step by step." and lm-eval puts it on the next; lm-eval also breaks the line after the cue of the question
itself, in all tasks. Both are done here. Direct shots are the same shots without their reasoning.

Stops and scores. `""` and `direct` use the official exact match: the text after the last "the answer is " up to the
final full stop of that line, or the whole answer stripped. lm-eval differs in three ways that change outcomes, and
`lm_eval` reproduces the first two:
- its stop list holds "Q": reasoning ends at the first capital Q, and at every blank line. Ours stops at "\\n\\nQ:",
  where the next question would begin;
- its regex takes the first "the answer is " and drops the last character of the line, full stop or not;
  On 3,500 recorded Codex outputs the stop list costs 7 right answers and the regex 3; none is gained. A model that
  leaves the full stop out loses all of them there (tests/parity counts both and lists the forms);
- its `bbh_fewshot` compares the answer unstripped, so " False" is wrong; `direct` strips it, as the authors do.

Rows come from the official files (`bbh/TASK.json`) or the hub's `SaylorTwift/bbh`; shots from the official
`bbh/cot-prompts/TASK.txt`, or else from the task files of an installed lm-eval.

Without shots (`0shot`, and `small` for five of the six tasks that have training rows, `practice/`) a prompt is
`Q: ..\\nA:` alone and the answer one line: for models too small to learn from shots.

What it does not do: no partial credit, no judging of the reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harness import data
from harness.contracts import Canonical, Practice, Suite
from harness.errors import UsageError
from harness.grading.text import answer_after, verdict
from harness.types import Completion, Metric, Request, Sample, Score

from . import practice as practising
from .shots import EXAMPLE_SHOTS, Shots, cue, shots

HUB, REVISION = "SaylorTwift/bbh", "b5306be6f827cfafbb545ff5a51f96916029b0fd"
CATEGORIES: Mapping[str, str] = {
    "algorithmic": "boolean_expressions dyck_languages geometric_shapes logical_deduction_five_objects"
    " logical_deduction_seven_objects logical_deduction_three_objects multistep_arithmetic_two navigate"
    " object_counting temporal_sequences tracking_shuffled_objects_five_objects"
    " tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies word_sorting",
    "natural language": "causal_judgement date_understanding disambiguation_qa formal_fallacies hyperbaton"
    " movie_recommendation penguins_in_a_table reasoning_about_colored_objects ruin_names"
    " salient_translation_error_detection snarks sports_understanding",
}
TASKS: Mapping[str, str] = dict(
    sorted((task, category) for category, tasks in CATEGORIES.items() for task in tasks.split())
)
"""Task -> category of the paper, in the official (alphabetical) order."""
SHOTLESS = ("0shot", "small")
"""Variants that ask the bare question."""
EXAMPLE = "harness_example"
"""Task of this project's own rows (`examples`); in no official file."""


class Bbh(Suite):
    """BIG-Bench Hard by chain of thought (`""`, `lm_eval`) or direct answer (`direct`, `0shot`, `small`)."""

    variants: ClassVar[Mapping[str, str]] = {
        "": "3-shot chain of thought, official exact match",
        "direct": "3-shot direct answer, official exact match",
        "lm_eval": "3-shot chain of thought with lm-eval's stop list and answer regex: its outcomes",
        "0shot": "direct answer without shots, official exact match",
        "small": "0shot of five tasks that a model of a million parameters can learn",
    }
    version = "2"
    source = "Suzgun et al. 2022, https://arxiv.org/abs/2210.09261, https://github.com/suzgunmirac/BIG-Bench-Hard"
    licence = "MIT"
    group_tag = "task"
    wording = "input"
    files = ("bbh/*.json",)
    hub = HUB
    metrics: tuple[Metric, ...] = (Metric("acc", "acc"), Metric("acc_macro", "acc", "macro:task"))

    def __init__(self, variant: str = "") -> None:
        super().__init__(variant)
        self.direct = variant in ("direct", *SHOTLESS)
        self.tasks = practising.LEARNED if variant == "small" else tuple(TASKS)
        # Built once for each task; samples name their task only.
        self._headers = {EXAMPLE: self._header(EXAMPLE_SHOTS)}

    @property
    def size(self) -> int:  # type: ignore[override]
        """Official questions."""
        return 1250 if self.variant == "small" else 6511

    def _header(self, found: Shots) -> str:
        return "" if self.variant in SHOTLESS else found.header(self.direct)

    def samples(self, data_dir: Path | None) -> Iterator[Sample]:
        """Yield samples by task in alphabetical order, each task in the order of its file.

        Raises:
            errors.MissingData: when no source has the questions or the shots.
            errors.UsageError: a file that is not of the official form; names it.
        """
        for task in self.tasks:
            self._headers[task] = "" if self.variant in SHOTLESS else self._header(shots(data_dir, task))
        found = questions(data_dir, self.tasks)
        rows = (row(task, index, *pair) for task in self.tasks for index, pair in enumerate(found[task]))
        return data.number_samples(self.name, rows)

    def request(self, sample: Sample) -> Request:
        """Return the prompt; `samples` must have been called on this suite, since it reads the shots."""
        task = sample.data["task"]
        if task not in self._headers:
            raise LookupError(f"no shots for {task!r}: call samples() on this suite first")
        prompt = self._headers[task] + cue(sample.data["input"], self.direct)
        if self.direct:
            end = "\n" if self.variant in SHOTLESS else "\n\n"
            return Request("generate", prompt, stop=("</s>", end), max_tokens=256)
        stop = ("</s>", "Q", "\n\n") if self.variant == "lm_eval" else ("</s>", "\n\nQ:")
        return Request("generate", prompt, stop=stop, max_tokens=1024)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return `acc`, 0 or 1, by exact equality of the extracted answer and the target."""
        if self.direct:
            answer: str | None = completion.text.strip() or None
        elif self.variant == "lm_eval":
            answer = lm_eval_answer(completion.text)
        else:
            answer = answer_after(completion.text)
        return verdict(answer, sample.target, completion)

    def canonical(self, sample: Sample) -> Canonical:
        """Return the question and its answer; tasks that a program generates are procedural, the others are prose."""
        procedural = TASKS.get(sample.data["task"]) == "algorithmic"
        return Canonical((sample.data["input"],), answers=(sample.target,), exact=procedural)

    def examples(self) -> Iterator[tuple[Sample, Completion, Completion]]:
        """Yield this project's own questions with a right and a wrong completion."""
        rows = [row(EXAMPLE, i, text, answer_after(how) or "") for i, (text, how) in enumerate(EXAMPLE_SHOTS.solved)]
        for sample in data.number_samples(self.name, rows):
            for_direct = (f" {sample.target}", " neither")
            right, wrong = for_direct if self.direct else [f"So the answer is{a}." for a in for_direct]
            yield sample, Completion(text=right), Completion(text=wrong)

    def practice(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield `count` training rows without shots, as a small model is pretrained on them (`practice.base`).

        Raises:
            NotImplementedError: a form with shots.
        """
        return practising.base(seed, count) if self.variant in SHOTLESS else super().practice(seed, count)

    def practice_all(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield `count` training rows in the words of the official questions, every task alike often."""
        if self.variant not in SHOTLESS:
            return super().practice(seed, count)
        return practising.even(seed, count, practising.LEARNED if self.variant == "small" else tuple(practising.TASKS))


def lm_eval_answer(text: str) -> str | None:
    """Return what lm-eval's `get-answer` filter takes: after the first marker, the line without its last character."""
    found = re.search(r"the answer is (.*).", text)
    return found[1].strip() if found else None


def row(task: str, index: int, question: str, target: str) -> data.Row:
    """Return a row; its origin is the question alone, shared by the three variants."""
    folded = " ".join(question.split())
    return data.Row(
        content=[task, folded, target],
        origin=["bbh", folded],
        data={"task": task, "input": question},
        target=target,
        tags={"task": task, "category": TASKS.get(task, "algorithmic")},
        name=f"{task}/{index}",
    )


def questions(data_dir: Path | None, tasks: Sequence[str] = tuple(TASKS)) -> dict[str, list[tuple[str, str]]]:
    """Return (input, target) pairs by task, from the folder or else from the hub.

    Raises:
        errors.MissingData: no source, or a folder that lacks some task's file (it names the first one).
    """
    found = {task: data.find(data_dir, "bbh", f"{task}.json") for task in tasks}
    if not any(found.values()):
        return {task: pairs(data.hub("bbh", HUB, REVISION, "test", task), f"{HUB} {task}") for task in tasks}
    lacking = next((task for task, path in found.items() if path is None), None)
    if lacking:
        raise data.missing("bbh", f"{data_dir}/bbh/{lacking}.json (other tasks are there)")
    return {task: pairs(data.read_json(path), str(path)) for task, path in found.items() if path}


def pairs(rows: Any, where: str) -> list[tuple[str, str]]:
    """Return the (input, target) pairs of an official file's content, or of a list of its rows.

    Raises:
        errors.UsageError: naming the place, when it is of another form.
    """
    listed = rows.get("examples") if isinstance(rows, dict) else rows
    entries = [entry if isinstance(entry, dict) else {} for entry in listed] if isinstance(listed, list) else []
    found = [(entry.get("input"), entry.get("target")) for entry in entries]
    if not found or not all(isinstance(part, str) for pair in found for part in pair):
        raise UsageError(f"{where}: not a BBH file", '{"examples": [{"input": "..", "target": ".."}, ..]}', "check it")
    return [(str(question), str(target)) for question, target in found]
