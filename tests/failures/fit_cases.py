"""Failures with planted causes for the tests of fitting: diagnoses by hand, not those of the suites."""

from __future__ import annotations

import random

from harness.failures.case import Case, Diagnosis

CAUSES = {
    "sign": ("expected a number, got the same number with the other sign", "another", "sign"),
    "near": ("expected a number, got its neighbour, one more or one less", "another", "off_by_one"),
    "unit": ("the right amount, given in another unit than the one wanted", "another", "unit"),
    "cut": ("the text was cut off before any answer came", "cut short", ""),
    "form": ("nothing that looks like an answer could be read out of it", "unreadable", ""),
    "shy": ("declined to do what should have been done", "refused", ""),
}
SIZES = (80, 60, 40, 30, 20, 10)
FILL = ["quite", "rather", "about", "maybe", "of", "short", "long", "here", "again"]


def planted(
    sizes: tuple[int, ...] = SIZES, seed: int = 0, run_id: str = "run", useless: float = 0.2, fill: int = 1
) -> tuple[list[Case], list[Diagnosis], list[str]]:
    """Return shuffled cases, their diagnoses and the cause of each; a share of the texts says nothing."""
    dice = random.Random(seed)
    rows = []
    for (cause, (text, outcome, relation)), size in zip(CAUSES.items(), sizes, strict=False):
        for _ in range(size):
            said = "not what was wanted" if dice.random() < useless else text
            said += "".join(f" {dice.choice(FILL)}" for _ in range(dice.randint(0, fill)))
            rows.append(
                (cause, said, {"outcome": outcome, "mode": outcome, **({"relation": relation} if relation else {})})
            )
    dice.shuffle(rows)
    cases = [case(f"{i:06d}", signature["mode"], run_id) for i, (_, _, signature) in enumerate(rows)]
    return cases, [Diagnosis(text, signature) for _, text, signature in rows], [cause for cause, _, _ in rows]


def case(sample_id: str, mode: str = "wrong_answer", run_id: str = "run", suite: str = "made") -> Case:
    """Return a failure of which only its key matters."""
    return Case(
        run_id, suite, sample_id, 0, sample_id, sample_id, "dev", {}, "", "", (), None, "", "stop", mode, 0.0
    )  # fmt: skip
