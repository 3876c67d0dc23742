"""What a loop would do and cost, before anything is touched: `harness improve RECIPE --plan`.

    plan(load("quickstart"), Database.at())
      -> Plan("quickstart", .., stages=(Line("improve.finetune", {"steps": 300, "seconds": 41.0}, ..), ..),
              caps=(Cap("seconds", 1800, spent=0, a_round=95, all_rounds=310),), warnings=())

Of each step what its own `estimate` says; money by the recipe's prices; seconds, GPU-minutes and whatever else was
booked from earlier work of the same kind on the same base (`improve.measured`), else nothing: not measured is said and
never counted as zero. Tokens are those of calls that are all answered at full length and never have to be repaired.
A round that was accepted hands its rows on: round k is counted with k times the rows of the first.

Not counted: the analysis of failures, seconds on a small run, and the start of processes. Nothing is written, no model
is opened or trained, no server is asked. Cost: the suites' rows are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness import registry
from harness.gate.judge import Terms
from harness.store import Database, artifacts, gates, rounds
from improve import measured, outlook
from improve.measured import Taken
from improve.outlook import Asked, Gate
from improve.recipe import MAY_CHANGE, Loaded, Recipe

FORESEEN = ("tokens", "usd")
"""Kinds that the steps' own estimates tell: what none of them asks for is nothing."""


@dataclass(frozen=True)
class Line:
    """One step of a round: what it takes at most."""

    step: str
    estimate: Mapping[str, float]
    """`calls`, `tokens`, `usd`, `steps`, `seconds`, `gpu_minutes`, ..: what is not there is not known."""
    teacher: str = ""
    measured: int = 0
    """Earlier executions that seconds and bookings were taken from."""


@dataclass(frozen=True)
class Cap:
    """One cap of the budget."""

    what: str
    cap: float
    spent: float
    a_round: float | None
    """What the next round takes at most, as far as it is known; None: nothing of it is."""
    all_rounds: float | None
    """What is left to do takes at most, the base's evaluation among it."""

    @property
    def left(self) -> float:
        """What may still be spent."""
        return self.cap - self.spent


@dataclass(frozen=True)
class Plan:
    """A whole plan."""

    loop: str
    model: str
    policy: str
    rounds: int
    done: int
    """Rounds that are over, accepted or not."""
    accepted: int
    judged: bool
    """Whether the base was evaluated and judged."""
    outcome: str
    """Of the latest start, where it ended."""
    suites: tuple[Asked, ...]
    stages: tuple[Line, ...]
    """Of the next round."""
    unknown: tuple[str, ...]
    """Steps and suites whose seconds are not measured yet."""
    gate: Gate
    caps: tuple[Cap, ...]
    spent: Mapping[str, float]
    warnings: tuple[str, ...] = field(default=())

    @property
    def left(self) -> int:
        """Rounds that are still to be done, at most."""
        return 0 if self.outcome == "passed" else max(0, self.rounds - self.done)

    @property
    def evaluation_seconds(self) -> float | None:
        """Of one model on all suites; None where one is not measured."""
        known = [one.seconds for one in self.suites if one.seconds is not None]
        return sum(known) if len(known) == len(self.suites) else None


def plan(loaded: Loaded, database: Database) -> Plan:
    """Return what a loop would do and cost.

    Raises:
        UsageError: the policy is missing or wrong; a newer version wrote the database.
    """
    recipe, terms = loaded.recipe, Terms.read(loaded.policy)
    rows = [row for row in rounds.rows(database, loaded.loop) if row["accepted"] is not None]
    accepted = sum(bool(row["accepted"]) for row in rows)
    starts = rounds.loops(database, loaded.loop)
    outcome = str((starts[-1]["outcome"] if starts else "") or "")
    left = 0 if outcome == "passed" else max(0, recipe.rounds - len(rows))
    suites = outlook.asked(recipe, terms.policy, database)
    earlier = [measured.taken(database, recipe, one.name, one.parameters) for one in recipe.stages]
    laps = [_lap(recipe, earlier, 1 + accepted + ahead) for ahead in range(max(1, left))]
    foreseen = outlook.gate(recipe, terms.policy, database, loaded.loop, suites, left)
    judged = bool(gates.latest(database, 1, loop=loaded.loop))
    spent = artifacts.spent(database, loaded.loop)
    caps = _caps(recipe, spent, laps[:left], suites, base=not judged)
    unknown = tuple(one.step for one in laps[0] if "seconds" not in one.estimate)
    unknown += tuple(one.suite for one in suites if one.seconds is None)
    warnings = (*_changed(loaded, starts), *foreseen.warnings, *_unpriced(recipe), *_unpaid(caps, left))
    return Plan(
        loaded.loop, recipe.model, terms.named, recipe.rounds, len(rows), accepted, judged, outcome, suites, laps[0],
        unknown, foreseen, caps, spent, warnings,
    )  # fmt: skip


def _lap(recipe: Recipe, earlier: Sequence[Taken | None], taught: int) -> tuple[Line, ...]:
    """Return the steps of a round with the rows of `taught` rounds, its own among them."""
    found, made = [], Rows()
    for stage, before in zip(recipe.stages, earlier, strict=True):
        step = registry.step(stage.name)
        told = dict(step.estimate(stage.parameters))
        handed, own = made.count, made.through(told, taught)
        teacher = str(stage.parameters.get("teacher") or "")
        own |= _usd(recipe, teacher, own)
        if before is not None:
            own = {**before.at(own.get("steps", 0.0), handed), **own}
        found.append(Line(stage.name, own, teacher, before.executions if before else 0))
    return tuple(found)


@dataclass
class Rows:
    """How many rows a step is handed at most, and how many of them a teacher wrote."""

    count: float = 0.0
    written: float = 0.0

    def through(self, told: Mapping[str, float], taught: int) -> dict[str, float]:
        """Return a step's estimate for the rows at hand, and go on with those that it makes."""
        own = {name: value for name, value in told.items() if not name.endswith("_a_row")}
        if "rows" in own:
            self.count = own["rows"] * taught
            self.written = self.count if own.get("calls") else 0.0
        for name in ("calls", "prompt_tokens", "tokens"):
            if f"{name}_a_row" in told and self.written:
                own[name] = own.get(name, 0.0) + told[f"{name}_a_row"] * self.written
        if "steps_a_row" in told and "steps" not in own and self.count:
            own["steps"] = -(-told["steps_a_row"] * self.count // 1)
        self.count *= told.get("rows_a_row", 1.0)
        return own


def _usd(recipe: Recipe, teacher: str, own: Mapping[str, float]) -> dict[str, float]:
    price = recipe.teachers.get(teacher)
    if price is None or "tokens" not in own:
        return {}
    asked = own.get("prompt_tokens", 0.0)
    return {"usd": asked * price.usd_per_prompt_token + (own["tokens"] - asked) * price.usd_per_token}


def _caps(
    recipe: Recipe, spent: Mapping[str, float], laps: Sequence[Sequence[Line]], suites: Sequence[Asked], base: bool
) -> tuple[Cap, ...]:
    found = []
    for what, cap in recipe.budget.items():
        none = 0.0 if what in FORESEEN else None
        each = [_sum([none, *(line.estimate.get(what) for line in lap)]) for lap in laps]
        asked = _sum([one.seconds for one in suites]) if what == "seconds" else None
        each = [_sum([one, asked]) for one in each]
        total = _sum([*each, asked if base else None])
        found.append(Cap(what, cap, spent.get(what, 0.0), each[0] if each else 0.0, total if each else 0.0))
    return tuple(found)


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _unpaid(caps: Sequence[Cap], left: int) -> list[str]:
    """Return the caps that cannot pay for one round."""
    if not left:
        return []
    said = []
    for one in caps:
        if one.left <= 0:
            said.append(f"budget.{one.what}: {one.spent:.4g} of {one.cap:.4g} are spent: nothing more is done")
        elif one.a_round is not None and one.a_round > one.left:
            what = f"budget.{one.what}: a round may take {one.a_round:.4g}, and {one.left:.4g} are left"
            said.append(f"{what}: it may end in the midst of it")
    return said


def _unpriced(recipe: Recipe) -> list[str]:
    """Return the teachers whose answers no cap in money counts."""
    if "usd" not in recipe.budget:
        return []
    asked = dict.fromkeys(str(stage.parameters.get("teacher") or "") for stage in recipe.stages)
    return [
        f"budget.usd caps money, and {spec!r} has no price: what it answers counts as free"
        for spec in asked
        if spec and not _has_price(recipe, spec)
    ]


def _has_price(recipe: Recipe, spec: str) -> bool:
    price = recipe.teachers.get(spec)
    return price is not None and bool(price.usd_per_prompt_token or price.usd_per_token)


def _changed(loaded: Loaded, starts: Sequence[Mapping[str, object]]) -> list[str]:
    if not starts or starts[-1]["recipe_digest"] == loaded.digest:
        return []
    may = ", ".join(sorted(MAY_CHANGE))
    return [f"the loop {loaded.loop!r} has run by another recipe: only {may} may change, else --set name=NEW"]
