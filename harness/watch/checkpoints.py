"""Finds the checkpoints below a folder: transformers folders, PEFT adapters, GGUF files, GGUF adapters.

    out/checkpoint-20/{config.json, model.safetensors, ..}         -> kind "hf",      opened as hf:out/checkpoint-20
    out/checkpoint-20/{adapter_config.json, adapter_model.safetensors}
                                              -> kind "adapter", opened as hf:BASE with the setting adapter=
    out/model-Q4_K_M.gguf                     -> kind "gguf"; of a split model the first part stands for all

The output folder of a training may be a checkpoint itself and hold others. Cost: one walk over names; no file is read
but `trainer_state.json` (for the step) and `adapter_config.json` (for the base).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from harness.errors import UsageError
from harness.hashing import digest, file_sha256, folder_sha256
from harness.models.gguf.header import SPLIT_NAME
from harness.models.hf.loading import TRAINING

Kind = Literal["hf", "adapter", "gguf", "memory"]
"""`memory`: judged inside its training (`callback.py`)."""
NUMBERED = re.compile(r"^checkpoint-(\d+)$")
NAMED = re.compile(r"(?:step|checkpoint|iter|epoch)[-_]?(\d+)", re.IGNORECASE)
"""`model-step-300.gguf` has a step, `model-7B-Q4_K_M.gguf` has none."""
CONFIG, ADAPTER_CONFIG, ADAPTER = "config.json", "adapter_config.json", "adapter_model.safetensors"
INDEX = "model.safetensors.index.json"
SKIPPED = ("runs", "global_step", "tmp-")
"""Beginnings of names of folders that hold no checkpoint: logs, shards of an optimiser, what is not yet renamed."""

Stamp = tuple[tuple[str, int, int], ...]
"""(name, size, time of change in ns) of every file: equal stamps, nothing was written between."""


@dataclass(frozen=True)
class Checkpoint:
    """One model, or adapter, on disk. It may be half-written, or gone by now."""

    path: Path
    """A folder, or a .gguf file."""
    kind: Kind
    step: int | None
    """Optimiser steps of the training; None where neither a file nor the name tells."""
    changed_at: float
    """Latest change of any of its files, seconds since 1970."""

    def files(self) -> list[Path]:
        """Return the files that make it up, sorted; of a folder those directly in it that are part of the model."""
        if self.kind == "gguf":
            return gguf_parts(self.path)
        left_out = (".*", *TRAINING)
        names = (p for p in self.path.iterdir() if not any(fnmatch(p.name, pattern) for pattern in left_out))
        return sorted(p for p in names if p.is_file())

    def stamp(self) -> Stamp:
        """Return names, sizes and times of its files; empty when it is gone."""
        found = []
        try:
            for path in self.files():
                stat = path.stat()
                # The time of the last change of status, too: a copy sets back the other one when it is done.
                found.append((path.name, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns)))
        except OSError:
            return ()
        return tuple(found)

    def content(self, base: str = "") -> str:
        """Return the digest of what determines its answers, an adapter's with the name of its base (or `base`)."""
        if self.kind == "gguf":
            own = digest("gguf", [file_sha256(part) for part in gguf_parts(self.path)])
        else:
            own = digest(self.kind, folder_sha256(self.path, TRAINING))
        return digest(own, base or self.base()) if self.is_adapter else own

    @property
    def is_adapter(self) -> bool:
        """Whether it answers only on a base: PEFT, or a GGUF that says so.

        Raises:
            UsageError: a GGUF whose header cannot be read.
        """
        from harness.models.gguf.header import read_parts

        if self.kind == "gguf":
            return bool(read_parts(self.path)[0].values.get("general.type") == "adapter")
        return self.kind == "adapter"

    def base(self) -> str:
        """Return the base that an adapter's configuration names; empty where it names none, or cannot be read."""
        return str(_read(self.path / ADAPTER_CONFIG).get("base_model_name_or_path") or "")


def find(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints below `folder` (and itself), the earliest step first; those without a step by time, last.

    Raises:
        UsageError: no such folder.
    """
    if not folder.is_dir():
        what = f"no folder {str(folder)!r}" if not folder.exists() else f"{str(folder)!r} is a file"
        raise UsageError(what, "the folder that a training writes to", f"type: ls -l {folder.parent}")
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith((".", *SKIPPED)))
        place = Path(here)
        if (kind := _kind(place.name, names)) is not None:
            found.append(_checkpoint(place, kind))
        found += [_checkpoint(place / name, "gguf") for name in names if _is_gguf(name)]
    return sorted(found, key=order)


def order(checkpoint: Checkpoint) -> tuple[float, float, str]:
    """Return the key by which checkpoints are handled: step, time, name."""
    step = float("inf") if checkpoint.step is None else checkpoint.step
    return step, checkpoint.changed_at, str(checkpoint.path)


def gguf_parts(path: Path) -> list[Path]:
    """Return all parts of a model that are there."""
    named = SPLIT_NAME.match(path.name)
    if named is None:
        return [path]
    return sorted(path.parent.glob(f"{_literal(named['stem'])}-*-of-{named['count']}.gguf"))


def _literal(stem: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", stem)


def _kind(name: str, names: Iterable[str]) -> Kind | None:
    held = set(names)
    if ADAPTER_CONFIG in held or ADAPTER in held:
        return "adapter"
    weights = any(n.endswith((".safetensors", INDEX)) or n.startswith("pytorch_model") for n in held)
    # A numbered one that has no configuration yet is being written.
    return "hf" if (CONFIG in held and weights) or NUMBERED.match(name) else None


def _is_gguf(name: str) -> bool:
    named = SPLIT_NAME.match(name)
    return name.lower().endswith(".gguf") and not name.startswith(".") and (named is None or int(named["number"]) == 1)


def _checkpoint(path: Path, kind: Kind) -> Checkpoint:
    bare = Checkpoint(path, kind, None, 0.0)
    latest = max((time for _, _, time in bare.stamp()), default=0)
    return Checkpoint(path, kind, _step(path, kind), latest / 1e9)


def _step(path: Path, kind: Kind) -> int | None:
    if kind != "gguf":
        said = _read(path / "trainer_state.json").get("global_step")
        if isinstance(said, int):
            return said
    named = NAMED.search(path.name)
    return int(named[1]) if named else None


def _read(path: Path) -> Mapping[str, Any]:
    """Return a JSON mapping; nothing where there is none, or not yet."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
