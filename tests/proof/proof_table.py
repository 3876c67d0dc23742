"""The page of a proof in Markdown: what was reached, with intervals, and one sentence for each claim, held or not.

    lines(labs)  ->  ["| arm | rows | ..", .., "**Targeted beats untargeted: holds.** ..", ..]

A claim is worded by its numbers alone: a null result reads as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proof_arms import ARMS, BASE, Lab
from proof_numbers import Column, Figure, difference, mean, ratio, share

CALLED = {
    BASE: "base",
    "untargeted": "untargeted",
    "single": "single failures",
    "clusters": "**clusters** (the loop)",
    "oracle": "true tags (oracle)",
}
KEPT = 0.98
"""What the other skills must keep of the base's score."""


class Results:
    """Scores of all arms of all seeds, by whether a variant of skill is weak."""

    def __init__(self, labs: Sequence[Lab], arms: Sequence[str] = ARMS) -> None:
        self.labs, self.arms = labs, (BASE, *arms)
        self._right = {arm: [lab.right(arm) for lab in labs] for arm in self.arms}

    def column(self, arm: str, weak: bool) -> Column:
        """Return the arm's scores on the weak or the other variants."""
        return Column(tuple(
            tuple(found[one] for one in self._chosen(lab, weak))
            for lab, found in zip(self.labs, self._right[arm], strict=True)
        ))  # fmt: skip

    def origins(self, weak: bool) -> list[str]:
        """Return the origin of each value of a column."""
        return [lab.samples[one].origin for lab in self.labs for one in self._chosen(lab, weak)]

    def _chosen(self, lab: Lab, weak: bool) -> list[str]:
        asked = self._right[BASE][self.labs.index(lab)]
        return sorted(
            one for one in asked if (lab.variant(one) in lab.weak) == weak and lab.samples[one].split == lab.sealed
        )

    def score(self, arm: str) -> Figure:
        """Return the score on the weak skills."""
        return mean(self.column(arm, True), self.origins(True))

    def gain(self, arm: str, reference: str) -> Figure:
        """Return how much better than another arm on the weak skills."""
        return difference(self.column(reference, True), self.column(arm, True), self.origins(True))

    def share(self, arm: str) -> Figure:
        """Return the gain over the base on the weak skills as a share of the oracle's."""
        columns = (self.column(one, True) for one in (BASE, "oracle", arm))
        return share(*columns, self.origins(True))

    def kept(self, arm: str) -> Figure:
        """Return what the other skills keep of the base's score."""
        return ratio(self.column(BASE, False), self.column(arm, False), self.origins(False))

    def by_variant(self, arm: str) -> dict[str, float]:
        """Return the mean score of each variant over the seeds."""
        found: dict[str, list[float]] = {}
        for lab, right in zip(self.labs, self._right[arm], strict=True):
            for one, score in right.items():
                if lab.samples[one].split == lab.sealed:
                    found.setdefault(lab.variant(one), []).append(score)
        return {name: sum(scores) / len(scores) for name, scores in found.items()}


def lines(results: Results) -> Iterator[str]:
    """Yield the section."""
    yield from _scores(results)
    yield ""
    yield from claims(results)
    yield ""
    yield from _costs(results)
    yield ""
    yield from _variants(results)


def _scores(results: Results) -> Iterator[str]:
    heads = ("arm", "rows", "weak skills", "minus untargeted", "share of the oracle's gain", "others kept")
    yield f"| {' | '.join((*heads, 'own rows of weak skills'))} |"
    yield f"|---{'|---' * len(heads)}|"
    for arm in results.arms:
        rows = "0" if arm == BASE else f"{results.labs[0].settings.rows:,}"
        against = "" if arm in (BASE, "untargeted") else both(results.gain(arm, "untargeted"), signed=True)
        part = "" if arm in (BASE, "oracle") else both(results.share(arm))
        kept = "" if arm == BASE else both(results.kept(arm), places=3)
        cells = [CALLED[arm], rows, both(results.score(arm)), against, part, kept, _precision(results, arm)]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield (
        "Brackets: 95% intervals, first over samples (all seeds pooled, paired, clustered by sample origin), then over"
        " seeds (t)."
    )


def both(figure: Figure, places: int = 2, signed: bool = False) -> str:
    """Return a figure with both intervals: `.52 [.50, .55] [.44, .61]`."""

    def said(value: float) -> str:
        text = f"{value:+.{places}f}" if signed else f"{value:.{places}f}"
        return text.replace("0.", ".", 1) if abs(value) < 1 else text

    pairs = ((figure.low, figure.high), (figure.seeds_low, figure.seeds_high))
    shown = [f"[{said(low)}, {said(high)}]" for low, high in pairs if abs(low) < 1e9]
    return " ".join([said(figure.value), *shown])


def _precision(results: Results, arm: str) -> str:
    if arm == BASE:
        return ""
    shares = []
    for lab in results.labs:
        counts = lab.variants_of(arm)
        shares.append(sum(counts[name] for name in lab.weak) / counts.total())
    return f"{sum(shares) / len(shares):.0%}"


def claims(results: Results) -> Iterator[str]:
    """Yield a sentence for each claim."""
    beats, against = results.gain("clusters", "untargeted"), results.gain("clusters", "single")
    part, kept = results.share("clusters"), results.kept("clusters")
    yield _claim("Clusters beat untargeted rows on the weak skills", beats, 0.0, both(beats, signed=True))
    yield _claim("The other skills keep at least 98%", kept, KEPT, both(kept, places=3))
    yield _claim("Clusters beat single failures on the weak skills", against, 0.0, both(against, signed=True))
    yield f"- Share of the oracle's gain: {both(part)}; by seed {_seeds(part)}."
    yield f"- Difference to untargeted rows by seed: {_seeds(beats)}. Others kept by seed: {_seeds(kept, 3)}."


def _claim(words: str, figure: Figure, bound: float, said: str) -> str:
    if figure.above(bound):
        verdict = "holds, by both intervals"
    elif figure.below(bound):
        verdict = "the opposite holds, by both intervals"
    elif figure.low > bound:
        verdict = "holds over samples, not over seeds"
    else:
        verdict = "not shown"
    return f"- {words}: **{verdict}** ({said})."


def _seeds(figure: Figure, places: int = 2) -> str:
    return ", ".join(f"{value:.{places}f}" for value in figure.by_seed)


def _costs(results: Results) -> Iterator[str]:
    shown = {
        "rows": "make rows, s",
        "train": "train and merge, s",
        "trained_tokens": "tokens trained",
        "evaluate": "evaluate, s",
    }
    yield f"| mean of a seed | {' | '.join(shown.values())} |"
    yield f"|---|{'---|' * len(shown)}"
    for arm in results.arms:
        costs = [lab.cost(arm) for lab in results.labs]
        means = [sum(one.get(key, 0.0) for one in costs) / len(costs) for key in shown]
        yield f"| {CALLED[arm]} | {' | '.join(f'{value:,.0f}' for value in means)} |"


def _variants(results: Results) -> Iterator[str]:
    found = {arm: results.by_variant(arm) for arm in results.arms}
    weak = {name: sum(name in lab.weak for lab in results.labs) for name in found[BASE]}
    yield f"| variant of skill | weak in seeds | {' | '.join(CALLED[arm].replace('*', '') for arm in results.arms)} |"
    yield f"|---|---|{'---|' * len(results.arms)}"
    for name in sorted(found[BASE], key=lambda one: (-weak[one], one)):
        cells = [f"{found[arm][name]:.2f}" for arm in results.arms]
        yield f"| {name} | {weak[name] or ''} | {' | '.join(cells)} |"
