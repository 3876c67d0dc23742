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

What it does not do: no zero-shot form, no partial credit, no judging of the reasoning.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from harness import data
from harness.contracts import Canonical, Suite
from harness.errors import UsageError
from harness.grading.text import answer_after, verdict
from harness.types import Completion, Metric, Request, Sample, Score

HUB, REVISION = "SaylorTwift/bbh", "b5306be6f827cfafbb545ff5a51f96916029b0fd"
CUE = "Let's think step by step."
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
EXAMPLE = "harness_example"
"""Task of this project's own rows (`examples`); in no official file."""


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


class Bbh(Suite):
    """BIG-Bench Hard by chain of thought (`""`, `lm_eval`) or direct answer (`direct`)."""

    variants: ClassVar[Mapping[str, str]] = {
        "": "3-shot chain of thought, official exact match",
        "direct": "3-shot direct answer, official exact match",
        "lm_eval": "3-shot chain of thought with lm-eval's stop list and answer regex: its outcomes",
    }
    version = "2"
    source = "Suzgun et al. 2022, https://arxiv.org/abs/2210.09261, https://github.com/suzgunmirac/BIG-Bench-Hard"
    licence = "MIT"
    group_tag = "task"
    wording = "input"
    size = 6511
    files = ("bbh/*.json",)
    hub = HUB
    metrics: tuple[Metric, ...] = (Metric("acc", "acc"), Metric("acc_macro", "acc", "macro:task"))

    def __init__(self, variant: str = "") -> None:
        super().__init__(variant)
        # Built once for each task; samples name their task only.
        self._headers = {EXAMPLE: EXAMPLE_SHOTS.header(variant == "direct")}

    def samples(self, data_dir: Path | None) -> Iterator[Sample]:
        """Yield 6,511 samples by task in alphabetical order, each task in the order of its file.

        Raises:
            errors.MissingData: when no source has the questions or the shots.
            errors.UsageError: a file that is not of the official form; names it.
        """
        for task in TASKS:
            self._headers[task] = shots(data_dir, task).header(self.variant == "direct")
        found = questions(data_dir)
        rows = (row(task, index, *pair) for task in TASKS for index, pair in enumerate(found[task]))
        return data.number_samples(self.name, rows)

    def request(self, sample: Sample) -> Request:
        """Return the prompt; `samples` must have been called on this suite, since it reads the shots."""
        task = sample.data["task"]
        if task not in self._headers:
            raise LookupError(f"no shots for {task!r}: call samples() on this suite first")
        prompt = self._headers[task] + cue(sample.data["input"], self.variant == "direct")
        if self.variant == "direct":
            return Request("generate", prompt, stop=("</s>", "\n\n"), max_tokens=256)
        stop = ("</s>", "Q", "\n\n") if self.variant == "lm_eval" else ("</s>", "\n\nQ:")
        return Request("generate", prompt, stop=stop, max_tokens=1024)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return `acc`, 0 or 1, by exact equality of the extracted answer and the target."""
        if self.variant == "direct":
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
            right, wrong = for_direct if self.variant == "direct" else [f"So the answer is{a}." for a in for_direct]
            yield sample, Completion(text=right), Completion(text=wrong)


def cue(question: str, direct: bool) -> str:
    """Return a question up to where the answer begins."""
    return f"Q: {question}\nA:" if direct else f"Q: {question}\nA: {CUE}\n"


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


def questions(data_dir: Path | None) -> dict[str, list[tuple[str, str]]]:
    """Return (input, target) pairs by task, from the folder or else from the hub.

    Raises:
        errors.MissingData: no source, or a folder that lacks some task's file (it names the first one).
    """
    found = {task: data.find(data_dir, "bbh", f"{task}.json") for task in TASKS}
    if not any(found.values()):
        return {task: pairs(data.hub("bbh", HUB, REVISION, "test", task), f"{HUB} {task}") for task in TASKS}
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
