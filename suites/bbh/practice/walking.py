"""Walks, and whether they end where they began.

If you follow these instructions, do you return to the starting point? Take 8 steps. Turn around. Take 8 steps.
Options:
- Yes
- No                                      -> Yes
"""

from __future__ import annotations

import re

from harness.dice import Dice

LEAD = "If you follow these instructions, do you return to the starting point? "
TAIL = "\nOptions:\n- Yes\n- No"
FACING = "Always face forward."
SIDES = {"forward": 1, "backward": -1, "right": 1j, "left": -1j}
TURNS = {"right": 1j, "left": -1j, "around": -1}
STEP = re.compile(r"Take (\d+) steps?(?: (forward|backward|left|right))?\.|Turn (left|right|around)\.")
FEWEST, MOST, FARTHEST = 2, 8, 10


def instructions(dice: Dice) -> str:
    """Return a walk that returns in four of ten questions."""
    walk, home = (_sideways, dice.below(10) < 4) if dice.below(2) else (_turning, dice.below(10) < 4)
    while True:
        told = walk(dice, home)
        if told and (_end(told) == 0) == home:
            return LEAD + " ".join(told) + TAIL


def _sideways(dice: Dice, home: bool) -> list[str]:
    """Return steps to all sides without turning; with `home` the last ones lead back, where ten steps are enough."""
    told = [_step(dice.between(1, FARTHEST), dice.one(tuple(SIDES))) for _ in range(dice.between(FEWEST, MOST))]
    if home:
        end = _end(told)
        back = [(end.real, "backward", "forward"), (end.imag, "left", "right")]
        told += [_step(abs(int(far)), there if far > 0 else here) for far, there, here in back if far]
    if home and any(f" {n} " in one for one in told for n in range(FARTHEST + 1, 200)):
        return []
    return [FACING, *dice.some(told, len(told))]


def _turning(dice: Dice, home: bool) -> list[str]:
    """Return steps straight on, with turns between; with `home` a turn around and a step lead back."""
    told = [
        _step(dice.between(1, FARTHEST)) if dice.below(5) < 3 else f"Turn {dice.one(tuple(TURNS))}."
        for _ in range(dice.between(FEWEST, MOST))
    ]
    if home and (far := abs(_end(told))) and far == int(far) <= FARTHEST:
        told += dice.one((["Turn around."], ["Turn left.", "Turn left."], ["Turn right.", "Turn right."], []))
        told.append(_step(int(far)))
    return told


def _step(count: int, side: str = "") -> str:
    return f"Take {count} step{'s' if count > 1 else ''}{' ' + side if side else ''}."


def _end(told: list[str]) -> complex:
    """Return where a walk from 0 ends: forward is 1, to the right is 1j."""
    place, facing = 0j, 1 + 0j
    for one in told:
        found = STEP.fullmatch(one)
        if found is None and one != FACING:
            raise ValueError(f"no instruction: {one!r}")
        if found and found[3]:
            facing *= TURNS[found[3]]
        elif found:
            place += int(found[1]) * facing * (SIDES[found[2]] if found[2] else 1)
    return place


def returns(question: str) -> str:
    """Return Yes or No."""
    if not (question.startswith(LEAD) and question.endswith(TAIL)):
        raise ValueError(f"no walk: {question!r}")
    told = question.removeprefix(LEAD).removesuffix(TAIL)
    return "Yes" if _end(re.split(r"(?<=\.) ", told)) == 0 else "No"
