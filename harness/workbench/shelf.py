"""The shelf: `artifacts/<kind>/<id>/` beside the database. `artifact.json` is written last: where it is, all is there.

The id is made of content, parents and maker, so that the same step on the same inputs finds its place taken by itself,
and equal content of two makers stays two artifacts with two lineages. Content is all but the record of how it was made:
a step that a kill broke off and that is done again gives the same artifact, at another time of day.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import InfrastructureError
from harness.hashing import digest, file_sha256, folder_sha256
from harness.store import Database, artifacts
from harness.types import Artifact, ArtifactKind
from harness.workbench import record

NOTE = "artifact.json"


def keep(
    database: Database, output: Path, kind: ArtifactKind, parents: tuple[str, ...], made_by: Mapping[str, Any]
) -> Artifact:
    """Move a file or folder onto the shelf and return its artifact. Killed at any moment, it is there or it is not.

    Raises:
        InfrastructureError: nothing was made, or the disk refuses.
    """
    if not output.exists():
        what = f"{made_by.get('step', 'a step')} left nothing at {str(output)!r}"
        raise InfrastructureError(what, "a file or a folder", "look at its log")
    content = folder_sha256(output, (record.FILE, record.CARD)) if output.is_dir() else file_sha256(output)
    artifact_id = digest(content, list(parents), made_by)[:16]
    place = database.folder / "artifacts" / kind / artifact_id
    found = Artifact(artifact_id, kind, str(place.relative_to(database.folder)), content, parents, made_by)
    try:
        if not (place / NOTE).is_file():
            _place(output, place)
            # Below, as the seal reads it; a reader that finds the note finds the rest.
            _write(place / NOTE, found)
        artifacts.add(database, found)
    except OSError as error:
        what = f"cannot keep {kind} {artifact_id!r} under {str(place.parent)!r}: {error.strerror}"
        raise InfrastructureError(
            what, "a folder that you may write in, with room", "the same command goes on"
        ) from error
    return found


def folder_of(database: Database, artifact: Artifact) -> Path:
    """Return where an artifact's content lies.

    Raises:
        InfrastructureError: it is gone.
    """
    place = database.folder / artifact.path
    if Path(artifact.path).is_absolute():  # a base: it was not made here and stays where it is
        there = place.exists()
    else:
        there = (place / NOTE).is_file()
    if not there:
        what = f"the {artifact.kind} {artifact.id!r} is not at {str(place)!r}"
        raise InfrastructureError(what, "an artifact that was kept", "make it again: remove its row from `steps`")
    return place


def _place(output: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    # On the same disk first: only a rename is at once. By the artifact's name: what a kill leaves is found again.
    waiting = place.with_name(f".part-{place.name}")
    shutil.rmtree(waiting, ignore_errors=True)
    try:
        waiting.mkdir(mode=0o755)
        if output.is_dir():
            shutil.copytree(output, waiting, dirs_exist_ok=True, copy_function=_linked)
        else:
            _linked(output, waiting / output.name)
        waiting.chmod(0o755)
        waiting.rename(place)
    except BaseException:
        shutil.rmtree(waiting, ignore_errors=True)
        raise


def _linked(source: Path | str, target: Path | str) -> None:
    """Link a file where the file system can, else copy it: weights need their room once."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(path: Path, artifact: Artifact) -> None:
    note = {
        "id": artifact.id, "kind": artifact.kind, "digest": artifact.digest, "parents": list(artifact.parents),
        "made_by": artifact.made_by,
    }  # fmt: skip
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(note, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
