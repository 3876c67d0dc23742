"""Human review: sessions, who rates what, and ratings, each written in one short transaction.

    review = create(database, ["tuned"], samples=20, seats=100)      "review-5b0c9e77d1": 20 answers, 100 people
    seat = join(database, review, "ana")                             a name comes back to its own seat
    rate(database, review, item=3, seat=seat, value=8)               True; False: it was rated before, nothing changes
    undo(database, review, item=3, seat=seat)                        True, if it is the last that this seat rated

A sample is rated in all its answers by the same seats, so that runs are compared within persons. Seats are dealt by
`seating`: all have as many samples, to one, and pairs of seats meet about as often. What a seat sees, in which order
and on which side, follows from the seed alone (`order`, `swapped`): a link or a restart comes back to the same place.
Cost: one short access each; making a session reads the completions of its runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness.dice import Dice
from harness.errors import UsageError, nearest
from harness.hashing import fraction
from harness.store import gates, read
from harness.store.connect import Database
from harness.store.rows import clean, now
from harness.store.write import insert

MODES: Mapping[str, tuple[float, ...]] = {"rate": tuple(float(n) for n in range(1, 11)), "compare": (0.0, 0.5, 1.0)}
"""How is asked -> what may be answered; compare: 1 says that the second run's answer is better."""
ANSWERS = """
WITH asked AS (
    SELECT suite, sample_id, sample_digest, arg_min(completion_keys, attempt) AS keys
    FROM records WHERE run_id = ? GROUP BY ALL),
said AS (
    SELECT a.suite, a.sample_id, a.sample_digest, c.key,
           row_number() OVER (PARTITION BY a.suite, a.sample_id ORDER BY a.place DESC) AS back
    FROM (SELECT * EXCLUDE (keys), unnest(keys) AS key, generate_subscripts(keys, 1) AS place FROM asked) a
    JOIN completions c ON c.key = a.key
    WHERE c.kind = 'generate' AND (? IS NULL OR c.model_digest = ?))
SELECT d.suite, d.sample_id, d.sample_digest, d.key, s.name, s.split
FROM said d LEFT JOIN samples s ON s.suite = d.suite AND s.digest = d.sample_digest
WHERE d.back = 1 ORDER BY d.suite, d.sample_id
"""
"""The last text that a run's own model wrote to each sample, at the first attempt."""


def create(
    database: Database,
    runs: Sequence[str],
    mode: str = "rate",
    samples: int = 20,
    seats: int = 3,
    overlap: int = 0,
    seed: int = 0,
    suites: Collection[str] = (),
    split: str = "all",
    question: str = "",
) -> str:
    """Store a session over samples that all `runs` answered with text; return its id.

    `seats`: people; `overlap`: how many of them rate each sample, 0: all. `split`: dev, test or all.

    Raises:
        UsageError: no such run or mode, not two runs to compare, more overlap than seats, too few samples.
    """
    named = list(dict.fromkeys(gates.resolve(database, run) for run in runs))
    overlap = overlap or seats
    if mode not in MODES:
        raise UsageError(f"a review by {mode!r}", nearest(mode, MODES), "type: --mode rate")
    if not named or (mode == "compare" and len(named) != 2):
        what = f"a review by {mode!r} of {len(named)} runs"
        raise UsageError(what, "two runs to compare, one or more to rate", "type: harness list runs")
    if min(seats, overlap, samples) < 1 or overlap > seats:
        what = f"{samples} samples, each rated by {overlap} of {seats} people"
        raise UsageError(what, "one or more of each, and no more raters of a sample than people", "type: --raters 3")
    said = [_said(database, run, suites, split) for run in named]
    common = [key for key in said[0] if all(key in other for other in said[1:])]
    if len(common) < samples:
        what = f"{samples} samples wanted; the runs have {len(common)} in common that were answered with text"
        raise UsageError(what, "suites that generate; choices among given texts are not rated", "type: --samples N")
    drawn = Dice("review", "samples", seed).some(common, samples)
    dealt = seating(samples, seats, overlap, seed)
    rows = _items(mode, named, [[one[key] for one in said] for key in drawn], dealt)
    review = f"review-{secrets.token_hex(5)}"
    head = {
        "review": review, "mode": mode, "runs": named, "question": question, "seats": seats, "overlap": overlap,
        "seed": seed, "made_at": now(),
    }  # fmt: skip
    _store(database, head, rows)
    return review


def _said(database: Database, run_id: str, suites: Collection[str], split: str) -> dict[tuple[str, ...], Any]:
    digest = read.run(database, run_id)["model_digest"]
    return {
        (row["suite"], row["sample_digest"]): {**row, "run": run_id}
        for row in read.query(database, ANSWERS, [run_id, digest, digest])
        if (not suites or row["suite"] in suites) and split in ("all", row["split"])
    }


def _items(
    mode: str, runs: Sequence[str], drawn: Sequence[Sequence[Mapping[str, Any]]], dealt: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for answers, seats in zip(drawn, dealt, strict=True):
        sides = [answers] if mode == "compare" else [[answer] for answer in answers]
        for a, *other in sides:
            found.append({
                "item": len(found), **{name: a[name] for name in ("suite", "sample_id", "name", "split")},
                "run_a": a["run"], "key_a": a["key"], "seats": list(seats),
                "run_b": other[0]["run"] if other else None, "key_b": other[0]["key"] if other else None,
            })  # fmt: skip
    return found


def _store(database: Database, head: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    text = ("suite", "sample_id", "name", "split", "run_a", "key_a", "run_b", "key_b")
    schema = pa.schema([("item", pa.int32()), *((name, pa.string()) for name in text), ("seats", pa.list_(pa.int32()))])
    with database.write() as connection:
        insert(connection, "reviews", head)
        connection.register("batch", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(
            "INSERT INTO review_items BY NAME SELECT ? AS review, * FROM batch ORDER BY item", [head["review"]]
        )
        connection.unregister("batch")


def seating(samples: int, seats: int, overlap: int, seed: int) -> list[tuple[int, ...]]:
    """Return the seats of each sample: `overlap` different ones, no seat with more than one sample above another.

    Among seats with equal work, those are taken that have met the ones already chosen least often.
    """
    dice, load = Dice("review", "seating", seed), [0] * seats
    if overlap == seats:
        return [tuple(range(seats))] * samples
    met = [[0] * seats for _ in range(seats)]
    found = []
    for _ in range(samples):
        free, cost, chosen = dice.some(range(seats), seats), [0] * seats, list[int]()
        for _ in range(overlap):
            best = min(free, key=lambda seat: (load[seat], cost[seat]))
            free.remove(best)
            chosen.append(best)
            cost = [had + more for had, more in zip(cost, met[best], strict=True)]
        for seat in chosen:
            load[seat] += 1
            for other in chosen:
                met[seat][other] += seat != other
        found.append(tuple(sorted(chosen)))
    return found


def order(seed: int, seat: int, items: Collection[int]) -> list[int]:
    """Return the items of a seat as they are shown to it."""
    return sorted(items, key=lambda item: (fraction("review", "order", seed, seat, item), item))


def swapped(seed: int, seat: int, item: int) -> bool:
    """Return whether a seat sees the second run's answer on the left."""
    return fraction("review", "side", seed, seat, item) < 0.5


def join(database: Database, review: str, rater: str) -> int:
    """Return the seat of a person, by name or code, blanks and case aside: their own, or the next free one.

    Raises:
        UsageError: an empty name, no such session, or all its seats are taken.
    """
    rater = clean(" ".join(rater.split()).casefold())[:100]
    if not rater:
        raise UsageError("no name was given", "a name or code that you will know again", "type one, then Begin")
    head = session(database, review)
    asked = "SELECT rater, seat FROM review_raters WHERE review = ?"
    known = {row["rater"]: row["seat"] for row in read.query(database, asked, [head["review"]])}
    if rater in known:
        return int(known[rater])
    with database.write() as connection:
        taken = dict(connection.execute(asked, [head["review"]]).fetchall())
        if rater not in taken:
            if len(taken) >= head["seats"]:
                what = f"all {head['seats']} seats of {head['review']!r} are taken"
                raise UsageError(what, "the name that you began with", "or type: harness review new RUN --raters N")
            taken[rater] = len(taken)
            row = {"review": head["review"], "seat": taken[rater], "rater": rater, "joined_at": now()}
            insert(connection, "review_raters", row)
    return int(taken[rater])


def rate(database: Database, review: str, item: int, seat: int, value: float) -> bool:
    """Store a rating; return False, and change nothing, where this seat has rated the item before.

    Raises:
        UsageError: a value outside the scale, or an item that is not this seat's.
    """
    head = session(database, review)
    scale = MODES[head["mode"]]
    if value not in scale:
        raise UsageError(f"a rating of {value!r}", f"one of {scale}", "choose one of the buttons")
    mine = [head["review"], item, seat]
    with database.write() as connection:
        dealt = "SELECT 1 FROM review_items WHERE review = ? AND item = ? AND list_contains(seats, ?)"
        if not connection.execute(dealt, mine).fetchall():
            what = f"item {item} of {review!r} is not for seat {seat}"
            raise UsageError(what, "an item that was dealt to it", "type: harness review list")
        done = "SELECT 1 FROM review_ratings WHERE review = ? AND item = ? AND seat = ?"
        if connection.execute(done, mine).fetchall():
            return False
        row = dict(zip(("review", "item", "seat"), mine, strict=True))
        row |= {"value": float(value), "swapped": swapped(head["seed"], seat, item), "rated_at": now()}
        insert(connection, "review_ratings", row)
    return True


def undo(database: Database, review: str, item: int, seat: int) -> bool:
    """Take back the rating that a seat gave last; return False, and change nothing, where `item` is not that one.

    Raises:
        UsageError: no such session.
    """
    named = session(database, review)["review"]
    last = "SELECT item FROM review_ratings WHERE review = ? AND seat = ? ORDER BY rated_at DESC, rowid DESC LIMIT 1"
    with database.write() as connection:
        # The page says which one: in a second window, the last is another by now.
        if connection.execute(last, [named, seat]).fetchall() != [(item,)]:
            return False
        connection.execute("DELETE FROM review_ratings WHERE review = ? AND item = ? AND seat = ?", [named, item, seat])
    return True


def session(database: Database, review: str) -> dict[str, Any]:
    """Return the row of a session, by its id or the beginning of it.

    Raises:
        UsageError: none, or several; tells the nearest.
    """
    known = read.query(database, "SELECT * FROM reviews ORDER BY made_at DESC", since="reviews")
    found = [row for row in known if review and row["review"].startswith(review)]
    if len(found) != 1:
        what = f"{review!r} could be {len(found)} reviews" if found else f"no review {review!r}"
        names = [row["review"] for row in found or known]
        raise UsageError(f"{what} in {str(database.path)!r}", nearest(review, names), "type: harness review list")
    return found[0]
