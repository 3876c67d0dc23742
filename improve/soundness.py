"""What is wrong with a recipe that can be found before anything is paid for: names, order of steps, policy, budget.

    check(loaded, "recipe.yaml")
    UsageError: recipe.yaml: improve.generate: unknown key 'row', nearest: 'rows'

Cost: the suites and steps that are named are imported; one practice row is drawn where a suite makes rows.
"""

from __future__ import annotations

from pathlib import Path

from harness import data, registry
from harness.contracts import Step
from harness.errors import HarnessError, UsageError, nearest
from harness.gate import policy as policies
from harness.workbench.chain import Stage
from harness.workbench.clean import DECONTAMINATE, require
from harness.workbench.recipes import check_budget, named
from improve.recipe import Loaded, Recipe

MIX = "improve.mix"
TRAINED = ("hf", "tiny", "vllm")
"""Prefixes of bases that steps can train on: their weights lie somewhere."""
PAID = ("openai", "vllm")
"""Prefixes of teachers that may cost money for each token."""


def check(loaded: Loaded, where: str) -> None:
    """Refuse a recipe that cannot work. See `recipe.load`."""
    recipe = loaded.recipe
    with named(where):
        _base(recipe)
        steps = [_step(stage) for stage in recipe.stages]
        require([stage.name for stage in recipe.stages])
        _order(recipe, steps)
        _revisions(recipe)
    with named(f"{where}: policy"):
        policy = policies.load(loaded.policy)
        for name in policy.suites:
            registry.suite(name)
    with named(f"{where}: failures"):
        _failures(recipe, list(policy.suites))
    with named(f"{where}: data"):
        if recipe.data is not None:
            data.folder(recipe.data)
    with named(f"{where}: budget"):
        check_budget(recipe.budget)
    with named(f"{where}: teachers"):
        _teachers(recipe)


def _base(recipe: Recipe) -> None:
    prefix, locator = registry.split_spec(recipe.model)
    takes = [stage.name for stage in recipe.stages if "model" in _takes(stage)]
    if takes and (prefix not in TRAINED or "@http" in locator):
        what = f"model: {recipe.model!r} cannot be trained on, and {takes[0]} takes the base"
        raise UsageError(what, "hf:org/name, vllm:org/name, a folder with config.json, or tiny", "name its weights")


def _takes(stage: Stage) -> tuple[str, ...]:
    return registry.step(stage.name).takes


def _step(stage: Stage) -> Step:
    """Return a step after its own check of the parameters."""
    step = registry.step(stage.name)
    step.check(stage.parameters)
    if stage.name == DECONTAMINATE and stage.parameters.get("suites"):
        what = f"{DECONTAMINATE} would hold rows against {stage.parameters['suites']} alone"
        raise UsageError(what, "all suites that are here: no benchmark sample trains, ever", "take `suites` out")
    if "model" in step.takes and stage.parameters.get("model"):
        what = f"{stage.name}: model: {stage.parameters['model']!r}, and it is handed the recipe's base"
        raise UsageError(what, "the base as `model:` of the recipe alone", f"take model: out of {stage.name}")
    return step


def _order(recipe: Recipe, steps: list[Step]) -> None:
    at_hand, made = {"report", "model"}, 0
    for stage, step in zip(recipe.stages, steps, strict=True):
        if lacking := [kind for kind in step.takes if kind not in at_hand]:
            what = f"steps: {stage.name} takes a {lacking[0]}, and no step before it makes one"
            raise UsageError(what, f"at hand: {', '.join(sorted(at_hand))}", "mend the order of `steps`")
        if stage.name == MIX and stage.parameters.get("ratio") != 0 and not stage.parameters.get("replay") and made < 2:
            what = f"steps: {MIX} has nothing to replay: every row at hand is a targeted one"
            raise UsageError(what, "replay: primer, or ratio: 0 to go without", f"say it under {MIX}")
        at_hand.add(step.kind)
        made += step.kind == "dataset" and "dataset" not in step.takes
    if steps[-1].kind != "model":
        what = f"steps: the last one, {recipe.stages[-1].name}, makes a {steps[-1].kind}"
        raise UsageError(what, "a model: the candidate of the round", "add - improve.merge")


def _revisions(recipe: Recipe) -> None:
    """Refuse two revisions of one base: what is evaluated must be what is trained."""
    wanted = recipe.settings.get("revision") or None
    for stage in recipe.stages:
        if "model" in _takes(stage) and stage.name in ("improve.finetune", "improve.merge"):
            given = stage.parameters.get("revision")
            if given != wanted:
                what = f"{stage.name}: revision {given!r}, and the base is evaluated at {wanted!r}"
                raise UsageError(what, "one revision", f"settings.revision and revision: of {stage.name} must agree")


def _failures(recipe: Recipe, suites: list[str]) -> None:
    for name in recipe.failures.suites:
        if name not in suites:
            raise UsageError(f"suites: the policy has no {name!r}", nearest(name, suites), "mend it")
    named = recipe.failures.embedder
    if named not in ("auto", "lsa", "minilm") and not (Path(named).expanduser() / "config.json").is_file():
        from harness.failures.embedding import embedder

        embedder(named)


def _teachers(recipe: Recipe) -> None:
    """Refuse a price of nobody, and a cap in money beside a hosted teacher that has none."""
    asked = [str(stage.parameters["teacher"]) for stage in recipe.stages if stage.parameters.get("teacher")]
    for spec in recipe.teachers:
        if spec not in asked:
            raise UsageError(f"no step asks {spec!r}", nearest(spec, asked), "the spec as a step's `teacher` has it")
    for spec in asked:
        try:
            prefix, _ = registry.split_spec(spec)
        except HarnessError as error:
            raise UsageError(error.what, error.expected, error.next) from error
        if "usd" in recipe.budget and prefix in PAID and spec not in recipe.teachers:
            what = f"budget.usd caps money, and nobody said what {spec!r} costs"
            raise UsageError(what, "its price, which may be 0", f"teachers: {{{spec!r}: {{usd_per_token: ..}}}}")
