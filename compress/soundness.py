"""What is wrong with a recipe, or with a model for it, that can be found before work starts.

    foreseen = check(load("quickstart"), "tiny", {})      -> (Foreseen("gradual", {"intermediate_size": 256, ..}), ..)
    UsageError: quickstart.yaml: stages: compress.prune: no width of 384 channels is a multiple of 256 below 512 ..

Names, parameters, order, decontamination, policy, budget; then the shapes: each step says what it would make of a
model with this config.json (`Step.foresee`), and the next one is asked about that. Cost: the suites and steps that are
named are imported; no weights are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.recipe import Group, Loaded, Recipe
from harness import data, registry
from harness.contracts import Suite
from harness.errors import UsageError
from harness.gate import policy as policies
from harness.hashing import file_sha256
from harness.workbench import candidate
from harness.workbench.clean import DECONTAMINATE, require
from harness.workbench.recipes import check_budget, named

DRAW = "compress.draw"
WEIGHTS = ("hf", "tiny", "vllm")
"""Prefixes of models whose float weights lie somewhere."""


@dataclass(frozen=True)
class Foreseen:
    """A stage and what it would make."""

    label: str
    config: Mapping[str, Any]
    """The config.json after it."""


def check(loaded: Loaded, model: str, settings: Mapping[str, str]) -> tuple[Foreseen, ...]:
    """Return what every stage would make.

    Raises:
        UsageError: names the file and the key; says what to do.
    """
    recipe, where = loaded.recipe, str(loaded.path)
    with named("the model"):
        prefix, _ = registry.split_spec(model)
        if prefix not in WEIGHTS:
            what = f"{model!r} is no float weights: what was rounded is not rounded again"
            raise UsageError(what, "hf:org/name, a folder with config.json, or tiny", "name its original weights")
        folder, config = _weights(model, settings)
    with named(f"{where}: stages"):
        _names(recipe)
        _order(recipe.groups)
    with named(f"{where}: training"):
        _training(loaded)
    with named(f"{where}: policy"):
        for name in policies.load(loaded.policy).suites:
            registry.suite(name)
    with named(f"{where}: data"):
        if recipe.data is not None:
            data.folder(recipe.data)
    with named(f"{where}: budget"):
        check_budget(recipe.budget)
    with named(f"{where}: stages"):
        return tuple(_foreseen(recipe.groups, folder, config))


def _names(recipe: Recipe) -> None:
    for group in recipe.groups:
        for place, stage in enumerate(group.steps):
            step = registry.step(stage.name)
            given = dict(stage.parameters)
            if group.share is not None and place == 0:
                if "share" in given:
                    what = f"{group.label}: {stage.name} is told a share, and the group has one"
                    raise UsageError(what, "the group's alone", f"take share: out of {stage.name}")
                given["share"] = group.share
            with named(stage.name):
                step.check(given)
        require([DRAW, DECONTAMINATE, *(stage.name for stage in group.steps)])


def _order(groups: tuple[Group, ...]) -> None:
    for group in groups:
        at_hand = {"model", "dataset", "report"}
        for stage in group.steps:
            step = registry.step(stage.name)
            if lacking := [kind for kind in step.takes if kind not in at_hand]:
                what = f"{group.label}: {stage.name} takes a {lacking[0]}, and no step before it makes one"
                raise UsageError(what, f"at hand: {', '.join(sorted(at_hand))}", "mend the order")
            at_hand.add(step.kind)
        last = group.steps[-1]
        if registry.step(last.name).kind != "model":
            what = f"{group.label}: its last step, {last.name}, makes a {registry.step(last.name).kind}"
            raise UsageError(what, "a model: what is measured and judged", "add - compress.recover, or improve.merge")


def _training(loaded: Loaded) -> None:
    told = loaded.recipe.training
    if told.file and not loaded.file.is_file():
        raise UsageError(f"no file {str(loaded.file)!r}", "lines of JSON: rows to calibrate on", "mend `file`")
    if told.suite and type(suite := registry.suite(told.suite)).practice is Suite.practice:
        what = f"the suite {suite.name!r} makes no practice rows, and its samples never calibrate"
        raise UsageError(what, "a procedural suite (primer), or a file of rows", "type: file: rows.jsonl")
    for given in draws(loaded):
        registry.step(DRAW).check(given)


def draws(loaded: Loaded) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `compress.draw` is told for the rows that are trained on, and for those held back from it."""
    told = loaded.recipe.training
    given: dict[str, Any] = {"seed": told.seed, **({"suite": told.suite} if told.suite else {})}
    if told.file:
        given |= {"file": str(loaded.file.absolute()), "file_sha256": file_sha256(loaded.file)}
    return {**given, "rows": told.rows}, {**given, "rows": told.held, "skip": told.rows}


def _weights(model: str, settings: Mapping[str, str]) -> tuple[Path | None, Mapping[str, Any]]:
    """Return the folder of a model, where it lies in one, and its config.json; `tiny` need not be trained for it."""
    if registry.split_spec(model)[0] == "tiny":
        from harness.models.tiny.home import recipe

        steps = settings.get("steps")
        found = recipe(int(settings.get("seed", "0")), int(steps) if steps else None, settings.get("suite", "primer"))
        return None, found.shapes
    place = Path(candidate.base_place(model, settings))
    if (place / "config.json").is_file():
        return place, json.loads((place / "config.json").read_text(encoding="utf-8"))
    return None, _of_hub(str(place), settings.get("revision"))


def _foreseen(groups: tuple[Group, ...], folder: Path | None, config: Mapping[str, Any]) -> Iterator[Foreseen]:
    for group in groups:
        for at, stage in enumerate(group.steps):
            given = dict(stage.parameters)
            if group.share is not None and at == 0:
                given["share"] = group.share
            with named(f"{group.label}: {stage.name}" if len(group.steps) > 1 else stage.name):
                config = registry.step(stage.name).foresee(config, folder, given)
        yield Foreseen(group.label, config)


def _of_hub(place: str, revision: str | None) -> dict[str, Any]:
    """Return the config of a model of the hub, as transformers finds it."""
    from transformers import AutoConfig

    from harness.models.hf.loading import unreadable

    if place.startswith(("/", "./", "../", "~")):
        raise UsageError(f"no config.json in {place!r}", "a folder of a model as transformers saves it", "name another")
    try:
        found: dict[str, Any] = AutoConfig.from_pretrained(place, revision=revision).to_dict()
    except (OSError, ValueError) as error:
        raise unreadable(place, error) from error
    return found
