"""Human review: sessions, what a seat has still to rate, and what the ratings say.

    told = results(ask, "review-5b0c9e77d1")
    told.scores[0]     -> Told("tuned", "satisfaction", 7.9, low=7.4, high=8.3, by="rater", units=100, ratings=2000)

Ratings of one sample are alike, and so are ratings by one person. Intervals are made over means by sample and over
means by person (`stats.contrast`, Wilson where all are 0 or 1), and the wider one is told, with its unit: the score of
other samples, or of other people, is as uncertain as that. Fewer than six people stand for nobody else: then only
samples are counted, and the score is that of these people. Runs are compared on what the same person said to the same
sample. Agreement is Krippendorff's alpha over all ratings of one answer. Cost: a pass over the session's ratings.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.queries import Ask, Rows
from harness import stats
from harness.stats.reliability import krippendorff

THERE = "SELECT 1 AS there FROM duckdb_tables() WHERE table_name = 'review_ratings'"
SESSIONS = """
SELECT r.review, r.mode, r.question, r.seats, r.overlap, r.seed, r.made_at,
       (SELECT count(*) FROM review_raters p WHERE p.review = r.review) AS people,
       (SELECT sum(len(i.seats)) FROM review_items i WHERE i.review = r.review)::BIGINT AS wanted,
       (SELECT count(*) FROM review_ratings g WHERE g.review = r.review) AS done
FROM reviews r ORDER BY r.made_at DESC, r.review
"""
SEAT = "SELECT seat FROM review_raters WHERE review = ? AND rater = ?"
DEALT = """
SELECT i.item, g.value, row_number() OVER (ORDER BY g.rated_at DESC NULLS LAST, g.rowid DESC) = 1 AS last
FROM review_items i
LEFT JOIN review_ratings g ON g.review = i.review AND g.item = i.item AND g.seat = ?
WHERE i.review = ? AND list_contains(i.seats, ?)
"""
SHOWN = """
WITH it AS (SELECT key_a, key_b FROM review_items WHERE review = ? AND item = ?),
said AS (SELECT key, any_value(head_key) AS head_key, any_value(tail) AS tail, any_value(text) AS text,
                any_value(tool_calls) AS calls
         FROM completions WHERE key IN (SELECT unnest([key_a, key_b]) FROM it) GROUP BY key)
SELECT coalesce(h.text, '') || a.tail AS prompt, a.text AS a, a.calls AS calls_a, b.text AS b, b.calls AS calls_b
FROM it JOIN said a ON a.key = it.key_a LEFT JOIN said b ON b.key = it.key_b LEFT JOIN heads h ON h.key = a.head_key
"""
RATINGS = """
SELECT g.item, g.seat, g.value, g.swapped, i.suite, i.sample_id, i.name, i.split, i.run_a, i.run_b
FROM review_ratings g JOIN review_items i ON i.review = g.review AND i.item = g.item
WHERE g.review = ? ORDER BY g.item, g.seat
"""
PEOPLE = """
SELECT p.seat, p.rater, count(g.item) AS rated, count(i.item) AS wanted, p.joined_at
FROM review_raters p
LEFT JOIN review_items i ON i.review = p.review AND list_contains(i.seats, p.seat)
LEFT JOIN review_ratings g ON g.review = p.review AND g.seat = p.seat AND g.item = i.item
WHERE p.review = ? GROUP BY ALL ORDER BY p.seat
"""
SPREAD = """
SELECT i.run_a, i.run_b, g.value, count(*) AS n FROM review_ratings g JOIN review_items i USING (review, item)
WHERE g.review = ? GROUP BY ALL ORDER BY ALL
"""
RUNS = "SELECT runs, mode, question FROM reviews WHERE review = ?"
RANGES: Mapping[str, tuple[str, float, float]] = {"rate": ("satisfaction", 1, 10), "compare": ("preference", 0, 1)}
"""Mode -> name of its metric, lowest and highest value."""
BY = ("sample", "rater")
FEWEST = 6
"""Units below which no 95% interval over them is told: five say nothing about others (`stats.signflip`)."""


@dataclass(frozen=True)
class Seat:
    """Where a person stands."""

    left: list[int]
    """Items to rate."""
    dealt: int
    last: tuple[int, float] | None
    """Item rated last, and how: what can be taken back."""


@dataclass(frozen=True)
class Told:
    """A mean over people and samples with its 95% interval."""

    run: str
    metric: str
    value: float
    low: float
    high: float
    by: str
    """What varies more, and is counted: sample or rater."""
    units: Mapping[str, float]
    """Name of each -> mean of its ratings."""
    ratings: int
    held_out: frozenset[str] = frozenset()
    """Units of which every sample is of the split `test`."""


@dataclass(frozen=True)
class Results:
    """What a session says."""

    scores: tuple[Told, ...]
    differences: tuple[Told, ...]
    """Of each further run to the first."""
    alpha: float
    """Krippendorff's; NaN where nobody rated the same."""
    left: stats.Estimate | None
    """Comparisons: share of the left answer among those that were decided; far from a half, place counted."""


def sessions(ask: Ask) -> Rows:
    """Return the sessions, newest first; nothing in a file from before reviews."""
    return ask(SESSIONS, ()) if ask(THERE, ()) else []


def waiting(ask: Ask, review: str, seat: int) -> Seat:
    """Return what was dealt to a seat, and what it has still to rate."""
    found = ask(DEALT, (seat, review, seat))
    last = [(row["item"], row["value"]) for row in found if row["last"] and row["value"] is not None]
    return Seat([row["item"] for row in found if row["value"] is None], len(found), last[0] if last else None)


def people(ask: Ask, review: str) -> Rows:
    """Return a row a person: seat, name or code, ratings given and wanted."""
    return ask(PEOPLE, (review,))


def spread(ask: Ask, review: str) -> Rows:
    """Return how often each value was given: run_a, run_b (comparisons), value, n."""
    return ask(SPREAD, (review,))


def results(ask: Ask, review: str) -> Results:
    """Return scores of the runs with intervals, their differences, agreement, and how much place counted."""
    head, rows = ask(RUNS, (review,))[0], ask(RATINGS, (review,))
    found = [_told(head, rows, by) for by in BY]
    enough = [told for told in found if all(len(one.units) >= FEWEST for one in told[0])]
    scores, apart = max(enough or found[:1], key=lambda told: max([0.0, *(one.high - one.low for one in told[0])]))
    items: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        items[row["item"]].append(row["value"])
    left = _left(rows) if head["mode"] == "compare" else None
    return Results(tuple(scores), tuple(apart), krippendorff(items.values()), left)


def _told(head: Mapping[str, Any], rows: Rows, by: str) -> tuple[list[Told], list[Told]]:
    """Return (scores, differences to the first run) by one unit."""
    metric, low, high = RANGES[head["mode"]]
    base, *others = head["runs"]
    if head["mode"] == "compare":
        mirrored = [{**row, "value": 1.0 - row["value"]} for row in rows]
        scores = {base: mirrored, others[0]: rows}
        apart = {}
    else:
        scores = {run: [row for row in rows if row["run_a"] == run] for run in head["runs"]}
        apart = {run: _paired(scores[base], scores[run]) for run in others}
    return (
        [_mean(run, metric, own, low, high, by) for run, own in scores.items() if own],
        [_mean(run, metric, own, low - high, high - low, by) for run, own in apart.items() if own],
    )


def _mean(run: str, metric: str, rows: Rows, low: float, high: float, by: str) -> Told:
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[_unit(by, row)].append(row["value"])
    units = {name: math.fsum(values) / len(values) for name, values in groups.items()}
    about = _interval(list(units.values()), low, high)
    seen = {_unit(by, row) for row in rows if row["split"] != "test"}
    return Told(run, metric, about.value, about.low, about.high, by, units, len(rows), frozenset(units) - seen)


def _unit(by: str, row: Mapping[str, Any]) -> str:
    return f"seat {row['seat']}" if by == "rater" else f"{row['suite']}/{row['sample_id']}"


def _interval(values: list[float], low: float, high: float) -> stats.Estimate:
    """Return the mean of independent units, made on the scale 0 to 1: there `stats` knows how far values can be off."""
    width, n = high - low, len(values)
    scaled = [(value - low) / width for value in values]
    if set(scaled) <= {0.0, 1.0}:
        found = stats.wilson(math.fsum(scaled), n)
    else:
        against = stats.contrast([0.0] * n, scaled, alpha=0.025)
        found = stats.Estimate(against.candidate, max(0.0, against.low), min(1.0, against.high), n)
    return stats.Estimate(low + width * found.value, low + width * found.low, low + width * found.high, n)


def _paired(base: Rows, other: Rows) -> Rows:
    """Return what the same seat said to the same sample, as differences to the first run."""
    known = {(row["suite"], row["sample_id"], row["seat"]): row["value"] for row in base}
    keys = [(row["suite"], row["sample_id"], row["seat"]) for row in other]
    pairs = zip(keys, other, strict=True)
    return [{**row, "value": row["value"] - known[key]} for key, row in pairs if key in known]


def _left(rows: Rows) -> stats.Estimate | None:
    decided = [row for row in rows if row["value"] != 0.5]
    return stats.wilson(sum((row["value"] == 1.0) == row["swapped"] for row in decided), len(decided))
