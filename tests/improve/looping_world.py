"""Whole loops as tests want them: small, with real processes, and everything that one leaves behind in one comparison.

    world = World(tmp_path, home)             home: holds `tiny`s, trained once per machine
    world.recipe("one", world.quick(), gate=0.5)      -> one/recipe.yaml, with its policy beside it
    world.improve(..)                         in this process; evaluations and trainings in their own
    world.harness("improve", ..)              as a user types it
    world.left("one")                         rounds, artifacts, steps, .. of a loop: equal for equal loops

The base is a `tiny` of 40 steps, right in a tenth of its answers. A quick loop "trains" by taking the GGUF of a whole
`tiny`, right in seven tenths: `guest.pick` of `looping_steps`, which come in as a guest distribution.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.hashing import folder_sha256
from harness.models import tiny
from harness.store import Database, artifacts, read
from harness.workbench import record
from harness.workbench.shelf import NOTE
from improve.loop import Ended, improve
from improve.recipe import load

HERE = Path(__file__).parent
WEAK_STEPS = 40
STEPS = (
    "[harness.steps]\nguest.pick = looping_steps:Pick\nguest.refuse = looping_steps:Refuse\n"
    "guest.trip = looping_steps:Trip\n"
)
LEFT = {
    "rounds": "SELECT * FROM rounds ORDER BY loop, number",
    "steps": "SELECT step, step_key, parameters, inputs, artifact_id, fault, loop FROM steps ORDER BY ALL",
    "artifacts": "SELECT artifact_id, kind, path, digest, parents, made_by FROM artifacts ORDER BY ALL",
    "gates": "SELECT candidate, loop, outcome, alpha FROM gates ORDER BY ALL",
    "checks": "SELECT suite, rule, outcome, observed, low, high FROM checks ORDER BY ALL",
    "runs": "SELECT run_id, name, model, model_digest, status FROM runs ORDER BY ALL",
    "records": "SELECT run_id, suite, sample_id, attempt, completion_keys, score_key FROM records ORDER BY ALL",
    "completions": "SELECT key, text FROM completions ORDER BY ALL",
    "scores": "SELECT key, mode, answer FROM scores ORDER BY ALL",
    "tokens": "SELECT loop, what, sum(amount) AS amount FROM spendings WHERE what NOT IN ('seconds', 'gpu_minutes')"
    " GROUP BY ALL ORDER BY ALL",
    "causes": "SELECT taxonomy_id, cause_id, label, size FROM causes ORDER BY ALL",
}
"""What loops leave in a database, but for times, ids drawn and seconds."""
Steps = Sequence[str | Mapping[str, Any]]


class World:
    """A folder with recipes, a database, and guest steps that this process and its children find."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.database = Database.at(str(folder / "results" / "h.duckdb"))
        about = folder / "site" / "looping_steps-1.dist-info"
        about.mkdir(parents=True, exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: looping-steps\nVersion: 1\n")
        (about / "entry_points.txt").write_text(STEPS)

    @property
    def paths(self) -> list[str]:
        """What goes before `sys.path`."""
        return [str(self.folder / "site"), str(HERE)]

    @property
    def environment(self) -> dict[str, str]:
        """Of processes."""
        older = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one not in self.paths]
        return {
            **os.environ, "HARNESS_HOME": str(self.home), "PYTHONPATH": os.pathsep.join([*self.paths, *older]),
            "OMP_WAIT_POLICY": "PASSIVE",
        }  # fmt: skip

    def gguf(self, steps: int | None = None) -> str:
        """Return the file of the whole `tiny`, or of one that was trained for fewer steps."""
        return str(tiny.gguf_path(steps=steps).absolute())

    def quick(
        self, *before: str | Mapping[str, Any], rows: int = 40, gguf: Sequence[str] = (), **pick: Any
    ) -> list[Any]:
        """Return the steps of a round that trains nothing.

        `before`: further ones, ahead of decontamination. `gguf`: the candidates of one round after the other.
        """
        words = {"embedder": "words"}
        picked = {"gguf": list(gguf) or [self.gguf()], **pick}
        made = {"improve.generate": {"suite": "primer", "rows": rows}}
        return [made, *before, {"improve.decontaminate": words}, {"guest.pick": picked}]

    def recipe(
        self, name: str, steps: Steps, gate: float = 0.99, policy: Mapping[str, Any] | None = None, **top: Any
    ) -> Path:
        """Write a recipe: `gate` is what the policy asks for at least."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        path = folder / "recipe.yaml"
        asked = {
            "version": 1, "defaults": {"min_items": 20}, "evaluate": {"limit": 100}, "sandbox": {"min_level": "weak"},
            "suites": {"primer": {"absolute": {"min": gate, "mode": "point"}}}, **(policy or {}),
        }  # fmt: skip
        (folder / "gates.yaml").write_text(yaml.safe_dump(asked))
        told = {
            "name": name, "model": "tiny", "settings": {"steps": str(WEAK_STEPS)}, "policy": "gates.yaml",
            "failures": {"embedder": "lsa", "examples": 6}, "steps": list(steps), **top,
        }  # fmt: skip
        path.write_text(yaml.safe_dump(told, sort_keys=False))
        return path

    def improve(self, recipe: Path, *changes: str, lines: list[str] | None = None) -> Ended:
        """Run a loop in this process."""
        return improve(load(str(recipe), changes), self.database, (lines if lines is not None else []).append)

    def command(self, *words: object, database: Database | None = None) -> list[str]:
        """Return the command line of `harness`."""
        return [sys.executable, "-m", "harness", *map(str, words), "--db", str((database or self.database).path)]

    def start(self, *words: object, database: Database | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start `harness`."""
        # In the background a shell lets children ignore SIGINT; a handler here, and the child begins with the default.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(self.command(*words, database=database), env=self.environment, text=True, **piped)

    def harness(self, *words: object, database: Database | None = None) -> subprocess.CompletedProcess[str]:
        """Run `harness` to its end."""
        command = self.command(*words, database=database)
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=500, check=False)

    def limited(self, size_bytes: int, *words: object) -> subprocess.CompletedProcess[str]:
        """Run `harness` where no file may grow beyond a size, but for the database."""
        command = ["bash", "-c", f'ulimit -f {size_bytes // 1024}; exec "$@"', "bash", *self.command(*words)]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=500, check=False)

    def rounds(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a loop's rounds."""
        return query(self.database, "SELECT * FROM rounds WHERE loop = ? ORDER BY number", name)


def query(database: Database, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """Return rows of a database."""
    return read.query(database, sql, list(parameters))


def left(database: Database) -> dict[str, Any]:
    """Return everything that loops left in a database and beside it, but for times, ids drawn and the folder's name."""
    gates = {row["gate_id"]: f"gate {n}" for n, row in enumerate(_ordered(database, "gates", "decided_at"))}
    found: dict[str, Any] = {name: query(database, sql) for name, sql in LEFT.items()}
    found |= {"rounds": [_timeless(row) for row in found["rounds"]], "shelf": shelf(database.folder)}
    text = json.dumps(found, default=str, sort_keys=True)
    for gate_id, name in gates.items():
        text = text.replace(gate_id, name)
    told: dict[str, Any] = json.loads(text.replace(str(database.folder), "HERE"))
    return told


def shelf(folder: Path) -> list[str]:
    """Return the files of artifacts, with whatever half of one lies about."""
    return sorted(str(path.relative_to(folder)) for path in (folder / "artifacts").rglob("*") if path.is_file())


def damaged(database: Database) -> list[str]:
    """Return the artifacts whose files are not those that their digest is of."""
    return [
        one.id
        for one in artifacts.every(database)
        if not Path(one.path).is_absolute()
        and folder_sha256(database.folder / one.path, (record.FILE, record.CARD, NOTE)) != one.digest
    ]


def litter(folder: Path) -> list[str]:
    """Return what no finished loop may leave: scratch folders, parts of artifacts, half reports."""
    names = ("scratch-*", ".part-*", "*.part", ".report-*", "report")
    found = {path for name in names for path in folder.rglob(name) if path.parent != folder / "artifacts"}
    return sorted(str(path.relative_to(folder)) for path in found)


def alive(word: str) -> list[str]:
    """Return the command lines of processes (Linux) that carry a word, this one left out."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (place / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if word in line and state != "Z" and int(place.name) != os.getpid():
            found.append(line)
    return found


def _ordered(database: Database, table: str, by: str) -> list[dict[str, Any]]:
    return query(database, f"SELECT * FROM {table} ORDER BY {by}")


def _timeless(row: Mapping[str, Any]) -> dict[str, Any]:
    times = ("started_at", "finished_at", "spent_before", "cost")
    return {name: value for name, value in row.items() if name not in times}
