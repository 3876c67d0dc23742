"""Models x suites: one cell a model and comparable suite, its newest run there.

    made = matrix(board(ask))
    made.columns                                     -> {("mmlu", "v1 8501e5 raw"): "mmlu", ..}
    made.models[0].label, made.models[0].mean_rank   -> ("tiny", 1.0)

What may not be compared stands in columns of its own: a suite in two versions has two, of which the one with the most
models counts for the suite. Mean rank and macro score are means over all suites, of models that have a score in every
one: means over different suites order nothing.
Cost: a pass over the rows of the board, and one over the pairs of each column for ranks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboards import names
from dashboards.queries import Rows
from dashboards.queries.leaderboard import fences, model_key, newest, ranked, when

Column = tuple[str, str]
"""Suite and fingerprint."""


@dataclass(frozen=True)
class Line:
    """A model."""

    key: str
    label: str
    cells: Mapping[Column, dict[str, Any]]
    """Column -> row of the board; where nothing was asked there is none."""
    mean_rank: float | None
    """Of a model with a score in every suite."""
    macro: float | None
    """Mean score; of a model with a score in every suite, where every suite's is a share of which more is better."""
    scored: int
    """Suites with a score that counts."""

    @property
    def last(self) -> dict[str, Any]:
        """The newest of its rows."""
        return max(self.cells.values(), key=when)


@dataclass(frozen=True)
class Matrix:
    """Columns with what they are called, by suite; and models, the best first, complete ones before all others."""

    columns: Mapping[Column, str]
    models: tuple[Line, ...]
    suites: int

    @property
    def complete(self) -> int:
        """Models with a score in every suite."""
        return sum(line.mean_rank is not None for line in self.models)


def matrix(rows: Rows) -> Matrix:
    """Return the matrix of rows of the board; ranks are made anew, among the cells of a column."""
    cells = ranked(newest(rows))
    columns = labels(cells)
    counting = _counting(cells)
    share = all((row["floor"], row["ceiling"], row["up"]) == (0.0, 1.0, True) for row in cells)
    own: dict[str, dict[Column, dict[str, Any]]] = {}
    for row in cells:
        own.setdefault(model_key(row), {})[row["suite"], row["fingerprint"]] = row
    called = _called(own)
    lines = [_line(key, called[key], mine, counting, share) for key, mine in own.items()]
    return Matrix(columns, tuple(sorted(lines, key=_place)), len(counting))


def labels(rows: Rows) -> dict[Column, str]:
    """Return column -> its title: the suite, with the fingerprint where the suite stands in several columns."""
    columns = sorted(fences(rows))
    several = Counter(suite for suite, _ in columns)
    return {(suite, mark): suite if several[suite] == 1 else f"{suite} {mark}" for suite, mark in columns}


def _counting(rows: Rows) -> frozenset[Column]:
    """Return the column of each suite that has the most models, of equals the one asked last."""
    best: dict[str, tuple[int, Any, Column]] = {}
    for column, members in fences(rows).items():
        place = (len(members), max(map(when, members)), column)
        best[column[0]] = max(best.get(column[0], place), place)
    return frozenset(column for _, _, column in best.values())


def _line(key: str, label: str, cells: dict[Column, dict[str, Any]], counting: frozenset[Column], share: bool) -> Line:
    scored = [row for column, row in cells.items() if column in counting and row["score"] is not None]
    whole = len(scored) == len(counting)
    return Line(
        key,
        label,
        cells,
        math.fsum(row["rank"] for row in scored) / len(scored) if whole else None,
        math.fsum(row["score"] for row in scored) / len(scored) if whole and share else None,
        len(scored),
    )


def _place(line: Line) -> tuple[bool, float, int, float, str]:
    ranks = [row["rank"] for row in line.cells.values() if row["rank"]]
    mean = math.fsum(ranks) / len(ranks) if ranks else math.inf
    return line.mean_rank is None, mean, -line.scored, -(line.macro or 0.0), line.label


def _called(own: Mapping[str, Mapping[Column, Mapping[str, Any]]]) -> dict[str, str]:
    """Return key -> a name that no other model has: a file that was written anew has other weights."""
    specs = {key: max(cells.values(), key=when)["model"] for key, cells in own.items()}
    short = {key: names.model(spec) for key, spec in specs.items()}
    often = Counter(short.values())
    return {key: name if often[name] == 1 else f"{name} \u00b7 {key[-6:]}" for key, name in short.items()}
