"""Measures of a model, each opened in a process of its own, one after another: memory is given back.

    measure(database, "gguf:model.gguf", {}, folder, {"base": "tiny"}, rows, speed=False)["against"]["base"]
      -> {"kl_mean": 0.0031, "kl_se": 0.0002, "kl_p99": 0.041, "top1_agreement": 0.987, "top1_se": 0.001, ..}

The rows are training text on which nothing was calibrated: up to `POSITIONS` positions that have a next token, of rows
taken in an order that their content decides. Distributions of every model that was measured lie in
`cache/measures/<key>` beside the database, the key made of the model's digest, the rows and the engine, until newer
ones need the room (`CACHE_BYTES`): a reference is not computed twice. Both models must make the same token ids of the
rows: that is checked, row by row.

Cost: a child per model not measured before and one for the model itself, most of it loading (`tiny` in transformers:
about ten seconds, in llama.cpp: one); `speed`: one more, some hundred generated tokens.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compress.measures.divergence import AGAINST, PERPLEXITY
from compress.measures.kept import is_kept, trim
from compress.measures.reading import Place
from compress.measures.size import size
from harness import registry
from harness.errors import InfrastructureError, UsageError
from harness.hashing import digest, file_sha256, folder_sha256
from harness.models.threads import wait_politely
from harness.store import Database
from harness.workbench.candidate import OF_TINY, form_of, spec_of
from harness.workbench.leash import Leashed

POSITIONS = 8192
"""Positions that are compared."""
CACHE_BYTES = 8 << 30
VERSION = "1"
"""Raised whenever the same model and rows would give other distributions."""


def measure(
    database: Database,
    model_spec: str,
    settings: Mapping[str, str],
    folder: Path,
    references: Mapping[str, str],
    rows: Path,
    speed: bool,
    positions: int = POSITIONS,
) -> dict[str, Any]:
    """Return the measures of a model as a JSON document.

    `settings`: of the base; each model takes what its engine knows. `folder`: what ships, for its size. `references`:
    name (`base`, `before`) -> spec. `rows`: a rows.jsonl. What cannot be known (errors of a single row) is None, and so
    is all but the size of a model whose logits are no numbers: `broken` says so then.

    Raises:
        UsageError: a model that gives no logits (hosted ones), rows without text, vocabularies that differ.
        InfrastructureError: a child broke, a full disk, a broken reference; names the log.
    """
    home = database.folder / "cache" / "measures"
    home.mkdir(parents=True, exist_ok=True)
    asked = file_sha256(rows)
    places = {name: place_of(spec, settings, database.folder / "cache") for name, spec in references.items()}
    kept = {name: home / _key(place, asked, positions) for name, place in places.items()}
    own = place_of(model_spec, settings, database.folder / "cache")
    mine = home / _key(own, asked, positions)
    shared = {"rows": str(rows.absolute()), "positions": positions}
    for name, place in places.items():
        if not is_kept(kept[name]):
            told = _child(home, {**shared, "read": vars(place), "into": str(kept[name]), "against": {}})
            if "broken" in told:
                what = f"the reference {name!r}, {place.path!r}, is broken: {told['broken']}"
                raise InfrastructureError(what, "a model that works", "look at the stage that made it")
    against = {name: str(one) for name, one in kept.items()}
    found = _child(home, {**shared, "read": vars(own), "into": str(mine), "against": against})
    trim(home, CACHE_BYTES, [mine, *kept.values()])
    sized = size(folder, weights_of(own))
    if "broken" in found:
        blank = {**dict.fromkeys(PERPLEXITY), "against": {name: dict.fromkeys(AGAINST) for name in places}}
        return {**sized, **blank, **found, "speed": None}
    bench = {"bench": f"{own.engine}:{own.path}", "settings": own.settings, "db": str(database.path)}
    return {**sized, **found, "speed": _child(home, bench) if speed else None}


def place_of(spec: str, settings: Mapping[str, str], cache: Path) -> Place:
    """Return where the weights of a model lie; an archive is unpacked first.

    Raises:
        UsageError: a model that is not opened in this process.
    """
    prefix, locator = registry.split_spec(spec)
    if prefix == "tiny":
        from harness.models import tiny

        steps = settings.get("steps")
        home = tiny.folder(
            int(settings.get("seed", "0")), int(steps) if steps else None, settings.get("suite", "primer")
        )
        prefix = settings.get("format", "gguf")
        locator = str(home / "tiny.gguf" if prefix == "gguf" else home)
    elif Path(locator).is_dir() and form_of(Path(locator)) == "archive":
        from compress.packing import unpacked

        return place_of(spec_of(unpacked(Path(locator), cache), spec), settings, cache)
    if prefix not in ("hf", "vllm", "gguf"):
        what = f"{spec!r} does not give the probabilities of all tokens"
        raise UsageError(what, "hf:FOLDER, gguf:FILE or tiny", "measure the weights that it serves")
    return (
        Place("gguf", locator, _known("gguf", settings))
        if prefix == "gguf"
        else Place("hf", locator, _known("hf", settings))
    )


def weights_of(place: Place) -> Path:
    """Return the GGUF file or the folder of a model that was opened once: of one of the hub, its copy here."""
    path = Path(place.path)
    if place.engine == "gguf" or path.is_dir():
        return path
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(place.path, revision=place.settings.get("revision"), local_files_only=True))


def _known(engine: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that an engine has; those of the base may be another's."""
    from harness.models.gguf.settings import GGUFSettings
    from harness.models.hf.loading import HFSettings

    fields = GGUFSettings.model_fields if engine == "gguf" else HFSettings.model_fields
    return {key: value for key, value in settings.items() if key in fields and key not in OF_TINY}


def _key(place: Place, rows: str, positions: int) -> str:
    path = Path(place.path)
    if path.is_dir():
        from harness.models.hf.loading import TRAINING

        content = folder_sha256(path, (*TRAINING, "*.gguf"))
    elif place.engine == "gguf":
        from harness.models.gguf.header import read_parts
        from harness.models.gguf.notes import model_sha256

        content = model_sha256([part.path for part in read_parts(path)])
    else:
        content = digest("hub", place.path, place.settings.get("revision", ""))
    return digest(VERSION, place.engine, content, dict(place.settings), rows, positions)[:16]


def _child(home: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    """Do a job in a child; see `__main__`.

    Raises:
        UsageError, InfrastructureError: as the child says, or it broke.
    """
    environment = dict(os.environ)
    wait_politely(environment)
    scratch = Path(tempfile.mkdtemp(prefix=".child-", dir=home))
    log, answer = scratch / "log", scratch / "answer.json"
    try:
        (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
        with log.open("wb") as sink:
            words = ["compress.measures", str(scratch)]
            child = Leashed(words, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment)
            try:
                code = child.wait()
            finally:
                child.end()
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else {}
        if not told:
            log = log.rename(home / f"{scratch.name.removeprefix('.')}.log")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if "refused" in told:
        raise (UsageError if told["usage"] else InfrastructureError)(*told["refused"])
    if code != 0 or not told:
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        what = f"measuring {job.get('bench') or job['read']['path']!r} ended by {how}"
        raise InfrastructureError(what, "measures of the model", f"look at {str(log)!r}")
    found: dict[str, Any] = told["found"]
    return found
