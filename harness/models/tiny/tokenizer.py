"""The tokenizer of `tiny`: a byte-level BPE trained on practice rows.

Every digit is a token of its own. A BOS stands before every text (the same rule goes into the GGUF), an EOS ends every
answer, and padding has a token of its own, so that masking it never masks the EOS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SPECIAL = ("<s>", "</s>", "<pad>")
BOS, EOS, PAD = range(3)


def train(texts: Iterable[str], vocabulary: int, context: int) -> Any:
    """Return a transformers tokenizer with at most `vocabulary` tokens, all 256 bytes among them."""
    import tokenizers as tk
    from transformers import PreTrainedTokenizerFast

    bpe = tk.Tokenizer(tk.models.BPE())
    plain = tk.pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Digits apart while training only: no merge of digits is learned, and llama.cpp needs the plain rule (`gpt-2`).
    bpe.pre_tokenizer = tk.pre_tokenizers.Sequence([tk.pre_tokenizers.Digits(individual_digits=True), plain])
    bpe.decoder = tk.decoders.ByteLevel()
    trainer = tk.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(tk.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.pre_tokenizer = plain
    bpe.post_processor = tk.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=context
    )
