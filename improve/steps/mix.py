"""Mixes targeted rows with rows of what the model can do already, so that it does not forget that.

    inputs       a dataset of targeted rows, further datasets: rows to replay
    parameters   {"replay": "primer", "ratio": 3.0, "per_cause": 200}     -> 600 targeted and 1,800 replayed rows

The default of three replayed rows to one targeted is what kept skills at 0.99 in trials on `tiny` (without: 0.2). Rows
to replay come from the further datasets first; `replay` fills up what is wanting: of a procedural suite with rows of
its `practice`, which are none of its samples, of a file of one's own (`instruct.jsonl`) with rows of that. The order is
seeded and spread evenly: every part of it holds both kinds in the same ratio, for trainers that keep the order. Where
there are fewer rows to replay than wanted the report says so; where there is none, it is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from harness import registry
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.hashing import fraction
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped, Row

NAME = "improve.mix"
FILE = ".jsonl"
TRAINED = ("prompt", "completion", "messages", "tools")
"""What is taken of a row of a file: whatever else it says is not this loop's."""
PATIENCE = 20
"""Practice rows drawn at most for each one wanted: small suites repeat themselves."""


class Parameters(Strict):
    """What may be told to `improve.mix`."""

    ratio: float = Field(default=3.0, ge=0)
    """Replayed rows to a targeted one; 0: none."""
    replay: str = ""
    """What is replayed where the further datasets hold fewer rows than wanted: a procedural suite, or a file of rows
    (`.jsonl`, as `workbench.rows` reads them)."""
    replay_sha256: str = ""
    """Of that file, as a loop found it: with another content it is done again."""
    per_cause: int | None = Field(default=None, ge=1)
    """Targeted rows of one cause at most; None: all."""
    seed: int = 0


class Mix(Step):
    """Targeted rows and rows to replay in, one dataset out."""

    version = "2"
    kind: ClassVar = "dataset"
    seeded: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate; what is to be replayed must have rows."""
        _named(validate(dict(parameters), Parameters, NAME), 1, set())

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return rows for each targeted one."""
        return {"rows_a_row": 1.0 + validate(dict(parameters), Parameters, NAME).ratio}

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the mixed rows.

        Raises:
            UsageError: nothing to replay, or a suite without practice.
        """
        given = validate(dict(parameters), Parameters, NAME)
        datasets = [one for one in inputs if one.kind == "dataset"]
        targeted, over = capped(dataset.all_of(datasets[:1], NAME), given.per_cause, given.seed)
        wanted = round(given.ratio * len(targeted))
        original = _original(datasets[1:], {row["id"] for row in targeted}, given.seed)[:wanted]
        practice = _named(given, wanted - len(original), {row["id"] for row in (*targeted, *original)})
        replayed = [*original, *practice]
        if wanted and not replayed:
            raise UsageError(
                f"{NAME} has nothing to replay, and {wanted} rows are wanted",
                "a further dataset of original rows, or a procedural suite by name",
                "type in the recipe: replay: primer (or ratio: 0 to go without, and risk that skills are forgotten)",
            )
        context.progress(1.0, f"{len(targeted)} targeted, {len(replayed)} replayed rows")
        parts = {"targeted": len(targeted), "replayed": len(replayed), "replay_wanted": wanted}
        parts |= {"replayed_original": len(original), "replayed_practice": len(practice)}
        causes = Counter(str(row.get("cause", "")) for row in targeted)
        told = {"parts": parts, "causes": dict(sorted(causes.items())), "parameters": given.model_dump()}
        mixed, count = interleaved(targeted, replayed, given.seed), len(targeted) + len(over) + len(replayed)
        return dataset.write(context.scratch / "rows", NAME, mixed, over, count, **told)


def capped(rows: Sequence[Row], most: int | None, seed: int) -> tuple[list[Row], list[Dropped]]:
    """Return (rows that stay, rows beyond the cap of their cause), which ones by a seeded order."""
    counts: Counter[str] = Counter()
    over: dict[int, Dropped] = {}
    for place in sorted(range(len(rows)), key=lambda place: (fraction(seed, rows[place]["id"]), place)):
        cause = str(rows[place].get("cause", ""))
        counts[cause] += 1
        if most is not None and counts[cause] > most:
            over[place] = Dropped(rows[place], "over_cap", {"cause": cause, "cap": most})
    return [row for place, row in enumerate(rows) if place not in over], [over[place] for place in sorted(over)]


def interleaved(targeted: Sequence[Row], replayed: Sequence[Row], seed: int) -> list[Row]:
    """Return both in one order: each shuffled by seed and id, then spread evenly over the whole."""
    found = []
    for part, rows in (("targeted", targeted), ("replayed", replayed)):
        order = sorted(rows, key=lambda row: (fraction(seed, part, row["id"]), row["id"]))
        found += [((place + 0.5) / len(order), part, row) for place, row in enumerate(order)]
    return [row for _, _, row in sorted(found, key=lambda one: one[:2])]


def _original(datasets: Sequence[Artifact], known: set[str], seed: int) -> list[Row]:
    """Return the rows of datasets that are not known yet, each once, in an order by seed and id."""
    every = {row["id"]: row for one in datasets for row in dataset.read(one) if row["id"] not in known}
    order = sorted(every.values(), key=lambda row: (fraction(seed, "replay", row["id"]), row["id"]))
    return [row if "source" in row else {**row, "source": {"replay": "dataset"}} for row in order]


def is_file(replay: str) -> bool:
    """Return whether rows to replay are those of a file."""
    return replay.endswith(FILE)


def _named(given: Parameters, wanted: int, known: set[str]) -> list[Row]:
    """Return different rows of what `replay` names, none of them known."""
    if not given.replay or not wanted:
        return []
    return _of_file(given, wanted, known) if is_file(given.replay) else _practice(given, wanted, known)


def _of_file(given: Parameters, wanted: int, known: set[str]) -> list[Row]:
    path = Path(given.replay).expanduser()
    trained = [{name: row[name] for name in TRAINED if name in row} for row in dataset.at(path)]
    if not trained:
        raise UsageError(f"{NAME}: replay: {given.replay!r} holds no rows", "at least one", "name another file")
    every = {dataset.row_id(row): {**row, "source": {"replay": path.name}} for row in trained}
    order = sorted(
        (one for one in every if one not in known), key=lambda one: (fraction(given.seed, "replay", one), one)
    )
    return [{"id": one, **every[one]} for one in order[:wanted]]


def _practice(given: Parameters, wanted: int, known: set[str]) -> list[Row]:
    """Return different practice rows of the suite. Their tags stay behind: no loop sees them."""
    try:
        drawn = registry.suite(given.replay).practice(given.seed, PATIENCE * wanted)
        found: dict[str, Row] = {}
        for one in drawn:
            row: dict[str, Any] = {"prompt": one.prompt, "completion": one.target}
            row = {"id": dataset.row_id(row), **row, "source": {"replay": given.replay, "seed": given.seed}}
            if row["id"] not in known:
                found.setdefault(row["id"], row)
            if len(found) == wanted:
                break
    except NotImplementedError as error:
        raise UsageError(
            f"the suite {given.replay!r} has no practice rows", "a procedural suite", "type: replay: primer"
        ) from error
    return list(found.values())
