"""Keeps the training rows that a model finds hardest: those whose completion has the highest perplexity under it.

    inputs       [model artifact, dataset artifact]
    parameters   {"share": 0.3}
    a row kept   {.. the row .., "checks": {"compress.hardest": 1.73}}       nats per token of the completion
    report.json  {.., "nats": {"0": 0.01, "0.5": 0.4, ..}, "bar": 0.9}       quantiles over all rows; the least one kept

What a cut made a model forget, of what it was trained on, is what it finds hard now. In a group of a recipe this step
comes first: behind `improve.generate` it would choose among generated rows too. Perplexity is exp(nats per token), the
end token left out, as `hf:` scores a choice; rows of equal nats go by id. Rows stay in their order. Cost: one forward
pass over the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from harness import registry
from harness.config import Strict, validate
from harness.contracts import Model, Step, StepContext
from harness.errors import InfrastructureError, UsageError
from harness.types import Artifact, Completion, Fault
from harness.workbench import candidate
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped, Row

NAME = "compress.hardest"
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class Parameters(Strict):
    """What may be told to `compress.hardest`."""

    share: float = Field(default=0.3, gt=0, le=1)
    """Of the rows, rounded up."""


class Hardest(Step):
    """A model and rows in, the hardest rows out."""

    version = "1"
    kind: ClassVar = "dataset"
    takes: ClassVar = ("model", "dataset")
    works_on: ClassVar = ("float",)
    alone: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the rows.

        Raises:
            UsageError: no model, no rows, a row without a completion. InfrastructureError: the model says nan.
        """
        given = validate(dict(parameters), Parameters, NAME)
        rows = dataset.some_of(inputs, NAME)
        place = candidate.locate(candidate.model_of(inputs, NAME), "")
        context.progress(0.0, f"{len(rows)} rows")
        with registry.open_model(f"hf:{place}") as model:
            found = nats(model, rows)
        order = sorted(range(len(rows)), key=lambda place: (-found[place], str(rows[place]["id"])))
        chosen = sorted(order[: math.ceil(given.share * len(rows))])
        kept = [_told(rows[place], found[place]) for place in chosen]
        context.progress(1.0, f"{len(kept)} of {len(rows)} rows")
        told = {"nats": _quantiles(found), "bar": round(min(found[place] for place in chosen), 4)}
        easier = sorted(order[len(chosen) :])
        dropped = [Dropped(rows[place], "easier", {"nats": round(found[place], 4)}) for place in easier]
        folder = context.scratch / "rows"
        return dataset.write(folder, NAME, kept, dropped, len(rows), **told, parameters=given.model_dump())


def nats(model: Model, rows: Sequence[Row]) -> list[float]:
    """Return the negative log-likelihood of each row's completion, in nats per token, the end token left out.

    Raises:
        UsageError: a row whose completion has no token. InfrastructureError: no answer, or one that is no number.
    """
    asked = [dataset.request(row) for row in rows]
    requests = [replace(request, kind="choose", choices=(answer,)) for request, answer in asked]
    found = [math.nan] * len(rows)
    for place, answer in model.answer(requests):
        found[place] = _nats(rows[place], answer)
    return found


def _nats(row: Row, answer: Completion | Fault) -> float:
    if isinstance(answer, Fault):
        what = f"row {row['id']!r} has no perplexity: {answer.message}"
        if answer.kind == "encoding":
            raise UsageError(what, "a completion of at least one token in every row", "take it out of the rows")
        raise InfrastructureError(what, "log-probabilities of every completion", "look at the model")
    value = -answer.choice_logprobs[0] / answer.choice_tokens[0]
    if not math.isfinite(value):
        what = f"the model gives the completion of row {row['id']!r} {value} nats per token"
        raise InfrastructureError(what, "a finite number", "look at the stage that made the model: its weights broke")
    return value


def _told(row: Row, value: float) -> Row:
    return {**row, "checks": {**row.get("checks", {}), NAME: round(value, 4)}}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    """Return quantile -> value, each one of the values (the nearest rank)."""
    ordered = sorted(values)
    return {f"{q:g}": round(ordered[round(q * (len(ordered) - 1))], 4) for q in QUANTILES}
