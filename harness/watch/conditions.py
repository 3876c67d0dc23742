"""What every checkpoint of a training is judged under: a policy, its references, a base for adapters, settings.

    held = conditions(Database.at(None), "gates.yaml", "out", baseline="main")
    held.digest            a checkpoint is judged once under equal conditions
    held.evaluation("hf:out/checkpoint-10", {})         how `policy.evaluate` has it evaluated

Everything wrong with them is found here, before a model is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.config import EvalConfig
from harness.errors import UsageError, nearest
from harness.gate import check, policy
from harness.hashing import digest
from harness.models.gguf.settings import GGUFSettings
from harness.models.hf.loading import HFSettings
from harness.runner import plan
from harness.runner.place import check_room
from harness.store import Database


@dataclass(frozen=True)
class Conditions:
    """Built by `conditions`."""

    database: Database
    policy: policy.Policy
    """With the reference that `--baseline` names."""
    named: str
    """The policy as it was typed."""
    folder: str
    """What is watched, or the output folder of the training."""
    base: str = ""
    """Model that adapters are put on, where it is not the one that they name."""
    settings: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None

    @property
    def digest(self) -> str:
        """Identity of policy, references, base and settings."""
        return digest(self.policy.model_dump(mode="json"), self.base, dict(self.settings))

    @property
    def file(self) -> Path:
        """The policy's file; files of published figures lie relative to its folder."""
        return policy.CLASSIC if self.named == "classic" and not Path(self.named).exists() else Path(self.named)

    def evaluation(self, model: str, settings: Mapping[str, str], name: str = "") -> EvalConfig:
        """Return how a model is evaluated under the policy."""
        wanted = self.policy.evaluate
        return EvalConfig(
            model=model, suites=list(self.policy.suites), limit=wanted.limit, samples=wanted.samples,
            split=wanted.split, prompt=wanted.prompt, seed=wanted.seed, temperature=wanted.temperature,
            max_tokens=wanted.max_tokens, settings={**wanted.settings, **settings}, judges=wanted.judges,
            data=self.data, name=name,
        )  # fmt: skip


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
    read = policy.load(named)
    if baseline is not None:
        read = read.model_copy(update={"reference": policy.Reference(run=baseline)})
    found = Conditions(database, read, named, folder, base, dict(settings or {}), data)
    known = set(HFSettings.model_fields) | set(GGUFSettings.model_fields)
    for name in found.settings:
        if name not in known:
            raise UsageError(f"--set: unknown key {name!r}", nearest(name, known), "mend it and run the same command")
    check_room(database)
    check.check(read, named, database, found.file.parent, data_folder=data)
    plan.parts(found.evaluation("", {}))
    return found
