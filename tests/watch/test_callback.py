"""Gating inside a training: it changes nothing of the training, its scores stand beside the loss, it can stop it."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import training

from harness.errors import UsageError
from harness.models.hf.borrowed import borrowed, unwrapped, weights_sha256
from harness.store import Database, gates, read
from harness.types import Request
from harness.watch.callback import GateCallback


def policy(folder: Path, rule: str = "{min: 0.5, mode: point}", more: str = "") -> str:
    """Write a policy that asks ten questions; an untrained model answers none."""
    path = folder / "gates.yaml"
    path.write_text(
        "defaults: {min_items: 5}\nevaluate: {limit: 10, max_tokens: 4}\nsandbox: {min_level: weak}\n"
        f"suites:\n  primer: {{absolute: {rule}}}\n{more}"
    )
    return str(path)


def trained(out: Path, callback: GateCallback | None, lora: Path | None = None, steps: int = 4) -> Any:
    """Return the trainer after a training from fixed seeds."""
    model = training.lora(lora) if lora else training.llama()
    trainer = training.trainer(out, model, steps, 2, callbacks=[callback] if callback else [])
    trainer.train()
    return trainer


def state(trainer: Any) -> tuple[dict[str, bytes], list[Any]]:
    """Return every byte of the weights, and the losses and gradients of the log."""
    weights = {name: t.detach().numpy().tobytes() for name, t in trainer.model.state_dict().items()}
    kept = ("loss", "grad_norm", "learning_rate", "step")
    return weights, [{k: e[k] for k in kept} for e in trainer.state.log_history if "loss" in e]


@pytest.mark.slow
def test_a_training_is_bit_for_bit_what_it_would_be_without(tmp_path: Path) -> None:
    plain = state(trained(tmp_path / "plain", None))
    plain_dice = (random.random(), float(np.random.rand()), float(torch.rand(())))
    gated = GateCallback(policy(tmp_path), str(tmp_path / "h.duckdb"), every_steps=1)
    trainer = trained(tmp_path / "gated", gated)
    assert state(trainer) == plain
    assert (random.random(), float(np.random.rand()), float(torch.rand(()))) == plain_dice
    assert len(gates.latest(Database(tmp_path / "h.duckdb"))) == 4
    other = state(trained(tmp_path / "other", None, steps=5))
    assert other != plain, "a test that cannot see a difference proves nothing"
    # What a later training would resume from is the same, too.
    for name in ("model.safetensors", "rng_state.pth"):
        left = (tmp_path / "plain/checkpoint-4" / name).read_bytes()
        assert left == (tmp_path / "gated/checkpoint-4" / name).read_bytes(), name


@pytest.mark.slow
def test_scores_stand_beside_the_loss_and_in_the_database(tmp_path: Path) -> None:
    seen: list[dict[str, float]] = []

    class Reporter(training.callback_class()):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            seen.append(dict(logs))

    database = Database(tmp_path / "h.duckdb")
    gated = GateCallback(policy(tmp_path), str(database.path))
    trainer = training.trainer(tmp_path / "out", training.llama(), callbacks=[gated, Reporter()])
    trainer.train()
    scores = {e["step"]: e for e in trainer.state.log_history if "harness/primer" in e}
    losses = {e["step"] for e in trainer.state.log_history if "loss" in e}
    assert set(scores) == {2, 4} <= losses
    assert [one for one in seen if "harness/primer" in one], "reporters must see them"
    rows = read.query(database, "SELECT * FROM checkpoints ORDER BY step")
    assert [(r["step"], r["kind"], r["outcome"], r["exit_code"]) for r in rows] == [
        (2, "memory", "FAIL", 1), (4, "memory", "FAIL", 1),
    ]  # fmt: skip
    for row in rows:
        entry = scores[row["step"]]
        assert entry["harness/exit_code"] == row["exit_code"]
        assert entry["harness/primer_low"] <= entry["harness/primer"] <= entry["harness/primer_high"]
        assert gates.verdict(database, row["gate_id"])[0]["candidate"] == row["run_id"]
    assert rows[0]["digest"] != rows[1]["digest"], "other weights, other digest"
    json.dumps(trainer.state.log_history)


def test_the_weights_in_memory_answer_as_the_saved_ones(tmp_path: Path) -> None:
    from harness.registry import open_model

    folder = training.save(tmp_path / "saved")
    asked = [Request("generate", prompt="Q: Is true", max_tokens=8), Request("choose", "A:", choices=(" yes", " no"))]
    with open_model(f"hf:{folder}") as loaded, borrowed(training.llama(), training.tokenizer(), "training:x", {}) as it:
        saved, lent = dict(loaded.answer(asked)), dict(it.answer(asked))
    assert saved[0].text == lent[0].text
    assert saved[1].choice_logprobs == pytest.approx(lent[1].choice_logprobs, abs=1e-5)


@pytest.mark.slow
def test_adapters_in_memory(tmp_path: Path) -> None:
    base = training.save(tmp_path / "base")
    database = Database(tmp_path / "h.duckdb")
    plain = state(trained(tmp_path / "plain", None, base))
    trainer = trained(tmp_path / "gated", GateCallback(policy(tmp_path), str(database.path), every_steps=2), base)
    assert state(trainer) == plain
    digests = [row["digest"] for row in read.query(database, "SELECT digest FROM checkpoints")]
    assert len(set(digests)) == 2, "the base is the same, the adapter is not"


@pytest.mark.slow
def test_a_fail_stops_the_training_if_asked_and_a_pass_does_not(tmp_path: Path) -> None:
    fails = GateCallback(policy(tmp_path), str(tmp_path / "f.duckdb"), stop_on_fail=True)
    assert trained(tmp_path / "fails", fails, steps=6).state.global_step == 2
    passes = policy(tmp_path, "{max: 0.9, mode: point}")
    kept = trained(tmp_path / "passes", GateCallback(passes, str(tmp_path / "p.duckdb"), stop_on_fail=True))
    assert kept.state.global_step == 4
    assert [e["harness/exit_code"] for e in kept.state.log_history if "harness/exit_code" in e] == [0, 0]


@pytest.mark.parametrize(
    ("rule", "more", "said"),
    [("{min: 0.5, mode: pint}", "", "mode"), ("{min: 0.5}", "  primr: {absolute: {min: 0.5}}\n", "primer")],
)
def test_a_wrong_policy_is_found_before_the_first_step(tmp_path: Path, rule: str, more: str, said: str) -> None:
    trainer = training.trainer(
        tmp_path / "out",
        training.llama(),
        callbacks=[GateCallback(policy(tmp_path, rule, more), str(tmp_path / "h.duckdb"))],
    )
    with pytest.raises(UsageError, match=said):
        trainer.train()
    assert trainer.state.global_step == 0


def test_what_it_cannot_do_is_said_before_the_first_step(tmp_path: Path) -> None:
    callback, one = GateCallback(policy(tmp_path)), SimpleNamespace(world_size=1, output_dir="out")
    several = SimpleNamespace(world_size=8, output_dir="out")
    with pytest.raises(UsageError, match="8 processes"):
        callback.on_train_begin(several, None, None, processing_class=object())
    with pytest.raises(UsageError, match="no tokenizer"):
        callback.on_train_begin(one, None, None, processing_class=None)
    with pytest.raises(UsageError, match="every_saves=0"):
        GateCallback(policy(tmp_path), every_saves=0)


def test_a_broken_evaluation_ends_no_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = tmp_path / "h.duckdb"
    callback = GateCallback(policy(tmp_path), str(database))

    class Spoiler(training.callback_class()):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 1:
                database.write_bytes(b"no database")

    trainer = training.trainer(tmp_path / "out", training.llama(), callbacks=[Spoiler(), callback])
    trainer.train()
    assert trainer.state.global_step == 4
    assert "was not gated" in caplog.text
    assert trainer.model.training is True or all(not math.isnan(e.get("loss", 0)) for e in trainer.state.log_history)


def test_modes_generation_settings_and_dice_are_given_back(tmp_path: Path) -> None:
    model = training.llama()
    model.train()
    frozen = model.model.layers[0]
    frozen.eval()
    model.generation_config.top_k = 7
    before = {name: module.training for name, module in model.named_modules()}
    dice = random.getstate(), torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), borrowed(model, training.tokenizer(), "training:x", {}) as served:
        assert not any(module.training for module in model.modules())
        random.random(), torch.rand(3), np.random.rand()
        list(served.answer([Request("generate", prompt="yes", max_tokens=3)]))
        1 / 0  # noqa: B018
    assert {name: module.training for name, module in model.named_modules()} == before
    assert model.generation_config.top_k == 7
    assert random.getstate() == dice[0] and torch.equal(torch.get_rng_state(), dice[1])


def test_the_digest_is_of_everything_that_answers() -> None:
    tokenizer = training.tokenizer()
    first = weights_sha256(training.llama(1), tokenizer)
    assert weights_sha256(training.llama(1), training.tokenizer()) == first
    other = training.llama(1)
    with torch.no_grad():
        other.lm_head.weight[5, 5] += 1e-4
    assert weights_sha256(other, tokenizer) != first
    tokenizer.chat_template = "{{ messages }}"
    assert weights_sha256(training.llama(1), tokenizer) != first
    assert weights_sha256(training.llama(1).bfloat16(), training.tokenizer()) != first
    assert unwrapped(torch.nn.DataParallel(other)) is other
