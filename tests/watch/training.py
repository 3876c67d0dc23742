"""Real trainings of a Llama of a few thousand parameters, in this process or, as a script, in another one.

python training.py OUT --steps 6 --save-steps 2 [--lora] [--pause 0.5] [--keep 1]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

WORDS = "Q: Is true and false true ? A: yes no False True Sort these words in order : pencil candle oven { } , 1 2 3"
N_CTX = 512


def tokenizer() -> Any:
    """Return a byte-level BPE with its own end token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    base.train_from_iterator(
        [WORDS], trainers.BpeTrainer(vocab_size=320, special_tokens=["</s>"], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=base, eos_token="</s>", pad_token="</s>", model_max_length=N_CTX)


def llama(seed: int = 1, dropout: float = 0.1) -> Any:
    """Return a random Llama; dropout, so that a training depends on its random numbers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=N_CTX,
        attention_dropout=dropout,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def lora(base: Path, seed: int = 1) -> Any:
    """Return a LoRA on the model saved at `base`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=2, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def trainer(out: Path, model: Any, steps: int = 4, save_steps: int = 2, keep: int | None = None, **more: Any) -> Any:
    """Return a Trainer of `model` that logs at every step."""
    from transformers import Trainer, TrainingArguments

    ids = tokenizer()(WORDS)["input_ids"][:24]
    rows = [{"input_ids": ids, "labels": ids, "attention_mask": [1] * len(ids)} for _ in range(16)]
    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=steps,
        save_steps=save_steps,
        save_total_limit=keep,
        logging_steps=1,
        per_device_train_batch_size=2,
        learning_rate=0.01,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=3,
        data_seed=3,
    )
    return Trainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer(), **more)


def fill(tensor: Any, seed: int) -> None:
    """Fill a parameter with seeded numbers."""
    import torch

    with torch.no_grad():
        tensor.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed)))


def callback_class() -> Any:
    """Return the class of callbacks of transformers."""
    from transformers import TrainerCallback

    return TrainerCallback


def save(folder: Path, seed: int = 1) -> Path:
    """Write an untrained checkpoint, whole."""
    llama(seed).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_gguf(path: Path, value: float = 1.0) -> None:
    """Write a whole GGUF file that is no model."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.full((8, 32), value, dtype=np.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--save-steps", type=int, default=2)
    parser.add_argument("--keep", type=int)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--lora", type=Path)
    given = parser.parse_args()

    class Slow(callback_class()):  # type: ignore[misc]
        def on_save(self, *_: Any, **__: Any) -> None:
            time.sleep(given.pause)

    model = lora(given.lora) if given.lora else llama()
    trainer(given.out, model, given.steps, given.save_steps, given.keep, callbacks=[Slow()]).train()


if __name__ == "__main__":
    main()
