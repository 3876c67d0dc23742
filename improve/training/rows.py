"""Rows of a dataset artifact (`harness.workbench.rows`) as token ids and labels.

    {"id": "9f..", "prompt": "Q: 2 + 2\nA:", "completion": " 4"}
      -> ids    <s> Q : _2 _+ _2 \n A : _4 </s>
         labels  .  .  .  .  .  .  .  . .  _4 </s>          (. is IGNORED: no loss)

A prompt's tokens are those that evaluation sends (`harness.models.hf.codec`: BOS where the tokenizer adds one, none
where a chat template wrote the text). The completion's tokens are the rest of the whole text's; where the two would
have merged at the seam, the completion is encoded by itself, because at that seam a generating model stands too. The
completion ends with an end token: the template's own, else the tokenizer's EOS. Of `messages`, the last one is trained
on, which the assistant must have said; the others are its prompt. `tools` beside them are declared to the template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.models.hf.codec import Codec, as_dict
from harness.types import Message, Request, ToolCall
from harness.workbench import rows as dataset

IGNORED = -100
"""Label of a token that takes no part in the loss, as torch's cross-entropy has it."""
Row = dataset.Row


@dataclass(frozen=True)
class Encoded:
    """One row, ready to train on."""

    row_id: str
    ids: tuple[int, ...]
    prompt_tokens: int
    completion: str
    """The text that the labels must spell."""
    answer_tokens: int
    """Tokens of the completion, an EOS of ours left out."""

    @property
    def labels(self) -> list[int]:
        """The ids with the prompt's IGNORED."""
        return [IGNORED] * self.prompt_tokens + list(self.ids[self.prompt_tokens :])


def read(folder: Path) -> list[Row]:
    """Return the rows of a dataset's folder, or of a file of rows, in the order of the file.

    Raises:
        UsageError: no such file, a line that is no row, no rows.
    """
    rows = dataset.at(folder)
    if not rows:
        raise UsageError(f"{str(folder)!r} holds no rows", "at least one", f"look at {folder / dataset.REPORT}")
    return rows


def request(row: Row) -> tuple[Request, str]:
    """Return (what a model is asked by a row, the right answer)."""
    if "messages" not in row:
        return Request("generate", prompt=row["prompt"]), row["completion"]
    *before, last = (_message(turn) for turn in row["messages"])
    return Request("generate", messages=tuple(before), tools=tuple(row.get("tools") or ())), last.content


def _message(turn: Mapping[str, Any]) -> Message:
    calls = []
    for call in turn.get("tool_calls") or ():
        inner = call.get("function", call)
        arguments = inner["arguments"]
        parsed = json.loads(arguments) if isinstance(arguments, str) else arguments
        calls.append(ToolCall(inner["name"], parsed, call.get("id", "")))
    return Message(turn["role"], turn.get("content") or "", tuple(calls), turn.get("tool_call_id", ""))


def texts(codec: Codec, row: Row) -> tuple[str, str, bool]:
    """Return (prompt, completion, whether a chat template wrote them).

    Raises:
        UsageError: messages, and no template or one that writes the past differently before and after an answer.
    """
    asked, answer = request(row)
    if not asked.messages:
        return asked.prompt, answer, False
    if codec.template is None:
        what = f"row {row['id']!r} holds messages, and the tokenizer has no chat template"
        raise UsageError(what, "rows with prompt and completion, or a model with a template", "see improve/training")
    before = codec.context(asked)[0]
    turns = (*asked.messages, _message(row["messages"][-1]))
    # Not continued, but finished: what ends the turn is what the model must learn to say.
    whole: str = codec.tokenizer.apply_chat_template(
        [as_dict(turn) for turn in turns], tools=list(asked.tools) or None, tokenize=False
    )
    if not whole.startswith(before):
        what = f"the chat template writes the turns before row {row['id']!r}'s answer differently once it is given"
        raise UsageError(
            what, "a template whose prompt begins the whole conversation", "train on prompt and completion"
        )
    return before, whole[len(before) :], True


def encode(codec: Codec, ends: frozenset[int], row: Row) -> Encoded:
    """Return a row's tokens. `ends`: every token that ends an answer.

    Raises:
        UsageError: as `texts`.
    """
    prompt, completion, plain = texts(codec, row)
    before = codec.encode(prompt, plain)
    if not before and codec.prefix_id is not None:
        before = [codec.prefix_id]
    whole = codec.encode(prompt + completion, plain)
    after = whole[len(before) :] if whole[: len(before)] == before else codec.encode(completion, plain=True)
    eos = codec.tokenizer.eos_token_id
    own = [eos] if eos is not None and not ends.intersection(after) else []
    return Encoded(str(row["id"]), (*before, *after, *own), len(before), completion, len(after))


def spelled(codec: Codec, row: Encoded) -> str:
    """Return the text that a row's labels spell, an EOS of ours left out."""
    start = max(0, row.prompt_tokens - 1)
    # After the last token of the prompt: SentencePiece drops the blank at the beginning of a text.
    before = _text(codec, row.ids[start : row.prompt_tokens])
    whole = _text(codec, row.ids[start : row.prompt_tokens + row.answer_tokens])
    return whole[len(before) :] if whole.startswith(before) else whole


def _text(codec: Codec, ids: Sequence[int]) -> str:
    text: str = codec.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
