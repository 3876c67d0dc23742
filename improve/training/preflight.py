"""What is checked before the first step is paid for: every row teaches something, and what it says it teaches.

    plan = preflight(rows, codec, ends, limit=512, held_out=0.1, seed=0)
    plan.train, plan.held, plan.dropped       `too_long`, `not_spelled`: left out, counted, never cut

Rules. A row without a supervised token is an error that names it: a training on such rows ends with a loss of 0 and
looks successful. A row that is longer than the limit, or whose labels do not spell its completion (a tokenizer that
changes the text), is left out; more than a tenth of them is an error. The held-out rows are chosen by a hash of their
ids, so repeated rows fall on one side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError
from harness.hashing import digest, fraction
from harness.models.hf.codec import Codec
from improve.training.rows import Encoded, Row, encode, spelled

MOST_DROPPED = 0.1
"""Share of rows that may be left out before the data or the limit is wrong."""
NAMED = 3
"""Rows that a message names."""


@dataclass(frozen=True)
class Plan:
    """What will be trained on, in the order of the file, and what not."""

    train: tuple[Encoded, ...]
    held: tuple[Encoded, ...]
    dropped: Mapping[str, str]
    """Row id -> reason."""
    longest: int
    """Tokens of the longest row that is trained on."""

    def report(self) -> dict[str, Any]:
        """Return counts of rows and tokens, and the digests of what is trained on and held out."""
        return {
            "rows": len(self.train),
            "held_out": len(self.held),
            "dropped": dict(Counter(self.dropped.values())),
            "tokens": sum(len(row.ids) for row in self.train),
            "supervised_tokens": sum(len(row.ids) - row.prompt_tokens for row in self.train),
            "longest": self.longest,
            "rows_digest": digest([row.row_id for row in self.train]),
            "held_out_digest": digest([row.row_id for row in self.held]),
        }


def preflight(rows: Sequence[Row], codec: Codec, ends: frozenset[int], limit: int, held_out: float, seed: int) -> Plan:
    """Return the plan of a training.

    Args:
        ends: token ids that end an answer. limit: tokens of a row at most.

    Raises:
        UsageError: rows without a supervised token, or too many that cannot be trained on.
    """
    encoded = [encode(codec, ends, row) for row in rows]
    _refuse_untaught([row for row in encoded if row.answer_tokens == 0], len(rows))
    dropped = {row.row_id: reason for row in encoded if (reason := _problem(codec, row, limit))}
    _refuse_dropped(encoded, dropped, limit)
    kept = [row for row in encoded if row.row_id not in dropped]
    aside = {row.row_id for row in kept if is_held_out(row.row_id, held_out, seed)}
    train = tuple(row for row in kept if row.row_id not in aside)
    if not train:
        raise UsageError(f"no row is left to train on: {len(kept)} held out", "more rows", "lower held_out")
    held = tuple({row.row_id: row for row in kept if row.row_id in aside}.values())
    return Plan(train, held, dropped, max(len(row.ids) for row in train))


def is_held_out(row_id: str, share: float, seed: int) -> bool:
    """Return whether a row is one of the share that is not trained on."""
    return fraction("held out", seed, row_id) < share


def _problem(codec: Codec, row: Encoded, limit: int) -> str:
    if len(row.ids) > limit:
        return "too_long"
    return "" if spelled(codec, row) == row.completion else "not_spelled"


def _refuse_untaught(rows: Sequence[Encoded], count: int) -> None:
    if rows:
        raise UsageError(
            f"{len(rows)} of {count} rows have no supervised token: {_names(rows)}",
            "a completion of at least one token in every row: the loss of such rows is 0 whatever the model says",
            "take them out of rows.jsonl, or look at the step that made them",
        )


def _refuse_dropped(rows: Sequence[Encoded], dropped: Mapping[str, str], limit: int) -> None:
    found = [row for row in rows if row.row_id in dropped]
    if len(found) <= MOST_DROPPED * len(rows):
        return
    long = [row for row in found if dropped[row.row_id] == "too_long"]
    if 2 * len(long) >= len(found):
        raise UsageError(
            f"{len(long)} of {len(rows)} rows are longer than {limit} tokens: {_names(long)}",
            f"at most a tenth: rows are left out, never cut; the longest has {max(len(row.ids) for row in long)}",
            "raise max_length, or make shorter rows",
        )
    odd = [row for row in found if dropped[row.row_id] == "not_spelled"]
    raise UsageError(
        f"the labels of {len(odd)} of {len(rows)} rows do not spell their completions: {_names(odd)}",
        "a tokenizer that gives the text back",
        "look at those rows for characters that the tokenizer replaces",
    )


def _names(rows: Sequence[Encoded]) -> str:
    shown = ", ".join(repr(row.row_id) for row in rows[:NAMED])
    return shown + (f" and {len(rows) - NAMED} more" if len(rows) > NAMED else "")
