"""Diagnoses: what they say per kind of suite, and that nothing of the topic is in them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wrongs import wrong

from harness.failures.case import Case
from harness.failures.diagnosis import LONGEST, STATES, diagnose, diagnose_all, families
from harness.failures.diagnosis.signature import VALUES, checked
from harness.failures.relations import PHRASES, programs
from harness.grading import constraints
from harness.modes import MODES

PROGRAM = "    total = 0\n    for x in l:\n        total += x\n    return total\n"
TOLD: list[tuple[Case, str, Mapping[str, str]]] = [
    (wrong("How many?", "12", "-12"), "sign error", {"relation": "sign", "family": "number", "expected": "number"}),
    (wrong("Where?", "Mirel", None, text="", mode="empty"), "nothing came", {"text": "empty", "came": "none"}),
    (wrong("Where?", "Mirel", "x", text="so it goes " * 90), "repeats itself", {"text": "loop"}),
    (wrong("Where is it then?", "M", "x", text="это совсем не то"), "another script", {"text": "other script"}),
    (wrong("W?", "5", None, text="We first take the", mode="unparsed"), "breaks off", {"text": "breaks off"}),
    (wrong("How many?", "12", "a lot"), "expected a number, got a phrase", {"expected": "number", "came": "words"}),
    (wrong("How many?", "12", "3", finish="length"), "token limit", {"finish": "length"}),
    (wrong("Which?", "B", "C", choices=("a", "b", "c")), "another letter", {"family": "choice", "letter": "neighbour"}),
    (
        wrong("Which?", "B", "A", choices=("a", "b"), detail={"probabilities": {"A": 0.51, "B": 0.49}}),
        "torn between two options", {"sure": "torn"},
    ),
    (
        wrong("def f(l):", None, PROGRAM, mode="runtime_error", detail={"reason": "KeyError: 'Ana'"}),
        "raised keyerror: key not there", {"exception": "KeyError", "raised": "key not there", "build": "loops"},
    ),
    (
        wrong("def f(l):", None, PROGRAM, mode="runtime_error", detail={"reason": "PearError: Ana"}),
        programs.OWN, {"exception": programs.OWN},
    ),
    (wrong("def f(l):", None, "    print(l)\n", mode="wrong_output"), "prints instead of", {"family": "code"}),
    (wrong("def f(l):", None, "    pass\n", mode="wrong_output"), "does nothing", {"build": "does nothing"}),
    (
        wrong("def f(l):", None, "    return f(l[1:]) + y\n", mode="runtime_error"),
        "uses an undefined name", {"build": "uses an undefined name"},
    ),
    (
        wrong("def f(l):", None, PROGRAM, mode="wrong_output", detail={"tests": [{"mode": "right"}, {}]}),
        "half of the tests", {"tests": "half"},
    ),
    (
        wrong("Go.", [], "[f()]", mode="bad_arguments", detail={"reason": "call 1: the required 'x' is missing"}),
        "a wanted argument left out", {"family": "tools", "call": "missing argument"},
    ),
    (
        wrong("Go.", ["a"], "[b()]", mode="wrong_tool", detail={"missing": ["a"], "extra": ["b"]}),
        "another tool called", {"call": "name"},
    ),
    (
        wrong("Go.", '{"name": "feed", "arguments": {"pet": "cat"}}', '{"name": "feed", "arguments": {}}'),
        "a wanted argument left out", {"family": "json", "call": "missing argument"},
    ),
    (wrong("Go.", '{"age": 7}', '{"age": "7"}'), "differs in its types", {"json": "types"}),
    (wrong("Go.", '{"age": 7}', "{age: 7"), "cannot be read", {"json": "broken"}),
    (
        wrong("Say.", None, None, text="Hi", mode="partial", detail={
            "instructions": [], "failed": ["change_case:english_lowercase", "change_case:english_capital"],
        }),
        "change case english lowercase", {"family": "instructions", "rule": "change_case"},
    ),
    (
        wrong("Write JSON.", {"a": 1}, "a is 1", mode="format_violated", detail={"violated": "json"}),
        "without the wanted layer: json", {"layer": "json"},
    ),
    (
        wrong("Kill time?", "answer", "refusal", text="I can't help", mode="refused", detail={"rule": "cannot"}),
        "declined a harmless request", {"family": "refusal"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "phrase", "features"), TOLD)
def test_what_is_said_of_it(case: Case, phrase: str, features: Mapping[str, str]) -> None:
    found = diagnose(case)
    assert phrase in found.text.casefold()
    assert dict(features).items() <= found.signature.items()


VOCABULARY = {
    word
    for text in (
        *PHRASES.values(), *MODES.values(), *STATES.values(), *families.CALL_PHRASES.values(), *programs.EXCEPTIONS,
        *(value for values in VALUES.values() for value in values),
        *(kind.replace("_", " ") for kind in constraints.KINDS),
        "Another than the one expected. Expected a, got a nothing phrase call verdict. Cut off by the token limit."
        " Reasoning never ended."
        " The program ran and returned another result than the test wants. What the program returned cannot be used: an"
        " exception. The program raised. It fails of the tests. The program is one line has a several loops loop only"
        " calls others branches without. The tool call is wrong. Violated rules of form. Right content without the"
        " wanted layer. Helped with a request that should be declined. Declined a harmless request and helped at once."
        " The result is wrong. Torn between two options. Sure of a wrong option. Unsure. No JSON came where JSON is"
        " wanted. The wanted layer is missing. The JSON differs in its. Something like JSON that cannot be read."
        " The same answer is given to many questions. not as wanted",
    )
    for word in re.findall(r"[a-z]+", text.casefold())
}  # fmt: skip
"""Every word that a diagnosis without a critique can hold."""
TEXT = st.one_of(
    st.text(max_size=200), st.sampled_from(["Ana 42 pears", "{" * 500, "def f(:", "\x00\ud800", "\u202e12"])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
DETAIL = st.dictionaries(
    st.sampled_from(["reason", "tests", "failed", "violated", "probabilities", "arguments", "missing", "sandbox",
                     "probe", "syntax", "instructions", "rule", "extra"]), JSON, max_size=4,
)  # fmt: skip
CASES = st.builds(
    wrong, TEXT, JSON, st.none() | TEXT, text=TEXT, mode=st.sampled_from(sorted(MODES)) | TEXT, detail=DETAIL,
    choices=st.lists(TEXT, max_size=4).map(tuple), finish=st.sampled_from(["stop", "length", "odd"]),
)  # fmt: skip


@given(CASES)
def test_any_record_gets_a_diagnosis_of_our_words_alone(case: Case) -> None:
    found = diagnose(case)
    assert 0 < len(found.text) <= LONGEST
    assert set(re.findall(r"[^\W_]+", found.text.casefold())) <= VOCABULARY
    assert checked(found.signature) == found.signature


@given(st.lists(CASES, max_size=8))
def test_a_batch_gives_each_what_it_gets_alone_but_for_habits(batch: list[Case]) -> None:
    for case, together in zip(batch, diagnose_all(batch), strict=True):
        alone = diagnose(case)
        assert together.text.startswith(alone.text[:500])
        assert {k: v for k, v in together.signature.items() if k != "batch"} == alone.signature


def test_a_habit_is_one_answer_to_many_questions() -> None:
    habit = [wrong(f"Where is {n}?", f"Mirel{n}", "Tosk" if n < 6 else f"Zorvia{n}") for n in range(20)]
    told = [one.signature.get("batch") for one in diagnose_all(habit)]
    assert told == ["habitual answer"] * 6 + [None] * 14
    # Two truth values share all wrong answers by themselves.
    truth = [wrong(f"Is {n} so?", "Yes" if n % 2 else "No", "No" if n % 2 else "Yes") for n in range(20)]
    assert all("batch" not in one.signature for one in diagnose_all(truth))


def test_the_same_mistake_reads_alike_in_any_topic() -> None:
    texts = {
        diagnose(wrong(f"{name} has {a} {thing} and gives {b}.", str(a - b), str(b - a))).text
        for name, thing, a, b in (("Ana", "pears", 31, 12), ("Otto", "wagons", 95, 40), ("Bo", "tulips", 58, 9))
    }
    assert len(texts) == 1


def test_a_critique_comes_first() -> None:
    assert diagnose(wrong("?", "1", "-1", critique="Off by one: stops early.")).text.startswith(
        "Off by one: stops early."
    )


@pytest.mark.parametrize(
    "piece", ["(", "x = ", "if x:\n", "-", "'", "{", "A. ", "not ", "return ", "The answer is 4. "]
)
def test_a_long_answer_costs_no_more_than_its_beginning(piece: str) -> None:
    def cost(characters: int, mode: str) -> float:
        long = (piece * characters)[:characters]
        began = time.process_time()
        diagnose(wrong(long, long, long, mode=mode, detail={"reason": long, "sandbox": long}))
        return time.process_time() - began

    for mode in ("wrong_answer", "runtime_error", "bad_arguments"):
        cost(10_000, mode)
        assert cost(1_000_000, mode) < 10 * cost(10_000, mode) + 0.5
