"""Curves of a training: points that go into the database while it runs, a transaction a second.

    curves = Curves(database, step_key)
    curves.measure(10, {"loss": 1.93, "learning_rate": 2e-4});  curves.flush()
    points(database, step_key)["loss"]        -> [(10, 1.93)]    of the latest execution of that key

Cost: a point is about 20 bytes; a flush is one short write whatever the size of the file. NaN is a value here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from harness.store.connect import Database
from harness.store.read import query
from harness.store.rows import now

FLUSH_S = 1.0
Points = dict[str, list[tuple[int, float]]]


class Curves:
    """The curves of one execution of a step: collects points and writes them by time."""

    def __init__(self, database: Database, step_key: str) -> None:
        self.database, self.step_key = database, step_key
        self.started_at: datetime = now()
        self._waiting: list[tuple[str, int, float]] = []
        self._flushed = 0.0  # so that the first point is seen at once

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of a step, and write what waits where a second has gone by."""
        self._waiting += [(curve, step, float(value)) for curve, value in values.items()]
        if time.monotonic() - self._flushed >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        import pyarrow as pa

        names, steps, values = zip(*self._waiting, strict=True)
        table: Any = pa.table(
            {"curve": pa.array(names), "step": pa.array(steps), "value": pa.array(values, pa.float64())}
        )
        with self.database.write() as connection:
            connection.register("points", table)
            connection.execute(
                "INSERT INTO curves BY NAME SELECT ? AS step_key, ? AS started_at, curve, step, value FROM points",
                [self.step_key, self.started_at],
            )
            connection.unregister("points")
        self._waiting, self._flushed = [], time.monotonic()


def points(database: Database, step_key: str) -> Points:
    """Return curve -> (step, value) in the order of the steps, of the latest execution of a key; {} where none is."""
    found = query(
        database,
        "SELECT curve, step, value FROM curves WHERE step_key = ? AND started_at ="
        " (SELECT max(started_at) FROM curves WHERE step_key = ?) ORDER BY curve, step",
        [step_key, step_key],
        since="curves",
    )
    curves: Points = {}
    for row in found:
        curves.setdefault(row["curve"], []).append((row["step"], row["value"]))
    return curves
