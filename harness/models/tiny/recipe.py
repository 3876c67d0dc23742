"""What a `tiny` is made from: everything here goes into the name of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.hashing import digest


@dataclass(frozen=True)
class Recipe:
    """Architecture, data and optimiser of one `tiny`. Sizes are multiples of 256, so that K-quants do not fall back."""

    seed: int = 0
    """Of the initial weights and of the practice rows."""
    steps: int = 1100
    version: str = "1"
    """Raised whenever the same numbers below would give another model."""
    suite: str = "primer"
    suite_version: str = ""
    """Filled in by `home.recipe`: another version of the suite practises other rows."""
    vocabulary: int = 1024
    hidden: int = 256
    layers: int = 2
    heads: int = 4
    key_value_heads: int = 4
    intermediate: int = 512
    context: int = 512
    """Positions that the model says it has; rows are far shorter."""
    sequences: int = 10
    """Sequences in a batch."""
    packed: int = 256
    """Tokens of a sequence: whole rows one after the other, each seeing only itself."""
    muon_rate: float = 0.02
    """Peak learning rate of the layers' matrices."""
    adam_rate: float = 3e-3
    """Peak learning rate of embeddings and norms."""
    prompt_weight: float = 0.02
    """Weight of a prompt token's loss; those of an n-token answer have 1 / sqrt(n) each."""

    @property
    def shapes(self) -> Mapping[str, Any]:
        """What config.json will say of its shapes: known before it is trained."""
        return {
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": self.vocabulary,
            "hidden_size": self.hidden, "intermediate_size": self.intermediate, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.key_value_heads,
        }  # fmt: skip

    @property
    def key(self) -> str:
        """12 hex digits that name the folder."""
        return digest(asdict(self))[:12]


RECIPES: Mapping[str, Recipe] = {
    one.suite: one for one in (Recipe(), Recipe(suite="bbh:small", steps=1500, sequences=8, packed=320))
}
"""Suite -> what a `tiny` of its practice rows is made from. Its rows are longer or shorter, harder or easier."""
