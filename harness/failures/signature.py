"""The closed list of features of a failure, and the exact grouping by them.

    signature_class(diagnosis)   -> "wrong_answer/off_by_one"       level 0: mode and what most tells how it went wrong
    plain_class(diagnosis)       -> "wrong_answer/stop/number"      what a scorer alone knows: mode, finish, kinds

Every value is one of `VALUES[feature]`: a signature can be one-hot encoded once and read years later, and no text of a
question, target or answer can get into it. A feature that says nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.failures import programs
from harness.failures.case import Diagnosis
from harness.failures.relations import PHRASES
from harness.modes import MODES

FAMILIES = ("choice", "number", "truth", "text", "json", "code", "tools", "instructions", "refusal")
KINDS = ("none", "empty", "number", "letter", "truth", "json", "word", "words", "sentence", "code", "calls")
VALUES: Mapping[str, tuple[str, ...]] = {
    "mode": tuple(MODES),
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
    "layer": ("json", "list", "table", "fence", "prose", "other"),
    "text": ("empty", "loop", "breaks off", "other script"),
    "build": (
        "does not compile", "uses an undefined name", "does nothing", "prints instead of returning", "returns nothing",
        "reads from the keyboard", "calls itself", "several loops", "one line", "loops", "branches", "calls",
    ),
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
LEVEL_0 = ("relation", "exception", "rule", "call", "json", "layer", "text")
"""Beside the mode: the first of these that is there makes the class."""
PLAIN = ("mode", "finish", "expected", "came", "exception")
"""What any scorer tells without comparing question, target and answer."""


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
