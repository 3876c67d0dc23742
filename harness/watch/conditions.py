"""What every checkpoint of a training is judged under: a policy, its references, a base for adapters, settings.

    held = conditions(Database.at(None), "gates.yaml", "out", baseline="main")
    held.digest            a checkpoint is judged once under equal conditions
    held.evaluation("hf:out/checkpoint-10")         how the policy has it evaluated

Everything wrong with them is found here, before a model is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.config import EvalConfig
from harness.contracts import Model
from harness.errors import UsageError, nearest
from harness.gate import sequential
from harness.gate.check import check
from harness.gate.judge import Terms, evaluation
from harness.hashing import digest
from harness.models.gguf.settings import GGUFSettings
from harness.models.hf.loading import HFSettings
from harness.runner import evaluate, plan
from harness.runner.place import check_room
from harness.runner.progress import Meter
from harness.store import Database
from harness.types import EMPTY


@dataclass(frozen=True)
class Conditions:
    """Built by `conditions`."""

    database: Database
    terms: Terms
    """The policy, with the reference that `--baseline` names."""
    folder: str
    """What is watched, or the output folder of the training."""
    base: str = ""
    """Model that adapters are put on, where it is not the one that they name."""
    settings: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None

    @property
    def digest(self) -> str:
        """Identity of policy, references and settings; the base is part of what an adapter is."""
        return digest(self.terms.policy.model_dump(mode="json"), dict(self.settings))

    def evaluation(self, model: str, settings: Mapping[str, str] = EMPTY, name: str = "") -> EvalConfig:
        """Return how a model is evaluated under the policy; `settings` come on top of those for all."""
        config = evaluation(self.terms.policy, model, {**self.settings, **settings}, self.data)
        return config.model_copy(update={"name": name})

    def ask(self, config: EvalConfig, model: Model, meter: Meter) -> str:
        """Evaluate an open model, to the end or until its answer is known, and return the run's id.

        Raises:
            HarnessError: as `runner.evaluate`.
        """
        if self.terms.policy.sequential.enabled:
            return sequential.ask(self.terms.policy, config, self.database, model=model, meter=meter).run_id
        return evaluate(config, self.database, model, meter=meter).run_id


def conditions(
    database: Database,
    named: str,
    folder: str,
    baseline: str | None = None,
    base: str = "",
    settings: Mapping[str, str] | None = None,
    data: str | None = None,
) -> Conditions:
    """Return the conditions, checked.

    Raises:
        UsageError: a policy, reference, suite, data set or setting that is not there; names the nearest.
        InfrastructureError: the results cannot be written, or no sandbox works where one is needed.
    """
    terms = Terms.read(named, baseline)
    found = Conditions(database, terms, folder, base, dict(settings or {}), data)
    known = set(HFSettings.model_fields) | set(GGUFSettings.model_fields)
    for name in found.settings:
        if name not in known:
            raise UsageError(f"--set: unknown key {name!r}", nearest(name, known), "mend it and run the same command")
    check_room(database)
    check(terms.policy, named, database, terms.folder, data_folder=data)
    plan.parts(found.evaluation(""))
    return found
