"""What stands in the way of a GGUF, found from config.json and the tokenizer's file before any work starts.

    check_source({"architectures": ["LlamaForCausalLM"], "hidden_size": 256, ..}, folder, "Q5_K_M")
    UsageError: the rows of hidden_size = 320 are no multiple of 256, the block of Q5_K_M

No weights are read, neither torch nor the converter is imported: which architectures and pre-tokenizers the converter
knows is read in its source (`conversion/__init__.py`, `base.py`). Cost: a tenth of a second. What it cannot see, a
tensor of odd shape that no configuration names, is found when the file is read back (`fallen`).
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from compress.gguf import kinds
from harness.errors import MissingPackage, UsageError, nearest
from harness.models import convert
from harness.models.convert_bundle import bundle

PACKAGES = {
    "torch": "torch", "transformers": "transformers", "gguf": "gguf", "sentencepiece": "sentencepiece",
    "llama_cpp": "llama-cpp-python",
}  # fmt: skip
"""Module -> package that conversion or its checks need, beside auto-round."""
PUBLISHED = ("fp8", "mxfp4", "bitnet")
"""Packed forms in which models are published and have no other: the converter unpacks them."""
LENGTHS = ("hidden_size", "n_embd", "d_model", "intermediate_size", "n_inner", "ffn_dim", "moe_intermediate_size")
"""Keys of config.json that are lengths of weights' rows."""
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "*.tiktoken", "tiktoken.*")


def check_source(
    config: Mapping[str, Any],
    folder: Path | None = None,
    quant: str = "",
    *,
    imatrix: bool = False,
    fallback: bool = False,
) -> None:
    """Refuse a model that cannot become a GGUF, or none of this kind.

    Args:
        folder: where its tokenizer lies; None: nobody knows yet.
        imatrix: whether there will be an importance matrix. fallback: whether rows of any length are welcome.

    Raises:
        MissingPackage: converter, quantiser or a package that they need. UsageError: weights that are packed already,
            an unknown architecture, no or an unknown tokenizer, an unknown quant, rows that are no whole blocks.
    """
    bundle()
    for module, package in PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            raise MissingPackage(package, "converting to GGUF", "compress")
    _float(config)
    _architecture(config)
    if folder is not None:
        _tokenizer(folder)
    if quant:
        kinds.check(quant, imatrix)
        if not fallback:
            _rows(config, quant)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config.json of a model's folder.

    Raises:
        UsageError: there is none that can be read.
    """
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = f"{str(folder)!r} is no model folder: {error}"
        raise UsageError(what, "a folder with config.json and weights", f"type: ls {folder}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{str(folder / 'config.json')!r} holds no object", "a configuration", f"type: ls {folder}")
    return found


def fallen(path: Path, quant: str) -> dict[str, str]:
    """Return name -> type of the tensors of a GGUF whose rows are no whole blocks of `quant`: llama.cpp gave them
    another type, and said so in its log only. What the converter leaves in F32 (norms, routers) does not count."""
    import gguf

    size = kinds.block(quant)
    odd = [one for one in gguf.GGUFReader(path).tensors if len(one.shape) > 1 and int(one.shape[0]) % size]
    return {str(one.name): one.tensor_type.name for one in odd if one.tensor_type.name != "F32"}


def refuse_fallen(found: Mapping[str, str], quant: str) -> None:
    """Refuse a file with such tensors.

    Raises:
        UsageError: there are some; names the first.
    """
    if found:
        name, kind = next(iter(found.items()))
        what = f"{len(found)} tensors are no {quant}, the first: {name!r} became {kind}"
        raise UsageError(what, f"rows of whole blocks of {kinds.block(quant)} elements", "say fallback: true, or Q8_0")


def _float(config: Mapping[str, Any]) -> None:
    told = config.get("quantization_config")
    if told and (told.get("quant_method") if isinstance(told, Mapping) else told) not in PUBLISHED:
        what = f"its weights are packed already: quantization_config is {str(told)[:80]!r}"
        expected = "float weights: what was rounded to few bits is not rounded again"
        raise UsageError(what, expected, "give the folder with the float weights (of compress.awq: the one above int4)")


def _architecture(config: Mapping[str, Any]) -> None:
    known = architectures()
    text = config.get("text_config")
    named = [*((text.get("architectures") if isinstance(text, Mapping) else None) or ()), *_names(config)]
    if not named:
        what = "config.json names no architecture"
        raise UsageError(what, "architectures: [..ForCausalLM]", "save the model again with save_pretrained")
    if known and not any(name in known for name in named):
        what = f"the GGUF converter knows no architecture {named[0]!r}"
        raise UsageError(what, nearest(named[0], known), "leave GGUF out: hf: and vllm: serve it as it is")


def _names(config: Mapping[str, Any]) -> list[str]:
    named = config.get("architectures")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _tokenizer(folder: Path) -> None:
    if not any(any(folder.glob(pattern)) for pattern in TOKENIZERS):
        what = f"{str(folder)!r} holds no tokenizer"
        raise UsageError(what, "tokenizer.json or tokenizer.model", "save the tokenizer there with save_pretrained")
    path = folder / "tokenizer.json"
    if (folder / "tokenizer.model").is_file() or not _is_byte_level(path) or convert.pre_tokenizer(path):
        return
    probe, known = pre_tokenizers()
    if known and not _hashes(path, probe) & known:
        raise UsageError(
            f"the GGUF converter does not know how {str(path)!r} splits a text (its pre_tokenizer)",
            "the rule of GPT-2, Llama 3 or Qwen 2, or a published tokenizer that llama.cpp lists",
            "leave GGUF out: hf: and vllm: serve it as it is",
        )


def _is_byte_level(path: Path) -> bool:
    """Return whether a tokenizer.json is of the kind whose splitting rule llama.cpp must know by name."""
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        return model.get("type") == "BPE" and not model.get("byte_fallback")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def _hashes(path: Path, probe: str) -> set[str]:
    """Return what the converter may make of the probe: with special tokens around it, or without."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # a bare Exception is what tokenizers raises
        reason = f"{str(path)!r} cannot be read: {error}"
        raise UsageError(reason, "a whole tokenizer.json", "save the tokenizer again with save_pretrained") from error
    both = (tokenizer.encode(probe, add_special_tokens=special).ids for special in (True, False))
    return {hashlib.sha256(str(ids).encode()).hexdigest() for ids in both}


def _rows(config: Mapping[str, Any], quant: str) -> None:
    text = config.get("text_config")
    told = {**config, **text} if isinstance(text, Mapping) else config
    lengths = {key: told[key] for key in LENGTHS if isinstance(told.get(key), int)}
    heads, size = told.get("num_attention_heads"), told.get("head_dim")
    if isinstance(heads, int) and isinstance(size, int):
        lengths["num_attention_heads * head_dim"] = heads * size
    step = kinds.block(quant)
    for key, length in lengths.items():
        if length % step:
            what = f"the rows of {key} = {length} are no multiple of {step}, the block of {quant}"
            other = "Q8_0 (blocks of 32)" if step > kinds.BLOCK else "no quant"
            raise UsageError(what, f"{length // step * step or step}, or {other}", "or say fallback: true")


@cache
def architectures() -> frozenset[str]:
    """Return the architectures that the converter makes text models of; none where its source reads otherwise."""
    tree = ast.parse((bundle() / "conversion" / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "TEXT_MODEL_MAP" and node.value:
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


@cache
def pre_tokenizers() -> tuple[str, frozenset[str]]:
    """Return (the text that the converter knows pre-tokenizers by, the SHA-256 of its ids in each that it knows)."""
    tree = ast.parse((bundle() / "conversion" / "base.py").read_text(encoding="utf-8"))
    named = [node for node in ast.walk(tree) if getattr(node, "name", "") == "get_vocab_base_pre"]
    texts = [str(node.value) for one in named for node in ast.walk(one) if isinstance(node, ast.Constant)]
    hashes = frozenset(text for text in texts if len(text) == 64 and not set(text) - set("0123456789abcdef"))
    probes = [
        str(node.value.value)
        for one in named
        for node in ast.walk(one)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "chktxt"
        if isinstance(node.value, ast.Constant)
    ]
    return (probes[0], hashes) if probes else ("", frozenset())
