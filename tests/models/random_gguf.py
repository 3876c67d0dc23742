"""Makes small random Llamas as Hugging Face folders and F16 GGUF files, with a tokenizer that adds BOS or has none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

WORDS = (
    "The following are questions about history and science . Answer with a letter : A B C D . "
    "What is the capital of France ? Paris London Rome Berlin . Is the sky blue ? yes no maybe . "
    "def add ( a , b ) : return a + b \n    for item in range ( 10 ) : print ( item ) \n\n"
    "café naïve über 東京 Привет мир 🙂 λ ∑ 1234567890 don't we'll it's"
)
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Weights:
    """The same random weights twice: as a Hugging Face folder and as an F16 GGUF."""

    folder: Path
    gguf: Path
    bos: bool


def make_weights(folder: Path, bos: bool, hidden: int = 256, layers: int = 2, vocabulary: int = 500) -> Weights:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from harness.models.convert import hf_to_gguf

    torch.set_num_threads(2)
    size = save_tokenizer(folder, bos, vocabulary)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        bos_token_id=1 if bos else None,
        eos_token_id=0,
        initializer_range=0.08,
    )
    # Rounded to F16 before both forms are written, so that they differ in arithmetic alone.
    LlamaForCausalLM(config).half().float().eval().save_pretrained(folder)
    return Weights(folder, hf_to_gguf(folder, folder / "model.gguf", "f16"), bos)


def save_tokenizer(folder: Path, bos: bool, vocabulary: int) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS] * 3, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    named = {"bos_token": "<s>"} if bos else {}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", **named)
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    if bos:
        place = folder / "tokenizer_config.json"
        place.write_text(json.dumps({**json.loads(place.read_text()), "add_bos_token": True}))
    return tokenizer.get_vocab_size()
