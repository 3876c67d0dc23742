"""Rows of `harness bench`: one of `bench_runs` a call, one of `benches` a measurement, and the view `speeds` over both.

add(database, {"bench_id": .., "model": .., ..}, [{"measure": "generate", "width": 4, "measured": [81.2, 80.7], ..}])
speeds(database, model="model.gguf")[0]["median"]      the latest bench of that model
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import UsageError, nearest
from harness.store.connect import Database
from harness.store.read import query
from harness.store.write import insert


def add(database: Database, bench: Mapping[str, Any], measures: Iterable[Mapping[str, Any]]) -> None:
    """Store one bench with all its measurements in one transaction. Keys are columns (`migrations/002_benches.sql`)."""
    with database.write() as connection:
        insert(connection, "bench_runs", bench)
        for measure in measures:
            insert(connection, "benches", {"bench_id": bench["bench_id"], **measure})


def speeds(database: Database, model: str | None = None, bench_id: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of the view `speeds` of one bench: the one named, else the latest (of `model`, spec or digest).

    An empty list where nothing was measured yet, or the file is of a schema from before benches.

    Raises:
        UsageError: `bench_id` is named and unknown; tells the nearest.
    """
    if not query(database, "SELECT 1 FROM duckdb_views() WHERE view_name = 'speeds'"):
        return []
    if bench_id is None:
        latest = query(
            database,
            "SELECT bench_id FROM bench_runs WHERE ? IS NULL OR model = ? OR model_digest = ?"
            " ORDER BY started_at DESC, bench_id LIMIT 1",
            [model] * 3,
        )
        if not latest:
            return []
        bench_id = latest[0]["bench_id"]
    found = query(database, "SELECT * FROM speeds WHERE bench_id = ? ORDER BY measure, width", [bench_id])
    if not found:
        known = [row["bench_id"] for row in query(database, "SELECT bench_id FROM bench_runs")]
        raise UsageError(
            f"no bench {bench_id!r} in {str(database.path)!r}", nearest(bench_id, known), "type: harness bench MODEL"
        )
    return found
