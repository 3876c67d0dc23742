"""Power: how often planted drops are found and equal candidates certified, against exact enumeration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod

from harness.gate.policy import NonInferiority, SuitePolicy
from harness.gate.selftest import draws
from harness.gate.selftest.size import FAMILY, PLAIN
from harness.gate.selftest.trial import Line, Trial, from_table, tally
from harness.stats.power import power_of_drop, power_of_margin
from harness.types import Verdict

DROPS = (0.02, 0.03, 0.05, 0.1)
SIZES = (164, 500, 1000, 2000)
SLACK = 0.005
"""By how much an achieved power may fall where it should rise: what is left of chance in even draws."""


def drops(trial: Trial) -> Iterator[Line]:
    """A planted drop is found as often as enumeration says, and more often the larger it and the sample are."""
    for psi in (0.1,) if trial.quick else (0.1, 0.2):
        found: dict[tuple[int, float], float] = {}
        for n, drop in product(SIZES[::3] if trial.quick else SIZES, DROPS[1:] if trial.quick else DROPS):
            name, setting = "planted drop", f"n={n} psi={psi:g} drop={drop:g}"
            points = draws.even_uniforms(trial.rng(name, setting), trial.repeats, 2)
            count = tally(trial.of_tables(PLAIN, draws.even_tables(points, n, psi, drop)), "FAIL")
            found[n, drop] = count / trial.repeats
            yield trial.near(name, setting, count, power_of_drop(n, psi, drop, trial.alpha))
        yield from _monotone(found, psi)


def _monotone(found: dict[tuple[int, float], float], psi: float) -> Iterator[Line]:
    """Yield how many neighbours in n and in drop are out of order: none may be."""
    for axis, name in enumerate(("n", "drop")):
        values = sorted({key[axis] for key in found})
        steps = [(key, values[values.index(key[axis]) + 1]) for key in found if key[axis] != values[-1]]
        pairs = [(key, (larger, key[1]) if axis == 0 else (key[0], larger)) for key, larger in steps]
        falls = sum(found[int(b[0]), b[1]] < found[a] - SLACK for a, b in pairs)
        yield Line("power rises", f"with {name}, psi={psi:g}", falls, len(pairs), 0.0, 0.0)


def equal_passes(trial: Trial) -> Iterator[Line]:
    """An equal candidate passes its margin as often as enumeration says: seldom where samples are few."""
    margin = 0.05
    wanted = SuitePolicy(non_inferiority=NonInferiority(margin=margin))
    for n, psi in product(SIZES[:2], (0.1,) if trial.quick else (0.1, 0.2)):
        name, setting = "equal passes its margin", f"n={n} psi={psi:g} m={margin:g}"
        points = draws.even_uniforms(trial.rng(name, setting), trial.repeats, 2)
        count = tally(trial.of_tables(wanted, draws.even_tables(points, n, psi)), "PASS")
        # What is detected and inside the margin is tolerated, so only the bound decides.
        yield trial.near(name, setting, count, power_of_margin(n, psi, 0.0, margin, trial.alpha))


def one_of_six(trial: Trial) -> Iterator[Line]:
    """One suite of six drops: the gate blocks as often as the smallest p is below alpha / 6."""
    psi, drop = 0.1, 0.05
    chances = [power_of_drop(n, psi, drop if k == 1 else 0.0, trial.alpha / len(FAMILY)) for k, n in enumerate(FAMILY)]
    expected = 1 - prod(1 - chance for chance in chances)
    setting = f"n={FAMILY[1]} psi={psi:g} drop={drop:g}"
    count = sum(v.outcome == "FAIL" for v in _families(trial, "one of six drops", psi, [0, drop, 0, 0, 0, 0]))
    yield trial.near("one of six drops", setting, count, expected)


def all_of_six(trial: Trial) -> Iterator[Line]:
    """All six suites drop: each is named as often as Holm's steps let it, which Bonferroni's single one would not."""
    psi, drop = 0.2, 0.08
    name = "all of six drop, all found"
    count = sum(
        sum(c.rule == "regression" and c.outcome == "FAIL" for c in v.checks) == len(FAMILY)
        for v in _families(trial, name, psi, [drop] * 6)
    )
    expected = all_rejected([[power_of_drop(n, psi, drop, trial.alpha / k) for k in range(6, 0, -1)] for n in FAMILY])
    yield trial.near(name, f"n={FAMILY[0]}..{FAMILY[1]} psi={psi:g} drop={drop:g}", count, expected)


def all_rejected(below: list[list[float]]) -> float:
    """Return the chance that Holm rejects every hypothesis, from each one's P(p <= alpha/m), .., P(p <= alpha/1).

    It does when at least j of the p-values are at most alpha / (m - j + 1), for every j.
    """
    cells = [[high - low for low, high in zip([0.0, *row], row, strict=False)] for row in below]
    m = len(below)
    total = 0.0
    for where in product(range(m), repeat=m):
        if all(place <= rank for rank, place in enumerate(sorted(where))):
            total += prod(cells[k][place] for k, place in enumerate(where))
    return total


def _families(trial: Trial, name: str, psi: float, by: list[float]) -> Iterator[Verdict]:
    """Yield verdicts on six suites whose true drops are `by`."""
    points = draws.even_uniforms(trial.rng(name, psi), trial.repeats, 2 * len(FAMILY))
    drawn = [
        draws.even_tables(points[:, 2 * k : 2 * k + 2], n, psi, by[k]).astype(int).tolist()
        for k, n in enumerate(FAMILY)
    ]
    policy = trial.policy({f"suite {k}": PLAIN for k in range(len(FAMILY))})
    for row in zip(*drawn, strict=True):
        yield trial.verdict(policy, [from_table(f"suite {k}", table) for k, table in enumerate(row)])


SECTIONS: tuple[Callable[[Trial], Iterator[Line]], ...] = (drops, equal_passes, one_of_six, all_of_six)
