"""A Llama 3.1 in small: the architecture, special tokens and chat form of the real one with a few thousand random
weights, put where the hub's cache would have the real one; official files of a few rows; a teacher that writes Python.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

from harness.hashing import digest

NAME, REVISION = "meta-llama/Llama-3.1-8B-Instruct", "0e9e39f249a16976918f6564b8830bc894c89659"
STANDIN = Path(__file__).parents[1] / "models" / "vllm_standin.py"
SPECIAL = (
    "<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|start_header_id|>", "<|end_header_id|>",
    "<|eot_id|>", "<|eom_id|>",
)  # fmt: skip
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' "
    "+ m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
VERBS = ("double", "shift", "mirror", "count", "join", "drop", "rank", "split")


def save(home: Path) -> None:
    """Write the model as `HF_HOME` has it after a download."""
    place = home / "hub" / f"models--{NAME.replace('/', '--')}"
    folder = place / "snapshots" / REVISION
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(REVISION)
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, rms_norm_eps=1e-5, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=[1, 6, 5], initializer_range=0.1,
        rope_parameters={
            "rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 512,
        },
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    words.save_pretrained(folder)


def tokenizer() -> Any:
    import tokenizers as tk
    from transformers import PreTrainedTokenizerFast

    bpe = tk.Tokenizer(tk.models.BPE())
    bpe.pre_tokenizer = tk.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tk.decoders.ByteLevel()
    alphabet = sorted(tk.pre_tokenizers.ByteLevel.alphabet())
    trainer = tk.trainers.BpeTrainer(
        vocab_size=600, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator((task["text"] + task["code"] for task in map(mbpp, range(1, 90))), trainer)
    bpe.post_processor = tk.processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    found = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>",
        pad_token="<|finetune_right_pad_id|>", model_max_length=2048,
    )  # fmt: skip
    found.chat_template = TEMPLATE
    return found


def mbpp(number: int) -> dict[str, Any]:
    """Return a task as mbpp.jsonl has it: repeats of a text, other ones for each number."""
    name = f"{VERBS[number % len(VERBS)]}_{number}"
    return {
        "task_id": number, "text": f"Write a function {name} that says a text {number + 1} times over.",
        "code": f"def {name}(text):\n    return text * {number + 1}", "test_setup_code": "", "challenge_test_list": [],
        "test_list": [f'assert {name}("ab") == "ab" * {number + 1}', f'assert {name}("") == ""'],
    }  # fmt: skip


def humaneval(number: int) -> dict[str, Any]:
    name = f"last_{number}"
    asks = f'""" Return the last {number + 1} of the words, all where there are fewer. """'
    return {
        "task_id": f"HumanEval/{number}", "entry_point": name, "prompt": f"def {name}(words):\n    {asks}\n",
        "canonical_solution": f"    return words[-{number + 1}:]\n",
        "test": f"def check(candidate):\n    assert candidate(['a'] * 99) == ['a'] * {number + 1}\n",
    }  # fmt: skip


def official(folder: Path, tasks: int = 60) -> Path:
    """Write rows of humaneval, mbpp and mmlu as their authors lay them out."""
    from suites.mmlu import SUBJECTS

    for name, file, rows in (
        ("humaneval", "HumanEval.jsonl", map(humaneval, range(tasks))),
        ("mbpp", "mbpp.jsonl", map(mbpp, range(1, tasks + 11))),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    for split, count in (("dev", 5), ("test", 2)):
        (folder / "mmlu" / split).mkdir(parents=True)
        for place, subject in enumerate(SUBJECTS):
            with (folder / "mmlu" / split / f"{subject}_{split}.csv").open("w", newline="") as file:
                lines = [
                    [f"In {subject}, {split} {n}?", "1", "2", "3", str(place), "ABCD"[n % 4]] for n in range(count)
                ]
                csv.writer(file).writerows(lines)
    return folder


def vllm(folder: Path) -> Path:
    """Return an environment whose bin/vllm is the stand-in of tests/models."""
    (folder / "bin").mkdir(parents=True)
    script = folder / "bin" / "vllm"
    script.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({str(STANDIN)!r}, run_name='__main__')\n")
    script.chmod(0o755)
    return folder


def turns(number: int) -> list[dict[str, str]]:
    """Return a conversation to replay."""
    said = f"Greet guest {number} of {number * 7}."
    return [{"role": "user", "content": said}, {"role": "assistant", "content": f"Welcome, guest {number}!"}]


def reply(body: Any) -> str:
    """A teacher of Python: as many programs as asked, other ones for each body; the second of four is wrong, the third
    has tests that prove nothing, the fourth repeats a task of mbpp."""
    said = json.dumps(body)
    asked = re.search(r"Write (\d+) new questions", said)
    key = int(digest(body)[:12], 16)
    return json.dumps({"rows": [_program(key + place, place) for place in range(int(asked[1]) if asked else 1)]})


TOPICS = ("sum of squares", "number of vowels", "largest gap", "product of digits", "longest run", "sorted keys")


def _program(key: int, place: int) -> dict[str, Any]:
    if place % 4 == 3:
        task = mbpp(11 + key % 40)
        return {"question": task["text"], "answer": task["code"], "tests": task["test_list"]}
    most = key % 99_991 + 7
    name, about = f"clip_{most}", TOPICS[key % len(TOPICS)]
    wrong = " + 1" if place % 4 == 1 else ""
    question = f"For a report on the {about}, write {name}(n): the number n itself, held between 0 and {most}."
    answer = f"```python\ndef {name}(n):\n    return min(max(n, 0), {most}){wrong}\n```"
    tests = [f"assert {name}(3) == 3", f"assert {name}(-1) == 0", f"assert {name}({most + 5}) == {most}"]
    return {"question": question, "answer": answer, "tests": ["assert True"] if place % 4 == 2 else tests}
