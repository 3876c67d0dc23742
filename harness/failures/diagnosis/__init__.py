"""Says how an answer went wrong in one or two sentences that hold nothing of what it was about.

    question "Ana has 7 of oven and gives 9. ..", target "-2", answer "2"
      -> text       "Sign error: the right size with the wrong sign. Another answer than the target."
         signature  {"mode": "wrong_answer", "relation": "sign", "expected": "number", "came": "number", ..}

Sentences are made of this package's own phrases (`relations`, `families`, `harness.modes`), so that numbers, names,
gold and prediction cannot leak into what is clustered: two failures in different subjects read alike when they went
wrong alike. A judge's critique is masked by whoever asked it (`critique`), and comes first where there is one. The
signature holds the same as features of closed lists (`signature.VALUES`).

`diagnose` sees one case; `diagnose_all` also tells what only the batch shows: an answer given to many questions.
Cost: some 0.3 ms a case; texts are cut before they are read (`relations.pair`), so hostile ones cost no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.failures import relations
from harness.failures.case import Case, Diagnosis
from harness.failures.diagnosis import families, signature
from harness.failures.relations import programs, wording
from harness.failures.relations.logic import negated
from harness.failures.relations.pair import Pair, plain
from harness.modes import MODES

LONGEST = 600
"""Characters of a diagnosis."""
TOLD = 2
"""Relations that the sentence tells; the signature has all that hold."""
HABIT = {"truth": 0.8, "letter": 0.5}
"""Share of a suite's failures with an answer of one kind from which an answer is a habit; 0.2 for other kinds."""
HABIT_LEAST = 5
FINISHES = {
    "length": "Cut off by the token limit",
    "truncated": "Reasoning never ended",
}
STATES = {
    "empty": "Nothing came",
    "loop": "Repeats itself",
    "breaks off": "Breaks off before it comes to a result",
    "other script": "Written in another script",
}


def diagnose(case: Case) -> Diagnosis:
    """Return the diagnosis of one case: a text of at most `LONGEST` characters, never empty, and its signature."""
    pair = Pair.of(case)
    family = families.family_of(case)
    compared = family not in ("code", "tools", "instructions", "refusal") or "def " in pair.target
    found = relations.related(pair) if compared else ()
    expected, came = _kinds(case, family)
    family = family or {"number": "number", "truth": "truth", "json": "json"}.get(expected, "text")
    said, features = families.tell(case, family, pair)
    lines = [relations.PHRASES[name] for name in found[:TOLD]]
    lines += said
    state = _state(case, pair)
    lines += [STATES[state]] if state else []
    lines += [FINISHES[case.finish]] if case.finish in FINISHES else []
    lines += _compare(expected, came) if compared and not found else []
    lines.append(MODES.get(case.mode, "not as wanted"))
    all_features = {
        "mode": case.mode,
        "family": family,
        "finish": case.finish if case.finish in signature.VALUES["finish"] else "other",
        "slip": relations.PHRASES[found[0]].partition(":")[0] if found else "",
        "relation": found[0] if found else "",
        "expected": expected,
        "came": came,
        "length": _length(pair) if compared and family != "choice" else "",
        "text": state,
        "question": "negated" if compared and negated(pair) else "",
        **features,
        **{f"is_{name}": "yes" for name in found},
    }
    all_features["outcome"] = signature.outcome(all_features)
    return Diagnosis(_sentences([case.critique.strip(), *lines]), signature.checked(all_features))


def diagnose_all(cases: Sequence[Case], only: Iterable[Case] | None = None) -> list[Diagnosis]:
    """Return the diagnoses of a batch in its order, habits told: one answer to many questions of a suite.

    `only`: those of the batch that are diagnosed, in this order; the others are looked at for habits alone.
    """
    habits = _habits(cases)
    found = []
    for case in cases if only is None else only:
        one = diagnose(case)
        if (case.run_id, case.suite, case.answer) in habits:
            features = signature.checked({**one.signature, "batch": "habitual answer"})
            one = replace(
                one, text=f"{one.text} The same answer is given to many questions."[:LONGEST], signature=features
            )
        found.append(one)
    return found


def _habits(cases: Sequence[Case]) -> set[tuple[str, str, str]]:
    answers, kinds = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    kind = dict[str, str]()
    for case in cases:
        if case.answer and len(case.answer) < 200:
            kind[case.answer] = families.kind_of(case.answer)
            answers[case.run_id, case.suite, case.answer] += 1
            kinds[case.run_id, case.suite, kind[case.answer]] += 1
    return {
        (run, suite, answer)
        for (run, suite, answer), count in answers.items()
        if count >= HABIT_LEAST and count >= HABIT.get(kind[answer], 0.2) * kinds[run, suite, kind[answer]]
    }


NOUNS = {"words": "phrase", "calls": "call", "truth": "verdict"}
"""Kinds of answers that are no word after "a"."""


def _kinds(case: Case, family: str) -> tuple[str, str]:
    if family == "code":
        return "code", "code" if case.text.strip() else "empty"
    if family == "tools":
        return "calls", "calls" if case.answer else "none"
    if family in ("instructions", "refusal"):
        return "", ""
    target = plain(case.target) if not isinstance(case.target, bool | int | float) else str(case.target)
    return families.kind_of(target if case.target is not None else None), families.kind_of(case.answer)


def _compare(expected: str, came: str) -> list[str]:
    expected, came = NOUNS.get(expected, expected), NOUNS.get(came, came)
    if expected == came:
        return [f"Another {expected} than the one expected"]
    return [f"Expected a {expected}, got {'nothing' if came in ('none', 'empty') else f'a {came}'}"]


def _state(case: Case, pair: Pair) -> str:
    if not case.text.strip() and not case.answer:
        return "empty"
    if wording.loop(pair):
        return "loop"
    if case.mode in ("unparsed", "truncated") and pair.text.rstrip()[-1:] not in ".!?)]}\"'`*":
        return "breaks off"
    if case.mode == "syntax_error" and programs.cut(programs.whole(pair.question, case.answer or case.text)):
        return "breaks off"
    return "other script" if wording.other_script(pair) else ""


def _length(pair: Pair) -> str:
    if not pair.answer or not pair.target:
        return "none"
    ratio = len(pair.answer) / len(pair.target)
    for bound, name in ((0.34, "much shorter"), (0.75, "shorter"), (1.34, "alike"), (3.0, "longer")):
        if ratio < bound:
            return name
    return "much longer"


def _sentences(lines: Sequence[str]) -> str:
    kept = dict.fromkeys(line.strip().rstrip(".") for line in lines if line.strip())
    return " ".join(f"{line[0].upper()}{line[1:]}." for line in kept)[:LONGEST]
