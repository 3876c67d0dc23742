"""Asks a judge model, once, what the first mistake of each failure was; what it says is masked before it is used.

    found, faults = criticised(cases, judge, database)
      judge says   {"reason": "The loop stops one element early, so Ana is left out.", "verdict": "off by one"}
      found[0].critique   "Off by one: The loop stops one element early, so NAME is left out."

The prompt is `grading.judge`'s: whatever was written by a model stands between lines that carry a digest of it, and an
answer that is not one JSON object with one of `KINDS` is a Fault. A judge that fails, times out or is lost leaves the
case without a critique, so with its deterministic diagnosis; the faults come back to be told.

What a judge said is kept in the table `critiques` under the digest of all it was shown, and of the judge: the same
failure in the next checkpoint costs nothing. It is kept as said and masked when read, so that a better mask serves old
critiques too. A hosted judge has no digest: its spec stands for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.contracts import Model
from harness.errors import JudgeError
from harness.failures.case import Case
from harness.failures.diagnosis.masking import masked
from harness.failures.relations.pair import plain
from harness.grading import judge as grading
from harness.hashing import digest
from harness.store import Database, failures
from harness.types import Completion, Fault, Request

KINDS: Mapping[str, str] = {
    "sign error": "the size is right, the sign or direction is wrong",
    "negation ignored": "a not, except, never or least was passed over",
    "off by one": "a single step, item, index or day too many or too few",
    "wrong unit": "the unit was not converted, or converted wrongly",
    "copied distractor": "something of the question was given back that does not belong in the answer",
    "operands swapped": "two things, sides or roles were exchanged",
    "wrong operation": "the right things were combined in a wrong way",
    "step skipped": "a condition, step or part of the question was left out",
    "wrong fact": "something was stated that is not so",
    "slip": "a slip of calculation or copying within a right approach",
    "misread": "another question was answered than the one asked",
    "wrong form": "the content is right, the form is not the one asked for",
    "incomplete": "it ends before it comes to a result",
    "other": "none of these",
}
"""Kind of mistake -> when to say so."""
RUBRIC = grading.Rubric(
    "An assistant answered the question in `question`; `expected` is right and `answer` is wrong. What was its first"
    " mistake? Give as the reason one sentence on what should have been done and what was done instead, in general"
    " terms: no numbers, no names, no quotations, no words of the subject matter.",
    KINDS,
)
CHARACTERS = 4000
"""Of a question or an answer that the judge sees; the end of an answer where it is longer."""


def criticised(cases: Sequence[Case], judge: Model, database: Database) -> tuple[list[Case], list[Fault]]:
    """Return the cases with critiques where the judge gave one, in their order, and the faults of the others.

    Stored critiques are taken first; new ones are stored batch by batch, so that an interruption loses one batch.
    """
    name = identity(judge)
    keys = [digest("critique", RUBRIC.question, dict(KINDS), parts(case)) for case in cases]
    known = failures.critiques(database, name, set(keys))
    missing = [place for place, key in enumerate(keys) if key not in known]
    waiting = list({keys[place]: place for place in reversed(missing)}.items())[::-1]
    faults: list[Fault] = []
    size = max(1, judge.batch_size)
    for start in range(0, len(waiting), size):
        batch = waiting[start : start + size]
        said, wrong, lost = _asked([(key, ask(cases[place], judge)) for key, place in batch], judge)
        failures.add_critiques(database, name, said)
        known |= said
        faults += wrong
        if lost:
            faults += [lost] * (len(waiting) - start - len(said) - len(wrong))
            break
    return [
        replace(c, critique=spoken(known[k], c)) if k in known else c for c, k in zip(cases, keys, strict=True)
    ], faults


def ask(case: Case, judge: Model) -> Request:
    """Return the request that puts a case before the judge: messages where it has a chat template, else a prompt."""
    request = grading.ask(RUBRIC, parts(case), max_tokens=256)
    request = replace(request, prompt="") if "chat" in judge.can else replace(request, messages=())
    return request if "schema" in judge.can else replace(request, schema=None)


def parts(case: Case) -> dict[str, str]:
    """Return what a judge is shown of a case."""
    said = case.text.strip() or case.answer or "(nothing)"
    options = "\n".join(f"({chr(65 + place)}) {text}" for place, text in enumerate(case.choices[:26]))
    found = {
        "question": "\n".join(
            part for part in (grading.shorten(case.question, CHARACTERS), options[:CHARACTERS]) if part
        ),
        "expected": plain(case.target, parts=True)[:CHARACTERS] or "(tests decide)",
        "answer": said if len(said) <= CHARACTERS else f"[..] {said[-CHARACTERS:]}",
        "read as": (case.answer or "(nothing could be read)")[:CHARACTERS],
        "outcome": f"{case.mode}: {str(case.detail.get('reason', ''))[:300]}".rstrip(": "),
    }
    return {name: text for name, text in found.items() if text}


def spoken(critique: str, case: Case) -> str:
    """Return a stored critique as a masked sentence; empty where it cannot be read."""
    try:
        found = json.loads(critique)
        kind, reason = str(found["verdict"]), str(found["reason"])
    except (ValueError, KeyError, TypeError):
        return ""
    sentence = masked(reason, case)
    return f"{kind[:1].upper()}{kind[1:]}: {sentence}" if sentence else f"{kind[:1].upper()}{kind[1:]}"


def identity(judge: Model) -> str:
    """Return what tells one judge from another: digest (spec of a hosted one) and engine."""
    return digest("judge", judge.digest or judge.spec, dict(judge.engine))


def _asked(batch: Sequence[tuple[str, Request]], judge: Model) -> tuple[dict[str, str], list[Fault], Fault | None]:
    """Return (key -> critique, faults, the fault of a judge that is lost or None)."""
    said: dict[str, str] = {}
    faults: list[Fault] = []
    try:
        for index, answer in judge.answer([request for _, request in batch]):
            if isinstance(answer, Fault):
                faults.append(replace(answer, boundary="judge"))
            else:
                _read(batch[index][0], answer, said, faults)
    except Exception as error:  # noqa: BLE001 - an exception means that the judge is lost; the failures are not
        return said, faults, Fault("judge", "exception", f"{type(error).__name__}: {error}"[:500])
    return said, faults, None


def _read(key: str, answer: Completion, said: dict[str, str], faults: list[Fault]) -> None:
    try:
        verdict = grading.read(RUBRIC, answer)
    except JudgeError as error:
        faults.append(Fault("judge", "no_verdict", error.what))
    else:
        said[key] = json.dumps({"verdict": verdict.word, "reason": verdict.reason[:2000]}, ensure_ascii=False)
