"""MBPP: short Python functions from one sentence and three asserts, and those asserts decide.

Source: Austin et al. 2021, "Program Synthesis with Large Language Models", https://arxiv.org/abs/2108.07732, data
https://github.com/google-research/google-research/tree/master/mbpp, CC-BY-4.0. Prompts are those of lm-eval 0.4.13:
`mbpp` in raw form, `mbpp_instruct` in chat form (its turns and its prefill). Worked example (ours, no shots):

    row         text "Write a function to double a number.", tests "assert double(3) == 6", ..
    raw prompt  You are an expert Python programmer, and here is your task: Write a function to double a number. Your
                code should pass these tests:\\n\\nassert double(3) == 6\\n..\\n[BEGIN]\\n
    completion  "def double(n):\\n    return 2 * n\\n"   -> {"passed": 1.0, "tests_passed": 1.0}, right
    completion  "def double(n):\\n    return n + 3\\n"   -> {"passed": 0.0, "tests_passed": 0.33}, wrong_output

`""` and `0shot` are the 500 tasks of the official test portion (11 to 510) of the full file. `sanitized` and
`sanitized_0shot` are all 427 tasks of the corrected file as published, because that is what others report on; the tag
`portion` tells the official test portion (257 of them) from the rest. Shots are the tasks 2, 3 and 4 of the same file;
where one of them is itself the question, the next task of the official prompt portion takes its place.

Scores. The program passes when all tests of its row pass, `test_imports` and `test_setup_code` run before them (the
setup makes objects of the program's own classes). `tests_passed` is the share of tests, each judged by itself.
Raw text is run as it is, as lm-eval does; chat answers go through `harness.grading.code.solution`. It differs from
lm-eval 0.4.13 in these ways only:
- lm-eval leaves out the setup code: task 367 cannot be passed there;
- its `mbpp_instruct` takes "```" + answer and drops a language name after it: an answer that starts with `def` on the
  prefilled line loses that word. Ours keeps it, and reads a block without an end (an answer cut off) as well;
- the limit is 3 s of CPU time, not of wall time.

`challenge_test_list` is not scored, as nobody does. MBPP+ is not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness import data
from harness.contracts import Suite
from harness.errors import UsageError
from harness.grading.asserts import judge
from harness.grading.code import grade, grade_test, solution
from harness.sandbox import Limits, level
from harness.types import Completion, Message, Metric, Request, Sample, Score

HUB = ("google-research-datasets/mbpp", "4bb6404fdc6cacfda99d4ac4205087b89d32030c")
PORTIONS: Mapping[str, range] = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
"""The official portions by task id; `train` also holds whatever lies beyond."""
SHOTS = 3
LIMITS = Limits(cpu_s=10.0)
"""The official program of task 123 alone takes two to four seconds, by the machine."""
DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
ASK = "You are an expert Python programmer, and here is your task:"


@dataclass(frozen=True)
class Task:
    """One official row, the same for both files."""

    number: int
    text: str
    code: str
    tests: tuple[str, ...]
    setup: str
    """Imports and objects that the tests need, run after the program."""

    @property
    def portion(self) -> str:
        """Name of the official portion."""
        return next((name for name, numbers in PORTIONS.items() if self.number in numbers), "train")

    @property
    def raw(self) -> str:
        """The question of the raw form."""
        return f"{ASK} {self.text} Your code should pass these tests:\n\n{_lines(self.tests)}\n[BEGIN]\n"

    @property
    def chat(self) -> str:
        """The question of the chat form."""
        return f"{ASK}\n{self.text}\nYour code should pass these tests:\n{_lines(self.tests)}"

    def row(self) -> data.Row:
        """Return the row; its origin is the task's number, which both files share."""
        shown = {"text": self.text, "test_list": list(self.tests)}
        fields = {
            "task_id": self.number,
            **shown,
            "code": self.code,
            "setup": self.setup,
            "entry_point": entry_point(self.code, self.tests),
        }
        name, tags = f"Mbpp/{self.number}", {"portion": self.portion}
        return data.Row(content=shown, origin=["mbpp", self.number], data=fields, tags=tags, name=name)


class Mbpp(Suite):
    """500 or 427 samples, one turn, scored by running code."""

    variants: ClassVar[Mapping[str, str]] = {
        "": "500 test tasks, 3-shot",
        "0shot": "500 test tasks, no shots",
        "sanitized": "427 corrected tasks as published, 3-shot",
        "sanitized_0shot": "427 corrected tasks as published, no shots",
    }
    version = "1"
    source = (
        "Austin et al. 2021, https://arxiv.org/abs/2108.07732, "
        "https://github.com/google-research/google-research/tree/master/mbpp"
    )
    licence = "CC-BY-4.0"
    metrics = (
        Metric("pass@1", "passed", "pass@1"),
        Metric("pass@10", "passed", "pass@10"),
        Metric("pass@100", "passed", "pass@100"),
        Metric("tests_passed", "tests_passed"),
    )
    group_tag = "portion"
    runs_code = True
    wording = "text"
    hub = HUB[0]

    def __init__(self, variant: str = "") -> None:
        super().__init__(variant)
        self.sanitized = variant.startswith("sanitized")
        self.size = 427 if self.sanitized else 500
        self.files = ("mbpp/sanitized-mbpp.json" if self.sanitized else "mbpp/mbpp.jsonl",)
        self._pool: tuple[Task, ...] = EXAMPLES[2:]

    def samples(self, data_dir: Path | None) -> Iterator[Sample]:
        """Yield the samples in order of their task ids, named `Mbpp/11` and so on.

        Raises:
            errors.MissingData: when no source has the rows.
            errors.UsageError: a row that is not of the official form, or the tasks of the shots are not there.
        """
        tasks = {task.number: task for task in map(_task, _rows(self.sanitized, data_dir))}
        self._pool = tuple(task for number, task in sorted(tasks.items()) if task.portion == "prompt" and number > 1)
        if "0shot" not in self.variant and len(self._pool) <= SHOTS:
            raise UsageError(f"{self.name} finds no shots", "the official file, with its tasks 2 to 10", "check --data")
        wanted = [task for _, task in sorted(tasks.items()) if self.sanitized or task.portion == "test"]
        return data.number_samples(self.name, (task.row() for task in wanted))

    def request(self, sample: Sample) -> Request:
        """Return the prompt; `samples` must have been called on this suite, since it reads the shots."""
        task = _of(sample)
        shots = [] if "0shot" in self.variant else [shot for shot in self._pool if shot.number != task.number][:SHOTS]
        prompt = "".join(f"{shot.raw}{shot.code}\n[DONE]\n\n" for shot in shots) + task.raw
        turns = []
        for shot in shots:
            turns += [Message("user", shot.chat), Message("assistant", f"\n```python\n{shot.code}\n```")]
        turns += [Message("user", task.chat), Message("assistant", "\n```python\n")]
        return Request("generate", prompt=prompt, messages=tuple(turns), stop=("[DONE]",), max_tokens=256)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return `passed`, 0 or 1, and `tests_passed`, the share of tests; `detail.tests` has each one's mode.

        Raises:
            InfrastructureError: when the sandbox broke.
        """
        row, code = sample.data, completion.text
        if completion.form == "chat":
            code = solution(code, row["entry_point"])
        judgement = judge(code, row["test_list"], row["setup"], LIMITS)
        result = grade(judgement.verdict, completion.finish, code)
        tests = [grade_test(test.word, test.reason) for test in judgement.tests]
        values = {"passed": result.value, "tests_passed": judgement.share}
        return Score(values, result.mode, code, {**result.detail, "tests": tests})

    def scorer(self) -> Mapping[str, Any]:
        """Return sandbox level and limits."""
        return {"sandbox": level(), "cpu_s": LIMITS.cpu_s, "memory_bytes": LIMITS.memory_bytes}

    def examples(self) -> Iterable[tuple[Sample, Completion, Completion]]:
        """Yield two functions of our own, one as a bare program, one as a chat answer."""
        plain, chat = data.number_samples(self.name, (task.row() for task in EXAMPLES[:2]))
        yield plain, Completion(EXAMPLES[0].code), Completion("def double(n):\n    return n * n + 10\n")
        fenced = "Sure:\n```python\ndef area(side):\n    return {}\n```\nDone."
        right, wrong = (fenced.format(code) for code in ("side * side", "side + 1"))
        yield chat, Completion(right, form="chat"), Completion(wrong, form="chat")


def entry_point(code: str, tests: Sequence[str]) -> str:
    """Return the name that the reference defines and the first test uses; empty where there is none."""
    first = tests[0] if tests else ""
    used = set(re.findall(r"\w+", first))
    return next((name for name in DEFINITION.findall(code) if name in used), "")


def _lines(tests: Sequence[str]) -> str:
    return "\n".join(tests)


def _of(sample: Sample) -> Task:
    row = sample.data
    return Task(row["task_id"], row["text"], row["code"], tuple(row["test_list"]), row["setup"])


def _rows(sanitized: bool, data_dir: Path | None) -> list[Any]:
    """Return the official rows: from the data folder, or from the hub's portions."""
    if sanitized:
        found = data.find(data_dir, "mbpp", "sanitized-mbpp.json")
        rows = data.read_json(found) if found else None
        if found and not isinstance(rows, list):
            raise UsageError(f"{found} is no list of rows", "the official sanitized-mbpp.json", "check --data")
    else:
        found = data.find(data_dir, "mbpp", "mbpp.jsonl")
        rows = data.read_jsonl(found) if found else None
    if isinstance(rows, list):
        return rows
    config, portions = ("sanitized", tuple(PORTIONS)) if sanitized else ("full", ("prompt", "test"))
    return [row for portion in portions for row in data.hub("mbpp", *HUB, split=portion, config=config)]


def _task(row: Any) -> Task:
    fields = row if isinstance(row, dict) else {}
    number, text, code = fields.get("task_id"), fields.get("text", fields.get("prompt")), fields.get("code")
    tests, imports = fields.get("test_list"), fields.get("test_imports", [])
    setup = fields.get("test_setup_code", "")
    texts = [text, code, setup]
    texts += [*tests, *imports] if tests and isinstance(tests, list) and isinstance(imports, list) else [None]
    if not isinstance(number, int) or not all(isinstance(part, str) for part in texts):
        raise UsageError(
            f"a row of MBPP lacks a field: {str(row)[:80]!r}",
            "task_id, text (or prompt), code and test_list",
            "check --data",
        )
    return Task(number, str(text), str(code), tuple(tests or ()), "\n".join([*imports, setup]).strip())


EXAMPLES = (
    Task(1, "Write a function to double a number.", "def double(n):\n    return 2 * n\n",
         ("assert double(3) == 6", "assert double(-1) == -2", "assert double(0) == 0"), ""),
    Task(5, "Write a function to find the area of a square.", "def area(side):\n    return side * side\n",
         ("assert area(3) == 9", "assert area(math.e) == math.e**2", "assert area(5) == 25"), "import math"),
    *(
        Task(1000 + n, f"Write a function to add {n}.", f"def add_{n}(x):\n    return x + {n}",
             (f"assert add_{n}(1) == {1 + n}", f"assert add_{n}(2) == {2 + n}", f"assert add_{n}(3) == {3 + n}"), "")
        for n in range(2, 6)
    ),
)  # fmt: skip
"""Rows of this project's own: two to ask, the rest as their shots."""
