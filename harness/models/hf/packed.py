"""Checkpoints of few bits: what transformers needs to open them as float weights on any machine, and quietly.

    with readable("model/int4", True) as (place, options):                          # compressed-tensors: as it lies
        AutoModelForCausalLM.from_pretrained(place, **options)
    with readable("somebody/model-awq", True) as (place, options): ..               # AutoAWQ: written anew beside

The weights are unpacked when they are loaded: what answers is floats in memory, on CPUs too; vLLM multiplies with the
packed ones. AutoAWQ's format (`quant_method: awq`, `version: gemm`) outlived its package: transformers opens it through
gptqmodel only, which wants another torch, so compressed-tensors first turns it into its own, in a temporary folder of
the checkpoint's size; scales and 4-bit integers stay as they are. That is done for a folder, not for a name on the hub.
Other formats are left to transformers.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage, UsageError

OURS, AUTOAWQ = "compressed-tensors", "awq"


@contextlib.contextmanager
def readable(where: str, local: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (what to open instead of `where`, options of `from_pretrained`) for a checkpoint of any format.

    Raises:
        UsageError: AutoAWQ's format in a version that nothing here reads, or not in a folder.
        MissingPackage: compressed-tensors is not installed.
    """
    told = _told(Path(where)) if local else {}
    kind = told.get("quant_method")
    if kind == AUTOAWQ and importlib.util.find_spec("gptqmodel") is None:
        _needed()
        with tempfile.TemporaryDirectory(prefix="awq-") as place:
            _from_autoawq(Path(where), Path(place), told)
            with _quiet():
                yield place, _unpacked()
    elif kind == OURS:
        _needed()
        with _quiet():
            yield where, _unpacked()
    else:
        yield where, {}


def method(folder: Path) -> str:
    """Return how a folder's weights were rounded (`compressed-tensors`, `awq`, ..); empty where they are floats."""
    return str(_told(folder).get("quant_method", ""))


def _told(folder: Path) -> Mapping[str, Any]:
    """Return a folder's quantization_config; {} where it has none."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("quantization_config")
    except (OSError, ValueError, AttributeError):
        return {}  # transformers says what is wrong with it
    return found if isinstance(found, dict) else {}


def _needed() -> None:
    if importlib.util.find_spec("compressed_tensors") is None:
        raise MissingPackage(OURS, "weights packed to 4 bits", "compress")


def _unpacked() -> dict[str, Any]:
    from transformers import CompressedTensorsConfig

    return {"quantization_config": CompressedTensorsConfig(dequantize=True)}


def _from_autoawq(source: Path, target: Path, told: Mapping[str, Any]) -> None:
    """Write an AutoAWQ checkpoint as one of compressed-tensors."""
    with _quiet():
        from compressed_tensors.entrypoints.convert import AutoAWQConverter, convert_checkpoint

        try:
            converter = AutoAWQConverter.from_autoawq_config(dict(told))
            convert_checkpoint(str(source), str(target), converter)
        except Exception as error:  # a stranger's file: it raises what it likes
            reason = (str(error).strip().splitlines() or [""])[0][:300]
            what = f"cannot read the AutoAWQ checkpoint {str(source)!r}: {type(error).__name__}: {reason}"
            raise UsageError(what, "4 bits, version gemm, safetensors", "or serve it: vllm:") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the bars, logs and warnings of compressed-tensors and of transformers about it out of ours."""
    sink = io.StringIO()
    with contextlib.redirect_stderr(sink), contextlib.redirect_stdout(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from loguru import logger
        except ImportError:
            pass
        else:
            logger.disable("compressed_tensors")
        yield
