"""Temperature and Platt scaling: probabilities of choices that say how often the model is right.

    answers = [((-0.1, -6.0), 0), ((-0.2, -5.0), 1), ..]        log-likelihoods of the choices, index of the right one
    temperature(answers)                                        -> 3.1
    platt(answers)                                              -> (0.38, -0.2)
    Scaling("temperature", temperature=3.1).sure((-0.1, -6.0))  -> 0.870      as it stands: 0.997

Temperature scaling divides all log-likelihoods by one T before the softmax (Guo et al. 2017, arXiv 1706.04599,
section 4.2): the negative log-likelihood of the right choice is convex in 1/T, so its slope has one root. Platt scaling
maps the log-odds of the chosen answer to the chance that it is right, 1 / (1 + exp(-(slope x + intercept))) (Platt
1999, Advances in Large Margin Classifiers): the fit takes his smoothed targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2) and
Newton's method with halved steps (Lin, Lin and Weng 2007, Machine Learning 68:267). Neither changes which choice is the
likeliest.
Cost: a fit to 14,000 answers of four choices takes half a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Answer = tuple[Sequence[float], int]
"""Log-likelihoods of two or more choices, natural log, and the index of the right one."""
Method = Literal["none", "temperature", "platt"]
COLDEST, HOTTEST = 0.01, 100.0
"""Bounds of T: one who is always right would have 0, one who is right by chance infinity."""
FARTHEST = 700.0
"""Nats below the likeliest choice beyond which nothing is told apart: exp(-700) is the last that is not 0."""


@dataclass(frozen=True)
class Scaling:
    """What makes probabilities of the log-likelihoods of choices. `none`: the softmax as it stands."""

    method: Method = "none"
    temperature: float = 1.0
    slope: float = 1.0
    intercept: float = 0.0

    def sure(self, sums: Sequence[float]) -> float:
        """Return the probability, in [0, 1], that the likeliest of these choices is the right one."""
        if self.method == "platt":
            return _logistic(self.slope * odds(sums) + self.intercept)
        top = max(sums)
        return 1.0 / math.fsum(math.exp((x - top) / self.temperature) for x in sums)

    def numbers(self) -> dict[str, Any]:
        """Return the method and its own parameters: JSON data, as `read` takes it."""
        own = {"temperature": ("temperature",), "platt": ("slope", "intercept")}.get(self.method, ())
        return {"method": self.method, **{name: getattr(self, name) for name in own}}

    def __str__(self) -> str:
        if self.method == "platt":
            return f"Platt scaling {self.slope:.3g} x {self.intercept:+.3g}"
        return f"temperature {self.temperature:.3g}"


def read(told: Mapping[str, Any]) -> Scaling:
    """Return the scaling that `numbers` told.

    Raises:
        ValueError: another method, or a parameter that is missing, no number, or out of range.
    """
    method, divisor = told.get("method"), told.get("temperature", 0.0)
    if method == "temperature" and _is_number(divisor) and divisor > 0:
        return Scaling("temperature", temperature=float(divisor))
    if method == "platt" and all(_is_number(told.get(name)) for name in ("slope", "intercept")):
        return Scaling("platt", slope=float(told["slope"]), intercept=float(told["intercept"]))
    raise ValueError(f"no scaling: {dict(told)!r}")


def odds(sums: Sequence[float]) -> float:
    """Return the log-odds of the likeliest choice against all others, at most `FARTHEST`."""
    place = likeliest(sums)
    others = [x - sums[place] for i, x in enumerate(sums) if i != place]
    nearest = max(others)
    if nearest <= -FARTHEST:
        return FARTHEST
    return -nearest - math.log(math.fsum(math.exp(x - nearest) for x in others))


def likeliest(sums: Sequence[float]) -> int:
    """Return the index of the likeliest choice, of equals the first."""
    return max(range(len(sums)), key=sums.__getitem__)


def temperature(answers: Sequence[Answer]) -> float:
    """Return the T in [COLDEST, HOTTEST] under which the right choices are likeliest.

    Raises:
        ValueError: no answers, or one whose log-likelihoods are no two or more numbers.
    """
    import numpy as np

    table, right = _table(answers)
    mask = np.isfinite(table)
    at_right = table[np.arange(len(right)), right].mean()

    def rising(cold: float) -> float:
        """Return the slope of the mean negative log-likelihood in 1/T, which rises with it."""
        weights = np.where(mask, np.exp(cold * np.where(mask, table, 0.0)), 0.0)
        expected = (weights * np.where(mask, table, 0.0)).sum(axis=1) / weights.sum(axis=1)
        return float(expected.mean() - at_right)

    low, high = math.log(1.0 / HOTTEST), math.log(1.0 / COLDEST)
    if rising(math.exp(low)) >= 0:
        return HOTTEST
    if rising(math.exp(high)) <= 0:
        return COLDEST
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(math.exp(middle)) > 0 else (middle, high)
    return math.exp(-(low + high) / 2)


def platt(answers: Sequence[Answer]) -> tuple[float, float]:
    """Return (slope, intercept) of the logistic curve from the chosen answer's log-odds to being right.

    Raises:
        ValueError: as `temperature`.
    """
    import numpy as np

    table, right = _table(answers)
    x = np.array([odds([v for v in row if math.isfinite(v)]) for row in table.tolist()])
    hit = table.argmax(axis=1) == right
    many, few = int(hit.sum()), int(len(hit) - hit.sum())
    wanted = np.where(hit, (many + 1) / (many + 2), 1 / (few + 2))
    design = np.stack([x, np.ones_like(x)], axis=1)

    def loss(at: Any) -> float:
        z = design @ at
        return float((np.logaddexp(0.0, z) - wanted * z).sum())

    at = np.array([0.0, math.log((many + 1) / (few + 1))])
    for _ in range(100):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ at, -FARTHEST, FARTHEST)))
        slope = design.T @ (p - wanted)
        if np.abs(slope).max() < 1e-9 * len(x):
            break
        bend = (design * (p * (1 - p))[:, None]).T @ design + 1e-12 * np.eye(2)
        step, before = np.linalg.solve(bend, slope), loss(at)
        while loss(at - step) > before and np.abs(step).max() > 1e-12:
            step = step / 2
        at = at - step
    return float(at[0]), float(at[1])


def _table(answers: Sequence[Answer]) -> tuple[Any, Any]:
    """Return log-likelihoods below the likeliest, (answers, choices) padded with -inf, and the right ones' indices."""
    import numpy as np

    wide = max((len(sums) for sums, _ in answers), default=0)
    table = np.full((len(answers), wide), -np.inf)
    for place, (sums, right) in enumerate(answers):
        top = max(sums, default=math.nan)
        if len(sums) < 2 or not math.isfinite(top) or any(math.isnan(x) for x in sums) or not 0 <= right < len(sums):
            raise ValueError(f"no answer to fit: {tuple(sums)!r}, the right one {right!r}")
        table[place, : len(sums)] = [max(x - top, -FARTHEST) for x in sums]
    if not answers:
        raise ValueError("no answers to fit")
    return table, np.array([right for _, right in answers])


def _logistic(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0 else math.exp(z) / (1.0 + math.exp(z))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
