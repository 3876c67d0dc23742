"""What a word names: a run, a loop, an artifact or a step that was done.

    find(database, "quickstart")    -> ("loop", "quickstart")
    find(database, "43649b")        -> ("artifact", "43649b863cee98b4")

A run whose id, name or model file it is comes first, then a loop's name, then beginnings of ids: of runs, of artifacts,
of steps. A compression's name is told to belong to another command.
"""

from __future__ import annotations

from typing import Literal

from harness.errors import UsageError, nearest
from harness.store import Database, artifacts, read, rounds, stages
from harness.types import Artifact

Kind = Literal["run", "loop", "artifact", "step"]
SHORTEST = 4
"""Characters from which the beginning of an artifact's or a step's id is taken for one."""


def find(database: Database, text: str) -> tuple[Kind, str]:
    """Return what `text` names and its whole id.

    Raises:
        UsageError: nothing, or more than one thing; tells the nearest. A compression, which has a command of its own.
    """
    refused: UsageError | None = None
    try:
        run = read.run(database, text)
    except UsageError as error:
        refused = error
    else:
        if text in (run["run_id"], run["name"], run["run_id"].rpartition("-")[0]):
            return "run", run["run_id"]
    if is_loop(database, text):
        return "loop", text
    if stages.compressions(database, text):
        expected = "a run, an artifact or a step of it"
        raise UsageError(f"{text!r} is a compression", expected, f"type: harness frontier {text}")
    if refused is None:
        return "run", run["run_id"]
    if (artifact := artifact_of(database, text)) is not None:
        return "artifact", artifact.id
    if (key := _step(database, text)) is not None:
        return "step", key
    what = refused.what.replace("no run ", "no run, loop, artifact or step ")
    loops = sorted({row["loop"] for row in rounds.loops(database)})
    raise UsageError(
        what, f"{refused.expected}; loops, {nearest(text, loops)}" if loops else refused.expected, refused.next
    )


def is_loop(database: Database, text: str) -> bool:
    """Return whether a loop of that name was started."""
    return bool(rounds.loops(database, text))


def artifact_of(database: Database, text: str) -> Artifact | None:
    """Return the artifact that an id or the beginning of one names.

    Raises:
        UsageError: more than one begins so.
    """
    known = {one.id: one for one in artifacts.every(database)}
    found = _only(text, list(known), "artifacts")
    return known[found] if found else None


def _step(database: Database, text: str) -> str | None:
    points = read.query(database, "SELECT DISTINCT step_key FROM curves", since="curves")
    known = {row["step_key"] for row in (*points, *artifacts.executions(database))}
    return _only(text, sorted(known), "steps")


def _only(text: str, known: list[str], things: str) -> str | None:
    found = [name for name in known if name.startswith(text)] if len(text) >= SHORTEST else []
    if len(found) > 1:
        what = f"{text!r} could be {len(found)} {things}"
        raise UsageError(what, ", ".join(found[:3]), "type more of it")
    return found[0] if found else None
