"""Asking in a seeded order, and telling somebody of every record in just that order.

    order, watch = Order(seed=17), lambda suite, record: record.score is not None and len(seen) >= 200
    evaluate(config, database, order=order, watch=watch)      stops each suite when `watch` says so

A test that looks while a model answers must see the samples in an order that was fixed before: short answers finish
first, and they are not like the long ones. So what comes early waits here for its turn. Records of an earlier call
take their turn as well, so that a killed evaluation, called again, is told of the same records in the same order.

What it costs: `AT_ONCE` requests are with the model at a time instead of its whole batch, and those that came early
when a suite stops were asked for nothing. An engine that shares prefixes between requests finds fewer of them side by
side than in the official order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.hashing import fraction
from harness.store import Database, read
from harness.types import Record, Sample, Score

Watch = Callable[[str, Record], bool]
"""(suite, record) -> whether enough is known of that suite. Called in the order, faults included."""
AT_ONCE = 64
"""Requests handed to a watched model at once: the next in order must not wait for hundreds behind it."""


@dataclass(frozen=True)
class Order:
    """A random order of groups of samples that depends on the seed and the groups' names alone."""

    seed: int
    together: Mapping[str, str] = field(default_factory=dict)
    """Suite -> tag whose groups are asked together. Elsewhere the samples of one origin are."""

    def group(self, suite: str, origin: str, tags: Mapping[str, str]) -> str:
        """Return the group of a sample: a tag's value, or its origin."""
        return tags.get(self.together[suite], "") if suite in self.together else origin

    def rank(self, group: str) -> tuple[float, str]:
        """Return what groups are sorted by."""
        return fraction("order", self.seed, group), group

    def sort(self, samples: Iterable[tuple[Sample, str]]) -> list[tuple[Sample, str]]:
        """Return (sample, digest) pairs in this order; inside a group by sample id, which is stored."""
        return sorted(samples, key=lambda s: (self.rank(self.group(s[0].suite, s[0].origin, s[0].tags)), s[0].id))


class Follower:
    """Tells a watch of the records of one suite in their order, whenever they come."""

    def __init__(self, watch: Watch | None, suite: str, order: Sequence[tuple[str, int]]) -> None:
        """`order`: (sample id, attempt) of every record that is wanted. Without a watch nothing is kept."""
        self.watch, self.suite, self.order = watch, suite, order
        self.told, self.enough = 0, False
        self._early: dict[tuple[str, int], Record] = {}

    def catch_up(self, database: Database, run_id: str) -> bool:
        """Take the stored records that have a score; those without are asked again first. Return as `tell`."""
        if self.watch is not None:
            for record in scored(database, run_id, self.suite):
                self.tell(record)
        return self.enough

    def tell(self, record: Record) -> bool:
        """Take a record, tell of all whose turn has come; return whether the watch has said that it is enough."""
        if self.watch is None:
            return False
        self._early[record.sample_id, record.attempt] = record
        while not self.enough and self.told < len(self.order):
            turn = self._early.pop(self.order[self.told], None)
            if turn is None:
                break
            self.told += 1
            self.enough = self.watch(self.suite, turn)
        return self.enough

    @property
    def note(self) -> str:
        """What a stopped suite leaves behind."""
        return f"{self.suite}: decided by the gate after {self.told} of {len(self.order)}"


def told(note: str, suite: str) -> int | None:
    """Return after how many records a run's note says that the gate stopped a suite; None where it did not."""
    found = re.search(rf"(?:^|; ){re.escape(suite)}: decided by the gate after (\d+) of ", note)
    return int(found[1]) if found else None


def scored(database: Database, run_id: str, suite: str) -> list[Record]:
    """Return the stored records of a run's suite that have a score; details of scores are left out."""
    found = read.query(
        database,
        "SELECT r.sample_id, r.attempt, r.completion_keys, s.measures, s.mode, s.answer"
        " FROM records r JOIN scores s ON s.key = r.score_key WHERE r.run_id = ? AND r.suite = ?",
        [run_id, suite],
    )
    return [
        Record(
            run_id, suite, row["sample_id"], row["attempt"], tuple(row["completion_keys"]),
            Score(dict(row["measures"]), row["mode"], row["answer"]),
        )
        for row in found
    ]  # fmt: skip
