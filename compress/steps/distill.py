"""Trains a smaller student on what its teacher says: knowledge distillation on training rows.

    inputs       [model artifact, dataset artifacts]
    parameters   {"student": {"layers": 1, "intermediate": 256}}     the model is the teacher; the student is cut out
                 {"teacher": "hf:org/name"}                          the model is the student, a pruned one for example
                 and steps, batch, learning_rate, temperature, weight, max_length, held_out, seed, dtype
    output       the student's folder: weights, tokenizer, run.json (with the divergence on rows held out, before and
                 after), README.md

    - compress.distill: {student: {layers: 1}, steps: 500}

Loss, schedule and what is measured: `compress.distilling.training`; what is cut: `compress.distilling.student`. Both
need one vocabulary. Recipes of improvement use it by its name. Cost: both models in memory, float32 on a CPU; `tiny` to
half its size in 500 steps of 16 rows: two minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from compress import oneshot
from compress.distilling import student as students
from compress.distilling import training
from compress.distilling.encoding import Rows, encoded
from compress.distilling.training import Terms, Trained
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import InfrastructureError, UsageError
from harness.models.hf import is_out_of_memory
from harness.models.hf.borrowed import randomness
from harness.models.hf.loading import HFSettings, Loaded, load, unmap
from harness.types import Artifact
from harness.workbench import candidate, record
from harness.workbench import rows as dataset

NAME = "compress.distill"
WATCHED = 128
"""Rows by which it is chosen what a student keeps of its teacher."""


class Shape(Strict):
    """A student, where it differs from its teacher."""

    layers: int | None = Field(default=None, ge=1)
    intermediate: int | None = Field(default=None, ge=1)
    """Feed-forward channels: a multiple of 256."""


class Parameters(Strict):
    """What may be told to `compress.distill`."""

    student: Shape | None = None
    """Cut out of the model among the inputs, which teaches it."""
    teacher: str = ""
    """Spec of the model that teaches the one among the inputs."""
    steps: int = Field(default=500, ge=1)
    batch: int = Field(default=16, ge=1)
    """Rows of a step."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """At its peak; of a model of billions of weights 1e-5 to 5e-5."""
    temperature: float = Field(default=1.0, gt=0)
    weight: float = Field(default=0.9, ge=0, le=1)
    """Of the divergence from the teacher; the rows' own completions have the rest."""
    max_length: int | None = Field(default=None, ge=2)
    """Tokens of a row; longer ones are left out. None: the model's context."""
    held_out: float = Field(default=0.1, gt=0, le=0.5)
    """Share of the rows that is only looked at."""
    seed: int = Field(default=0, ge=0)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the student's weights as written; it is trained in float32."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.student is None) == (not self.teacher):
            raise ValueError("either `student` (a shape; the model teaches it) or `teacher` (a model's spec)")
        return self


class Distill(Step):
    """A model and rows in, a student out."""

    version = "1"
    kind = "model"
    takes = ("model", "dataset")
    works_on = ("float",)
    seeded = True
    alone = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def foresee(
        self, config: Mapping[str, Any], folder: Path | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the student's config.json.

        Raises:
            UsageError: an unknown architecture, a shape that the teacher cannot be cut to.
        """
        shape = validate(dict(parameters), Parameters, NAME).student
        return students.shapes(config, shape.layers, shape.intermediate)[-1].config if shape else config

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return optimiser steps."""
        return {"steps": validate(dict(parameters), Parameters, NAME).steps}

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the student's folder.

        Raises:
            UsageError: no model, no rows, rows or a shape that cannot be trained with, two vocabularies, a loss that is
            no number. InfrastructureError: memory ran out.
        """
        given = validate(dict(parameters), Parameters, NAME)
        source, rows = candidate.model_of(inputs, NAME), dataset.some_of(inputs, NAME)
        try:
            with randomness():
                teacher, begun = _models(source, given)
                limit = min(given.max_length or begun.n_ctx, begun.n_ctx, teacher.n_ctx)
                taught = encoded(rows, begun, limit, given.held_out, given.seed)
                model = _student(teacher, begun, taught, given)
                told = given.model_dump(include=set(Terms.__dataclass_fields__))
                done = training.train(teacher.model, model, taught, Terms(**told), context)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            what = f"the distillation does not fit in memory: {(str(error).splitlines() or ['MemoryError'])[0]}"
            raise InfrastructureError(what, "room for two models and a batch", f"batch below {given.batch}") from error
        folder = context.scratch / "student"
        oneshot.save(model.to(_dtype(given.dtype)), begun.tokenizer, folder)
        record.write(folder, _record(source, inputs, given, teacher, taught, done, model))
        context.spend("seconds", done.seconds)
        context.progress(1.0, f"held-out KL {done.before.kl:.3f} -> {done.after.kl:.3f}")
        return folder


def _models(source: Artifact, given: Parameters) -> tuple[Loaded, Loaded]:
    """Return the teacher, and the model that the student is or is cut out of: the same one where it is cut out."""
    place = candidate.locate(source, "")
    begun = load(place, HFSettings(dtype="float32"))
    if not given.teacher:
        return begun, begun
    teacher = load(candidate.locate(None, given.teacher), HFSettings(device=begun.device))
    if differ := training.same_words(teacher, begun):
        what = f"teacher {given.teacher!r} and student have two vocabularies: {differ['differ']} tokens differ"
        raise UsageError(what, f"one, of one size; these are of {differ['sizes']}", "name a teacher of its family")
    return teacher, begun


def _student(teacher: Loaded, begun: Loaded, rows: Rows, given: Parameters) -> Any:
    if given.student is None:
        unmap(begun.model)
        return begun.model
    config = teacher.model.config.to_dict()
    cuts = students.shapes(config, given.student.layers, given.student.intermediate)
    step = max(1, len(rows.train) // WATCHED)
    return students.cut_out(teacher.model, cuts, [one.ids for one in rows.train[::step][:WATCHED]])


def _dtype(name: str) -> Any:
    import torch

    return getattr(torch, name)


def _record(
    source: Artifact,
    inputs: Sequence[Artifact],
    given: Parameters,
    teacher: Loaded,
    rows: Rows,
    done: Trained,
    model: Any,
) -> dict[str, Any]:
    told = record.read(Path(source.path))
    found = record.facts(NAME, Distill.version, given.model_dump(), tags=("distilled", *told.get("tags", ())))
    found |= {"base": told.get("base") or {"name": source.path, "digest": source.digest}, "seed": given.seed}
    found |= {"teacher": {"name": given.teacher or source.path, "digest": teacher.digest}}
    config, size = model.config, sum(one.numel() for one in model.parameters())
    found |= {"student": {"layers": config.num_hidden_layers, "parameters": size, "zeros": done.zeros}}
    data = {one.id: one.digest for one in inputs if one.kind == "dataset"}
    found |= {"data": {"artifacts": data, "rows": len(rows.train), "too_long": rows.too_long}}
    found |= {"training": {"seconds": done.seconds, "supervised_tokens": done.tokens}}
    found |= {"held_out": {"before": asdict(done.before), "after": asdict(done.after)}}
    return found | {"model": {"artifact": source.id, "digest": source.digest, "run": told}}
