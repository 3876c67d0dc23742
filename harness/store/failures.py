"""Rows of failure analysis: taxonomies with their causes, which failure belongs where, names, and judges' critiques.

    add_taxonomy(database, {"taxonomy_id": "tax-5b0c93f1aa", "state": blob, ..}, causes=[{"cause_id": .., ..}])
    taxonomy(database, "tax-5b0c93f1aa")["causes"][0]["label"]      -> "other sign, number"
    add_members(database, "tax-5b0c93f1aa", "codex-1f0c9a77d2", [{"suite": .., "cause_id": .., ..}, ..])

Appended, never changed: what changes (a name, where a failure belongs) is a later row, and the latest holds. A file of
a schema from before failures, or no file at all, has none of them: reads give an empty list or None.
`harness.failures.taxonomy.keeping` turns these rows into nouns.

Cost: one short access each; 14,000 members are one statement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from harness.store import read
from harness.store.connect import Database
from harness.store.rows import now
from harness.store.write import insert

MEMBER = ("suite", "sample_id", "attempt", "cause_id", "similarity", "novel", "x", "y")
"""Columns of a member beside its taxonomy and run."""
HEAD = "taxonomy_id, embedder, seed, split, suites, parent, silhouette, stability, params, n, made_at"
"""Columns of a taxonomy without its state."""
_query = partial(read.query, since="taxonomies")


def add_taxonomy(
    database: Database,
    row: Mapping[str, Any],
    causes: Sequence[Mapping[str, Any]],
    descents: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Store a taxonomy with its causes and what became of its parent's in one transaction; once for an id."""
    taxonomy_id = row["taxonomy_id"]
    with database.write() as connection:
        if read.rows(connection, "SELECT 1 FROM taxonomies WHERE taxonomy_id = ?", [taxonomy_id]):
            return
        insert(connection, "taxonomies", {"made_at": now(), **row, "params": row.get("params") or {}})
        for place, cause in enumerate(causes):
            insert(connection, "causes", {"taxonomy_id": taxonomy_id, "place": place, **cause})
        for descent in descents:
            insert(connection, "descents", {"taxonomy_id": taxonomy_id, **descent})


def taxonomy(database: Database, taxonomy_id: str) -> dict[str, Any] | None:
    """Return the row of a taxonomy with its `state` (bytes) and its `causes` in their order, or None."""
    found = _query(database, "SELECT * FROM taxonomies WHERE taxonomy_id = ?", [taxonomy_id])
    if not found:
        return None
    causes = _query(database, "SELECT * FROM causes WHERE taxonomy_id = ? ORDER BY place", [taxonomy_id])
    return {**found[0], "causes": causes}


def taxonomies(database: Database) -> list[dict[str, Any]]:
    """Return all taxonomies without their states, newest first."""
    return _query(database, f"SELECT {HEAD} FROM taxonomies ORDER BY made_at DESC, rowid DESC")


def descents(database: Database, taxonomy_id: str) -> list[dict[str, Any]]:
    """Return what became of the parent's causes in a refit: old_cause, new_cause, kind, cosine, jaccard."""
    columns = "old_cause, new_cause, kind, cosine, jaccard"
    return _query(database, f"SELECT {columns} FROM descents WHERE taxonomy_id = ? ORDER BY rowid", [taxonomy_id])


def add_members(database: Database, taxonomy_id: str, run_id: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store where the failures of a run belong; return how many rows were new. Keys are those of `MEMBER`.

    What is stored already is left out; a failure that belongs elsewhere now (scored anew) gets a later row.
    """
    import pyarrow as pa

    if not rows:
        return 0
    kinds = (pa.string(), pa.string(), pa.int32(), pa.string(), pa.float64(), pa.bool_(), pa.float64(), pa.float64())
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in zip(MEMBER, kinds, strict=True)}
    with database.write() as connection:
        connection.register("given", pa.table(columns))
        found = connection.execute(
            f"INSERT INTO members BY NAME SELECT ? AS taxonomy_id, ? AS run_id, g.* FROM given g ANTI JOIN ({_HOLDS}) m"
            " ON g.suite = m.suite AND g.sample_id = m.sample_id AND g.attempt = m.attempt"
            " AND g.cause_id = m.cause_id AND abs(g.similarity - m.similarity) < 1e-4",
            [taxonomy_id, run_id, taxonomy_id, run_id],
        ).fetchall()
        connection.unregister("given")
    return int(found[0][0])


_HOLDS = (
    "SELECT * FROM members WHERE taxonomy_id = ? AND run_id = ?"
    " QUALIFY row_number() OVER (PARTITION BY suite, sample_id, attempt ORDER BY rowid DESC) = 1"
)


def members(database: Database, taxonomy_id: str, run_id: str) -> list[dict[str, Any]]:
    """Return where the failures of a run belong, in the order of suite, sample and attempt: the columns of `MEMBER`."""
    columns = ", ".join(MEMBER)
    order = "ORDER BY suite, sample_id, attempt"
    return _query(database, f"SELECT {columns} FROM ({_HOLDS}) {order}", [taxonomy_id, run_id])


def member_runs(database: Database, taxonomy_id: str) -> list[str]:
    """Return the runs whose failures were assigned to a taxonomy, the first one first."""
    sql = "SELECT run_id FROM members WHERE taxonomy_id = ? GROUP BY run_id ORDER BY min(rowid)"
    return [str(row["run_id"]) for row in _query(database, sql, [taxonomy_id])]


def cause_ids(database: Database) -> list[str]:
    """Return the ids of all causes of all taxonomies, sorted."""
    return [str(row["cause_id"]) for row in _query(database, "SELECT DISTINCT cause_id FROM causes ORDER BY cause_id")]


def set_name(database: Database, cause_id: str, label: str) -> None:
    """Give a cause a person's name; the same cause again renames it."""
    with database.write() as connection:
        insert(connection, "cause_names", {"cause_id": cause_id, "label": label, "named_at": now()})


def names(database: Database) -> dict[str, str]:
    """Return cause id -> the name that a person gave it last."""
    newest = "row_number() OVER (PARTITION BY cause_id ORDER BY named_at DESC, rowid DESC) = 1"
    found = _query(database, f"SELECT cause_id, label FROM cause_names QUALIFY {newest}")
    return {str(row["cause_id"]): str(row["label"]) for row in found}


def add_critiques(database: Database, judge: str, critiques: Mapping[str, str]) -> None:
    """Store what a judge said, by key, in one transaction."""
    with database.write() as connection:
        for key, critique in critiques.items():
            row = {"key": key, "judge": judge, "critique": critique, "asked_at": now()}
            insert(connection, "critiques", row)


def critiques(database: Database, judge: str, keys: Collection[str]) -> dict[str, str]:
    """Return the stored ones of a judge's critiques, by key."""
    found = _query(
        database,
        "SELECT key, critique FROM critiques WHERE judge = ? AND key IN (SELECT unnest(?::VARCHAR[]))"
        " QUALIFY row_number() OVER (PARTITION BY key ORDER BY rowid DESC) = 1",
        [judge, list(keys)],
    )
    return {str(row["key"]): str(row["critique"]) for row in found}
