"""Holds the answer of each row to account: by running its tests, by its suite's own scorer, or by asking again.

    {"prompt": "Write inc(x)", "completion": "def inc(x): return x + 1", "tests": ["assert inc(1) == 2"]}   by tests
    {"prompt": "Q: ..", "completion": " 7", "sample": {"suite": "primer", "data": {..}, "target": "7"}}     by scorer
    {"prompt": "Q: ..", "completion": " 7"} and the parameter `teacher: openai:big@..`                      by agreement

`tests` are Python that raises where the program is wrong, run in the sandbox (`entry_point`, `setup` beside them as in
`sandbox.Trial`); a row whose tests an empty program passes is dropped: they prove nothing. A scorer must give full
marks. In agreement a teacher answers the prompt `samples` times anew, and at least `agree` of the answers must be the
row's: equal in canonical form, after the last "the answer is", or in their last number. Rows that a program solved
(`source.generator`) are right by construction and pass; so do those of a person's own file (`source.file`, as
`compress.draw` reads them): they were given as what is right. A row that nothing can check is dropped as such:
unverified is not verified. `checks.verify` says how a row passed.

A sandbox or a teacher that breaks is an error of the step, never a dropped row. Cost: a program 5 to 30 ms, a
teacher's answers what they cost; those of an earlier try lie in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from harness import registry
from harness.config import Strict, validate
from harness.contracts import Step, StepContext, Suite
from harness.errors import InfrastructureError, UsageError
from harness.grading.code import grade, solution
from harness.grading.number import final_number
from harness.grading.text import answer_after
from harness.sandbox import Limits, Trial, run
from harness.types import Artifact, Completion, Fault, Message, Request, Sample
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped, Row
from improve.curation import text

NAME = "improve.verify"
WORKERS = 4
EMPTY = "pass\n"
"""The program that no test may pass."""
ARGUED = 8
"""Words from which an answer is an argument."""
PROMPT_TOKENS = 500
"""Of a row's prompt: only estimates are made of it."""
How = Literal["tests", "scorer", "construction", "given", "agreement", ""]


class Parameters(Strict):
    """What may be told to `improve.verify`."""

    teacher: str = ""
    """Spec of the model that answers again; empty: rows without tests or scorer cannot be checked."""
    samples: int = Field(default=3, ge=1)
    """Answers of the teacher to each prompt."""
    agree: int = Field(default=2, ge=1)
    """How many of them must be the row's answer."""
    temperature: float = Field(default=0.7, ge=0)
    max_tokens: int = Field(default=1024, ge=1)
    cpu_s: float = Field(default=3.0, gt=0)
    """CPU seconds of a program with all its tests."""
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> Parameters:
        if self.agree > self.samples:
            raise ValueError(f"agree = {self.agree} of {self.samples} answers can never be")
        return self


class Verify(Step):
    """Datasets in, one of the rows whose answers hold out."""

    version = "2"
    kind: ClassVar = "dataset"
    seeded: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return calls and tokens for each row that only a teacher can check."""
        given = validate(dict(parameters), Parameters, NAME)
        asked = given.samples * PROMPT_TOKENS
        return {
            "calls_a_row": given.samples, "prompt_tokens_a_row": asked,
            "tokens_a_row": asked + given.samples * given.max_tokens,
        } if given.teacher else {}  # fmt: skip

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the rows that pass.

        Raises:
            UsageError: not one row can be checked. InfrastructureError: sandbox or teacher broke.
        """
        given = validate(dict(parameters), Parameters, NAME)
        rows = dataset.all_of(inputs, NAME)
        hows = [how(row, bool(given.teacher)) for row in rows]
        if rows and not any(hows):
            raise UsageError(
                f"none of the {len(rows)} rows can be checked: no `tests`, no `sample` with a scorer, no generator",
                "a teacher that answers them again",
                f"type in the recipe, under {NAME}: teacher: openai:NAME@URL",
            )
        wrong = _checked(rows, hows, given, context)
        kept = [dataset.passed(row, "verify", hows[i]) for i, row in enumerate(rows) if i not in wrong]
        counts = {one: sum(h == one for i, h in enumerate(hows) if i not in wrong) for one in sorted(set(hows)) if one}
        told = {"passed_by": counts, "parameters": given.model_dump()}
        return dataset.write(context.scratch / "rows", NAME, kept, [wrong[i] for i in sorted(wrong)], len(rows), **told)


def how(row: Row, teacher: bool) -> How:
    """Return by what a row is checked; empty where nothing can."""
    if row.get("tests"):
        return "tests"
    if isinstance(row.get("sample"), Mapping):
        return "scorer"
    source = row["source"] if isinstance(row.get("source"), Mapping) else {}
    if source.get("generator"):
        return "construction"
    if source.get("file"):
        return "given"
    return "agreement" if teacher else ""


def _checked(rows: Sequence[Row], hows: Sequence[How], given: Parameters, context: StepContext) -> dict[int, Dropped]:
    """Return place -> why, of the rows that fail."""
    by_program = [place for place, one in enumerate(hows) if one in ("tests", "scorer")]
    wrong = {place: Dropped(rows[place], "not_checked", {}) for place, one in enumerate(hows) if not one}
    named = {str(rows[i]["sample"].get("suite", "")) for i in by_program if hows[i] == "scorer"}
    suites = {name: registry.suite(name) for name in sorted(named)}
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [
            pool.submit(by_tests, rows[i], given.cpu_s)
            if hows[i] == "tests"
            else pool.submit(by_scorer, rows[i], suites)
            for i in by_program
        ]
        for number, (place, job) in enumerate(zip(by_program, jobs, strict=True), start=1):
            if detail := job.result():
                wrong[place] = Dropped(rows[place], hows[place], detail)
            context.progress(0.5 * number / len(jobs), "running programs")
    asked = [place for place, one in enumerate(hows) if one == "agreement"]
    for place, detail in zip(asked, _by_agreement([rows[i] for i in asked], given, context), strict=True):
        if detail:
            wrong[place] = Dropped(rows[place], "agreement", detail)
    context.progress(1.0, f"{len(rows) - len(wrong)} of {len(rows)} rows hold")
    return wrong


def by_tests(row: Row, cpu_s: float) -> dict[str, Any]:
    """Return why a program fails its tests; empty where it passes.

    Raises:
        InfrastructureError: the sandbox broke.
    """
    tests = (row["tests"],) if isinstance(row["tests"], str) else tuple(map(str, row["tests"]))
    entry = str(row.get("entry_point", ""))
    code = solution(dataset.answer(row), entry)
    setup, limits = str(row.get("setup", "")), Limits(cpu_s=cpu_s)
    found = grade(run(Trial(code, tests, setup=setup, entry_point=entry), limits), "stop", code)
    if found.value != 1:
        return {"mode": found.mode, **found.detail}
    empty = grade(run(Trial(EMPTY, tests, setup=setup, entry_point=entry), limits), "stop", EMPTY)
    return {"mode": "vacuous", **empty.detail} if empty.value == 1 else {}


def by_scorer(row: Row, suites: Mapping[str, Suite]) -> dict[str, Any]:
    """Return why a suite's own scorer does not give full marks; empty where it does.

    Raises:
        InfrastructureError: the sandbox broke.
    """
    told, suite = row["sample"], suites[str(row["sample"].get("suite", ""))]
    sample = Sample(row["id"], suite.name, row["id"], "dev", told.get("data", {}), told.get("target"))
    try:
        score = suite.score(sample, Completion(dataset.answer(row)))
    except InfrastructureError:
        raise
    except Exception as error:  # noqa: BLE001  a scorer raises plain errors for what it cannot judge: not verified
        return {"mode": "scorer_error", "error": f"{type(error).__name__}: {error}"}
    return {} if score.mode == "right" else {"mode": score.mode, "detail": dict(score.detail)}


def _by_agreement(rows: Sequence[Row], given: Parameters, context: StepContext) -> list[dict[str, Any]]:
    if not rows:
        return []
    requests = [_request(row, given, number) for row in rows for number in range(given.samples)]
    found = context.ask(given.teacher, requests)
    if fault := next((one for one in found if isinstance(one, Fault)), None):
        raise InfrastructureError(
            f"the teacher {given.teacher!r} left a question unanswered: {fault.kind}: {fault.message}",
            "an answer to each; those that came are kept and not asked again",
            "run the same command again",
        )
    details = []
    for place, row in enumerate(rows):
        said = [
            one.text
            for one in found[place * given.samples : (place + 1) * given.samples]
            if isinstance(one, Completion)
        ]
        votes = sum(same_answer(dataset.answer(row), one) for one in said)
        details.append({} if votes >= given.agree else {"agree": votes, "of": given.samples})
    return details


def _request(row: Row, given: Parameters, number: int) -> Request:
    common: dict[str, Any] = {"max_tokens": given.max_tokens, "attempt": number}
    if given.temperature > 0:
        common |= {"temperature": given.temperature, "seed": given.seed + number}
    if "messages" not in row:
        stop = ("\n",) if "\n" not in row["completion"].strip() and row["prompt"].endswith(":") else ()
        return Request("generate", prompt=row["prompt"], stop=stop, **common)
    turns = tuple(Message(turn["role"], str(turn.get("content") or "")) for turn in row["messages"][:-1])
    return Request("generate", messages=turns, tools=tuple(row.get("tools") or ()), **common)


def same_answer(left: str, right: str) -> bool:
    """Return whether two answers agree: as a whole, in what they say "the answer is", or in their last numbers."""
    if not left.strip() or not right.strip():
        return False
    ends = [answer_after(one.lower()) or one.strip() for one in (left, right)]
    a, b = (text.tokens(one) for one in ends)
    if a == b:
        return bool(a) or ends[0] == ends[1]
    # The last number decides where one of the two argues at length: "3 or 4" and "4" are not one answer.
    numbers = [final_number(one) for one in ends]
    return max(len(a), len(b)) >= ARGUED and numbers[0] is not None and numbers[0] == numbers[1]
