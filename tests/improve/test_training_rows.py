"""Rows to tokens: what evaluation sends is what is trained on, labels spell the completion, bad lines are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import training_kit as kit
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.models.hf.codec import Codec
from harness.types import Message, Request
from harness.workbench import rows as dataset
from improve.training.rows import IGNORED, encode, read, spelled

ENDS = frozenset({1})
PLAIN, CHAT = Codec(kit.tokenizer()), Codec(kit.tokenizer(template=True))


def test_a_prompt_is_what_evaluation_sends_and_an_end_is_taught() -> None:
    row = encode(PLAIN, ENDS, {"id": "a", "prompt": "Q: one\nA:", "completion": " two"})
    asked = PLAIN.encode("Q: one\nA:")
    assert list(row.ids[: row.prompt_tokens]) == asked and asked[0] == 0, "one BOS, as the GGUF path has it"
    assert row.ids.count(0) == 1 and row.ids[-1] == 1 and row.answer_tokens == len(row.ids) - len(asked) - 1
    assert row.labels[: len(asked)] == [IGNORED] * len(asked) and IGNORED not in row.labels[len(asked) :]


@given(st.text(max_size=30), st.text(min_size=1, max_size=30))
def test_labels_spell_any_completion(prompt: str, completion: str) -> None:
    row = encode(PLAIN, ENDS, {"id": "a", "prompt": prompt, "completion": completion})
    special = ("<s>", "</s>", "<pad>")
    if not any(mark in prompt + completion for mark in special) and completion.isascii():
        assert spelled(PLAIN, row) == completion
    assert list(row.ids[: row.prompt_tokens]) == (PLAIN.encode(prompt) or [0]), "never tokenised otherwise"


def test_tokens_that_merge_at_the_seam_are_kept_apart() -> None:
    row = encode(PLAIN, ENDS, {"id": "a", "prompt": "Q: riv", "completion": "er"})
    assert list(row.ids[: row.prompt_tokens]) == PLAIN.encode("Q: riv") and spelled(PLAIN, row) == "er"


def test_the_last_turn_of_a_chat_is_taught_with_the_template_s_own_end() -> None:
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    row = encode(CHAT, ENDS, {"id": "a", "messages": turns})
    text, plain = CHAT.context(Request("generate", messages=(Message("user", "one"),)))
    assert plain and list(row.ids[: row.prompt_tokens]) == CHAT.encode(text, plain=True)
    assert row.ids.count(0) == 1 and row.ids.count(1) == 1, "the template's BOS and EOS, none of ours"
    assert row.completion == "two</s>" and spelled(CHAT, row) == "two</s>"
    with pytest.raises(UsageError, match="no chat template"):
        encode(PLAIN, ENDS, {"id": "a", "messages": turns})


def test_a_template_that_rewrites_the_past_is_refused() -> None:
    codec = Codec(kit.tokenizer(template=True))
    codec.tokenizer.chat_template = "{{ messages | length }}{{ messages[-1].content }}"
    with pytest.raises(UsageError, match="differently"):
        encode(
            codec,
            ENDS,
            {"id": "a", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
        )


def test_rows_come_in_the_order_of_the_file_whatever_their_text(tmp_path: Path) -> None:
    lines = [{"id": str(i), "prompt": f"{i}\u2028\x85", "completion": "x"} for i in range(5)]
    assert [row["prompt"] for row in read(Path(kit.dataset(tmp_path, lines).path))] == [
        line["prompt"] for line in lines
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no rows"),
        ("{", "line 1"),
        ("[1]\n", "no training row"),
        ('{"prompt": "x"}\n', "no training row"),
        ('{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}\n', "no training row"),
        ('{"messages": [{"role": "assistant", "content": "x"}]}\n', "no training row"),
        ('{"messages": "x", "prompt": "x", "completion": "y"}\n', "no training row"),
        ('{"messages": [{"content": "x"}, {"role": "assistant", "content": "y"}]}\n', "no training row"),
    ],
)
def test_lines_that_are_no_rows_are_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(UsageError, match=told):
        read(tmp_path)


def test_a_missing_file_and_a_missing_id(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rows\.jsonl"):
        read(tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "x", "completion": "y"}) + "\n")
    assert read(tmp_path)[0]["id"] == dataset.row_id({"prompt": "x", "completion": "y"})


def test_curation_may_be_given_no_rows_and_training_may_not(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    assert dataset.at(tmp_path) == []
    with pytest.raises(UsageError, match="no rows"):
        read(tmp_path)
