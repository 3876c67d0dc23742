"""Models of loops and recipes: the base as an artifact, the spec that opens a candidate, its evaluation in a child.

    base = adopt(database, "tiny", {})                       -> Artifact("model", path=results/models/tiny-.., ..)
    spec_of(candidate folder, "tiny")                        -> "gguf:results/artifacts/model/4c1d../model.gguf"
    evaluate(database, config, log)                          -> "tiny-0a767da121"

An evaluation is `harness eval` in a process of its own: memory and accelerator are given back, and a model that takes
its process down is an error with a log. Killed, it goes on where it stopped.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import yaml

from harness import registry
from harness.config import EvalConfig
from harness.errors import InfrastructureError, UsageError
from harness.hashing import digest, folder_sha256
from harness.store import Database, artifacts
from harness.types import Artifact
from harness.workbench.leash import Leashed

Form = Literal["float", "int4", "gguf", "archive"]
INT4 = "int4"
"""Folder of the packed weights, in that of the float weights they were rounded from."""
OF_TINY = ("seed", "steps", "suite", "format")
"""Settings of `tiny` that say which one it is; the others are its engine's."""


def adopt(database: Database, spec: str, settings: Mapping[str, str]) -> Artifact:
    """Return the base as an artifact without parents; it stays where it lies.

    Raises:
        UsageError: a model that cannot be trained on.
    """
    place = base_place(spec, settings)
    folder = Path(place)
    content = folder_sha256(folder) if folder.is_dir() else digest("hub", place, settings.get("revision", ""))
    found = Artifact(digest("base", content)[:16], "model", place, content, (), {"base": spec})
    artifacts.add(database, found)
    return found


def base_place(spec: str, settings: Mapping[str, str]) -> str:
    """Return the folder or hub name of a base that steps train on."""
    if registry.split_spec(spec)[0] == "tiny":
        from harness.models import tiny

        seed, steps = int(settings.get("seed", "0")), settings.get("steps")
        suite = settings.get("suite", "primer")
        return str(tiny.folder(seed, int(steps) if steps else None, suite).absolute())
    prefix, locator = registry.split_spec(spec)
    # vLLM serves what transformers trains.
    return locate(None, f"hf:{locator}" if prefix == "vllm" else spec)


def model_of(inputs: Sequence[Artifact], step: str) -> Artifact:
    """Return the one model among the inputs of a step.

    Raises:
        UsageError: there is none, or several.
    """
    models = [one for one in inputs if one.kind == "model"]
    if len(models) != 1:
        raise UsageError(f"{step} has {len(models)} models among its inputs", "one", "look at the recipe")
    return models[0]


def locate(artifact: Artifact | None, spec: str) -> str:
    """Return the folder or hub name of a base: of the artifact, else of a model spec.

    Raises:
        UsageError: both, neither, or a model that is no Hugging Face one.
    """
    if artifact is not None and spec:
        what = f"two bases: the artifact {artifact.id!r} and model: {spec!r}"
        raise UsageError(what, "one of them", "leave model: out, or the artifact")
    if artifact is not None:
        return str(Path(artifact.path).absolute()) if Path(artifact.path).is_dir() else artifact.path
    if not spec:
        raise UsageError("no base model", "a model artifact, or a spec", "add model: hf:org/name")
    prefix, locator = registry.split_spec(spec) if not Path(spec).is_dir() else ("hf", spec)
    if prefix == "tiny":
        from harness.models import tiny

        return str(tiny.folder().absolute())
    if prefix != "hf":
        raise UsageError(
            f"{spec!r} cannot be trained on", "hf:org/name, hf:FOLDER or tiny", "name its original weights"
        )
    return str(Path(locator).absolute()) if Path(locator).is_dir() else locator


def form_of(folder: Path) -> Form:
    """Return the form of a model's folder: `archive` (packed without loss), `gguf`, `int4` (weights packed to 4 bits,
    with the float weights beside them) or `float` (what transformers trains on)."""
    if any(folder.glob("*.zst")):
        return "archive"
    if (folder / INT4).is_dir():
        return "int4"
    # `tiny` has a GGUF of its own beside its weights.
    return "gguf" if any(folder.glob("*.gguf")) and not any(folder.glob("*.safetensors")) else "float"


def spec_of(folder: Path, base: str) -> str:
    """Return the spec that opens a candidate: its GGUF, its packed weights, else its weights as the base was opened."""
    form = form_of(folder)
    if form == "gguf":
        return f"gguf:{sorted(folder.glob('*.gguf'))[0]}"
    place = folder / INT4 if form == "int4" else folder
    prefix = registry.split_spec(base)[0]
    return f"{prefix if prefix == 'vllm' else 'hf'}:{place}"


def settings_of(base: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings by which candidates are opened: the base's, but for what names the base itself."""
    own = OF_TINY if registry.split_spec(base)[0] == "tiny" else ("revision",)
    return {key: value for key, value in settings.items() if key not in own}


def evaluate(
    database: Database, config: EvalConfig, log: Path, quiet: bool = True, seconds: float | None = None
) -> str:
    """Return the run of a model after asking it whatever is not stored yet.

    Raises:
        UsageError, InfrastructureError: as the child says, or it broke; names the log.
        subprocess.TimeoutExpired: it took longer than `seconds` and was ended; what came in is stored.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    told = log.with_suffix(".yaml")
    told.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=True), encoding="utf-8")
    words = ["harness", "eval", "--config", str(told), "--db", str(database.path), "--json"]
    with log.open("ab") as sink:
        child = Leashed([*words, "--quiet"] if quiet else words, stdout=subprocess.PIPE, stderr=sink if quiet else None)
        try:
            said, _ = child.communicate(timeout=seconds)
        finally:
            child.end()
    return _run_of(said, child.returncode, config.model, log)


def _run_of(said: bytes, code: int, model: str, log: Path) -> str:
    try:
        document = json.loads(said.decode("utf-8", "surrogatepass"))
    except ValueError:
        document = {}
    if error := document.get("error"):
        kind = UsageError if error["exit_code"] == UsageError.exit_code else InfrastructureError
        raise kind(error["what"], error["expected"], error["next"])
    if code == 0:
        return str(document["run_id"])
    how = f"signal {signal.Signals(-code).name}" if code < 0 else document.get("note") or f"exit code {code}"
    what = f"the evaluation of {model!r} ended by {how}"
    raise InfrastructureError(what, "a score for every sample", f"the same command goes on; the log is {str(log)!r}")
