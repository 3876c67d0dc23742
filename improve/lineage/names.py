"""Finds what a word names: a loop, LOOP/ROUND, run, gate, cause, artifact, sample, call of a model, or training row.

    find(world, "quickstart/1")  -> Named("round", "quickstart", number=1)
    find(world, "4d266f")        -> Named("row", "4d266ff14e5902a502c8b5ec67f82429")

A loop's name comes first, then whole ids, then names (of a run the latest, of a sample), then beginnings of ids. Only
where the database knows no whole id are the files of datasets gone through: a row is known by nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from harness.errors import UsageError, nearest
from harness.store import read
from improve.lineage import scan
from improve.lineage.world import World

Kind = Literal["loop", "round", "run", "gate", "artifact", "cause", "completion", "sample", "row"]
IDS: dict[Kind, tuple[str, str, str]] = {
    "run": ("runs", "run_id", "''"),
    "gate": ("gates", "gate_id", "''"),
    "artifact": ("artifacts", "artifact_id", "''"),
    "cause": ("causes", "cause_id", "''"),
    "sample": ("samples", "sample_id", "suite"),
    "completion": ("completions", "key", "''"),
}
"""Kind -> table, column of the id, column of the suite."""
MANY = 6
"""Candidates that are looked for, before a word is called ambiguous."""


@dataclass(frozen=True)
class Named:
    """What a word names."""

    kind: Kind
    id: str
    """Of a round: its loop."""
    suite: str = ""
    number: int = 0
    """Of a round."""


def find(world: World, text: str) -> Named:
    """Return the one thing that `text` names.

    Raises:
        UsageError: no database; nothing, or more than one thing.
    """
    begin = _begin(world, text)
    if loop := _loop(world, text):
        return loop
    found = [one for one in begin if one.id == text] or (_by_name(world, text) if text else [])
    if not found and text:
        found = begin + [Named("row", one) for one in scan.ids(world, text, MANY)]
        found = [one for one in found if one.id == text] or found
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{one.kind} {one.id}" + (f" of {one.suite}" if one.suite else "") for one in found[:MANY])
        what = f"{text!r} could be {len(found) if len(found) < MANY else 'many'} things"
        raise UsageError(what, f"one of them: {shown}", f"type: harness why {found[0].id}")
    what = f"nothing is called {text!r} in {str(world.database.path)!r}"
    ids = "a row, sample, cause, call, run, gate, artifact, loop or LOOP/ROUND"
    raise UsageError(what, f"{ids}; {nearest(text, _near(world, text))}", "type: harness list loops")


def _loop(world: World, text: str) -> Named | None:
    loops = list(dict.fromkeys(row["loop"] for row in (*world.loops, *world.rounds)))
    if text in loops:
        return Named("loop", text)
    loop, slash, number = text.rpartition("/")
    if not slash or loop not in loops:
        return None
    known = [row["number"] for row in world.rounds if row["loop"] == loop]
    if number.isdecimal() and int(number) in known:
        return Named("round", loop, number=int(number))
    rounds = ", ".join(f"{loop}/{one}" for one in known) or "none has begun"
    raise UsageError(f"the loop {loop!r} has no round {number!r}", f"rounds: {rounds}", f"type: harness why {loop}")


def _begin(world: World, text: str) -> list[Named]:
    """Return what has an id that begins with `text`, of each kind at most `MANY`, whole ids first; of "" nothing."""
    found: list[Named] = []
    with world.database.read() as connection:
        there = {row["table_name"] for row in read.rows(connection, "SELECT table_name FROM duckdb_tables()")}
        for kind, (table, column, suite) in IDS.items():
            if table in there and text:
                sql = f"SELECT DISTINCT {column} AS id, {suite} AS suite FROM {table} WHERE starts_with({column}, ?)"
                rows = read.rows(connection, f"{sql} ORDER BY id, suite LIMIT ?", [text, MANY])
                found += [Named(kind, row["id"], row["suite"]) for row in rows]
    return found


def _by_name(world: World, text: str) -> list[Named]:
    runs = [one for one in world.runs.values() if one["name"] == text]
    if runs:
        return [Named("run", runs[-1]["run_id"])]
    sql = "SELECT DISTINCT suite, sample_id FROM samples WHERE name = ? ORDER BY suite, sample_id LIMIT ?"
    rows = read.query(world.database, sql, [text, MANY])
    return [Named("sample", row["sample_id"], row["suite"]) for row in rows]


def _near(world: World, text: str) -> list[str]:
    """Return the names that are close to `text`; where none is, the loops, or the latest runs."""
    loops = list(dict.fromkeys(row["loop"] for row in world.loops))
    runs = [one["run_id"] for one in world.runs.values()]
    known = [*loops, *runs, *(one["name"] for one in world.runs.values())]
    kinds: tuple[Kind, ...] = ("gate", "artifact", "cause")
    for table, column, _ in (IDS[kind] for kind in kinds):
        rows = read.query(world.database, f"SELECT DISTINCT {column} AS id FROM {table}", since=table)
        known += [row["id"] for row in rows]
    # Samples are too many for difflib.
    sql = "SELECT name FROM samples GROUP BY name ORDER BY jaro_winkler_similarity(name, ?) DESC, name LIMIT 3"
    known += [row["name"] for row in read.query(world.database, sql, [text])]
    return get_close_matches(text, sorted({name for name in known if name}), cutoff=0.5) or loops or runs[-3:]
