"""Published scores as the other side of a comparison: "120% of GPT-4 on HumanEval" is a gate.

    model: gpt-4
    source: https://arxiv.org/abs/2303.08774
    suites:
      humaneval: {pass@1: 0.67, n: 164}

with `references: {gpt4: {figures: gpt-4.yaml}}` and `humaneval: {relative: {min_ratio: 1.2, to: gpt4}}` asks for 0.804.
Where `n` is given the figure is an estimate from that many samples, and its noise counts; without it, it is exact.
Nothing here makes two set-ups alike: prompts, shots and graders of a paper are not those of a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, model_validator

from harness.config import Strict, read_yaml
from harness.errors import UsageError, nearest
from harness.gate.evidence import Figure
from harness.gate.policy import Policy
from harness.types import Metric


class Figures(Strict):
    """A file of published scores of one model."""

    model: str
    source: str
    """Paper or URL."""
    suites: dict[str, dict[str, float]] = Field(min_length=1)
    """Suite -> metric -> score in the metric's own range, and `n`, the samples it was measured on."""

    @model_validator(mode="after")
    def _plausible(self) -> Figures:
        for suite, row in self.suites.items():
            if not set(row) - {"n"}:
                raise ValueError(f"suites.{suite} names no metric")
            for name, value in row.items():
                if not math.isfinite(value):
                    raise ValueError(f"suites.{suite}.{name} = {value!r} is no number")
            if "n" in row and (row["n"] < 1 or row["n"] != int(row["n"])):
                raise ValueError(f"suites.{suite}.n = {row['n']!r}: a number of samples, 1 or more")
        return self


def load(path: Path) -> Figures:
    """Return the figures of a file.

    Raises:
        UsageError: no such file, malformed, unknown keys.
    """
    return read_yaml(path, Figures)


def figure(figures: Figures, path: Path, suite: str, metric: Metric) -> Figure:
    """Return the figure of a suite and metric; `path` is named in errors.

    Raises:
        UsageError: the file has none of that suite or metric (tells the nearest), or one outside the metric's range.
    """
    row = figures.suites.get(suite)
    if row is None:
        what = f"{path.name} has no figure of the suite {suite!r}"
        raise UsageError(what, nearest(suite, figures.suites), f"add it to {path}")
    if metric.name not in row:
        what = f"{path.name} has no figure {metric.name!r} of the suite {suite!r}"
        raise UsageError(what, nearest(metric.name, set(row) - {"n"}), f"add it to {path}")
    value, n = row[metric.name], row.get("n")
    if not metric.low <= value <= metric.high:
        percent = f"; {value / 100:g}?" if metric.low <= value / 100 <= metric.high else ""
        what = f"{path.name}: {suite} {metric.name} = {value:g} lies outside the metric's range"
        raise UsageError(what, f"{metric.low:g} to {metric.high:g}{percent}", f"mend {path}")
    if n is not None and not 0.0 <= value <= 1.0:
        what = f"{path.name}: {suite} {metric.name} = {value:g} is no share, so `n` says nothing about its noise"
        raise UsageError(what, "a share from 0 to 1, or no `n`", f"mend {path}")
    return Figure(value, None if n is None else int(n), f"{figures.model}, {figures.source}")


def files(policy: Policy, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name of a reference, file) of all published references; relative paths are relative to `folder`."""
    named = {**policy.references, "reference": policy.reference, "previous": policy.previous}
    for name, reference in named.items():
        if reference is not None and reference.figures:
            yield name, folder / Path(reference.figures).expanduser()
