"""What ships: its bytes, its parameters, and the bits that each of them takes.

    size(folder=Path("artifacts/model/4c1d.."), opened=Path(".../model.gguf"))
      -> {"size_bytes": 1183712, "parameters": 1573120, "bits_per_weight": 6.02}

Bytes are those of the files of weights as they ship: the GGUF (with the tokenizer inside), the safetensors of a folder
or of its `int4/`, the compressed files of an archive. Parameters are those of the model when it is open, counted from
the headers alone: a packed tensor by the shape it unpacks to, scales and zero points not at all, zeros like any other.
So bits per weight hold what quantising keeps beside the weights, and in a GGUF the vocabulary, which tells for a small
model.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.workbench.candidate import form_of

SHAPE = "weight_shape"
BESIDE = ("weight_packed", "weight_scale", "weight_zero_point", "weight_g_idx", "weight_global_scale")
"""Tensors of compressed-tensors that stand for one weight, whose shape is in `SHAPE`."""


def size(folder: Path, opened: Path) -> dict[str, Any]:
    """Return bytes, parameters and bits per weight. `folder`: what ships; `opened`: GGUF file or folder of the model.

    Raises:
        UsageError: no weights there, or packed in an unknown way.
    """
    if folder.is_dir() and form_of(folder) == "archive":
        size_bytes = sum(file.stat().st_size for file in folder.rglob("*.zst"))
    else:
        size_bytes = sum(file.stat().st_size for file in _files(opened))
    parameters = _of_gguf(opened) if opened.is_file() else _of_folder(opened)
    return {"size_bytes": size_bytes, "parameters": parameters, "bits_per_weight": 8 * size_bytes / parameters}


def _files(opened: Path) -> list[Path]:
    if opened.is_file():
        from harness.models.gguf.header import read_parts

        return [part.path for part in read_parts(opened)]
    index = opened / "model.safetensors.index.json"
    if index.is_file():
        # Beside them there may be the same weights once more, under other names.
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        found = [opened / Path(part).name for part in sorted(parts)]
    else:
        whole = opened / "model.safetensors"
        found = [whole] if whole.is_file() else sorted(opened.glob("*.safetensors"))
    if not found:
        raise UsageError(f"no weights in {str(opened)!r}", "safetensors or a GGUF", f"type: ls {opened}")
    return found


def _of_gguf(path: Path) -> int:
    from harness.models.gguf.header import read_parts

    return sum(
        math.prod(shape)
        for part in read_parts(path)
        for name, shape in part.tensors.items()
        if not name.startswith("rope_")  # factors of positions, nothing that was learnt
    )


def _of_folder(folder: Path) -> int:
    from safetensors import safe_open

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    method = (config.get("quantization_config") or {}).get("quant_method", "compressed-tensors")
    if method != "compressed-tensors":
        what = f"{str(folder)!r} is packed by {method!r}, whose parameters cannot be counted here"
        raise UsageError(what, "float weights, compressed-tensors, or a GGUF", f"look at {folder / 'config.json'}")
    total = 0
    for file in _files(folder):
        with safe_open(file, "numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118  (it is no mapping)
                kind = name.rpartition(".")[2]
                if kind == SHAPE:  # one a packed tensor: what it unpacks to
                    total += math.prod(int(one) for one in tensors.get_tensor(name).tolist())
                elif kind not in BESIDE:
                    total += math.prod(tensors.get_slice(name).get_shape())
    return total
