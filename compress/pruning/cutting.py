"""Cuts a model to a plan: rows and columns of its matrices, whole layers. The result is a plain smaller model.

    smaller = cut(model, plan(config, "channels", 0.5), score(model, "channels", ids).scores)
    smaller.config.intermediate_size                                       256

    channels   rows of gate_proj and up_proj, the same columns of down_proj
    heads      rows of q_proj, k_proj and v_proj (and their biases), the columns of o_proj that belong to them
    layers     whole blocks; the others move up

What is kept stands in its old order. Each layer keeps its own best channels, all of them as many. Cost: the weights
twice in memory while it runs.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from compress.pruning.plan import ORIGINAL, Plan, group_heads, head_dim

NAME = re.compile(r"(.*\blayers\.)(\d+)(\.(?:(?:mlp|self_attn)\.)?(\w+)\.(weight|bias))")


def cut(model: Any, plan: Plan, scores: Sequence[Any]) -> Any:
    """Return a new model with what scores highest of each layer; of `layers`, with the layers that do."""
    import torch

    kept = _kept(plan, scores)
    config = copy.deepcopy(model.config)
    for key in ("intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim"):
        if key in plan.config:
            setattr(config, key, plan.config[key])
    setattr(config, ORIGINAL, dict(plan.config[ORIGINAL]))
    if plan.method == "layers":
        weights = _fewer_layers(model.state_dict(), kept[0])
        if isinstance(types := getattr(config, "layer_types", None), list):
            config.layer_types = [types[index] for index in kept[0]]
    else:
        weights = _narrower(model.state_dict(), plan, kept)
    with torch.device("meta"):
        smaller = type(model)(config)
    smaller.load_state_dict(weights, strict=True, assign=True)
    smaller.tie_weights()
    # Its frequencies are no weights: built on `meta` they would be none at all. A head is as wide as before.
    smaller.model.rotary_emb = model.model.rotary_emb
    smaller.generation_config = model.generation_config
    return smaller.eval()


def _kept(plan: Plan, scores: Sequence[Any]) -> list[list[int]]:
    """Return the indices that stay, in order: of each layer, or once for the layers themselves."""
    import torch

    if plan.method == "layers":
        scores = [torch.stack(list(scores))]
    return [sorted(one.topk(plan.then).indices.tolist()) for one in scores]


def _fewer_layers(weights: Mapping[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    place = {old: new for new, old in enumerate(kept)}
    found = {}
    for name, tensor in weights.items():
        if (part := NAME.fullmatch(name)) is None:
            found[name] = tensor
        elif (old := int(part[2])) in place:
            found[f"{part[1]}{place[old]}{part[3]}"] = tensor
    return found


def _narrower(weights: Mapping[str, Any], plan: Plan, kept: Sequence[Sequence[int]]) -> dict[str, Any]:
    import torch

    width = head_dim(plan.config)
    if plan.method == "channels":
        rows, columns = {"gate_proj": 1, "up_proj": 1}, {"down_proj": 1}
    else:
        queries = width * group_heads(plan.config)
        rows, columns = {"q_proj": queries, "k_proj": width, "v_proj": width}, {"o_proj": queries}
    found = {}
    for name, tensor in weights.items():
        part = NAME.fullmatch(name)
        module = part[4] if part else ""
        if part and (module in rows or (module in columns and part[5] == "weight")):
            block = rows.get(module) or columns[module]
            starts = torch.tensor(kept[int(part[2])], device=tensor.device)[:, None] * block
            index = (starts + torch.arange(block, device=tensor.device)).flatten()
            tensor = tensor.index_select(0 if module in rows else 1, index).contiguous()
        found[name] = tensor
    return found
