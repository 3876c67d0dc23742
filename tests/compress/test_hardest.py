"""`compress.hardest`: the rows that a model finds hardest, whatever order they come in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import rows_kit as kit

from compress.steps.hardest import nats
from harness import registry
from harness.errors import InfrastructureError, UsageError
from harness.types import Artifact
from harness.workbench import rows as dataset

STEP = registry.step("compress.hardest")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return kit.random_model(tmp_path_factory.mktemp("model") / "random")


def lines(count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"Q: {n} after two\nA:", "completion": f" {'river door ' * (n % 3)}one"} for n in range(count)]


def hardest(inputs: list[Artifact], scratch: Path, **parameters: Any) -> tuple[list[Any], dict[str, Any]]:
    folder = STEP.run(inputs, parameters, kit.Remembering(scratch))
    return dataset.at(folder), json.loads((folder / "report.json").read_text())


def test_the_share_with_the_highest_perplexity_stays_in_order(model: Artifact, tmp_path: Path) -> None:
    rows = kit.dataset(tmp_path / "rows", lines(41))
    with registry.open_model(f"hf:{model.path}") as opened:
        found = nats(opened, dataset.at(Path(rows.path)))
    kept, report = hardest([model, rows], tmp_path / "a", share=0.3)
    assert len(kept) == 13 == math.ceil(0.3 * 41) and report["dropped"] == {"easier": 28} and report["in"] == 41
    by_id = {row["id"]: value for row, value in zip(dataset.at(Path(rows.path)), found, strict=True)}
    left = [value for name, value in by_id.items() if name not in {row["id"] for row in kept}]
    assert min(by_id[row["id"]] for row in kept) >= max(left)
    assert [row["id"] for row in kept] == [name for name in by_id if name in {row["id"] for row in kept}]
    assert all(row["checks"]["compress.hardest"] == pytest.approx(by_id[row["id"]], abs=1e-3) for row in kept)
    quantiles = list(report["nats"].values())
    assert quantiles == sorted(quantiles) and quantiles[-1] == pytest.approx(max(found), abs=1e-3)
    turned = kit.dataset(tmp_path / "turned", lines(41)[::-1])
    assert {row["id"] for row in hardest([model, turned], tmp_path / "b")[0]} == {row["id"] for row in kept}


def test_equal_rows_go_by_id(model: Artifact, tmp_path: Path) -> None:
    same = [{"id": name, "prompt": "Q: one\nA:", "completion": " two"} for name in "dbac"]
    kept, report = hardest([model, kit.dataset(tmp_path / "rows", same)], tmp_path / "a", share=0.5)
    assert [row["id"] for row in kept] == ["b", "a"] and report["bar"] == report["nats"]["0"]


def test_the_nats_are_those_of_the_weights(model: Artifact) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    row = {"id": "r", "prompt": "Q: 1 after two\nA:", "completion": " river door"}
    tokenizer = AutoTokenizer.from_pretrained(model.path)
    before = tokenizer(row["prompt"])["input_ids"]
    whole = tokenizer(row["prompt"] + row["completion"])["input_ids"]
    with torch.inference_mode():
        logits = AutoModelForCausalLM.from_pretrained(model.path)(torch.tensor([whole])).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[len(before) - 1 : -1], torch.tensor(whole[len(before) :]))
    with registry.open_model(f"hf:{model.path}") as opened:
        assert nats(opened, [row]) == [pytest.approx(loss.item(), abs=1e-5)]


def test_what_has_no_perplexity_is_refused(model: Artifact, tmp_path: Path) -> None:
    rows = kit.dataset(tmp_path / "rows", lines(4))
    empty = kit.dataset(tmp_path / "empty", [*lines(3), {"id": "none", "prompt": "Q: one\nA:", "completion": ""}])
    with pytest.raises(UsageError, match="'none'"):
        hardest([model, empty], tmp_path / "a")
    with pytest.raises(UsageError, match="0 models"):
        hardest([rows], tmp_path / "b")
    with pytest.raises(UsageError, match="no row"):
        hardest([model, kit.dataset(tmp_path / "bare", [])], tmp_path / "c")
    with pytest.raises(UsageError, match="share"):
        STEP.check({"share": 0})


def test_a_broken_model_is_no_easy_or_hard_one(model: Artifact, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    broken = AutoModelForCausalLM.from_pretrained(model.path)
    with torch.no_grad():
        broken.model.norm.weight.fill_(math.nan)
    broken.save_pretrained(tmp_path / "broken")
    AutoTokenizer.from_pretrained(model.path).save_pretrained(tmp_path / "broken")
    rows = kit.dataset(tmp_path / "rows", lines(4))
    with pytest.raises(InfrastructureError, match="nan nats"):
        hardest([Artifact("b", "model", str(tmp_path / "broken"), "b"), rows], tmp_path / "a")
