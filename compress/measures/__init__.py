"""Measures of a model: size, bits per weight, perplexity, divergence from its parents, speed.

    measure(database, "gguf:model.gguf", {}, folder, {"base": "hf:float", "before": "hf:pruned"}, rows, speed=True)
      -> {"size_bytes": 1183712, "bits_per_weight": 6.02, "perplexity": 1.92, "against": {"base": {"kl_mean": ..}}, ..}

Rooms: `measuring` (children, cache), `reading` (logits of every position), `kept` (distributions on disk), `divergence`
(figures and their errors), `size`.
"""

from compress.measures.measuring import POSITIONS, measure

__all__ = ["POSITIONS", "measure"]
