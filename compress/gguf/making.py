"""Makes a GGUF of a model's folder, and does not hand it on before it was held against its source.

    made = make(Path("checkpoint"), Path("out/model.gguf"), Order(kind="f16", quant="Q5_K_M"))
    made["checks"]["Q5_K_M"]      -> {"texts": 31, "positions": 490, "kl_mean": 0.0021, "top1": 0.983, ..}

In this order: what the source says (`reference`), conversion, tokens and logits of the float file, quantising, what
became of each tensor's type, tokens and logits of the quantised file. The float file is there only meanwhile.
Cost: the model in float32 in memory once, the weights written twice; `tiny` takes six seconds, most of them imports.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compress import oneshot
from compress.gguf import agreement, imatrix, reference, source
from harness.errors import UsageError
from harness.models import convert
from harness.models.hf.loading import HFSettings, Loaded, load
from harness.workbench.rows import Row


@dataclass(frozen=True)
class Order:
    """What is to be made."""

    kind: str = "f16"
    quant: str = ""
    fallback: bool = False
    rows: Sequence[Row] = ()
    """To weigh the columns by; none: no importance matrix."""
    samples: int = 128
    max_length: int = 512
    """Tokens of a row."""


def make(folder: Path, target: Path, order: Order) -> dict[str, Any]:
    """Write the file and return what a record says of it: `checks` by kind, `tensors` by type, `warnings`, `imatrix`.

    Raises:
        UsageError: as `source.check_source`; tensors that fell back. InfrastructureError: the file is another model.
    """
    options = {"imatrix": bool(order.rows), "fallback": order.fallback}
    source.check_source(source.read_config(folder), folder, order.quant, **options)
    loaded = load(str(folder), HFSettings(dtype="float32"))
    said = reference.take(loaded, reference.texts(loaded.tokenizer, _texts(order.rows)))
    weighed, told = _weighed(loaded, folder, order) if order.rows else (None, {})
    del loaded
    # Modules refer to one another in circles: without this the weights stay beside those of the file.
    gc.collect()
    plain = convert.hf_to_gguf(folder, target.with_name("plain.gguf") if order.quant else target, order.kind)
    checks = {order.kind: _checked(plain, said, order.kind, "")}
    warnings = agreement.warnings(checks[order.kind], "")
    if order.quant:
        convert.quantize(plain, target, order.quant, imatrix=weighed)
        plain.unlink()
        fell = source.fallen(target, order.quant)
        if not order.fallback:
            source.refuse_fallen(fell, order.quant)
        found = _checked(target, said, order.kind, order.quant)
        checks[order.quant], warnings = found, agreement.warnings(found, order.quant)
        told["fallback"] = fell
    shown = {name: asdict(found) for name, found in checks.items()}
    return told | {"checks": shown, "tensors": convert.tensor_types(target), "warnings": warnings}


def _checked(path: Path, said: reference.Reference, kind: str, quant: str) -> agreement.Agreement:
    found = agreement.agreement(path, said)
    agreement.refuse(path, found, kind, quant)
    return found


def _weighed(loaded: Loaded, folder: Path, order: Order) -> tuple[imatrix.Importance, dict[str, Any]]:
    ids = oneshot.token_ids(order.rows, loaded.tokenizer, order.samples, min(order.max_length, loaded.n_ctx))
    placed, lost = imatrix.named(loaded, folder, imatrix.gather(loaded, ids))
    if not placed:
        what = f"none of the {len(lost)} linear layers of {str(folder)!r} has a name in the GGUF"
        raise UsageError(what, "an architecture whose weights the converter takes as they are", "use compress.gguf")
    about = {"tensors": len(placed), "without": lost, "rows": len(ids), "tokens": sum(map(len, ids))}
    return placed, {"imatrix": about}


def _texts(rows: Sequence[Row]) -> list[str]:
    """Return the texts of rows, for the tokenizers to be compared on."""
    found = []
    for row in rows:
        turns = [str(turn.get("content") or "") for turn in row.get("messages", ())]
        found += turns or [row["prompt"] + row["completion"]]
    return found
