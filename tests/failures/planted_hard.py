"""The hard set: six causes that share the mode `wrong_answer`, over topics and phrasings of this benchmark's own.

    question            Of 31 plums in the pantry, 12 are new. There are 7 spoons too. How many plums are not new?
    target              19
    sign_error          -19       ignored_negation    12      off_by_one   18 or 20
    wrong_unit          (only where there is a unit: 0.4 for 400 g)
    copied_distractor   7         swapped_operands    (12 - 31 = -19, which a sign error gives too)

`Plant.could` holds every cause that gives the same wrong answer, so that what nobody can tell apart is known
(`planted.guessed`). Questions of `primer` stand beside them: negated boolean expressions, sums and differences.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from planted import Plant, draw
from planted_phrases import HELD, SEEN, TOPICS, Topic

from harness import registry
from harness.contracts import Suite
from harness.dice import Dice
from harness.types import Completion, Sample

CAUSES = (
    "sign_error", "ignored_negation", "off_by_one", "wrong_unit", "copied_distractor", "swapped_operands",
)  # fmt: skip
WORDED = ("measure", "pick", "truth", "larger")
"""Kinds whose answers are words; all others are numbers."""
LEADS = ("Thinking of the {place}, it comes out so.", "The {things} settle it.", "With {extra} in mind:", "")
Wrong = Mapping[str, tuple[str, ...]]
"""Cause -> the answers that it may give."""


def hard(seed: int, count: int = 720, phrases: str = "seen") -> list[Plant]:
    """Return `count` failures; `phrases`: `seen` or `held`."""
    dice = Dice("hard", phrases, seed)
    made = [_question(cause, dice, SEEN if phrases == "seen" else HELD) for cause in draw(CAUSES, count, "hard", seed)]
    plants = []
    for worded in (False, True):
        rows = {row["question"]: (row, wrong, cause) for row, wrong, cause in made if row["worded"] == worded}
        suite, samples = _suite(worded, json.dumps([row for row, _, _ in rows.values()]))
        for sample, (row, wrong, cause) in zip(samples, rows.values(), strict=True):
            could = frozenset(other for other, answers in wrong.items() if row["said"] in answers)
            completion = Completion(f"{row['lead']} Answer: {row['said']}".strip(), finish="stop")
            plants.append(Plant(suite, sample, completion, cause, row["topic"], could))
    return plants + _of_primer(dice, count // 6)


@cache
def _folder() -> Path:
    """One folder a process: names of suites hold it, and a run asked twice must have the same."""
    return Path(tempfile.mkdtemp(prefix="planted-"))


def _suite(worded: bool, rows: str) -> tuple[Suite, list[Sample]]:
    name = "words" if worded else "numbers"
    manifest = f"metric: {'exact_match' if worded else 'numeric'}\nextract: 'Answer: ([^\\n]+)'\ngroup_by: topic\n"
    (_folder() / f"{name}.yaml").write_text(manifest)
    lines = [json.dumps({key: row[key] for key in ("question", "answer", "topic")}) for row in json.loads(rows)]
    (_folder() / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    suite = registry.suite(f"file:{_folder() / name}.jsonl")
    return suite, list(suite.samples(None))


def _question(cause: str, dice: Dice, phrases: Mapping[str, tuple[str, ...]]) -> tuple[dict[str, Any], Wrong, str]:
    """Return a row, its wrong answers by cause, and the cause: kinds are drawn until one allows it."""
    while True:
        name, kind = dice.one(sorted(TOPICS)), dice.one(sorted(phrases))
        topic = TOPICS[name]
        values, answer, wrong = _kind(kind, topic, dice)
        allowed = {c: tuple(w for w in those if w != answer) for c, those in wrong.items()}
        said = dice.one(allowed.get(cause) or ("",))
        shared = sum(said in those for those in allowed.values())
        # Half of what nobody could tell apart is drawn again: some is left, as in life.
        if not said or (shared > 1 and dice.below(2)):
            continue
        slots = {
            "who": dice.one(topic.people), "things": dice.one(topic.things), "extra": dice.one(topic.extras),
            "place": topic.place, "item": topic.item, "small": topic.small, "big": topic.big, "kind": topic.kind,
            **values,
        }  # fmt: skip
        row = {
            "question": dice.one(phrases[kind]).format(**slots), "answer": answer, "topic": name,
            "said": said, "worded": kind in WORDED, "lead": dice.one(LEADS).format(**slots),
        }  # fmt: skip
        return row, allowed, cause


def _kind(kind: str, topic: Topic, dice: Dice) -> tuple[dict[str, Any], str, Wrong]:
    """Return what fills the phrase, the right answer and the wrong ones."""
    if kind == "pick":
        return _pick(topic, dice)
    a, c = dice.between(13, 60), dice.between(2, 40)
    b = dice.between(2, a - 3)
    if kind in ("truth", "larger"):
        b = dice.between(5, 60)
        more = a > b
        right = "yes" if (kind == "larger") == more else "no"
        other = "no" if right == "yes" else "yes"
        wrong = {"swapped_operands": (other,)}
        return {"a": a, "b": b}, right, wrong | ({"ignored_negation": (other,)} if kind == "truth" else {})
    if kind == "measure":
        t, big = a - b, f"{plain((a - b) / topic.factor)} {topic.small}"
        wrong_unit = (f"{t} {topic.big}", f"{t * topic.factor} {topic.small}", big)
        return {"a": a, "b": b, "c": c}, f"{t} {topic.small}", {
            "wrong_unit": wrong_unit, "off_by_one": (f"{t + 1} {topic.small}", f"{t - 1} {topic.small}"),
            "copied_distractor": (f"{c} {topic.small}",),
        }  # fmt: skip
    if kind == "convert":
        t = a * topic.factor
        return {"a": a, "c": c}, str(t), _numeric(t, c) | {"wrong_unit": (plain(a / topic.factor), str(a))}
    if kind == "share":
        t, b = dice.between(3, 12), dice.between(2, 9)
        a = t * b
        return {"a": a, "b": b, "c": c}, str(t), _numeric(t, c) | {"swapped_operands": (plain(b / a),)}
    if kind == "change":
        a, b = (a, b) if dice.below(2) else (b, a)
        return {"a": a, "b": b, "c": c}, str(b - a), _numeric(b - a, c) | {"swapped_operands": (str(a - b),)}
    wrong = _numeric(a - b, c) | {"swapped_operands": (str(b - a),)}
    return {"a": a, "b": b, "c": c}, str(a - b), wrong | ({"ignored_negation": (str(b),)} if kind == "unlike" else {})


def _numeric(t: int, c: int) -> dict[str, tuple[str, ...]]:
    return {"sign_error": (str(-t),), "off_by_one": (str(t + 1), str(t - 1)), "copied_distractor": (str(c),)}


def plain(value: float) -> str:
    """Return a number with four decimals at most."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def shorn(expression: str) -> str:
    """Return the value of an expression of True, False, and, or, not without its negations."""
    if not set(re.findall(r"\w+", expression)) <= {"True", "False", "and", "or", "not"}:
        raise ValueError(expression)
    return str(eval(re.sub(r"\bnot\b", "", expression), {"__builtins__": {}}))


def _pick(topic: Topic, dice: Dice) -> tuple[dict[str, Any], str, Wrong]:
    members, right, extra = dice.some(topic.members, 3), dice.one(topic.strangers), "coin"
    shown = dice.some([*members[:2], right], 3)
    slots = {"one": shown[0], "two": shown[1], "three": shown[2], "extra": dice.one((extra, members[2]))}
    return slots, right, {"ignored_negation": tuple(members[:2]), "copied_distractor": (slots["extra"],)}


def _of_primer(dice: Dice, most: int) -> list[Plant]:
    """Return wrong answers to `primer`: `not` overread, a difference turned round, a sum or difference off by one."""
    suite = registry.suite("primer")
    plants = []
    for sample in suite.samples(None):
        variant, question, target = sample.tags["variant"], sample.data["question"], str(sample.target)
        wrong: dict[str, tuple[str, ...]] = {}
        if variant == "boolean/expression" and "not " in question:
            said = question.partition(": ")[2]
            wrong = {"ignored_negation": (shorn(said),)}
        elif variant == "boolean/compare":
            wrong = {"swapped_operands": ("False" if target == "True" else "True",)}
        elif variant.startswith("arithmetic/"):
            wrong = {cause: those for cause, those in _numeric(int(target), 0).items() if cause != "copied_distractor"}
            if variant == "arithmetic/subtract":
                wrong["swapped_operands"] = (str(-int(target)),)
        wrong = {c: kept for c, those in wrong.items() if (kept := tuple(w for w in those if w != target))}
        if wrong and len(plants) < most:
            cause = dice.one(sorted(wrong))
            answer = dice.one(wrong[cause])
            could = frozenset(c for c, those in wrong.items() if answer in those)
            plants.append(Plant(suite, sample, Completion(f" {answer}", finish="stop"), cause, variant, could))
    return plants
