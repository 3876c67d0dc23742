"""The samples on which two runs differ, with what each said: losses first, the largest first.

    flips(database, suite, "base-1f..", "tuned-9c..", count=10)[0]
    ->  Flip(sample_id="9f..", name="anatomy/12", reference=Said(1.0, "right", "B"), candidate=Said(0.0, ..), ..)

Where a sample was tried more than once, the attempts shown are those that differ most. Cost: one query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.compare.pairs import SuitePairs
from harness.compare.values import level
from harness.store import Database, read


@dataclass(frozen=True)
class Said:
    """What one run made of a sample: text of a model, to be escaped wherever it is shown."""

    score: float
    """Over all its attempts."""
    mode: str
    answer: str
    """The extracted answer, else the text."""


@dataclass(frozen=True)
class Flip:
    """A sample that one run does better than the other. `change`: candidate minus reference, in units of the metric."""

    sample_id: str
    name: str
    group: str
    """Value of the suite's own tag."""
    better: bool
    """Whether the candidate is the better one."""
    change: float
    reference: Said
    candidate: Said


def flips(
    database: Database, pairs: SuitePairs, reference: str, candidate: str, count: int, first: int = 0
) -> list[Flip]:
    """Return at most `count` flipped samples of a suite from the `first` on; `reference`, `candidate`: run ids."""
    kept = places(pairs)[first : first + count]
    if not kept:
        return []
    said = _said(database, (reference, candidate), pairs.suite, [pairs.ids[place] for place in kept])
    return [_flip(pairs, place, [said[run, pairs.ids[place]] for run in (reference, candidate)]) for place in kept]


def places(pairs: SuitePairs) -> list[int]:
    """Return where among the pairs the flipped ones stand, in the order of `flips`."""
    signs = pairs.signs
    levels = [[level(point) or 0.0 for point in side] for side in (pairs.points_reference, pairs.points_candidate)]
    flipped = [place for place, sign in enumerate(signs) if sign]
    return sorted(flipped, key=lambda i: (signs[i], -abs(levels[1][i] - levels[0][i]), pairs.names[i], pairs.ids[i]))


def _flip(pairs: SuitePairs, place: int, said: list[list[Mapping[str, Any]]]) -> Flip:
    better = pairs.signs[place] > 0
    upwards = better == pairs.metric.higher_is_better
    rows = [_extreme(said[0], pairs.metric.value, not upwards), _extreme(said[1], pairs.metric.value, upwards)]
    scores = [level(side[place]) or 0.0 for side in (pairs.points_reference, pairs.points_candidate)]
    return Flip(
        sample_id=pairs.ids[place],
        name=pairs.names[place],
        group=pairs.tags[place].get(pairs.group_tag, ""),
        better=better,
        change=scores[1] - scores[0],
        reference=_of(rows[0], scores[0]),
        candidate=_of(rows[1], scores[1]),
    )


def _of(row: Mapping[str, Any], score: float) -> Said:
    return Said(score, row["mode"], row["answer"] if row["answer"] is not None else row["text"] or "")


def _extreme(rows: list[Mapping[str, Any]], value: str, high: bool) -> Mapping[str, Any]:
    return (max if high else min)(rows, key=lambda row: row["measures"][value])


def _said(
    database: Database, runs: tuple[str, str], suite: str, ids: list[str]
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Return (run, sample id) -> its scored attempts with mode, answer and the last completion's text."""
    rows = read.query(
        database,
        "SELECT r.run_id, r.sample_id, r.attempt, sc.measures, sc.mode, sc.answer, a.text FROM records r"
        " JOIN scores sc ON sc.key = r.score_key AND sc.suite = ?"
        " LEFT JOIN completions a ON a.key = r.completion_keys[-1]"
        " WHERE r.run_id IN (?, ?) AND r.suite = ? AND list_contains(?, r.sample_id)"
        " ORDER BY r.sample_id, r.attempt",
        [suite, *runs, suite, ids],
    )
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["run_id"], row["sample_id"]), []).append(row)
    return found
