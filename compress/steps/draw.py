"""Draws the training rows that the stages of a compression calibrate and recover on.

    inputs       none
    parameters   {"suite": "primer", "rows": 2000, "seed": 0}       practice rows of a procedural suite
                 {"file": "train.jsonl", "rows": 2000, "seed": 0}   rows of one's own (`harness.workbench.rows`)
    output       a dataset: rows.jsonl, report.json

Each row is there once, in an order by seed. Of a suite its `practice` is drawn, which are none of its samples; a file
may hold anything: `improve.decontaminate` comes after this step, and takes out what repeats a sample. Where there are
fewer different rows than wanted the report says so. Cost: a second for ten thousand rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from harness import registry
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.hashing import file_sha256, fraction
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Row

NAME = "compress.draw"
TRAINED = ("prompt", "completion", "messages", "tools")
"""What is taken of a row of a file: whatever else it says is not this recipe's."""
PATIENCE = 20
"""Practice rows drawn at most for each one wanted: small suites repeat themselves."""


class Parameters(Strict):
    """What may be told to `compress.draw`: a suite or a file, and how much of it."""

    suite: str = ""
    """Procedural suite whose practice rows are drawn."""
    file: str = ""
    """File of rows (`.jsonl`)."""
    file_sha256: str = ""
    """Of that file, as a chain found it: with another content it is drawn again."""
    rows: int = Field(default=2000, ge=1)
    """At most."""
    skip: int = Field(default=0, ge=0)
    """Rows passed over first: two draws that share none are told apart by it."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.suite) == bool(self.file):
            raise ValueError("one of `suite` and `file`")
        return self


class Draw(Step):
    """Nothing in, a dataset out."""

    version = "1"
    kind: ClassVar = "dataset"
    takes: ClassVar = ()
    seeded: ClassVar = True

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate; the source must have a row after those passed over."""
        given = validate(dict(parameters), Parameters, NAME)
        found, count = _drawn(given.model_copy(update={"rows": 1}))
        if not found:
            what = f"{NAME}: {given.file or given.suite!r} has {count} rows, and {given.skip} are to be passed over"
            raise UsageError(what, "different rows beyond those", "name a larger file, or ask for fewer rows")

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return the rows wanted."""
        return {"rows": validate(dict(parameters), Parameters, NAME).rows}

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the rows.

        Raises:
            UsageError: a suite without practice rows; a file that cannot be read, or is another one than it was.
        """
        given = validate(dict(parameters), Parameters, NAME)
        found, count = _drawn(given)
        context.progress(1.0, f"{len(found)} rows")
        told = {"repeated": count - given.skip - len(found) if given.suite else 0, "wanted": given.rows}
        return dataset.write(context.scratch / "rows", NAME, found, (), count, **told, parameters=given.model_dump())


def _drawn(given: Parameters) -> tuple[list[Row], int]:
    """Return (different rows, how many were looked at for them)."""
    return _of_file(given) if given.file else _practice(given)


def _practice(given: Parameters) -> tuple[list[Row], int]:
    found: dict[str, Row] = {}
    source, count = {"generator": given.suite, "seed": given.seed}, 0
    try:
        for one in registry.suite(given.suite).practice(given.seed, PATIENCE * (given.skip + given.rows)):
            row = {"prompt": one.prompt, "completion": one.target}
            found.setdefault(name := dataset.row_id(row), {"id": name, **row, "source": source})
            count += 1
            if len(found) == given.skip + given.rows:
                break
    except NotImplementedError as error:
        what = f"{NAME}: the suite {given.suite!r} has no practice rows"
        raise UsageError(what, "a procedural suite, or a file of rows", "type: suite: primer") from error
    return list(found.values())[given.skip :], count


def _of_file(given: Parameters) -> tuple[list[Row], int]:
    path = Path(given.file).expanduser()
    rows = dataset.at(path)
    if not rows:
        raise UsageError(f"{NAME}: {given.file!r} holds no rows", "at least one", "name another file")
    if given.file_sha256 and file_sha256(path) != given.file_sha256:
        what = f"{NAME}: {given.file!r} is not the file that it was when the recipe began"
        raise UsageError(what, f"the sha256 {given.file_sha256[:12]}..", "run the same command again")
    trained = [{key: row[key] for key in TRAINED if key in row} for row in rows]
    every = {dataset.row_id(row): {**row, "source": {"file": path.name}} for row in trained}
    order = sorted(every, key=lambda name: (fraction(given.seed, NAME, name), name))
    return [{"id": name, **every[name]} for name in order[given.skip : given.skip + given.rows]], len(rows)
