"""The closed list of features of a failure, and the exact grouping by them.

    signature_class(diagnosis)   -> "wrong_answer/off_by_one"       level 0: mode and what most tells how it went wrong
    plain_class(diagnosis)       -> "wrong_answer/stop/number"      what a scorer alone knows: mode, finish, kinds

Every value is one of `VALUES[feature]`: a signature can be one-hot encoded once and read years later, and no text of a
question, target or answer can get into it. A feature that says nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.failures.case import Diagnosis
from harness.failures.relations import PHRASES, programs
from harness.modes import MODES

FAMILIES = ("choice", "number", "truth", "text", "json", "code", "tools", "instructions", "refusal")
KINDS = ("none", "empty", "number", "letter", "truth", "json", "word", "words", "sentence", "code", "calls")
SEEN = ("nothing", "cut short", "unreadable", "no program", "raises", "another")
"""What an answer itself shows."""
BY_MODE = {
    "empty": "nothing", "truncated": "cut short", "stopped_early": "cut short", "unparsed": "unreadable",
    "syntax_error": "no program", "runtime_error": "raises",
}  # fmt: skip
"""Modes that say what the answer shows too."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "outcome": (*SEEN, *(mode for mode in MODES if mode not in BY_MODE)),
    "mode": tuple(MODES),
    "slip": tuple(dict.fromkeys(phrase.partition(":")[0] for phrase in PHRASES.values() if ":" in phrase)),
    "relation": tuple(PHRASES),
    "exception": (*sorted(programs.EXCEPTIONS), programs.OWN),
    "rule": (
        "keywords", "language", "length_constraints", "detectable_content", "detectable_format", "combination",
        "startend", "change_case", "punctuation", "several", "other",
    ),
    "call": (
        "number of calls", "name", "missing argument", "undeclared argument", "argument type", "argument value",
        "state", "syntax", "order",
    ),
    "json": (
        "none", "broken", "container", "keys renamed", "keys missing", "keys added", "types", "order", "one value",
        "values",
    ),
    "layer": (
        "json", "csv", "table", "numbered", "bullets", "headings", "bold", "line", "prose", "tags", "quotes", "fence",
        "prefix", "suffix", "words", "sentences", "characters", "other",
    ),
    "text": ("empty", "loop", "breaks off", "other script"),
    "build": (
        "does not compile", "uses an undefined name", "does nothing", "prints instead of returning", "returns nothing",
        "reads from the keyboard", "calls itself", "several loops", "one line", "loops", "branches", "calls",
    ),
    "result": programs.DIFFERENCES,
    "raised": tuple(kind for kind, _ in programs.WRONG_KINDS),
    "tests": ("all", "most", "half", "few"),
    "declines": ("refusal", "partial"),
    "batch": ("habitual answer",),
    "family": FAMILIES,
    "finish": ("eos", "stop", "length", "tool_calls", "truncated", "scored", "recorded", "other"),
    "expected": KINDS,
    "came": KINDS,
    "length": ("none", "much shorter", "shorter", "alike", "longer", "much longer"),
    "letter": ("neighbour", "first", "last"),
    "sure": ("sure", "torn", "unsure"),
    "question": ("negated",),
    **{f"is_{name}": ("yes",) for name in PHRASES},
}  # fmt: skip
"""Feature -> its values, the telling features first."""
LEVEL_0 = ("relation", "result", "exception", "rule", "call", "json", "layer", "text")
"""Beside the mode: the first of these that is there makes the class."""
WEIGHTS = {
    "outcome": 1.0,
    "slip": 1.0,
    "relation": 1.0,
    "rule": 1.0,
    "call": 1.0,
    "layer": 1.0,
    "result": 1.0,
    "exception": 0.5,
    "declines": 0.5,
}
"""How much a feature counts when failures are compared; the others, which say more of the question than of what went
wrong, count `MINOR` (`tests/bench/bench_failures.py` has what that is worth)."""
MINOR = 0.1
PLAIN = ("mode", "finish", "expected", "came", "exception")
"""What any scorer tells without comparing question, target and answer."""


def outcome(found: Mapping[str, str]) -> str:
    """Return what happened: the mode, or, where a scorer says only that it is wrong, what the answer itself shows."""
    mode = found.get("mode", "")
    if mode not in ("wrong_answer", "wrong_output"):
        return BY_MODE.get(mode, mode)
    if found.get("text") == "empty" or found.get("came") == "empty":
        return "nothing"
    if found.get("finish") in ("length", "truncated"):
        return "cut short"
    if found.get("build") == "does not compile":
        return "no program"
    if found.get("build") == "uses an undefined name":
        return "raises"
    if found.get("json") in ("broken", "none") or found.get("came") == "none":
        return "unreadable"
    return "another" if mode == "wrong_answer" else mode


def weight(feature: str, signature: Mapping[str, str]) -> float:
    """Return how much a feature counts beside the others of its signature.

    How an answer lies to the target tells the cause only where there is a whole answer: of a text that was cut short,
    "some parts missing" is no news.
    """
    if feature == "relation" and "slip" in signature:
        return MINOR
    if feature in ("slip", "relation") and signature.get("outcome", "another") != "another":
        return MINOR
    return WEIGHTS.get(feature, MINOR)


def signature_class(diagnosis: Diagnosis) -> str:
    """Return the class for the exact grouping: mode, and the first feature of `LEVEL_0` that is there."""
    signature = diagnosis.signature
    told = next((signature[name] for name in LEVEL_0 if name in signature), "")
    return "/".join(part for part in (signature.get("mode", ""), told) if part)


def plain_class(diagnosis: Diagnosis) -> str:
    """Return the class by the scorer's own signs alone: the baseline that a clustering has to beat."""
    return "/".join(diagnosis.signature[name] for name in PLAIN if name in diagnosis.signature)


def checked(found: Mapping[str, str]) -> dict[str, str]:
    """Return the features whose value is in its closed list, in the order of `VALUES`; anything else is left out."""
    return {name: found[name] for name, values in VALUES.items() if found.get(name) in values}
