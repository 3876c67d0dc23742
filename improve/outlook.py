"""What is known of a loop's evaluations and of its gate before either is asked.

    asked(recipe, policy, database)        -> (Asked("primer:large", dev=600, sealed=600, seconds=25.2), ..)
    gate(recipe, policy, database, ..)     -> Gate(looks=10, used=1, .., warnings=(..))

Rows are counted where they lie on this machine: nothing is fetched. What acceptance and gate can tell on so many sealed
samples is of `gate.foresight` (how often two models differ) and `stats.power`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

from harness import data, registry
from harness.contracts import Suite
from harness.errors import HarnessError, MissingData
from harness.gate import budget, foresight
from harness.gate.gather import stored_name
from harness.gate.policy import Policy
from harness.runner.plan import choose_samples
from harness.stats import power, wilson
from harness.store import Database, gates
from improve import measured
from improve.recipe import Recipe

NOT_HERE = ("hub", "nowhere")
POWER = 0.8
SELDOM = 0.5
"""Chance of acceptance below which a person is warned."""


@dataclass(frozen=True)
class Asked:
    """A suite of the policy, as base and every candidate are asked it."""

    suite: str
    dev: int | None
    """None where the rows are not on this machine."""
    sealed: int | None
    where: str
    """Where the rows come from."""
    seconds: float | None
    """Of one model; None: not measured yet."""


@dataclass(frozen=True)
class Gate:
    """What the gate and acceptance can tell on the sealed samples."""

    looks: int
    """That a loop may take."""
    used: int
    sealed: int | None
    """Samples in all; None where one suite's are not here."""
    psi: float | None
    """Share of samples on which a candidate is taken to differ."""
    gain: float | None
    """Smallest gain on a quarter of the sealed samples that is found four times in five; None: none is."""
    others: int | None
    """Samples with which an unchanged rest keeps the margin four times in five."""
    warnings: tuple[str, ...]


def asked(recipe: Recipe, policy: Policy, database: Database) -> tuple[Asked, ...]:
    """Return a row for every suite of the policy."""
    folder, speeds = data.folder(recipe.data), measured.sample_seconds(database, recipe)
    found = []
    for name in policy.suites:
        suite = registry.suite(name)
        where, counts = data.where(suite, folder), None
        if not where.startswith(NOT_HERE) and not _may_fetch(name, suite, folder):
            limits = policy.evaluate
            try:
                chosen = choose_samples(suite.samples(folder), limits.limit, "all", limits.seed, suite.group_tag)
                counts = len(chosen), sum(one.split == "test" for one in chosen)
            except MissingData:
                where = "nowhere: --data DIR"
        each = speeds.get(stored_name(name, {}))
        seconds = each * counts[0] * policy.evaluate.samples if each is not None and counts else None
        dev, sealed = (counts[0] - counts[1], counts[1]) if counts else (None, None)
        found.append(Asked(name, dev, sealed, where, seconds))
    return tuple(found)


def _may_fetch(name: str, suite: Suite, folder: Path | None) -> bool:
    """Return whether a suite of an open family (`lm_eval:TASK`) has no rows in the folder: it would ask the hub."""
    is_open = "*" in suite.variants and suite.variant not in suite.variants and not registry.is_path(name)
    base = name.partition(":")[0]
    return is_open and (folder is None or not (folder / base / suite.variant).exists())


def gate(recipe: Recipe, policy: Policy, database: Database, loop: str, suites: Sequence[Asked], left: int) -> Gate:
    """Return what gate and acceptance can tell. `left`: rounds that are still to be done."""
    most, used = policy.budget.looks, budget.looks(database, policy, loop)
    warnings = _few_looks(most, used, left, begun=bool(gates.latest(database, 1, loop=loop)))
    warnings += [told for one in suites if (told := _undecided(policy, one))]
    for one in suites:
        if one.sealed is None:
            warnings.append(f"{one.suite}: its rows are not on this machine ({one.where}): nothing is foreseen of it")
    if any(one.sealed is None for one in suites):
        return Gate(most, used, None, None, None, None, tuple(warnings))
    sealed = {stored_name(one.suite, {}): one.sealed or 0 for one in suites}
    try:
        rows = foresight.lines(policy, database, sealed, loop)
    except HarnessError as error:
        warnings.append(error.what)
        return Gate(most, used, sum(sealed.values()), None, None, None, tuple(warnings))
    warnings += [f"{row.suite}: {row.warning}" for row in rows if row.warning and row.detectable is not None]
    count = sum(sealed.values())
    psi = sum(row.psi * (one.sealed or 0) for row, one in zip(rows, suites, strict=True)) / max(1, count)
    gain, others, said = _acceptance(recipe, count, psi)
    return Gate(most, used, count, psi, gain, others, (*warnings, *said))


def _few_looks(most: int, used: int, left: int, begun: bool) -> list[str]:
    wanted = left + (0 if begun else 1)
    if used + wanted <= most:
        return []
    said = f"the policy leaves {max(0, most - used)} looks, and {left} rounds"
    return [f"{said} {'' if begun else 'and the base '}want {wanted}: raise budget.looks in the policy, or do fewer"]


def _undecided(policy: Policy, one: Asked) -> str:
    """Return why a suite can never pass on its sealed samples; empty where it can."""
    if one.sealed is None:
        return ""
    rules = policy.suites[one.suite]
    least = policy.defaults.min_items if rules.min_items is None else rules.min_items
    if one.sealed < least:
        return f"{one.suite}: {one.sealed} sealed samples, and the policy decides nothing on fewer than {least}"
    rule, alpha = rules.absolute, budget.alpha_now(policy, 0)
    if rule is None or rule.min is None or rule.mode != "lower_bound":
        return ""
    best = wilson(one.sealed, one.sealed, NormalDist().inv_cdf(1 - alpha)).low
    if best >= rule.min:
        return ""
    proven = f"even all {one.sealed} sealed samples right prove no more than {best:.3f}"
    return f"{one.suite}: {proven}, and {rule.min:g} is promised"


def _acceptance(recipe: Recipe, sealed: int, psi: float) -> tuple[float | None, int, list[str]]:
    """Return (gain that is found, samples that prove the margin, warnings) of `harness.gate.accept` on so many."""
    alpha, margin = recipe.accept.alpha_of(1), recipe.accept.margin
    z = NormalDist().inv_cdf(1 - alpha)
    # Samples with which a candidate that answers as before keeps the margin: Tango's bound without any difference.
    never = math.floor(z * z * (1 - margin) / margin) + 1
    others = power.needed(psi, margin, alpha, POWER)
    said = []
    if sealed < never:
        said.append(
            f"no round can be accepted: {sealed} sealed samples, and a margin of {margin:g} takes {never} even where "
            "nothing changes: raise accept.margin, or gate on more samples"
        )
    elif (kept := power.power_of_margin(sealed, psi, 0.0, margin, alpha)) < SELDOM:
        said.append(
            f"a round that harms nothing is accepted with a chance of {kept:.0%} at most: where {psi:.0%} of the "
            f"{sealed} sealed samples differ, a margin of {margin:g} takes {others:,}"
        )
    aimed = sealed // 4
    gain = power.detectable(aimed, psi, alpha, POWER) if aimed else math.inf
    return (gain if math.isfinite(gain) else None), others, said
