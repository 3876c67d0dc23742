"""Whether a model came out of the improvement loop: then only samples of the split `test` count for it.

The loop sees failures of `dev` and trains on what it makes of them, so a score on `dev` says how well the loop was
followed, not how good the model is. Lineage is read from the table `artifacts` and from the `artifact.json` beside or
above the model's files, and walked over parents to the end:

    model 'q4' <- compress.quantise <- model 'merged' <- improve.finetune <- dataset <- improve.generate
    why(database, digest, "gguf:results/artifacts/model/q4/model.gguf")
      ->  "model 'merged' was made by 'improve.finetune'"

A step of the loop anywhere among the ancestors seals: descendants (merged, quantised, trained further) stay sealed.
A model is recognised by its digest, by where it lies, and by the runs that evaluated the same digest from elsewhere, so
that a copy of the file is as sealed as the file; an adapter on a base is sealed when either is.

What cannot be read seals too: a parent that is nowhere, an `artifact.json` that is no JSON. Being wrong in this
direction costs samples (half of them, and a person sees why); being wrong in the other lets a loop grade itself. A
model that nothing tells a lineage of is not sealed: it came from outside.

Cost: one read of all artifacts (milliseconds for thousands), one small file per folder above the model.
"""

from __future__ import annotations

import glob
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.store import Database, read
from harness.types import Artifact

NOTE = "artifact.json"
LOOP = "improve."
"""How the names of the loop's steps begin."""


class _Unreadable(Exception):
    """A lineage that is there and says nothing."""


def sealed(database: Database, model_digest: str | None, *specs: str | Path) -> bool:
    """Return whether a model counts on `test` alone. See `why`."""
    return bool(why(database, model_digest, *specs))


def why(database: Database, model_digest: str | None, *specs: str | Path) -> str:
    """Return in one line why a model counts on `test` alone; empty where it does not.

    `specs`: what was typed (`gguf:model.gguf`, a path) and the adapters put on it. `model_digest`: None for hosted
    models, which only their spec can tell.
    """
    used = [str(spec) for spec in specs if str(spec)]
    places = list(_places([*used, *_evaluated_from(database, model_digest)]))
    try:
        known = _Known(database)
        starts = [one for one in known.all if model_digest and one.digest == model_digest]
        starts += [one for one in known.all if any(known.holds(one, place) for place in places)]
        starts += [note for place in places if (note := known.note_above(place)) is not None]
        return _walked(starts, known)
    except _Unreadable as error:
        return str(error)


def why_run(database: Database, run_id: str) -> str:
    """Return `why` for the model of a stored run, its adapter included."""
    run = read.run(database, run_id)
    return why(database, run["model_digest"], run["model"], str(run["config"].get("adapter") or ""))


def _walked(starts: Sequence[Artifact], known: _Known) -> str:
    """Return why one of `starts` or of their ancestors seals. Every id is visited once, so that cycles end."""
    waiting, seen = list(starts), set[str]()
    while waiting:
        one = waiting.pop()
        named = f"{one.kind or 'artifact'} {one.id!r}"
        # Whatever key holds the step's name: a seal must not hang on a spelling.
        if step := next((v for v in one.made_by.values() if isinstance(v, str) and v.startswith(LOOP)), ""):
            return f"{named} was made by {step!r}"
        for parent in one.parents:
            if parent in seen:
                continue
            seen.add(parent)
            found = known.of(parent)
            if not found:
                return f"{named} names a parent {parent!r} that is nowhere: nobody can say that no loop made it"
            waiting += found
    return ""


class _Known:
    """Artifacts by id, from the table and from the folders that this lineage leads to."""

    def __init__(self, database: Database) -> None:
        rows = read.query(database, "SELECT artifact_id AS id, kind, path, digest, parents, made_by FROM artifacts")
        self.base = database.folder
        self.shelves = {database.folder / "artifacts"}
        self.all = [_artifact(row, "the table of artifacts") for row in rows]
        self._by_id: dict[str, list[Artifact]] = defaultdict(list)
        for one in self.all:
            self._by_id[one.id].append(one)

    def of(self, artifact_id: str) -> list[Artifact]:
        """Return all that is said of an artifact, by rows and by notes."""
        pattern = f"*/{glob.escape(artifact_id)}/{NOTE}"
        # An id that is no plain name would lead out of the shelf.
        plain = Path(artifact_id).name == artifact_id
        notes = [path for shelf in sorted(self.shelves) for path in sorted(shelf.glob(pattern))] if plain else []
        return self._by_id[artifact_id] + [note for path in notes if (note := _read_note(path)) is not None]

    def holds(self, one: Artifact, place: Path) -> bool:
        """Return whether a model's file or folder lies in an artifact."""
        if not one.path:
            return False
        return any(_resolved(one.path, start) in (place, *place.parents) for start in (Path(), self.base))

    def note_above(self, place: Path) -> Artifact | None:
        """Return the nearest `artifact.json` beside or above a model's file, and remember the shelf it stands on."""
        for folder in (place, *place.parents):
            if (note := _read_note(folder / NOTE)) is not None:
                self.shelves.add(folder.parent.parent)
                return note
        return None


def _read_note(path: Path) -> Artifact | None:
    """Return the artifact that a file describes; None where there is none, or a file of that name is another's."""
    try:
        if not path.is_file():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _Unreadable(f"{str(path)!r} cannot be read ({type(error).__name__}): its lineage is unknown") from error
    if not isinstance(found, dict) or not {"parents", "made_by"} & found.keys():
        return None
    return _artifact({"id": path.parent.name, "kind": "", "path": "", "digest": "", **found}, str(path))


def _artifact(row: Mapping[str, Any], where: str) -> Artifact:
    made_by, parents = row.get("made_by") or {}, row.get("parents") or []
    with suppress(ValueError):
        made_by = json.loads(made_by) if isinstance(made_by, str) else made_by
    if not isinstance(made_by or {}, dict) or not isinstance(parents, list):
        raise _Unreadable(f"{where} does not say what made artifact {row['id']!r}: its lineage is unknown")
    return Artifact(
        str(row["id"]), row["kind"], str(row["path"] or ""), str(row["digest"] or ""), tuple(map(str, parents)),
        made_by or {},
    )  # fmt: skip


def _evaluated_from(database: Database, model_digest: str | None) -> list[str]:
    """Return the specs under which the same weights were evaluated."""
    if not model_digest:
        return []
    found = read.query(
        database,
        "SELECT DISTINCT model, config->>'adapter' AS adapter FROM runs WHERE model_digest = ?",
        [model_digest],
    )
    return [spec for row in found for spec in (row["model"], row["adapter"]) if spec]


def _places(specs: Iterable[str]) -> Iterator[Path]:
    """Yield where models may lie that specs name: as typed, without prefix, without scale; and bases of adapters."""
    for spec in specs:
        for part in {spec, *spec.split(",")}:
            for text in {part, part.partition(":")[2], part.rpartition("@")[0]} - {""}:
                yield (place := _resolved(text))
                yield from _base(place)


def _base(adapter: Path) -> Iterator[Path]:
    """Yield the base model that a PEFT adapter names."""
    try:
        found = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # no adapter; a broken one does not load
    if isinstance(found, dict) and isinstance(found.get("base_model_name_or_path"), str):
        yield _resolved(found["base_model_name_or_path"])


def _resolved(text: str, start: Path = Path()) -> Path:
    """Return where a path leads, through links; it need not be there."""
    with suppress(RuntimeError):  # `~name` of nobody
        return (start / Path(text).expanduser()).resolve()
    return start / text
