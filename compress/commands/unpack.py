"""`harness unpack ARCHIVE`: the model that `compress.pack` packed, bit for bit, checked against its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import Db, Debug, Json, command, emit, people, printable


@command
def run(
    archive: Annotated[
        str, typer.Argument(help="An archive's folder or a file in it, or the artifact's id or its beginning.")
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder to make; default: NAME-unpacked, here.")
    ] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Unpack a model, every file checked against its SHA-256; a damaged archive is refused and leaves nothing behind.

    Exit codes: 0 done, 2 no archive, a damaged or hostile one, or DIR is there, 4 the disk is full.
    """
    from rich.markup import escape

    from compress.packing import unpack

    folder = _folder(archive, db)
    target = to or Path(f"{folder.resolve().name}-unpacked")
    made = unpack(folder, target)
    if as_json:
        files = [{"name": one.name, "size_bytes": one.size, "sha256": one.sha256} for one in made.files]
        emit({"folder": str(target), "size_bytes": made.size_bytes, "ratio": made.ratio, "files": files})
    console = people(as_json)
    for one in made.files:
        console.print(f"{one.size:>15,}  {one.sha256[:12]}  {escape(printable(one.name))}")
    console.print(f"{made.size_bytes:,} bytes in {escape(printable(str(target)))}, every file as it was packed")


def _folder(named: str, db: str | None) -> Path:
    """Return the folder of an archive that a path or an artifact's id names."""
    path = Path(named).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        return path.parent
    from harness.cli import naming
    from harness.errors import UsageError
    from harness.store import Database
    from harness.workbench import shelf

    database = Database.at(db)
    artifact = naming.artifact_of(database, named) if database.exists else None
    if artifact is None:
        what = f"no archive {named!r}: not a folder, not a file in one, not an artifact's id"
        raise UsageError(what, "a folder that compress.pack made", "type: harness query 'SELECT * FROM artifacts'")
    return shelf.folder_of(database, artifact)
