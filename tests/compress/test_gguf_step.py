"""`compress.gguf`: a folder that `gguf:` opens, with a record of what it was made of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from harness import registry
from harness.contracts import StepContext
from harness.errors import UsageError
from harness.hashing import file_sha256
from harness.models.threads import wait_politely
from harness.types import Artifact, Completion, Fault, Request
from harness.workbench import record

wait_politely(os.environ)


class Scratch(StepContext):
    def __init__(self, scratch: Path) -> None:
        scratch.mkdir()
        self.scratch = scratch

    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        raise NotImplementedError

    def spend(self, what: str, amount: float) -> None: ...

    def progress(self, done: float, note: str = "") -> None: ...

    def measure(self, step: int, values: Mapping[str, float]) -> None: ...


def made(model: Path, scratch: Path, **parameters: str) -> Path:
    return registry.step("compress.gguf").run(
        [Artifact("m1", "model", str(model), "of m1")], parameters, Scratch(scratch)
    )


@pytest.mark.slow
def test_the_file_opens_and_the_record_says_what_it_was_made_of(tiny_folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for one in tiny_folder.iterdir():
        if one.suffix != ".gguf" and one.is_file():
            (model / one.name).symlink_to(one)
    for name in ("run.json", "README.md"):
        (model / name).unlink(missing_ok=True)
    before = record.facts("improve.merge", "1", {"dtype": "float32"}, tags=("lora",)) | {"base": {"name": "org/name"}}
    record.write(model, before)
    folder = made(model, tmp_path / "scratch", kind="f16")
    told = json.loads((folder / "run.json").read_text())
    assert sorted(one.name for one in folder.iterdir()) == ["README.md", "model.gguf", "run.json"]
    assert told["file"]["sha256"] == file_sha256(folder / "model.gguf") and told["file"]["size_bytes"] > 1e6
    assert told["model"]["digest"] == "of m1" and told["model"]["run"]["parameters"] == {"dtype": "float32"}
    assert told["parameters"] == {"kind": "f16", "quant": ""} and told["seconds"] > 0 and told["versions"]["gguf"]
    card = ModelCard((folder / "README.md").read_text())
    assert card.data.base_model == "org/name" and card.data.library_name == "gguf"
    assert card.data.tags == ["gguf", "lora"] and "| run.parameters.dtype | float32 |" in card.text
    with registry.open_model(f"gguf:{folder / 'model.gguf'}") as opened:
        answers = dict(opened.answer([Request(kind="generate", prompt="Q: 2 + 2\nA:", max_tokens=4)]))
    assert isinstance(answers[0], Completion)


def test_what_cannot_be_converted_is_refused(tmp_path: Path) -> None:
    step = registry.step("compress.gguf")
    with pytest.raises(UsageError, match="0 models"):
        step.run([], {}, Scratch(tmp_path / "a"))
    with pytest.raises(UsageError, match="kind"):
        step.check({"kind": "q3"})
