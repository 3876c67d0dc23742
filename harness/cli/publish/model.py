"""A model to be published, and what the store knows of it.

    found = find(database, "quickstart")
    found.folder, found.gate["outcome"], found.run_id, found.round["number"]

A gate and a run belong to a model when they are of the very same weights: by digest, whatever the path. So a model that
was changed after its gate has none, and a copy of one has its own. Cost: one reading of the weights (1-2 GB/s).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cli import naming
from harness.errors import UsageError, nearest
from harness.gate import seal
from harness.hashing import digest, folder_sha256
from harness.models.gguf.notes import model_sha256
from harness.models.hf.loading import TRAINING
from harness.store import Database, artifacts, gates, read, rounds
from harness.types import Artifact
from harness.workbench import record, shelf


@dataclass(frozen=True)
class Found:
    """A model on this machine."""

    folder: Path
    artifact: Artifact | None
    """None for a folder that no step made."""
    record: Mapping[str, Any]
    gate: Mapping[str, Any] | None
    """The latest row of a gate that judged these weights."""
    run_id: str | None
    """The run that the gate judged, else the latest of these weights."""
    round: Mapping[str, Any] | None
    """The row of the round that it came out of."""
    sealed: str
    """Why only samples of the split `test` count; empty where all do."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.artifact.id if self.artifact else self.folder.name

    @property
    def unproven(self) -> str:
        """Why it may not go out as it is; empty where its gate passed."""
        if self.gate is None:
            return f"no gate has judged the weights of {self.name!r}"
        outcome, policy = self.gate["outcome"], Path(self.gate["policy"]).name
        return "" if outcome == "PASS" else f"the gate {policy!r} says {outcome} of {self.name!r}"


def find(database: Database, named: str) -> Found:
    """Return the model that a folder, an artifact's id (or its beginning) or a loop names: its last accepted candidate.

    Raises:
        UsageError: nothing of that name, no model; a loop that accepted none.
    """
    folder, artifact = _place(database, named)
    if artifact is not None and artifact.kind not in ("model", "adapter"):
        what = f"{named!r} is a {artifact.kind}: it is not published"
        raise UsageError(what, "a model or an adapter", f"type: harness show {named}")
    told = record.read(folder)
    weights = digests(folder, told)
    gate = next((row for row in gates.latest(database) if row["model_digest"] in weights), None)
    run_id = gate["candidate"] if gate else _evaluated(database, weights)
    taken = gate["model_digest"] if gate else None
    sealed = seal.why(database, taken, str(folder)) if database.exists else ""
    return Found(folder, artifact, told, gate, run_id, _round(database, artifact), sealed)


def digests(folder: Path, told: Mapping[str, Any]) -> set[str]:
    """Return the digests under which the weights in a folder may have been evaluated."""
    found = set()
    if ggufs := sorted(folder.glob("*.gguf")):
        found |= {model_sha256([one]) for one in ggufs} | {model_sha256(ggufs)}
    if any(folder.glob("*.safetensors")):
        # Of `vllm:` the digest is that of all files.
        found |= {folder_sha256(folder, TRAINING), folder_sha256(folder)}
        if base := record.base(told).get("digest"):
            found |= {digest(base, own) for own in list(found)}
    return found


def _place(database: Database, named: str) -> tuple[Path, Artifact | None]:
    folder, is_loop = Path(named).expanduser(), naming.is_loop(database, named)
    if folder.is_dir() and not is_loop:
        return folder.resolve(), _kept(database, folder)
    if is_loop:
        taken = [row["candidate"] for row in rounds.rows(database, named) if row["accepted"]]
        artifact = artifacts.artifact(database, taken[-1]) if taken else None
        if artifact is None:
            what = f"the loop {named!r} has accepted no candidate"
            raise UsageError(what, "an accepted round", f"type: harness show {named}, and name a candidate yourself")
    else:
        artifact = naming.artifact_of(database, named)
    if artifact is None:
        loops = {row["loop"] for row in rounds.loops(database)}
        what = f"no model {named!r}: not a folder, not an artifact's id, not a loop"
        raise UsageError(what, f"loops, {nearest(named, loops)}", "type: harness query 'SELECT * FROM artifacts'")
    return shelf.folder_of(database, artifact), artifact


def _kept(database: Database, folder: Path) -> Artifact | None:
    """Return the artifact that a folder is, or is a copy of: what its note says counts where the content agrees."""
    try:
        told = json.loads((folder / shelf.NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    artifact = artifacts.artifact(database, str(told.get("id", ""))) if isinstance(told, dict) else None
    if artifact is None or (database.folder / artifact.path).resolve() == folder.resolve():
        return artifact
    content = folder_sha256(folder, (record.FILE, record.CARD, shelf.NOTE))
    return artifact if content == artifact.digest else None


def _evaluated(database: Database, weights: set[str]) -> str | None:
    found = read.query(database, "SELECT run_id, model_digest FROM runs WHERE status = 'done' ORDER BY started_at DESC")
    return next((row["run_id"] for row in found if row["model_digest"] in weights), None)


def _round(database: Database, artifact: Artifact | None) -> Mapping[str, Any] | None:
    made = [] if artifact is None else rounds.rows(database)
    return next((row for row in reversed(made) if artifact and artifact.id in (row["artifacts"] or ())), None)
