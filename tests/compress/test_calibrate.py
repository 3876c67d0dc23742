"""`compress.calibrate`: planted over-confidence is mended, weights are linked, what does not fit is refused."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.contracts import StepContext
from harness.errors import UsageError
from harness.gate import choices
from harness.hashing import folder_sha256
from harness.models import calibration
from harness.models.hf.loading import TRAINING
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench import candidate, record

RUN_ID = "model-4c1d"


class Scratch(StepContext):
    def __init__(self, scratch: Path) -> None:
        scratch.mkdir()
        self.scratch, self.said = scratch, ""

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        raise NotImplementedError

    def spend(self, what: str, amount: float) -> None: ...

    def progress(self, done: float, note: str = "") -> None:
        self.said = note


def lines(count: int, over: float, seed: int = 0, suite: str = "quiz") -> list[dict[str, Any]]:
    """Return answers of a model whose log-likelihoods are `over` times what right ones are drawn by."""
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 1.5, (count, 4))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return [
        {
            "suite": suite, "sample": f"s{n}", "origin": f"o{n // 2}", "subject": "all",
            "logprobs": (over * logits[n]).tolist(), "target": int(random.choice(4, p=shares[n])),
        }
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as a step leaves it on the shelf: float weights, packed ones inside, and what tells of its making."""
    folder = tmp_path / "model"
    (folder / "int4").mkdir(parents=True)
    for place in (folder, folder / "int4"):
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(os.urandom(64))
    (folder / "int4" / "README.md").write_text("of the packed weights")
    for name in ("artifact.json", calibration.FILE, calibration.DIAGRAM):
        (folder / name).write_text('{"from": "before"}')
    record.write(folder, record.facts("compress.awq", "1", {}, tags=("awq",)) | {"base": {"name": "org/name"}})
    return folder


def report(folder: Path, answers: Sequence[Mapping[str, Any]], **told: Any) -> Artifact:
    folder.mkdir()
    about = {"run": RUN_ID, "model_digest": "", "split": "dev", "suites": {"quiz": {"n": len(answers)}}, **told}
    (folder / choices.ABOUT).write_text(json.dumps(about))
    (folder / choices.CHOICES).write_text("".join(json.dumps(line) + "\n" for line in answers))
    return Artifact("r1", "report", str(folder), "of r1")


def packed_digest(model: Path) -> str:
    return folder_sha256(model / "int4", TRAINING)


def calibrated(tmp_path: Path, model: Path, answers: Sequence[Mapping[str, Any]], **parameters: Any) -> Path:
    given = report(tmp_path / "report", answers, model_digest=packed_digest(model))
    inputs = [Artifact("m1", "model", str(model), "of m1"), given]
    return registry.step("compress.calibrate").run(inputs, parameters, Scratch(tmp_path / "scratch"))


def test_planted_over_confidence_is_found_and_mended(tmp_path: Path, model: Path) -> None:
    found = json.loads((calibrated(tmp_path, model, lines(2000, 3.0)) / calibration.FILE).read_text())
    before, after = (found["cross_validated"][name] for name in ("before", found["method"]))
    assert found["temperature"] == pytest.approx(3.0, rel=0.1) and found["of"] == packed_digest(model)
    assert before["ece"]["low"] > 0.1 and after["ece"]["high"] < 0.05
    assert after["nll"]["high"] < before["nll"]["low"] and after["brier"]["value"] < before["brier"]["value"]
    assert after["accuracy"] == before["accuracy"] and after["n"] == 2000
    assert found["fitted_on"] == {"run": RUN_ID, "split": "dev", "n": 2000, "suites": {"quiz": {"n": 2000}}}
    assert found["suites"]["quiz"]["after"] == after


def test_a_calibrated_model_stays_as_it_is(tmp_path: Path, model: Path) -> None:
    found = json.loads((calibrated(tmp_path, model, lines(1500, 1.0)) / calibration.FILE).read_text())
    before, after = (found["cross_validated"][name]["ece"] for name in ("before", "temperature"))
    assert found["temperature"] == pytest.approx(1.0, rel=0.1)
    assert abs(after["value"] - before["value"]) < 0.01, "cross-validation takes nothing of the fit for a gain"


def test_noise_is_not_taken_for_a_gain(tmp_path: Path, model: Path) -> None:
    """Answers drawn by chance, whatever the model says: held out, no method can know more than the share of right."""
    random = np.random.default_rng(5)
    answers = [{**line, "target": int(random.integers(4))} for line in lines(400, 3.0)]
    found = json.loads((calibrated(tmp_path, model, answers) / calibration.FILE).read_text())["cross_validated"]
    share = found["before"]["accuracy"]["value"]
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert min(found[name]["nll"]["value"] for name in ("temperature", "platt")) > entropy - 0.005


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_the_method_told_is_the_one_that_counts(tmp_path: Path, model: Path, method: str) -> None:
    folder = calibrated(tmp_path, model, lines(400, 2.0), method=method)
    told = calibration.beside(folder, digest=packed_digest(model))["calibration"]
    assert told["method"] == method
    assert set(told) == {"method", *({"temperature"} if method == "temperature" else {"slope", "intercept"})}


def test_weights_are_linked_and_the_model_they_come_from_is_left_alone(tmp_path: Path, model: Path) -> None:
    before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    folder = calibrated(tmp_path, model, lines(200, 2.0))
    assert {path: path.read_bytes() for path in before} == before
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    for name in ("model.safetensors", "config.json", "int4/model.safetensors", "int4/README.md"):
        assert (folder / name).samefile(model / name)
    for name in (calibration.FILE, calibration.DIAGRAM, record.FILE, record.CARD):
        assert not (folder / name).samefile(model / name) and '"from"' not in (folder / name).read_text()
    assert not (folder / "artifact.json").exists() and candidate.form_of(folder) == "int4"
    told = record.read(folder)
    assert told["base"] == {"name": "org/name"} and told["tags"] == ["calibrated", "awq"]
    assert told["calibration"]["fitted_on"]["run"] == RUN_ID and told["model"]["run"]["step"] == "compress.awq"


def test_where_files_cannot_be_linked_they_are_copied(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    folder = calibrated(tmp_path, model, lines(200, 2.0))
    assert not (folder / "model.safetensors").samefile(model / "model.safetensors")
    assert (folder / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


def test_the_diagram_is_of_all_answers_and_adds_up_to_the_error(tmp_path: Path, model: Path) -> None:
    folder = calibrated(tmp_path, model, lines(1000, 3.0))
    own, bars = (json.loads((folder / name).read_text()) for name in (calibration.FILE, calibration.DIAGRAM))
    for side, name in (("before", "before"), ("after", own["method"])):
        assert sum(bar["n"] for bar in bars[side]) == 1000
        gap = sum(bar["n"] * abs(bar["said"] - bar["right"]) for bar in bars[side]) / 1000
        assert gap == pytest.approx(own["cross_validated"][name]["ece"]["value"])
        assert all(bar["low"] <= bar["said"] <= bar["high"] for bar in bars[side])
        assert all(bar["right_low"] <= bar["right"] <= bar["right_high"] for bar in bars[side])


@pytest.mark.parametrize(
    ("told", "answers", "said"),
    [
        ({"model_digest": "of another"}, 200, "is not the artifact 'm1'"),
        ({"model_digest": None}, 200, "is not the artifact 'm1'"),
        ({"split": "test"}, 200, "split 'test'"),
        ({"split": "all"}, 200, "split 'all'"),
        ({}, 20, "20 answers"),
        ({}, 0, "no log-likelihoods"),
        ({"suites": None}, 200, "tells no suites"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, model: Path, told: dict[str, Any], answers: int, said: str
) -> None:
    given = report(
        tmp_path / "report", lines(answers, 2.0) if answers else [], **{"model_digest": packed_digest(model)} | told
    )
    step = registry.step("compress.calibrate")
    with pytest.raises(UsageError, match=said):
        step.run([Artifact("m1", "model", str(model), ""), given], {}, Scratch(tmp_path / "scratch"))


def test_one_model_and_one_report_are_asked_for(tmp_path: Path, model: Path) -> None:
    step, one = registry.step("compress.calibrate"), Artifact("m1", "model", str(model), "")
    with pytest.raises(UsageError, match="0 reports"):
        step.run([one], {}, Scratch(tmp_path / "a"))
    with pytest.raises(UsageError, match="2 models"):
        step.run([one, one], {}, Scratch(tmp_path / "b"))
    with pytest.raises(UsageError, match="method"):
        step.check({"method": "isotonic"})
    given = report(tmp_path / "report", lines(200, 2.0), model_digest="x")
    with pytest.raises(UsageError, match="no folder"):
        step.run([Artifact("m1", "model", "org/name", ""), given], {}, Scratch(tmp_path / "c"))


def test_a_calibration_is_of_weights_not_of_a_place(tmp_path: Path, model: Path) -> None:
    folder, of = calibrated(tmp_path, model, lines(200, 2.0)), packed_digest(model)
    assert calibration.beside(folder / "int4", folder, digest=of) != {}
    assert folder_sha256(folder, TRAINING) == folder_sha256(model, TRAINING), "its files are no part of the weights"
    for other in (None, "", "of another"):
        assert calibration.beside(folder, digest=other) == {}
    shutil.copy(folder / calibration.FILE, tmp_path / calibration.FILE)
    path = tmp_path / calibration.FILE
    told = json.loads(path.read_text())
    for text in ("", "[1]", "[" * 100_000, '{"of": "x"}', json.dumps({**told, "format": "of somebody else"})):
        path.write_text(text)
        assert calibration.beside(tmp_path, digest=of) == {}
    path.write_text(json.dumps({**told, "method": "temperature", "temperature": -1}))
    with pytest.raises(UsageError, match="cannot be used"):
        calibration.beside(tmp_path, digest=of)
