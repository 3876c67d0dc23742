"""Turns a Hugging Face model folder into a GGUF file, and a GGUF file into a quantised one.

The converter is llama.cpp's own (`convert_bundle` says where it comes from). Quantising is `llama_model_quantize` of
the llama.cpp inside llama-cpp-python, so that writer and reader are one version.

    hf_to_gguf(Path("checkpoint"), Path("model.gguf"))            -> model.gguf, 2-D tensors F16, 1-D tensors F32
    quantize(Path("model.gguf"), Path("small.gguf"), "Q5_K_M")    -> small.gguf
    quantize(.., "Q4_K_M", imatrix={"blk.0.attn_q.weight": array([0.31, 2.7, ..], float32), ..})

Both write beside the target under a temporary name and rename, so a killed conversion leaves no half file.
A row length that is no multiple of 256 makes llama.cpp fall back from K-quants to other types, with a log line only:
`tensor_types` reads back what was really written. Not done here: adapters (`convert_lora` does them), multimodal
projectors, what goes into an importance matrix.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import InfrastructureError, MissingPackage, UsageError, nearest
from harness.models.convert_bundle import bundled

KINDS = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}
"""What the converter itself can write; everything smaller is a second step, `quantize`."""

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPLITS = {"\\p{N}{1,3}": "llama-bpe", "\\p{N}": "qwen2"}
"""How the Llama 3 and Qwen 2 pre-tokenizers (otherwise equal) split digits -> their name in llama.cpp."""

LOGGERS = ("hf-to-gguf", "gguf", "gguf.gguf_writer", "gguf.vocab", "llama-cpp-python")
"""Who else would write a line per tensor on stderr."""

UNCONVERTED = (
    NotImplementedError, KeyError, ValueError, FileNotFoundError, AssertionError, AttributeError, RuntimeError,
)  # fmt: skip
"""What the converter raises at a model that it cannot convert."""


def hf_to_gguf(source: Path, target: Path, kind: str = "f16") -> Path:
    """Write the Hugging Face folder `source` as the GGUF file `target` and return `target`.

    Args:
        kind: f32, f16, bf16 or q8_0 (any case); 1-D tensors are always F32.

    Raises:
        UsageError: no model folder, an architecture or tokenizer unknown to the converter, an unknown kind.
        MissingPackage: torch, transformers, gguf, sentencepiece or auto-round is not installed.
    """
    if kind.lower() not in KINDS:
        raise UsageError(f"no GGUF kind {kind!r} to convert to", nearest(kind.lower(), KINDS), "or quantise afterwards")
    if not (source / "config.json").is_file():
        raise UsageError(
            f"{str(source)!r} is no model folder", "a folder with config.json and weights", f"type: ls {source}"
        )
    with bundled() as conversion, quiet(), written(target) as unfinished:
        try:
            file_type = getattr(conversion.base.gguf.LlamaFileType, KINDS[kind.lower()])
            parameters = conversion.ModelBase.load_hparams(source, False)
            architecture = conversion.get_model_architecture(parameters, conversion.ModelType.TEXT)
            convert = _with_known_pre(conversion.get_model_class(architecture), source)
            convert(source, file_type, unfinished, model_name=source.name).write()
        except UNCONVERTED as error:
            raise UsageError(
                f"cannot convert {str(source)!r} to GGUF: {error}",
                "an architecture and a tokenizer that llama.cpp knows",
                "type: harness list models (hf: serves it without conversion)",
            ) from error
    return target


def quantize(
    source: Path, target: Path, kind: str, threads: int | None = None, imatrix: Mapping[str, Any] | None = None
) -> Path:
    """Write the GGUF file `source` quantised to `kind` (Q8_0, Q6_K, Q5_K_M, Q4_K_M, ...) as `target`; return it.

    Args:
        imatrix: GGUF tensor name -> importance of each of its columns (float32 array); tensors may be missing.

    Raises:
        UsageError: no such file or kind.
        MissingPackage: llama-cpp-python is not installed.
        InfrastructureError: llama.cpp refused (unreadable file, already quantised, full disk).
    """
    known = quantisations()
    if kind.upper() not in known:
        raise UsageError(f"no GGUF quantisation {kind!r}", nearest(kind.upper(), known), "for example: Q5_K_M")
    if not source.is_file():
        raise UsageError(f"no file {str(source)!r} to quantise", "a GGUF file", f"type: ls {source.parent}")
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = known[kind.upper()]
    parameters.nthread = threads or os.cpu_count() or 1
    entries = _entries(llama_cpp, imatrix or {})
    if imatrix:
        parameters.imatrix = entries
    with quiet(), written(target) as unfinished:
        failed = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(unfinished), parameters)
        if failed:
            raise InfrastructureError(
                f"llama.cpp could not quantise {str(source)!r} to {kind} (code {failed})",
                "a readable, not yet quantised GGUF and room on the disk",
                f"type: df -h {target.parent}",
            )
    return target


def quantisations() -> dict[str, int]:
    """Return llama.cpp's number of every kind of file that it can quantise to, by name (`Q5_K_M`).

    Raises:
        MissingPackage: llama-cpp-python is not installed.
    """
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingPackage("llama-cpp-python", "quantising a GGUF", "compress") from error
    prefix = "LLAMA_FTYPE_MOSTLY_"
    return {name.removeprefix(prefix): value for name, value in vars(llama_cpp).items() if name.startswith(prefix)}


def _entries(llama_cpp: Any, imatrix: Mapping[str, Any]) -> Any:
    """Return llama.cpp's array of an importance matrix; its last entry has no name."""
    entries = (llama_cpp.llama_model_imatrix_data * (len(imatrix) + 1))()
    for entry, (name, values) in zip(entries, imatrix.items(), strict=False):
        # The array is the caller's: it outlives the call that reads it.
        entry.name, entry.size = name.encode(), len(values)
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    return entries


def tensor_types(path: Path) -> dict[str, int]:
    """Return how many tensors of each type a GGUF file holds, e.g. `{"F32": 5, "Q5_K": 12, "Q6_K": 3}`."""
    try:
        import gguf
    except ImportError as error:
        raise MissingPackage("gguf", "reading a GGUF's tensor types", "compress") from error
    return dict(Counter(tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors))


def _with_known_pre(base: Any, source: Path) -> Any:
    """Return the converter class with a bar on terminals only, and a second chance to name the pre-tokenizer.

    llama.cpp recognises a pre-tokenizer by the hash of some text's token ids, which no self-trained vocabulary can
    match; what really decides is the splitting rule in tokenizer.json.
    """

    class Converter(base):  # type: ignore[misc]
        model_arch = base.model_arch

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            write, bar = self.gguf_writer.write_tensors_to_file, sys.stderr.isatty()
            self.gguf_writer.write_tensors_to_file = lambda **_: write(progress=bar)

        def get_vocab_base_pre(self, tokenizer: Any) -> str:
            try:
                return str(super().get_vocab_base_pre(tokenizer))
            except NotImplementedError:
                named = pre_tokenizer(source / "tokenizer.json")
                if named is None:
                    raise
                return named

    return Converter


def pre_tokenizer(tokenizer_json: Path) -> str | None:
    """Return llama.cpp's name (`gpt-2`, `llama-bpe`, `qwen2`) of a tokenizer.json's splitting rule, None if unknown."""
    try:
        rule = json.loads(tokenizer_json.read_text(encoding="utf-8"))["pre_tokenizer"] or {}
    except (OSError, KeyError, json.JSONDecodeError):
        return None
    if rule.get("type") == "ByteLevel" and rule.get("use_regex", True) and not rule.get("add_prefix_space"):
        return "gpt-2"
    for part in rule.get("pretokenizers", ()):
        regex = str(part.get("pattern", {}).get("Regex", ""))
        if regex.startswith(CONTRACTIONS):
            digits = regex.removeprefix(CONTRACTIONS).split("|")[2]
            return SPLITS.get(digits)
    return None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep per-tensor logs out of ours; errors are raised anyway."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def written(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside `target`; rename it there on success, remove it on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
