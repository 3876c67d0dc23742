"""The suite around a suite: every sample asked clean and then perturbed, so that the drop is paired by construction.

    adversarial:primer/typos,casing     a sample of primer becomes two, `ordering/sort/3/typos` and `.../casing`

Each sample keeps its clean sibling's origin, hence its split, and holds what is needed to restore it. An episode first
asks the clean question, with the very request of the clean suite: the ledger has the answer when that suite ran before
and asks it once when several perturbations share it (with temperature 0, or the same seed). Then it asks the perturbed
one. Both are scored by the clean suite's own scorer:

    values  robust = primary value perturbed, clean = the same unperturbed, drop = what was lost
    mode    of the perturbed answer; `complied` when it is the answer that an injected instruction asked for
    detail  both modes and answers, what was done

Metrics: `robust`, `clean`, `drop` in [-1, 1], `retained` = sum of robust / sum of clean. A primary metric that is a
ratio is taken sample by sample here (0 where nothing is divided), pass@k as pass@1.

Source: written for this project; robustness as accuracy beside its clean sibling as in Liang et al. 2022 (HELM,
https://arxiv.org/abs/2211.09110). What it does not do: siblings of one question are correlated, and the intervals of
a run do not know it; read intervals per perturbation, where each question occurs once.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from harness import registry
from harness.contracts import Canonical, Episode, Suite
from harness.errors import UsageError, nearest
from harness.types import Completion, Metric, Sample, Score

from . import perturbation
from .episodes import finished, heard
from .perturbation import Change, Perturbation
from .sibling import KEY, change_of, perturbed, restored

PLAIN = "primer"
EXAMPLES_EACH = 3
"""Examples for each perturbation."""


def parse(variant: str) -> tuple[str, tuple[str, ...]]:
    """Return (suite, perturbations) of `SUITE/NAME,NAME`; the last "/" separates if only known names follow it."""
    left, slash, right = (variant or PLAIN).rpartition("/")
    asked = tuple(dict.fromkeys(right.split(",")))
    if slash and left and all(perturbation.is_name(part) for part in asked):
        return left, asked
    return variant or PLAIN, ()


def check(variant: str) -> None:
    """Raise when a variant is not SUITE or SUITE/PERTURBATION,...

    Raises:
        errors.UsageError: no such suite, no such perturbation, or a suite that is perturbed already.
    """
    base, asked = parse(variant)
    try:
        suite = registry.suite(base)
    except UsageError:
        left, slash, right = base.rpartition("/")
        if not slash or left.partition(":")[0] not in registry.names("suites"):
            raise
        registry.suite(left)
        known = perturbation.names()
        bad = next(part for part in right.split(",") if not perturbation.is_name(part))
        what = f"no perturbation named {bad!r}"
        raise UsageError(what, nearest(bad, known), f"type: --suite adversarial:{left}/{known[-1]}") from None
    for name in asked:
        perturbation.find(name)
    if isinstance(suite, Robust):
        what = f"{base!r} is a perturbed suite already"
        raise UsageError(what, "a suite of clean questions; name all perturbations at once, separated by commas")


class Robust(Suite):
    """A suite under perturbations."""

    variants: ClassVar[Mapping[str, str]] = {"": "", "*": ""}
    group_tag = "perturbation"

    @cached_property
    def base(self) -> Suite:
        """The clean suite."""
        return registry.suite(parse(self.variant)[0])

    @cached_property
    def perturbations(self) -> tuple[Perturbation, ...]:
        """The perturbations asked for, else all."""
        return tuple(perturbation.find(name) for name in parse(self.variant)[1] or perturbation.names())

    @property
    def version(self) -> str:  # type: ignore[override]
        """Version of this file, of the clean suite and of each perturbation."""
        return f"1/{self.base.version}/{'.'.join(one.version for one in self.perturbations)}"

    @property
    def source(self) -> str:  # type: ignore[override]
        """Source of the questions; the changes are procedural."""
        return f"{self.base.source}; perturbations procedural, written for this project (suites/adversarial)"

    @property
    def licence(self) -> str:  # type: ignore[override]
        """Licence of the questions."""
        return self.base.licence

    @property
    def runs_code(self) -> bool:  # type: ignore[override]
        """As the clean suite."""
        return self.base.runs_code

    @property
    def judges(self) -> tuple[str, ...]:  # type: ignore[override]
        """As the clean suite."""
        return self.base.judges

    @property
    def files(self) -> tuple[str, ...]:  # type: ignore[override]
        """As the clean suite."""
        return self.base.files

    @property
    def package(self) -> str:  # type: ignore[override]
        """As the clean suite."""
        return self.base.package

    @property
    def hub(self) -> str:  # type: ignore[override]
        """As the clean suite."""
        return self.base.hub

    @property
    def metrics(self) -> tuple[Metric, ...]:  # type: ignore[override]
        """`robust`, `clean`, `drop`, `retained`, in the range of the clean suite's primary metric."""
        first = self.base.metrics[0]
        how = first.aggregate if first.aggregate.startswith("macro:") else "micro"
        low, high = (0.0, 1.0) if first.aggregate.startswith("ratio:") else (first.low, first.high)
        span, rest = high - low, (low, high, first.higher_is_better)
        return (
            Metric("robust", "robust", how, *rest),
            Metric("clean", "clean", how, *rest),
            Metric("drop", "drop", how, -span, span, higher_is_better=False),
            Metric("retained", "robust", "ratio:clean", *rest),
        )

    def scorer(self) -> Mapping[str, Any]:
        """Return what the clean suite's scorer depends on."""
        return self.base.scorer()

    def canonical(self, sample: Sample) -> Canonical:
        """Return what the clean suite makes of the perturbed question."""
        return self.base.canonical(sample)

    def samples(self, data_dir: Path | None) -> Iterator[Sample]:
        """Yield for each clean sample, in the official order, its perturbed forms.

        Raises:
            errors.MissingData: as the clean suite.
            errors.UsageError: when no perturbation applies to any sample.
        """
        found = False
        for clean in self.base.samples(data_dir):
            for one in self.perturbations:
                sample = perturbed(self.name, clean, one, self.base)
                if sample is not None:
                    found = True
                    yield sample
        if not found:
            names = ", ".join(one.name for one in self.perturbations)
            expected = "a suite with `wording` (or `reword`), for shuffle one with choices"
            raise UsageError(f"nothing in {self.base.name!r} can be perturbed by {names}", expected)

    def episode(self, sample: Sample) -> Episode:
        """Ask and score the clean question, then the perturbed one."""
        clean = restored(sample, self.base)
        asked = clean.data.get("input") or clean.data.get("question") or ""
        before = yield from heard(self.base.episode(clean), [], clean, str(asked))
        change = change_of(sample, self.base)
        said: list[Completion] = []
        score = yield from heard(self.base.episode(change.sample), said, sample)
        return self._score(sample.data[KEY]["by"], before, *self._judged(change, score, said), change)

    def examples(self) -> Iterator[tuple[Sample, Completion, Completion]]:
        """Yield perturbed examples of the clean suite, with those of its completions that are right and wrong now."""
        rows = list(self.base.examples())
        for one in self.perturbations:
            count = 0
            for clean, right, wrong in rows:
                sample = perturbed(self.name, clean, one, self.base) if count < EXAMPLES_EACH else None
                if sample is None:
                    continue
                pool = [right, wrong, *(said for row in rows for said in row[1:])]
                found = [self._first(sample, pool, wanted) for wanted in (True, False)]
                if found[0] is not None and found[1] is not None:
                    count += 1
                    yield sample, found[0], found[1]

    def _judged(self, change: Change, score: Score, said: Sequence[Completion]) -> tuple[Score, bool]:
        """Return the score under all accepted targets, and whether the model gave the injected answer instead."""
        first = self.base.metrics[0]
        sign = 1 if first.higher_is_better else -1
        for target in change.accepts[1:]:
            other = self.base.score(replace(change.sample, target=target), said[-1])
            score = max(score, other, key=lambda found: sign * found.values[first.value])
        best = first.high if first.higher_is_better else first.low
        if change.injected is None or score.values[first.value] == best:
            return score, False
        if said and _plain(said[-1].text) == _plain(str(change.injected)):
            return score, True
        if not self.base.one_turn or self.base.runs_code or type(change.injected) is not type(change.sample.target):
            return score, False
        tried = self.base.score(replace(change.sample, target=change.injected), said[-1])
        return score, tried.values[first.value] == best

    def _score(self, name: str, before: Score, after: Score, complied: bool, change: Change) -> Score:
        first = self.base.metrics[0]
        clean, robust = _value(before, first), _value(after, first)
        detail: dict[str, Any] = {
            "perturbation": {"name": name, **change.notes},
            "clean": {"mode": before.mode, "answer": before.answer, "values": dict(before.values)},
            "perturbed": {"mode": after.mode, "values": dict(after.values), "detail": dict(after.detail)},
        }
        if change.injected is not None:
            detail["injected"] = {"answer": change.injected, "followed": complied}
        drop = clean - robust if first.higher_is_better else robust - clean
        values = {"robust": robust, "clean": clean, "drop": drop}
        return Score(values, "complied" if complied else after.mode, after.answer, detail)

    def _first(self, sample: Sample, pool: Sequence[Completion], right: bool) -> Completion | None:
        """Return the first completion of the pool that earns everything, or nothing."""
        first = self.metrics[0]
        high, low = (first.high, first.low) if first.higher_is_better else (first.low, first.high)
        for said in pool:
            try:
                score = finished(self.episode(sample), said)
            except (ValueError, LookupError, TypeError):
                continue  # a completion of another question may not even fit this one: other choices, other tools
            if score.values["robust"] == (high if right else low) and (score.mode == "right") == right:
                return said
        return None


def _value(score: Score, metric: Metric) -> float:
    """Return a sample's value of the primary metric; a ratio in [0, 1] is divided here, 0 by nothing being 0."""
    how, _, other = metric.aggregate.partition(":")
    value = score.values[metric.value]
    if how != "ratio":
        return value
    return min(max(value / score.values[other], 0.0), 1.0) if score.values[other] else 0.0


def _plain(text: str) -> str:
    return text.strip().partition("\n")[0].strip(string.punctuation + string.whitespace).casefold()
