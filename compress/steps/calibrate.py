"""A model learns how sure it may be: temperature and Platt scaling, fitted on what it said on `dev`.

    inputs       [model artifact: float, int4 or gguf; report artifact: choices.jsonl, what that very model said]
    parameters   {}                             the better of the two methods, by cross-validation inside `dev`
                 {"method": "temperature"}      or "platt"
    output       the model's files, linked and not copied; calibration.json: what gates apply; reliability.json: the
                 bars of the diagram before and after; run.json, README.md

    calibration.json   {"of": digest of the weights, "method": "temperature", "temperature": 2.4, "platt": {..},
                        "cross_validated": {"before": {"ece": {"value": 0.12, "low": .., "high": ..}, ..}, ..}, ..}

The weights and their digest stay the same, so nothing that was asked is asked again; the likeliest choice stays the
likeliest. One scaling for all suites of the report. Every figure is of answers that the fit has not seen: ten parts by
origin, each judged by a fit to the other nine. The samples of `test` are not looked at: what holds there, a gate says.
Formulas: `stats.scaling`; intervals: 95%, of the calibration error by `gate.calibration`, else normal.
Cost: two seconds for 7,000 answers, and reading the weights once for their digest.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.errors import UsageError
from harness.gate import calibration, choices
from harness.hashing import folder_sha256, fraction
from harness.models.calibration import DIAGRAM, FILE, FORMAT
from harness.models.gguf.header import read_parts
from harness.models.gguf.notes import model_sha256
from harness.models.hf.loading import TRAINING
from harness.stats import mean
from harness.stats.scaling import Method, Scaling, platt, temperature
from harness.types import Artifact
from harness.workbench import candidate, record, shelf

NAME = "compress.calibrate"
FOLDS, BINS, LEAST = 10, 15, 50
"""Parts of the cross-validation; bars of the diagram; answers below which nothing is fitted."""
OWN = (FILE, DIAGRAM, record.FILE, record.CARD, shelf.NOTE)
"""Written anew: these say what made a model."""
METHODS: tuple[Method, ...] = ("temperature", "platt")

Line = Mapping[str, Any]
Said = list[tuple[float, bool]]
"""How sure of the chosen answer, in [0, 1], and whether it was right."""


class Parameters(Strict):
    """What may be told to `compress.calibrate`."""

    method: Literal["better", "temperature", "platt"] = "better"
    """`better`: the one whose held-out probabilities have the lower negative log-likelihood."""


class Calibrate(Step):
    """Fits a scaling and puts it beside the model."""

    version = "1"
    kind = "model"
    takes = ("model", "report")
    works_on = ("float", "int4", "gguf")

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Return the folder with the model and its calibration.

        Raises:
            UsageError: not one model and one report, a report of another model or split, too few answers.
        """
        given, started = validate(dict(parameters), Parameters, NAME), time.monotonic()
        model, report = (_only(inputs, kind) for kind in ("model", "report"))
        about, lines = choices.load(Path(report.path))
        _fits(about, model)
        told, diagram = fit(lines, given.method)
        of = {"run": about.get("run"), "split": about["split"], "n": len(lines), "suites": about["suites"]}
        told = {"format": FORMAT, "of": about["model_digest"], "fitted_on": of, **told}
        folder = link(Path(model.path), context.scratch / "calibrated")
        for name, content in ((FILE, told), (DIAGRAM, {"fitted_on": of, **diagram})):
            text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
        record.write(folder, _record(model, given, told, time.monotonic() - started))
        before, after = (told["cross_validated"][name]["ece"]["value"] for name in ("before", told["method"]))
        context.progress(1.0, f"expected calibration error {before:.3f} -> {after:.3f}")
        return folder


def fit(lines: Sequence[Line], method: str = "better") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what goes into calibration.json and into reliability.json, as of `dev` answers.

    Raises:
        UsageError: too few answers.
    """
    if len(lines) < LEAST:
        what = f"{len(lines)} answers to fit a calibration to"
        raise UsageError(what, f"at least {LEAST} of the split dev", "add primer:choices or mmlu to the policy")
    held: dict[str, Said] = {name: _held_out(lines, name) for name in METHODS}
    before = confidences(lines, [Scaling()] * len(lines))
    found = {name: figures(said) for name, said in (("before", before), *held.items())}
    chosen = min(METHODS, key=lambda name: float(found[name]["nll"]["value"])) if method == "better" else method
    sides = {"before": before, "after": held[chosen]}
    divisor, curve = (fitted(lines, name) for name in METHODS)
    told = {"method": chosen, "temperature": divisor.temperature}
    told |= {"platt": {"slope": curve.slope, "intercept": curve.intercept}}
    told |= {"cross_validated": {"folds": FOLDS, "bins": BINS, **found}, "suites": _by_suite(lines, sides)}
    bars = {side: [asdict(bar) for bar in calibration.reliability(said, BINS)] for side, said in sides.items()}
    return told, {"method": chosen, "bins": BINS, **bars}


def _by_suite(lines: Sequence[Line], sides: Mapping[str, Said]) -> dict[str, Any]:
    """Return suite -> side -> figures."""
    places: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        places.setdefault(line["suite"], []).append(place)
    return {
        suite: {side: figures([said[place] for place in at]) for side, said in sides.items()}
        for suite, at in sorted(places.items())
    }


def fitted(lines: Sequence[Line], method: Method) -> Scaling:
    """Return the scaling fitted to all these answers."""
    answers = list(map(choices.answer, lines))
    if method == "temperature":
        return Scaling("temperature", temperature=temperature(answers))
    slope, intercept = platt(answers)
    return Scaling("platt", slope=slope, intercept=intercept)


def figures(said: Said) -> dict[str, Any]:
    """Return share right, expected calibration error, negative log-likelihood and Brier score of "the chosen answer is
    right", each with its 95% interval; nats, else in [0, 1]."""
    ece = calibration.estimate(said, BINS, 1.0, 0.025)
    # A probability of 0 or 1 to the last bit must not cost infinity.
    loss = [-math.log(max(sure if right else 1.0 - sure, 1e-16)) for sure, right in said]
    brier = [(sure - right) ** 2 for sure, right in said]
    rest = {
        "accuracy": mean([float(right) for _, right in said]),
        "nll": mean(loss, 0.0, math.inf),
        "brier": mean(brier),
    }
    told = {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in rest.items()}
    return {"n": len(said), "ece": {"value": ece.value, "low": ece.low, "high": ece.high}, **told}


def _held_out(lines: Sequence[Line], method: Method) -> Said:
    """Return what each answer's confidence is by a fit to the other parts; siblings of a question are in one part."""
    fold = [int(fraction("calibrate", line["origin"]) * FOLDS) for line in lines]
    fits = {one: fitted([line for line, at in zip(lines, fold, strict=True) if at != one], method) for one in set(fold)}
    return confidences(lines, [fits[one] for one in fold])


def confidences(lines: Sequence[Line], scalings: Sequence[Scaling]) -> Said:
    """Return the confidence of each chosen answer under its scaling, and whether it was right."""
    answers = [choices.answer(line) for line in lines]
    hits = [max(range(len(sums)), key=sums.__getitem__) == target for sums, target in answers]
    return [(one.sure(sums), hit) for one, (sums, _), hit in zip(scalings, answers, hits, strict=True)]


def link(source: Path, target: Path) -> Path:
    """Return `target`, a folder with the files of `source` but for those that say what made it: hard links where the
    file system has them, else copies; never symbolic links, which break when a folder moves."""

    def leave_out(place: str, names: list[str]) -> set[str]:
        return set(OWN).intersection(names) if Path(place) == source else set()

    return Path(shutil.copytree(source, target, copy_function=_linked, ignore=leave_out))


def _linked(source: str, target: str) -> None:
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        shutil.copy2(source, target)


def digests(folder: Path) -> Iterator[str]:
    """Yield the digest that each model in a folder has when it is opened (`Model.digest`).

    Raises:
        UsageError: it lies in no folder.
    """
    if not folder.is_dir():
        what = f"{str(folder)!r} is no folder: a calibration lies beside the weights"
        raise UsageError(what, "a model on this machine", "download it, and name the folder")
    for path in sorted(folder.glob("*.gguf")):
        yield model_sha256([part.path for part in read_parts(path)])
    for place in (folder, folder / candidate.INT4):
        if (place / "config.json").is_file():
            yield folder_sha256(place, TRAINING)


def _only(inputs: Sequence[Artifact], kind: str) -> Artifact:
    found = [one for one in inputs if one.kind == kind]
    if len(found) != 1:
        raise UsageError(
            f"{NAME} has {len(found)} {kind}s among its inputs", "one model, one report", "look at the recipe"
        )
    return found[0]


def _fits(about: Mapping[str, Any], model: Artifact) -> None:
    """Refuse answers of another model, and those of sealed samples."""
    if not about.get("model_digest") or about["model_digest"] not in digests(Path(model.path)):
        what = f"the report is of run {about.get('run')!r}, whose model is not the artifact {model.id!r}"
        raise UsageError(what, "answers of the very weights that are calibrated", "evaluate this model first")
    if about.get("split") != "dev":
        what = f"the report holds answers of the split {about.get('split')!r}"
        raise UsageError(what, "dev: a gate judges on test", "write it with split='dev'")


def _record(model: Artifact, given: Parameters, told: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    before = record.read(Path(model.path))
    tags = (*dict.fromkeys(("calibrated", *before.get("tags", ()))),)
    found = record.facts(NAME, Calibrate.version, given.model_dump(), before.get("library", "transformers"), tags)
    found |= {"base": before.get("base") or {"name": model.path, "digest": model.digest}, "seconds": seconds}
    shown = {name: told[name] for name in ("method", "temperature", "platt", "fitted_on", "cross_validated")}
    return found | {"calibration": shown, "model": {"artifact": model.id, "digest": model.digest, "run": before}}
