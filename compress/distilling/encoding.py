"""Training rows as token ids, and which of them are held out.

    {"id": "9f..", "prompt": "Q: 2 + 2\\nA:", "completion": " 4"}
      -> Encoded("9f..", ids=(<s> Q : _2 _+ _2 \\n A : _4 </s>), prompt_tokens=9)

A prompt's tokens are those that an evaluation sends (`harness.models.hf.codec`); the completion's are the rest of the
whole text's, or its own where the two would merge at the seam. It ends with an end token. A row without a supervised
token is an error: its loss is 0 whatever the model says. Rows that are too long are left out, never cut, and counted;
more than a tenth of them is an error. Held out is a share by a hash of the row's id, so equal rows fall on one side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError
from harness.hashing import fraction
from harness.models.hf.codec import Codec
from harness.models.hf.loading import Loaded
from harness.workbench import rows as dataset
from harness.workbench.rows import Row

MOST_DROPPED = 0.1
"""Share of rows that may be too long before the limit or the data is wrong."""


@dataclass(frozen=True)
class Encoded:
    """One row, ready to train on."""

    row_id: str
    ids: tuple[int, ...]
    prompt_tokens: int
    """Of the first ids; the others are supervised."""


@dataclass(frozen=True)
class Rows:
    """What is trained on, in order, and what is only looked at."""

    train: tuple[Encoded, ...]
    held: tuple[Encoded, ...]
    too_long: int


def encoded(rows: Sequence[Row], base: Loaded, limit: int, held_out: float, seed: int) -> Rows:
    """Return the rows as tokens.

    Args:
        limit: tokens of a row at most. held_out: share of the rows.

    Raises:
        UsageError: rows without a supervised token, too many that are too long, nothing left on one side, messages that
        the tokenizer's template cannot write.
    """
    codec, ends = Codec(base.tokenizer), _ends(base)
    found = [_encode(codec, ends, row) for row in rows]
    untaught = [one.row_id for one in found if len(one.ids) == one.prompt_tokens]
    if untaught:
        what = f"{len(untaught)} of {len(found)} rows have no supervised token: {', '.join(map(repr, untaught[:3]))}"
        raise UsageError(what, "a completion of at least one token in every row", "take them out")
    short = [one for one in found if len(one.ids) <= limit]
    dropped = len(found) - len(short)
    if dropped > MOST_DROPPED * len(found):
        what = f"{dropped} of {len(found)} rows are longer than {limit} tokens"
        raise UsageError(
            what, "at most a tenth: rows are left out, never cut", "raise max_length, or give shorter rows"
        )
    held = {one.row_id: one for one in short if fraction("held out", seed, one.row_id) < held_out}
    train = tuple(one for one in short if one.row_id not in held)
    if not train or not held:
        what = f"{len(train)} rows to train on and {len(held)} held out"
        raise UsageError(what, "some of both", "give more rows, or another held_out")
    return Rows(train, tuple(held.values()), dropped)


def _ends(base: Loaded) -> frozenset[int]:
    """Return every token that ends an answer: the tokenizer's and those that the checkpoint declares."""
    told: list[Any] = [base.tokenizer.eos_token_id]
    for config in (base.model.config, base.model.generation_config):
        ids = getattr(config, "eos_token_id", None)
        told += ids if isinstance(ids, list | tuple) else [ids]
    return frozenset(one for one in told if one is not None)


def _encode(codec: Codec, ends: frozenset[int], row: Row) -> Encoded:
    before, whole, plain = _texts(codec, row)
    prompt = codec.encode(before, plain) or [one for one in (codec.prefix_id,) if one is not None]
    ids = codec.encode(whole, plain)
    answer = ids[len(prompt) :] if ids[: len(prompt)] == prompt else codec.encode(whole[len(before) :], plain=True)
    eos = codec.tokenizer.eos_token_id
    own = [eos] if answer and eos is not None and not ends.intersection(answer) else []
    return Encoded(str(row["id"]), (*prompt, *answer, *own), len(prompt))


def _texts(codec: Codec, row: Row) -> tuple[str, str, bool]:
    """Return (the prompt, prompt and answer, whether a chat template wrote them)."""
    asked, answer = dataset.request(row)
    if not asked.messages:
        return asked.prompt, asked.prompt + answer, False
    expected = "rows with prompt and completion, or a template that begins a conversation with its prompt"
    if codec.template is None:
        raise UsageError(f"row {row['id']!r} holds messages, and there is no chat template", expected, "give others")
    try:
        before = codec.context(asked)[0]
        whole = codec.tokenizer.apply_chat_template(row["messages"], tools=row.get("tools") or None, tokenize=False)
    except Exception as error:  # a template is a program of its author's: it raises what it likes
        what = f"the chat template refuses the messages of row {row['id']!r}: {error}"
        raise UsageError(what, expected, "give other rows") from error
    if not whole.startswith(before):
        what = f"the chat template writes the turns before row {row['id']!r}'s answer differently once it is given"
        raise UsageError(what, expected, "train on prompt and completion")
    return before, whole, True
