"""A small random Llama with a byte-level BPE of its own, saved as a Hugging Face folder: for tests of model back ends.

The weights are wide enough apart (initializer_range 0.3) that neither ties nor flat distributions hide a mistake.
"""

from __future__ import annotations

import random
from pathlib import Path

TEXT = "the answer is yes no red blue one two three door river house runs and or not of a dog cat tree ( ) : , . ="
WORDS = TEXT.split(" ")
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}={{ c.function.arguments.x }}{% endfor %}"
    "{% endif %}{% if not loop.last or m.role != 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if tools %}[{{ tools | length }} tools]{% endif %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
N_CTX = 96


def corpus(lines: int = 400) -> list[str]:
    """Return seeded lines of words, digits, blanks and other scripts."""
    dice = random.Random(5)
    odd = ["été", "日本", "  ", "\n", "\t", "12", "345", "don't", "🙂"]
    return [" ".join(dice.choice(WORDS if dice.random() < 0.9 else odd) for _ in range(9)) for _ in range(lines)]


def save(folder: Path, bos: bool = True, template: bool = False) -> Path:
    """Write the model; `bos`: the tokenizer begins every text with <s>; `template`: it carries a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    base.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    base.train_from_iterator(
        corpus(), trainers.BpeTrainer(vocab_size=384, special_tokens=special, initial_alphabet=alphabet)
    )
    if bos:
        base.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    names = {"bos_token": "<s>"} if bos else {}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="</s>", model_max_length=N_CTX, **names)
    if template:
        tokenizer.chat_template = TEMPLATE
    torch.manual_seed(11)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=N_CTX,
        initializer_range=0.3,
        bos_token_id=0 if bos else None,
        eos_token_id=1,
    )
    model = LlamaForCausalLM(config).float()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
