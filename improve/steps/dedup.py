"""Takes out rows that ask what another row asks: exactly, or nearly word for word.

    {"prompt": "Q: Name a river.\\nA:", ..}, {"prompt": "q: name a river", ..}
      ->  one of them is dropped: {"reason": "exact", "of": the other's id}

Rows are gone through in an order drawn from the seed and their ids; the first of equals stays, whatever order they came
in, and what stays keeps its place. Equal means the same question in canonical form (`curation.text`). Near means a
Jaccard similarity of character 5-grams of at least `near`, with the same numbers: candidates by MinHash, then counted.
Rows that a program wrote (`source.generator`) are held to exact equality alone: it draws them from few templates.

Done twice, it drops nothing more. Cost: about 0.3 ms a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.hashing import fraction
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped, Row
from improve.curation import sketches, text

NAME = "improve.dedup"
BANDS = 32
"""Of a signature's 128 values, four each: a pair as alike as 0.8 shares a band with a chance of 1 - 5e-8."""


class Parameters(Strict):
    """What may be told to `improve.dedup`."""

    near: float = Field(default=0.9, gt=0.5, le=1.0)
    """Jaccard similarity from which two rows count as one; 1: only exact ones do."""
    seed: int = 0


class Dedup(Step):
    """Datasets in, one without duplicates out."""

    version = "1"
    kind: ClassVar = "dataset"
    seeded: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the rows that stay."""
        given = validate(dict(parameters), Parameters, NAME)
        rows = dataset.all_of(inputs, NAME)
        dropped = duplicates(rows, given.near, given.seed)
        context.progress(1.0, f"{len(dropped)} of {len(rows)} rows are duplicates")
        kept = [row for place, row in enumerate(rows) if place not in dropped]
        gone = [dropped[place] for place in sorted(dropped)]
        told = {"parameters": given.model_dump(), "scheme": sketches.scheme()}
        return dataset.write(context.scratch / "rows", NAME, kept, gone, len(rows), **told)


def duplicates(rows: Sequence[Row], near: float = 0.9, seed: int = 0) -> dict[int, Dropped]:
    """Return place -> why, of the rows that repeat another one."""
    order = sorted(range(len(rows)), key=lambda place: (fraction(seed, rows[place]["id"]), rows[place]["id"], place))
    words = [text.tokens(dataset.question(row)) for row in rows]
    first: dict[str, int] = {}
    found: dict[int, Dropped] = {}
    for place in order:
        asked = text.key(dataset.question(rows[place]))
        kept = first.setdefault(asked, place)
        if kept != place:
            found[place] = Dropped(rows[place], "exact", {"of": rows[kept]["id"]})
    if near < 1.0:
        left = [place for place in order if place not in found and not _by_program(rows[place])]
        found |= {
            place: Dropped(rows[place], "near", {"of": rows[kept]["id"], "jaccard": round(alike, 4)})
            for place, (kept, alike) in _near(left, words, near).items()
        }
    ids = {row["id"]: place for place, row in enumerate(rows) if place not in found}
    ids |= {one.row["id"]: place for place, one in found.items() if one.row["id"] not in ids}
    return {place: _resolved(one, found, ids) for place, one in found.items()}


def _resolved(one: Dropped, found: Mapping[int, Dropped], ids: Mapping[str, int]) -> Dropped:
    """Return why a row goes, with the row that stays where the one that it equals goes itself."""
    same = one.detail["of"]
    while (further := found.get(ids[same])) is not None:
        same = further.detail["of"]
    return replace(one, detail={**one.detail, "of": same})


def _near(order: Sequence[int], words: Sequence[Sequence[str]], least: float) -> dict[int, tuple[int, float]]:
    """Return place -> (an earlier one that stays, how alike), of the rows in `order`."""
    signatures, _ = sketches.signatures(words[place] for place in order)
    bands: dict[tuple[int, bytes], list[int]] = {}
    found: dict[int, tuple[int, float]] = {}
    width = sketches.PERMUTATIONS // BANDS
    for number, place in enumerate(order):
        own = [(band, signatures[number, band * width : (band + 1) * width].tobytes()) for band in range(BANDS)]
        candidates = dict.fromkeys(one for key in own for one in bands.get(key, ()))
        alike = {one: _alike(words[one], words[place]) for one in candidates}
        same = max(alike, key=lambda one: alike[one], default=None)
        if same is not None and alike[same] >= least:
            found[place] = (same, alike[same])
            continue
        for key in own:
            bands.setdefault(key, []).append(place)
    return found


def _alike(left: Sequence[str], right: Sequence[str]) -> float:
    """Return the Jaccard similarity of two texts' 5-grams; 0 where their numbers differ."""
    if sorted(filter(_is_number, left)) != sorted(filter(_is_number, right)):
        return 0.0
    a, b = sketches.shingles(left), sketches.shingles(right)
    return len(a & b) / len(a | b)


def _is_number(word: str) -> bool:
    return word[0].isdigit()


def _by_program(row: Row) -> bool:
    source = row.get("source")
    return isinstance(source, Mapping) and bool(source.get("generator"))
