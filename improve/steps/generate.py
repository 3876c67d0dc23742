"""Makes rows for the causes of failures: a teacher writes them, or a procedural suite's own generator solves them.

    inputs       one report: the document of `harness failures RUN --split dev --json`
    parameters   {"teacher": "openai:big@http://..", "rows": 600}    or    {"suite": "primer", "rows": 600}
    a row        {"id": .., "prompt": "Q: ..\\nA:", "completion": " ..", "cause": "3f9a..", "source": {..}}

Each cause has rows in proportion to its failures, at least one (`teaching.causes.shares`). A teacher is shown the
cause's label, its diagnoses and a few failures of the dev split, other ones in each call (`teaching.prompts`); `source`
names teacher, completion key and these failures. Of a suite's `practice_all` the rows that look like the failures are
taken, without a look at their tags (`teaching.nearest`); `source` names the suite as `generator`. Exact repeats are
dropped here, near ones by `improve.dedup`. `dropped.jsonl` holds whatever of a paid answer did not become a row.

Cost: a teacher's tokens, metered by the workbench; rows of a suite take a second for ten thousand drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from harness import registry
from harness.config import Strict, validate
from harness.contracts import Practice, Step, StepContext
from harness.errors import UsageError
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped, Row
from improve.teaching import causes as reading
from improve.teaching import nearest
from improve.teaching.calls import Teaching
from improve.teaching.causes import Cause
from improve.teaching.parsing import Pair
from improve.teaching.prompts import Manner

NAME = "improve.generate"
RULES_TOKENS, SHOWN_TOKENS = 500, 1500
"""Of a call's prompt at most, and of each failure shown in it: only estimates are made of them."""
POOL, LEAST = 20, 4000
"""Practice rows drawn for each one wanted, and at least."""


class Parameters(Strict):
    """What may be told to `improve.generate`: a teacher or a suite, and how much."""

    teacher: str = ""
    """Spec of the model that writes rows."""
    suite: str = ""
    """Procedural suite whose generator writes them."""
    rows: int = Field(ge=1)
    """In all."""
    causes: list[str] = Field(default_factory=list)
    """Ids; empty: all."""
    form: Literal["raw", "chat"] = "raw"
    """Of the rows: prompt and completion, or messages."""
    seed: int = Field(default=0, ge=0)
    teacher_form: Literal["raw", "chat"] = "chat"
    """How the teacher is asked: raw where it has no chat template."""
    temperature: float = Field(default=0.7, ge=0)
    max_tokens: int = Field(default=2048, ge=1)
    """Of an answer."""
    rows_per_call: int = Field(default=8, ge=1)
    exemplars_per_call: int = Field(default=4, ge=1)
    tests: bool = False
    """Whether the teacher writes tests to programs, by which `improve.verify` then runs them."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.teacher) == bool(self.suite):
            raise ValueError("one of `teacher` and `suite`")
        return self


class Generate(Step):
    """An analysis in, a dataset out."""

    version = "2"
    kind: ClassVar = "dataset"
    takes: ClassVar = ("report",)
    seeded: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate; the suite or the teacher's kind must be known."""
        given = validate(dict(parameters), Parameters, NAME)
        if given.suite:
            _rows_of(given.suite, given.seed, 1)
        else:
            registry.split_spec(given.teacher)

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return rows, and of a teacher calls and tokens, each answered at full length and none repaired."""
        given = validate(dict(parameters), Parameters, NAME)
        if not given.teacher:
            return {"rows": given.rows}
        calls = -(-given.rows // given.rows_per_call)
        asked = calls * (RULES_TOKENS + SHOWN_TOKENS * given.exemplars_per_call)
        return {
            "rows": given.rows, "calls": calls, "prompt_tokens": asked, "tokens": asked + calls * given.max_tokens
        }  # fmt: skip

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the rows.

        Raises:
            UsageError: no analysis of the dev split, unknown cause, a suite without practice.
            InfrastructureError: the teacher left calls unanswered. BudgetSpent: the cap is reached.
        """
        given = validate(dict(parameters), Parameters, NAME)
        causes = reading.read(inputs, given.causes)
        wanted = reading.shares({cause.id: cause.size for cause in causes}, given.rows)
        make = _taught if given.teacher else _drawn
        rows, dropped, told = make(given, causes, wanted, context)
        got = Counter(str(row["cause"]) for row in rows)
        by_cause = {
            cause.id: {
                "label": cause.label,
                "failures": cause.size,
                "wanted": wanted.get(cause.id, 0),
                "rows": got[cause.id],
            }
            for cause in causes
        }
        context.progress(1.0, f"{len(rows)} of {given.rows} rows")
        told |= {"wanted": given.rows, "causes": by_cause, "seed": given.seed, "parameters": given.model_dump()}
        return dataset.write(context.scratch / "rows", NAME, rows, dropped, len(rows) + len(dropped), **told)


Made = tuple[list[Row], list[Dropped], dict[str, Any]]
"""Rows, what was dropped, further lines of the report."""


def _taught(given: Parameters, causes: Sequence[Cause], wanted: Mapping[str, int], context: StepContext) -> Made:
    manner = Manner(
        given.temperature, given.max_tokens, given.exemplars_per_call, given.teacher_form, given.seed, given.tests
    )  # fmt: skip

    def shape(pair: Pair) -> Row:
        row = _row(given.form, f"Q: {pair.question}\nA:", f" {pair.answer}", pair.question)
        return {**row, "tests": list(pair.tests)} if given.tests and pair.tests else row

    teaching = Teaching(given.teacher, manner, given.rows_per_call, shape, context)
    rows = teaching.rows(wanted, causes)
    told = {
        "asked": teaching.asked,
        "repairs": teaching.repaired,
        "faults": teaching.faults,
        "schema": teaching.constrained,
    }
    return rows, teaching.dropped, {"calls": told}


def _drawn(given: Parameters, causes: Sequence[Cause], wanted: Mapping[str, int], context: StepContext) -> Made:
    count = max(LEAST, POOL * given.rows)
    drawn = _rows_of(given.suite, given.seed, count)
    context.progress(0.2, f"{len(drawn)} practice rows drawn")
    found = nearest.choose(drawn, causes, wanted, given.seed)
    rows = [
        dataset.named({
            **_row(given.form, one.prompt, one.answer, one.prompt), "cause": cause,
            "source": {
                "generator": given.suite, "seed": given.seed, "exemplars": [one.exemplar],
                "similarity": one.similarity, "diverse": one.diverse,
            },
        })
        for cause, chosen in found.items()
        for one in chosen
    ]  # fmt: skip
    return rows, [], {"drawn": len(drawn)}


def _rows_of(suite: str, seed: int, count: int) -> list[Practice]:
    try:
        return list(registry.suite(suite).practice_all(seed, count))
    except NotImplementedError as error:
        raise UsageError(
            f"{NAME}: the suite {suite!r} has no practice rows",
            "a procedural suite, or a teacher",
            "type: suite: primer",
        ) from error


def _row(form: str, prompt: str, completion: str, question: str) -> Row:
    if form == "raw":
        return {"prompt": prompt, "completion": completion}
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": completion.strip()}]
    return {"messages": turns}
