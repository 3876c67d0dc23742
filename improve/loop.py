"""The loop: evaluate, gate, cluster the failures of `dev`, make rows, train, evaluate again, accept or reject.

    improve(load("quickstart"), Database.at())
      -> Ended("passed", "the gate passes", (Round(1, "tiny", "FAIL", rows=2400, accepted=True, ..),), ..)

All state lies in the store: what was evaluated, judged, made and paid for is found there and not done again, so that a
loop that was killed is started again and does the next missing thing. A round trains the *base* on the rows of this and
of all accepted rounds (as LLM2LLM does, Lee et al. 2024, arXiv 2403.15042): errors of one round do not stay in weights.

It is accepted when the sealed samples that it aims at (`improve.aim`) got better and the others did not get worse
(`harness.gate.accept`, at a round's part of alpha). Of a gate the loop hears one word, and every word is a look of its
budget. It ends:

    passed           the gate passes (and the round that made it so was accepted)
    rounds           all rounds are done          nothing gained     `patience` rounds in a row were not accepted
    no rows          nothing to learn from, or no row survived curation
    budget           the cap is reached           looks              the gate may not be asked again
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, InfrastructureError, UsageError
from harness.gate import budget as looking
from harness.gate import candidates, check
from harness.gate.judge import Terms
from harness.gate.policy import Policy
from harness.runner.place import check_room, locked
from harness.store import Database
from harness.store import rounds as rows
from harness.types import Outcome, Round
from harness.workbench import BudgetSpent, Workbench, candidate
from improve.recipe import MAY_CHANGE, Loaded
from improve.round import Lap, Standing, Stop

Tell = Callable[[str], None]
EXIT = {"passed": 0, "budget": 3, "looks": 3}
"""Exit code by outcome; 1 for the others: the gate does not pass."""


@dataclass(frozen=True)
class Ended:
    """How a loop ended."""

    outcome: str
    why: str
    rounds: tuple[Round, ...]

    @property
    def exit_code(self) -> int:
        """0 passed, 3 budget or looks are spent, 1 the gate does not pass."""
        return EXIT.get(self.outcome, 1)


def improve(loaded: Loaded, database: Database, tell: Tell = lambda _: None, quiet: bool = True) -> Ended:
    """Run rounds until the loop is at its end; started again, it goes on where it was.

    Raises:
        UsageError: recipe or policy are wrong, found before anything is paid for; the loop ran by another recipe.
        InfrastructureError: a step, an evaluation or the gate broke; what was made stays.
    """
    terms = Terms.read(loaded.policy)
    check.check(terms.policy, terms.named, database, terms.folder, None, loaded.recipe.data)
    check_room(database)
    with locked(database.folder / "loops" / loaded.loop, f"the loop {loaded.loop!r}"):
        _same_recipe(loaded, database)
        # Before the loop's first row: a base that cannot be trained on is mended in the recipe, under the same name.
        loop = Loop(loaded, database, terms, tell, quiet)
        rows.start(database, loaded.loop, loaded.recipe.model_dump(mode="json"), loaded.digest, loaded.recipe.model)
        try:
            loop.run()
        except Stop as end:
            outcome, why = end.outcome, end.why
        except BudgetSpent as error:
            outcome, why = "budget", error.what
        except KeyboardInterrupt:
            rows.finish(database, loaded.loop, "interrupted", "by the user")
            raise
        except HarnessError as error:
            rows.finish(database, loaded.loop, "broken", error.what)
            raise
        rows.finish(database, loaded.loop, outcome, why)
    return Ended(outcome, why, rows.rounds(database, loaded.loop))


def _same_recipe(loaded: Loaded, database: Database) -> None:
    """Refuse to go on with a loop by another recipe: its rounds would not be comparable."""
    for known in rows.loops(database, loaded.loop)[-1:]:
        if known["recipe_digest"] != loaded.digest:
            now = loaded.recipe.model_dump(mode="json")
            changed = sorted(key for key in now if key not in MAY_CHANGE and now[key] != known["recipe"].get(key))
            what = f"the loop {loaded.loop!r} has run by another recipe: {', '.join(changed) or 'its policy'} changed"
            raise UsageError(
                what, "the same recipe and policy; rounds, patience and budget may change", "type: --set name=NEW"
            )


class Loop:
    """One start of a loop."""

    def __init__(self, loaded: Loaded, database: Database, terms: Terms, tell: Tell, quiet: bool) -> None:
        self.loaded, self.recipe, self.database, self.terms = loaded, loaded.recipe, database, terms
        self.tell, self.quiet, self.name = tell, quiet, loaded.loop
        teachers = self.recipe.teachers
        prices = {
            spec: one.model_dump(include={"usd_per_prompt_token", "usd_per_token"}) for spec, one in teachers.items()
        }
        settings = {spec: one.settings for spec, one in teachers.items()}
        self.bench = Workbench(database, self.name, self.recipe.budget, prices, settings)
        self.base = candidate.adopt(database, self.recipe.model, self.recipe.settings)

    @property
    def policy(self) -> Policy:
        """Of the gate."""
        return self.terms.policy

    def run(self) -> None:
        """Do the next missing thing until `Stop`."""
        standing = self.begin()
        while True:
            done = [row for row in rows.rows(self.database, self.name) if row["accepted"] is not None]
            for row in done[standing.after :]:
                standing = standing.moved(self.database, row)
            self.stop(standing, [bool(row["accepted"]) for row in done])
            Lap(self, len(done) + 1, standing).run()

    def begin(self) -> Standing:
        """Return where the loop stands before its first round: the base, evaluated and judged."""
        self.tell(f"base: {self.recipe.model}")
        # Known: asked again, even to find all stored, a model must be opened, and a hosted one would begin a new run.
        known = [row["run_before"] for row in rows.rows(self.database, self.name)[:1]]
        run_id = known[0] if known else self.evaluated(self.recipe.model, dict(self.recipe.settings), "")
        gate_id, outcome = self.judged(run_id)
        return Standing(self.recipe.model, self.base, run_id, gate_id, outcome)

    def stop(self, standing: Standing, accepted: list[bool]) -> None:
        """Raise `Stop` where nothing is to be done."""
        if standing.outcome == "PASS":
            raise Stop("passed", "the gate passes")
        if standing.outcome == "ERROR":
            what = f"the gate cannot judge {standing.model!r}"
            raise InfrastructureError(what, "PASS, FAIL or INCONCLUSIVE", f"type: harness gate {standing.run_id} ..")
        if len(accepted) >= self.recipe.rounds:
            raise Stop("rounds", f"{len(accepted)} rounds are done, the gate says {standing.outcome}")
        if len(accepted) >= self.recipe.patience and not any(accepted[-self.recipe.patience :]):
            raise Stop("nothing gained", f"{self.recipe.patience} rounds in a row were not accepted")
        if looking.looks(self.database, self.policy, self.name) >= self.policy.budget.looks:
            raise Stop("looks", f"the gate was asked {self.policy.budget.looks} times: more looks would find luck")

    def evaluated(self, spec: str, settings: dict[str, str], named: str) -> str:
        """Return the run of a model on the policy's suites, both splits; its seconds are booked, and end it."""
        log = self.folder / f"{named or 'base'}.log"
        data = self.recipe.data
        return candidates.evaluated(self.bench, self.policy, spec, settings, data, named, log, self.quiet, self.tell)

    @property
    def folder(self) -> Path:
        """Logs of this loop."""
        return self.database.folder / "loops" / self.name

    def judged(self, run_id: str) -> tuple[str, Outcome]:
        """Return the gate's verdict on the sealed samples of a run; what was judged before is not looked at again."""
        return candidates.judged(self.database, self.terms, run_id, self.name, self.tell)
