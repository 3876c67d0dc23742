"""Loads a causal language model and its tokenizer from a local folder or the hub: safetensors only.

    load("org/name", HFSettings(revision="9f1c.."))  ->  Loaded(model=.., tokenizer=.., digest="..", n_ctx=4096)

Pickled weights (`pytorch_model.bin`) are refused, code from the hub runs only with `trust_remote_code=true`, and a
checkpoint that lacks weights is an error: transformers would fill them with random numbers and go on. Nothing is
downloaded when the locator is a local folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.config import Settings
from harness.errors import HarnessError, InfrastructureError, MissingPackage, UsageError
from harness.hashing import digest, folder_sha256
from harness.models import calibration
from harness.models.hf import packed

DEFAULT_N_CTX = 2048
"""Context length where neither the model's configuration nor the tokenizer names one, as in lm-eval."""

TRAINING = (
    "checkpoint-*", "runs", "global_step*", "optimizer*", "scheduler*", "scaler*", "rng_state*", "trainer_state.json",
    "training_args.bin", "*_results.json", "*.log", "*.jsonl", "README.md", "run.json", "artifact.json",
    calibration.FILE, calibration.DIAGRAM,
)  # fmt: skip
"""What a training, or a step, leaves beside a model: no part of what determines its answers, nor of its digest."""


class HFSettings(Settings):
    """Options of `hf:` (`--set key=value`)."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: what the checkpoint declares."""
    device: str = "auto"
    """`auto`: cuda where there is one, else cpu."""
    batch_size: int = Field(default=8, ge=1)
    """Rows per forward pass; changes answers only by rounding."""
    n_ctx: int | None = Field(default=None, ge=2)
    """Context length in tokens; None: what the checkpoint declares."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    adapter: str = ""
    """Folder of a PEFT adapter (LoRA and its kin) to put on the model."""
    trust_remote_code: bool = False
    reasoning: str = "auto"
    """`auto` (known markers of the chat template), `off`, or `START,END`."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of torch, for the whole process; None: torch's choice."""


@dataclass(frozen=True)
class Loaded:
    """A model ready to answer."""

    model: Any
    tokenizer: Any
    digest: str | None
    n_ctx: int
    device: str
    dtype: str
    packed: str = ""
    """How the weights on the disk were rounded: those here are floats again."""


def load(locator: str, settings: HFSettings) -> Loaded:
    """Return the model at `locator`: a folder with config.json, or `org/name` on the hub.

    Raises:
        UsageError: missing folder, package, weights or device. InfrastructureError: the hub cannot be reached.
    """
    folder = Path(locator).expanduser()
    local = folder.is_dir()
    if local and not (folder / "config.json").is_file():
        raise UsageError(f"no config.json in the folder {locator!r}", "a folder saved by save_pretrained", "check it")
    if not local and not _is_hub_name(locator):
        raise UsageError(f"no folder {locator!r}", "a folder with config.json, or org/name on the hub", "check it")
    torch, transformers = _packages()
    device = _device(torch, settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    common: dict[str, Any] = {
        "trust_remote_code": settings.trust_remote_code,
        "local_files_only": local,
        "revision": None if local else settings.revision,
    }
    where = str(folder) if local else locator
    model, tokenizer = _from_pretrained(transformers, where, settings.dtype, common)
    name = folder_sha256(folder, TRAINING) if local else _hub_digest(locator, model.config)
    if settings.adapter:
        adapter = Path(settings.adapter).expanduser()
        model = _with_adapter(model, adapter)
        name = name and digest(name, folder_sha256(adapter, TRAINING))
    model = model.to(device).eval()
    n_ctx = settings.n_ctx or context_length(model.config, tokenizer)
    dtype, rounded = str(model.dtype).removeprefix("torch."), packed.method(folder) if local else ""
    return Loaded(model, tokenizer, name, n_ctx, device, dtype, rounded)


def unmap(model: Any) -> None:
    """Copy weights on the CPU out of the mapped files they lie in: one overwritten in place would change them.

    Cost: the model's size in memory that cannot be given back under pressure.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()


def context_length(config: Any, tokenizer: Any) -> int:
    """Return the context length in tokens: the text model's configuration, the model's, the tokenizer's, or 2048."""
    text = getattr(config, "text_config", None) or config
    for key in ("n_positions", "max_position_embeddings", "n_ctx"):
        if (value := getattr(text, key, None)) is not None:
            return int(value)
    limit = getattr(tokenizer, "model_max_length", None)
    # Tokenizers that know no limit report 10^30.
    return int(limit) if limit is not None and limit < 10**9 else DEFAULT_N_CTX


def _is_hub_name(locator: str) -> bool:
    return locator.count("/") <= 1 and bool(locator) and locator[0] not in "./~" and not locator.endswith("/")


def _packages() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingPackage(error.name or "transformers", "a model named hf:...", "hf") from error
    # What these say on stderr would break progress bars; what matters of it is checked below.
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return torch, transformers


def _device(torch: Any, wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device = {wanted!r}: {reason}", "auto, cpu, cuda or cuda:N", "--set device=cpu") from error
    return wanted


def _from_pretrained(transformers: Any, where: str, dtype: str, common: dict[str, Any]) -> tuple[Any, Any]:
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, **common)
        with packed.readable(where, common["local_files_only"]) as (place, options):
            model, info = transformers.AutoModelForCausalLM.from_pretrained(
                place, dtype=dtype, use_safetensors=True, output_loading_info=True, **options, **common
            )
    except HarnessError:
        raise
    except ImportError as error:
        if error.name is None and "quantized" in str(error):
            raise unreadable(where, error) from error
        raise MissingPackage(error.name or "sentencepiece", f"the model {where!r}", "hf") from error
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, SafetensorError, ...
        raise unreadable(where, error) from error
    if missing := sorted(info["missing_keys"]):
        raise UsageError(
            f"the checkpoint {where!r} lacks {len(missing)} weights, the first: {missing[0]!r}",
            "all weights of its architecture: transformers would fill the gap with random numbers",
            "save it again with save_pretrained, or merge its adapter",
        )
    return model, tokenizer


def unreadable(where: str, error: Exception) -> UsageError | InfrastructureError:
    """Return what to raise for what transformers raised: an unreachable hub may be there later, a bad model is bad."""
    reason = (str(error).strip().splitlines() or [""])[0][:300]
    what = f"cannot load {where!r}: {type(error).__name__}: {reason}"
    if any(word in str(error) for word in ("couldn't connect", "Max retries", "offline mode", "ConnectError")):
        return InfrastructureError(what, "the hub, or a local folder", "type: harness doctor")
    return UsageError(what, "a causal language model with its tokenizer and safetensors weights", f"check {where}")


def _with_adapter(model: Any, adapter: Path) -> Any:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / name).is_file():
            raise UsageError(f"no {name} in the adapter folder {str(adapter)!r}", "a PEFT adapter", "check adapter=")
    try:
        import peft
    except ImportError as error:
        raise MissingPackage("peft", "the setting adapter", "train") from error
    try:
        wrapped = peft.PeftModel.from_pretrained(model, str(adapter))
    except (RuntimeError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        what = f"the adapter {str(adapter)!r} does not fit: {reason}"
        raise UsageError(what, "an adapter trained on this model", "check adapter=") from error
    if wrapped.active_peft_config.is_prompt_learning:
        raise UsageError(f"{str(adapter)!r} is a prompt-learning adapter", "LoRA or another weight adapter", "merge it")
    # The layers sit inside the base model now; its own `forward` and `generate` are the ones we know.
    return wrapped.get_base_model()


def _hub_digest(locator: str, config: Any) -> str | None:
    commit = getattr(config, "_commit_hash", None)
    return digest("hub", locator, commit) if commit else None
