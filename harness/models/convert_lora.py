"""Turns a PEFT LoRA adapter (adapter_config.json, adapter_model.safetensors) into a GGUF adapter for llama.cpp.

    lora_to_gguf(Path("adapter"), Path("adapter.gguf"), base=Path("checkpoint"))     -> adapter.gguf

The bundled converter (`convert_bundle.py`) has no part for adapters, but its model classes know
how each architecture names and rearranges its weights. An adapter's `B` has the rows of its weight, so it goes through
the class like a weight; then the class also converts the product `B A`, and the two must agree, else the architecture
rearranges columns, which an adapter cannot follow: refused. Scales of PEFT that differ from `alpha / rank` (rsLoRA,
patterns by module) are multiplied into `B`.

Format: https://github.com/ggml-org/llama.cpp/blob/master/src/llama-adapter.cpp: general.type "adapter", adapter.type
"lora", adapter.lora.alpha, and for a weight W the tensors W.lora_a (rank, in) and W.lora_b (out, rank). Not done here:
DoRA, biases, whole modules (modules_to_save), embeddings, experts stored as one tensor; each is an error that names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage, UsageError
from harness.models.convert import quiet, written
from harness.models.convert_bundle import bundled

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
REFUSED = (
    "use_dora",
    "fan_in_fan_out",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "lora_bias",
    "layer_replication",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
)
"""Options of PEFT that change what an adapter computes, where they are set."""
PREFIX = "base_model.model."
TOLERANCE = 1e-4
"""Of the greatest entry: how far `B A` converted may be from `B` converted times `A`, which differ in rounding."""


def lora_to_gguf(source: Path, target: Path, base: Path | None = None) -> Path:
    """Write the adapter in the folder `source` as the GGUF file `target` (tensors F32) and return `target`.

    Args:
        base: a folder with the base model's config.json; None: the one that the adapter names, or `source` itself.

    Raises:
        UsageError: no adapter folder, no base configuration, or something that a GGUF adapter cannot hold.
        MissingPackage: torch, safetensors, gguf or auto-round is not installed.
    """
    config = read_config(source)
    folder = base or base_folder(source, config)
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingPackage("safetensors", "converting an adapter", "compress") from error
    tensors = load_file(source / WEIGHTS)
    with bundled() as conversion, quiet(), written(target) as unfinished:
        gguf = conversion.base.gguf
        try:
            model = converter(conversion, folder)
            writer = gguf.GGUFWriter(unfinished, gguf.MODEL_ARCH_NAMES[model.model_arch])
            writer.add_type(gguf.GGUFType.ADAPTER)
            writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
            alpha = float(config.get("lora_alpha") or 1)
            writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
            for module, a, b in _pairs(tensors, source):
                scale = scale_of(config, module, len(a)) * len(a) / alpha
                name, rows = _converted(model, module, a, b)
                writer.add_tensor(f"{name}.lora_a", a.float().contiguous().numpy())
                writer.add_tensor(f"{name}.lora_b", (rows.float() * scale).contiguous().numpy())
            for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
                write()
            writer.close()
        except (NotImplementedError, KeyError, ValueError, AssertionError, RuntimeError, FileNotFoundError) as error:
            raise _refused(source, str(error)) from error
    return target


def read_config(source: Path) -> Mapping[str, Any]:
    """Return an adapter's configuration.

    Raises:
        UsageError: no adapter folder, not LoRA, or options that a GGUF adapter cannot hold.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (source / name).is_file()]
    if missing:
        raise UsageError(
            f"{str(source)!r} is no adapter folder: it has no {' and no '.join(missing)}",
            f"a folder of PEFT with {CONFIG} and {WEIGHTS}, or a GGUF adapter",
            f"type: ls {source}",
        )
    try:
        config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(source, f"{CONFIG} cannot be read: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise _refused(source, f"its peft_type is {config.get('peft_type') if isinstance(config, dict) else config!r}")
    set_ones = [key for key in REFUSED if config.get(key)] + (["bias"] if config.get("bias", "none") != "none" else [])
    if set_ones:
        raise _refused(source, f"it uses {', '.join(f'{key}={config[key]!r}' for key in set_ones)}")
    return config


def base_folder(source: Path, config: Mapping[str, Any], *near: Path) -> Path:
    """Return the first folder with a config.json: the base that the adapter names, the adapter's own, then `near`.

    Raises:
        UsageError: none has one.
    """
    named = config.get("base_model_name_or_path")
    places = [Path(named)] if isinstance(named, str) and named else []
    for place in (*places, source, *near):
        if (place / "config.json").is_file():
            return place
    raise UsageError(
        f"the adapter {str(source)!r} names the base model {named!r}, and no config.json of it is on this machine",
        "the base model's config.json in the adapter's folder, or beside the GGUF",
        f"type: cp BASE/config.json {source}/",
    )


def scale_of(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Return PEFT's scale of a module: alpha / rank, or alpha / sqrt(rank) with rsLoRA (arXiv 2312.03732)."""
    alpha = config.get("lora_alpha") or 0
    for pattern, own in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = own
            break
    return float(alpha) / (rank**0.5 if config.get("use_rslora") else rank)


def _refused(source: Path, why: str) -> UsageError:
    return UsageError(
        f"the adapter {str(source)!r} cannot become a GGUF: {why}",
        "plain LoRA on linear layers of an architecture that llama.cpp knows",
        "merge it into its base (merge_and_unload of peft) and convert the whole model",
    )


def converter(conversion: Any, folder: Path) -> Any:
    """Return the architecture's converter, with the base's configuration and none of its weights."""
    parameters = conversion.ModelBase.load_hparams(folder, False)
    architecture = conversion.get_model_architecture(parameters, conversion.ModelType.TEXT)
    known = conversion.get_model_class(architecture)

    class Converter(known):  # type: ignore[misc,valid-type]
        model_arch = known.model_arch

        def index_tensors(self, remote_hf_model_id: str | None = None) -> dict[str, Any]:
            return {}

    return Converter(folder, conversion.base.gguf.LlamaFileType.ALL_F32, folder / "unused", eager=True)


def _pairs(tensors: Mapping[str, Any], source: Path) -> Iterator[tuple[str, Any, Any]]:
    """Yield (module, A (rank, in), B (out, rank)) in the order of the modules."""
    halves: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        found = re.fullmatch(rf"{re.escape(PREFIX)}(.+)\.lora_([AB])(?:\.default)?\.weight", name)
        if not found or tensor.dim() != 2:
            raise _refused(source, f"the tensor {name!r} is no half of a LoRA on a linear layer")
        halves.setdefault(found[1], {})[found[2]] = tensor.float()
    for module, pair in sorted(halves.items()):
        if set(pair) != {"A", "B"} or pair["A"].shape[0] != pair["B"].shape[1]:
            raise _refused(source, f"the halves of {module!r} do not fit")
        yield module, pair["A"], pair["B"]


def _converted(model: Any, module: str, a: Any, b: Any) -> tuple[str, Any]:
    """Return (the weight's name in GGUF, B in the order of its rows)."""
    (name, rows), (same, product) = _modified(model, module, b), _modified(model, module, b @ a)
    if same != name or product.shape != (rows.shape[0], a.shape[1]):
        raise ValueError(f"{module!r} is taken apart by this architecture")
    limit = TOLERANCE * float(product.abs().max())
    if float((rows @ a - product).abs().max()) > limit:
        raise ValueError(f"the columns of {module!r} are rearranged by this architecture")
    return name, rows


def _modified(model: Any, module: str, tensor: Any) -> tuple[str, Any]:
    kept = model.filter_tensors((f"{module}.weight", lambda: tensor))
    if kept is None:
        raise ValueError(f"{module!r} has no place in the GGUF")
    layer = re.search(r"\.(\d+)\.", kept[0])
    found = list(model.modify_tensors(kept[1](), kept[0], int(layer[1]) if layer else None))
    if len(found) != 1:
        raise ValueError(f"{module!r} becomes {len(found)} tensors")
    name, converted = found[0]
    return str(name), converted
