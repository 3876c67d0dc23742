"""Evidence that may be looked at after every sample: a mixture of bets, stopped whenever it is large enough.

    regression = EProcess()
    regression.add(*drop_scores([0, 0, -1, -1, 0, -1, ...]))  # differences, candidate minus reference, seeded order
    regression.p <= 0.04   ->  stop: the candidate is worse, at an error rate of 4% however often one looks

A bet is a score s >= -1 whose mean, given all before it, is at most 0 if the null hypothesis is true. Somebody who
starts with 1 and puts the share lambda of his money on every bet owns

    E_t = mean over lambda of  prod (1 + lambda s_i)

which then is a nonnegative supermartingale: the chance that it *ever* reaches 1 / alpha is at most alpha (Ville 1939).
Sources: Waudby-Smith and Ramdas 2024, JRSS B 86:1 (betting, mixtures); Ramdas et al. 2023, Statistical Science 38:576.

- Against "not worse": s = -d. For right or wrong answers this is the mixture over discordant pairs with
  theta = (1 + lambda) / 2 in (1/2, 1): ties multiply by 1.
- Against "worse by the margin or more": s = (d + m) / (1 - m); reaching 1 / alpha shows non-inferiority.
- Clusters: one bet a cluster, the sum over its samples by the size of the largest (`cluster_scores`). A large cluster
  thus moves the evidence as little as a small one could: looking pays off with many small clusters, not with few.

Who looked and found nothing tests once more at the end. `combined_p` splits alpha between the two, for any scores.
`p_after_looking` is for right or wrong on independent samples: it counts exactly how many orders of the discordant
pairs would have been stopped, and hands the end all that looking has not used.

What looking costs (tests/stats/test_sequential.py prints it): at 500 samples and a drop of 10 points it stops after
a quarter to two fifths of them. Four fifths of alpha spent on looking cost two points of power with `p_after_looking`,
up to twenty with `combined_p`. Cost: microseconds a sample; the exact p 10 ms at 1,000 discordant pairs, once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any

LAMBDAS = (0.1, 0.2, 0.4, 0.7)
"""Shares that are bet, in equal parts. The best share is about mean over second moment of s: .05 to .2 for margins of
one to three points, .2 to .8 for drops of 3 to 10. Half or twice the best share still earns three quarters."""
ROUNDING = 1e-9


class EProcess:
    """Evidence against one null hypothesis, fed sample by sample. Starts at 1; large values speak against it."""

    def __init__(self, lambdas: Sequence[float] = LAMBDAS) -> None:
        self.lambdas = tuple(lambdas)
        self._logs = [-math.log(len(self.lambdas))] * len(self.lambdas)
        self.bets = 0
        """Scores added so far."""
        self.log_e = 0.0
        """Natural logarithm of the evidence now."""
        self.log_highest = 0.0
        """The highest that it ever was."""

    def add(self, *scores: float) -> float:
        """Add scores in their order and return the logarithm of the evidence after the last.

        Raises:
            ValueError: a score below -1: such a bet could lose more than was put on it.
        """
        for score in scores:
            if not score >= -1.0 - ROUNDING:
                raise ValueError(f"a bet loses at most 1, this one {score!r}")
            self._logs = [log + math.log1p(x * score) for log, x in zip(self._logs, self.lambdas, strict=True)]
            top = max(self._logs)
            self.log_e = top + math.log(math.fsum(math.exp(log - top) for log in self._logs))
            self.log_highest = max(self.log_highest, self.log_e)
            self.bets += 1
        return self.log_e

    @property
    def p(self) -> float:
        """Anytime-valid p: at most alpha with probability at most alpha, however long and often one looks."""
        return math.exp(-self.log_highest)


def drop_scores(differences: Iterable[float]) -> list[float]:
    """Return the bets against "the candidate is not worse", from differences in [-1, 1] (candidate - reference)."""
    return [-d for d in differences]


def margin_scores(differences: Iterable[float], margin: float) -> list[float]:
    """Return the bets against "worse by `margin` or more", from differences in [-1, 1]; 0 <= margin < 1."""
    return [(d + margin) / (1.0 - margin) for d in differences]


def cluster_scores(scores: Sequence[float], clusters: Sequence[Hashable], largest: int = 0) -> list[float]:
    """Return one bet a cluster, in the order in which clusters first appear: the sum of its scores by the largest size.

    `largest`: of all clusters of the suite, where these are not yet all; it must not change as samples come in.
    """
    sums: dict[Hashable, list[float]] = {}
    for score, cluster in zip(scores, clusters, strict=True):
        sums.setdefault(cluster, []).append(score)
    most = max([largest, *map(len, sums.values())])
    return [math.fsum(members) / most for members in sums.values()]


def combined_p(p_looking: float, p_end: float, share: float) -> float:
    """Return the p of "looked all the way, then tested once": weighted Bonferroni, `share` of alpha for the looking."""
    return min(1.0, p_looking / share, p_end / (1.0 - share))


def p_after_looking(wins: int, losses: int, p_looking: float, level: float) -> float:
    """Return the p of "not worse" after looking all the way, exactly, for right or wrong on independent samples.

    `p_looking`: of `EProcess` with the standard bets over all samples; `level`: the p at which looking would have
    stopped, fixed before the first sample. Results are ordered as in group-sequential trials: what was stopped is the
    most extreme, the rest goes by its losses. Given the number of discordant pairs all their orders are equally
    likely under the null hypothesis, so this is P(stopped) + P(not stopped, at least so many losses), by recursion
    over the pairs (Armitage, McPherson and Rowe 1969, JRSS A 132:235). The number of samples must not have depended on
    the answers otherwise.
    """
    if p_looking <= level:
        return p_looking
    stopped, tail = _orders(wins + losses, level)
    return min(1.0, stopped + float(tail[losses]))


@lru_cache(maxsize=1024)
def _orders(pairs: int, level: float) -> tuple[float, Any]:
    """Return P(stopped within so many discordant pairs) and P(not stopped, losses >= l) for l = 0 .. pairs."""
    import numpy as np

    alive, bound = np.zeros(pairs + 1), 0
    alive[0] = 1.0
    for seen in range(1, pairs + 1):
        alive[1:] = (alive[1:] + alive[:-1]) / 2.0
        alive[0] /= 2.0
        while bound <= seen and _log_e(seen - bound, bound) < -math.log(level):
            bound += 1
        alive[bound:] = 0.0
    tail = np.cumsum(alive[::-1])[::-1]
    return 1.0 - float(tail[0]), tail


def _log_e(wins: int, losses: int) -> float:
    """Return the logarithm of the evidence for a drop after so many wins and losses, in any order."""
    logs = [losses * math.log1p(x) + wins * math.log1p(-x) for x in LAMBDAS]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs))


def log_e_paths(scores: Any, lambdas: Sequence[float] = LAMBDAS) -> Any:
    """Return the logarithm of the evidence after every sample; scores and result: (repetitions, n)."""
    import numpy as np

    values = np.asarray(scores, dtype=float)
    paths = np.full(values.shape, -np.inf)
    for share in lambdas:
        np.logaddexp(paths, np.cumsum(np.log1p(share * values), axis=-1) - math.log(len(lambdas)), out=paths)
    return paths


def stops(scores: Any, alpha: float, lambdas: Sequence[float] = LAMBDAS) -> Any:
    """Return after how many samples the evidence first reaches 1 / alpha, inf where it never does: (repetitions,)."""
    import numpy as np

    reached = log_e_paths(scores, lambdas) >= -math.log(alpha)
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1.0, np.inf)
