"""Asks a teacher until each cause has its rows, in waves; what came is read, repaired once, or dropped with the reason.

A wave asks for what is missing, all calls at once. Rows that repeat a question of the run or of a failure shown are
dropped, so a teacher that repeats itself ends short after `WAVES`, and the report says so. Which calls there are
depends on seed, causes and answers alone: done again after a kill, the ledger answers what was paid for.

Answers are constrained to the schema of rows until a teacher refuses all calls of a wave with it (llama-cpp-python's
server does): then they are asked without, and parsed as strictly.

A fault that may pass (busy server, time-out, cut answer) is an error of the step: what came is kept, the same command
asks for the rest. One that cannot pass (context too long, filtered) is counted, and the call is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.contracts import StepContext
from harness.errors import InfrastructureError
from harness.types import Completion, Fault, Request
from harness.workbench.rows import Dropped, Row, named
from improve.curation import text
from improve.teaching import parsing, prompts
from improve.teaching.causes import Cause
from improve.teaching.prompts import Call, Manner

WAVES = 4
LASTING = frozenset(
    {"context_overflow", "content_filter", "encoding", "http_400", "http_413", "http_422", "unsupported", "schema"}
)
"""Faults that the same request meets again."""
REFUSES_SCHEMA = frozenset({"http_400", "http_422", "unsupported", "schema"})
Shape = Callable[[parsing.Pair], Row]


@dataclass
class Found:
    """What came of a cause's calls so far."""

    cause: Cause
    wanted: int
    calls: int = 0
    rows: list[Row] = field(default_factory=list)


class Teaching:
    """One run of asking."""

    def __init__(self, teacher: str, manner: Manner, per_call: int, shape: Shape, context: StepContext) -> None:
        self.teacher, self.manner, self.per_call = teacher, manner, per_call
        self.shape, self.context = shape, context
        self.dropped: list[Dropped] = []
        self.asked = self.repaired = self.faults = 0
        self.constrained = True
        self._taken: dict[str, str] = {}

    def rows(self, wanted: Mapping[str, int], causes: Sequence[Cause]) -> list[Row]:
        """Return the rows, cause by cause.

        Raises:
            InfrastructureError: the teacher left a call unanswered, or answered none. BudgetSpent: the cap is reached.
        """
        # A question shown must not come back, under whatever cause.
        self._taken = {_key(shown.question): shown.sample_id for one in causes for shown in one.exemplars}
        every = [Found(cause, wanted[cause.id]) for cause in causes if cause.id in wanted]
        for wave in range(WAVES):
            calls = [call for one in every for call in self._missing(one)]
            if not calls:
                break
            places = {one.cause.id: one for one in every}
            for asked, answer, keys in self._answered(calls):
                self._take(places[asked.cause.id], asked, answer, keys)
            done = sum(len(one.rows) for one in every)
            self.context.progress(done / sum(wanted.values()), f"wave {wave + 1}: {done} rows")
        return [row for one in every for row in one.rows]

    def _missing(self, found: Found) -> list[Call]:
        left = found.wanted - len(found.rows)
        calls = []
        for _ in range(math.ceil(left / self.per_call)):
            calls.append(prompts.call(found.cause, found.calls, min(left, self.per_call), self.manner))
            found.calls, left = found.calls + 1, left - self.per_call
        return calls

    def _answered(self, calls: Sequence[Call]) -> list[tuple[Call, parsing.Answer, tuple[str, ...]]]:
        """Return what each call gave, after the repair where one was needed, with the keys of its completions."""
        first = self._ask(calls, [one.request for one in calls])
        read = [parsing.read(one.text) if one else None for one in first]
        mute = [place for place, one in enumerate(read) if one and one.complaint and not one.pairs]
        again = [prompts.repair(calls[i], _said(first[i]), _complaint(read[i])) for i in mute]
        second = dict(zip(mute, self._ask([calls[i] for i in mute], again), strict=True)) if mute else {}
        self.repaired += len(mute)
        found = []
        for place, (asked, answer) in enumerate(zip(calls, read, strict=True)):
            if answer is None:
                continue
            keys = [_keyed(first[place])]
            if mended := second.get(place):
                answer, keys = parsing.read(mended.text), [*keys, mended.key]
            if answer.complaint and not answer.pairs:
                detail = {"complaint": answer.complaint[:300], "rows": asked.rows}
                self._drop(self._source(asked, keys), "unparsed", asked, _said(mended or first[place]), detail)
            found.append((asked, answer, tuple(keys)))
        return found

    def _ask(self, calls: Sequence[Call], requests: Sequence[Request]) -> list[Completion | None]:
        """Return the completions, None for a fault that would not pass."""
        answers = self._constrained(requests)
        self.asked += len(answers)
        faults = [one for one in answers if isinstance(one, Fault)]
        passing = [one for one in faults if one.kind not in LASTING]
        if passing or (faults and len(faults) == len(answers) == self.asked):
            fault = (passing or faults)[0]
            raise InfrastructureError(
                f"the teacher {self.teacher!r} left {len(faults)} of {len(answers)} calls unanswered: "
                f"{fault.kind}: {fault.message[:300]}",
                "an answer to each; those that came are kept and not asked again",
                "run the same command again",
            )
        for asked, one in zip(calls, answers, strict=True):
            if isinstance(one, Fault):
                self.faults += 1
                self._drop(
                    self._source(asked, ()), "fault", asked, "", {"kind": one.kind, "message": one.message[:300]}
                )
        return [one if isinstance(one, Completion) else None for one in answers]

    def _constrained(self, requests: Sequence[Request]) -> list[Completion | Fault]:
        if self.constrained:
            answers = self.context.ask(self.teacher, requests)
            if not all(isinstance(one, Fault) and _refuses_schema(one) for one in answers):
                return answers
            self.constrained = False
        return self.context.ask(self.teacher, [replace(one, schema=None) for one in requests])

    def _take(self, found: Found, asked: Call, answer: parsing.Answer, keys: tuple[str, ...]) -> None:
        source = self._source(asked, keys)
        for pair in answer.pairs:
            row = named({**self.shape(pair), "cause": asked.cause.id, "source": source})
            asks = _key(pair.question)
            if asks in self._taken:
                self.dropped.append(Dropped(row, "repeat", {"of": self._taken[asks]}))
            elif len(found.rows) == found.wanted:
                self.dropped.append(Dropped(row, "surplus", {}))
            else:
                self._taken[asks] = row["id"]
                found.rows.append(row)
        for entry in answer.broken:
            self._drop(source, "malformed", asked, entry, {})

    def _drop(self, source: Row, reason: str, asked: Call, said: str, detail: Mapping[str, Any]) -> None:
        row = {"prompt": "", "completion": said, "cause": asked.cause.id, "source": source}
        self.dropped.append(Dropped(named(row), reason, detail))

    def _source(self, asked: Call, keys: Sequence[str]) -> Row:
        return {
            "teacher": self.teacher, "completion": keys[-1] if keys else "", "completions": list(keys),
            "call": asked.number, "exemplars": [one.sample_id for one in asked.shown],
        }  # fmt: skip


def _key(question: str) -> str:
    return text.key(question)


def _refuses_schema(fault: Fault) -> bool:
    # llama-cpp-python's server calls it an error of its own: 500, with the field's name.
    return fault.kind in REFUSES_SCHEMA or (fault.kind.startswith("http_") and "response_format" in fault.message)


def _said(one: Completion | None) -> str:
    return one.text if one else ""


def _keyed(one: Completion | None) -> str:
    return one.key if one else ""


def _complaint(one: parsing.Answer | None) -> str:
    return one.complaint if one else ""
