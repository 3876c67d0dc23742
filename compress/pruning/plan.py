"""What a structured cut would leave of a model, from its config.json alone.

    plan({"model_type": "llama", "intermediate_size": 1536, ..}, "channels", 0.667)
      -> Plan(method="channels", original=1536, now=1536, then=512, share=0.667, ..).config["intermediate_size"]   512

One width for all layers (a GGUF takes a list, transformers does not), attention in whole key-value groups, widths in
multiples of 256: llama.cpp's K-quants fall back to other types on rows of any other length, with a log line only; AWQ
groups are 128 wide. A share is of the *original* width, which travels in config.json (`pruned_from`): transformers
keeps keys that it does not know, through every step that loads and saves. So a schedule is a row of growing shares.
Never more is cut than asked; less by at most a tenth of the original, else it is refused with the shares that fit.
Cost: nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.errors import UsageError

Method = Literal["channels", "heads", "layers"]
KNOWN = ("llama", "mistral", "qwen2", "qwen3")
"""`model_type` of models whose blocks hold self_attn.{q,k,v,o}_proj and mlp.{gate,up,down}_proj."""
WIDTHS: Mapping[str, str] = {
    "channels": "intermediate_size", "heads": "num_key_value_heads", "layers": "num_hidden_layers",
}  # fmt: skip
"""Method -> the key of config.json that says how many there are."""
ORIGINAL = "pruned_from"
"""Key of config.json: width -> what it was before any pruning."""
MULTIPLE = 256
ROUNDED = 0.005
"""Two digits of a share may lie this far from the fraction that they mean (0.33 for a third)."""
SHORT = 0.1
"""So much less than asked may be cut, for widths come in steps."""


@dataclass(frozen=True)
class Plan:
    """A structured cut."""

    method: Method
    original: int
    """Channels, key-value groups or layers before any pruning."""
    now: int
    then: int
    share: float
    """As asked, in (0, 1), of the original."""
    config: Mapping[str, Any]
    """config.json afterwards."""

    @property
    def met(self) -> float:
        """The share of the original that is gone afterwards."""
        return 1.0 - self.then / self.original


def plan(config: Mapping[str, Any], method: Method, share: float, multiple: int = MULTIPLE) -> Plan:
    """Return the cut that leaves `1 - share` of the original; for a pruned model that may be no cut (`then == now`).

    Raises:
        UsageError: an unknown architecture, a config without widths, a share that multiples of `multiple` do not meet.
    """
    known(config)
    now = _size(config, WIDTHS[method])
    told = config.get(ORIGINAL)
    told = told.get(WIDTHS[method]) if isinstance(told, Mapping) else None
    original = max(now, told) if isinstance(told, int) else now
    unit = _unit(config, method, multiple)
    then = min(now, math.ceil(original * (1.0 - share - ROUNDED) / unit) * unit)
    uncut = then == now == original
    if uncut or then < unit or share - (1.0 - then / original) > SHORT:
        raise _unmet(WIDTHS[method], share, original, now, unit)
    return Plan(method, original, now, then, share, _after(config, method, original, then))


def known(config: Mapping[str, Any]) -> None:
    """Raise UsageError for a model that nobody here knows how to cut."""
    found = config.get("model_type")
    if found not in KNOWN:
        what = f"no way to prune a model of type {found!r}"
        raise UsageError(what, f"known: {', '.join(KNOWN)}", "leave compress.prune out, or prune a model of these")
    if config.get("quantization_config"):
        what = "the weights are quantised already: what would be cut was rounded before"
        raise UsageError(what, "its original weights", "prune first, quantise afterwards")


def head_dim(config: Mapping[str, Any]) -> int:
    """Return the width of one attention head."""
    told = config.get("head_dim")
    return told if isinstance(told, int) and told > 0 else _size(config, "hidden_size") // _heads(config)


def group_heads(config: Mapping[str, Any]) -> int:
    """Return how many query heads share one key-value head."""
    groups = _size(config, "num_key_value_heads") if config.get("num_key_value_heads") else _heads(config)
    return _heads(config) // groups


def _heads(config: Mapping[str, Any]) -> int:
    return _size(config, "num_attention_heads")


def _size(config: Mapping[str, Any], key: str) -> int:
    found = config.get(key)
    if found is None and key == "num_key_value_heads":
        found = config.get("num_attention_heads")
    if not isinstance(found, int) or found < 1:
        raise UsageError(f"config.json says {key} = {found!r}", "how wide the model is", "check that model")
    return found


def _unit(config: Mapping[str, Any], method: Method, multiple: int) -> int:
    """Return in what steps a width may be cut; for attention, o_proj's columns are to be multiples."""
    if method == "channels":
        return multiple
    if method == "layers":
        return 1
    columns = group_heads(config) * head_dim(config)
    return math.lcm(columns, multiple) // columns


def _after(config: Mapping[str, Any], method: Method, original: int, then: int) -> dict[str, Any]:
    """Return config.json after a cut. Of layers, which kind each is (`layer_types`) depends on the ones kept."""
    key = WIDTHS[method]
    told = config.get(ORIGINAL)
    before = {**(told if isinstance(told, Mapping) else {}), key: original}
    found = {**config, key: then, ORIGINAL: before}
    if method == "heads":
        found |= {"num_attention_heads": then * group_heads(config), "head_dim": head_dim(config)}
    return found


def _unmet(key: str, share: float, original: int, now: int, unit: int) -> UsageError:
    fit = sorted((1.0 - width / original, width) for width in range(unit, now, unit))
    nearest = sorted(sorted(fit, key=lambda one: abs(one[0] - share))[:4])
    shares = ", ".join(f"{one:.3f} ({width} left)" for one, width in nearest)
    what = f"share {share:g} of {key} {original} (now {now}) cannot be met in steps of {unit}"
    if not fit:
        return UsageError(what, "there is none that can: it is as narrow as it gets", "leave this cut out")
    return UsageError(what, f"shares that can: {shares}", f"type: share: {nearest[0][0]:.3f}")
