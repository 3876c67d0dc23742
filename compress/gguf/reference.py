"""What a model says before it becomes a GGUF, to hold the file against: token ids of texts, logits of its own text.

    loaded = load("checkpoint", HFSettings(dtype="float32"))
    reference = take(loaded, texts(loaded.tokenizer, rows))
    reference.tokens["it's 12"]      -> (0, 74, 83, ..)
    reference.logits[0]              -> (tokens, vocabulary) float32

The logits are those along texts that the model itself writes: SEQUENCES of them, drawn at temperature 1 from the token
that begins a text, with a fixed seed. Every model has such text and no data is needed for it; the mean divergence over
it is the rate, per token, at which the two models' texts come apart. The texts for the tokenizer hold what converters
get wrong: runs of blanks, digits, contractions, scripts, marks that combine, control characters, special tokens.

Cost: the model in float32, SEQUENCES texts of LENGTH tokens; their logits stay in memory (300 MB with 150,000 tokens).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.hf.borrowed import randomness
from harness.models.hf.codec import Codec
from harness.models.hf.loading import Loaded

SEQUENCES, LENGTH, SEED = 12, 48, 1
WIDTH = 4
"""Sequences per forward pass."""
CORPUS = (
    "The answer is yes, and the next one is no.",
    " a blank before, a blank behind ",
    "two  three   four    five     blanks",
    "tabs\tand\t\tmore\t\t\t.\r\nlines\n\nand\n\n\nmore\n    indented\n\tso\n",
    "0 7 12 123 1234 12345 1234567890 3.14159 1,000,000 2026-11-21 0x1F 1e-9 007",
    "I'm he's we'll they've you'd don't I'M HE'S WE'LL it\u2019s rock'n'roll 'quoted'",
    "na\u00efve caf\u00e9 \u00c5ngstr\u00f6m \u00df \ufb01 \u017f \u1e69 \u00a0 \u2003 \u200b \ufeff",
    "a\u0301 and e\u0302, marks that combine",
    "\u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4 \u4e2d\u6587 \u0420\u0443\u0441\u0441\u043a\u0438\u0439 "
    "\u0639\u0631\u0628\u064a \u05e2\u05d1\u05e8\u05d9\u05ea \u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22",
    "\U0001f642 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2705 \u221e \u2211 \u2260 \u20ac",
    'def f(x):\n    return {"a": [1, 2], "b": x ** 2}  # why?\n\n\nif __name__ == "__main__":\n\tprint(f(3))\n',
    '{"name": "search", "arguments": {"query": "caf\\u00e9", "n": 3}}',
    "-----=====!!!???...,,,;;;((([[[{{{<<<>>>}}}]]])))",
    "\\n \\t \x00 \x1b[0m \x7f",
    "camelCase snake_case SCREAMING_CASE kebab-case https://example.org/a?b=c&d=%20",
)


@dataclass(frozen=True)
class Reference:
    """What the source says."""

    tokens: Mapping[str, tuple[int, ...]]
    """Text -> ids, as an evaluation would send them."""
    sequences: tuple[tuple[int, ...], ...]
    logits: tuple[NDArray[np.float32], ...]
    """Per sequence (tokens, vocabulary): after each of its tokens."""


def texts(tokenizer: Any, more: Sequence[str] = ()) -> list[str]:
    """Return what the two tokenizers are compared on: CORPUS, every special token behind a text, and `more`.

    Not before a text: whether the first word behind a special token has a blank is left open by SentencePiece.
    """
    special = [f"before{token}{token}" for token in tokenizer.all_special_tokens]
    return [*CORPUS, *special, *more]


def take(loaded: Loaded, compared: Sequence[str]) -> Reference:
    """Return what a model says; the texts that it writes itself are compared too."""
    codec = Codec(loaded.tokenizer)
    sequences = _own(loaded, codec)
    logits = along(loaded, sequences)
    written = [loaded.tokenizer.decode(ids, skip_special_tokens=True) for ids in sequences]
    return Reference({text: tuple(codec.encode(text)) for text in (*compared, *written)}, sequences, logits)


def _own(loaded: Loaded, codec: Codec) -> tuple[tuple[int, ...], ...]:
    """Return texts that the model writes, as ids, from the beginning up to the token before their end."""
    import torch
    from transformers import GenerationConfig

    eos = loaded.tokenizer.eos_token_id
    start = codec.prefix_id if codec.prefix_id is not None else codec.encode("The", plain=True)[0]
    length = min(LENGTH, loaded.n_ctx - 1)
    # The model's own settings (a penalty, a cut of the tail) would go over those not named here.
    loaded.model.generation_config = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=length - 1, eos_token_id=eos,
        pad_token_id=eos if eos is not None else 0,
    )  # fmt: skip
    ids = torch.full((SEQUENCES, 1), start, device=loaded.device)
    with randomness(), torch.inference_mode():
        torch.manual_seed(SEED)
        drawn = loaded.model.generate(ids, attention_mask=torch.ones_like(ids)).tolist()
    return tuple(tuple(one[: one.index(eos, 1)] if eos in one[1:] else one) for one in drawn)


def along(loaded: Loaded, sequences: Sequence[tuple[int, ...]]) -> tuple[NDArray[np.float32], ...]:
    """Return the source's logits after each token of each sequence: (tokens, vocabulary) float32."""
    import torch

    found: list[NDArray[np.float32]] = []
    for low in range(0, len(sequences), WIDTH):
        part = sequences[low : low + WIDTH]
        ids = torch.zeros((len(part), max(map(len, part))), dtype=torch.long)
        for row, tokens in enumerate(part):
            ids[row, : len(tokens)] = torch.tensor(tokens)
        with torch.inference_mode():
            # Padded on the right, where causal attention does not look.
            logits = loaded.model(ids.to(loaded.device), use_cache=False).logits.float().cpu().numpy()
        found += [logits[row, : len(tokens)].copy() for row, tokens in enumerate(part)]
    return tuple(found)
