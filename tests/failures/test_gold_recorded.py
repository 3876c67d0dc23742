"""Golds that recorded models speak against are mostly those that people call bad."""

from __future__ import annotations

from pathlib import Path

import gold_recorded
import pytest

from harness.failures.gold import suspects

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not gold_recorded.OUTPUTS.is_dir(), reason="no recorded outputs beside the checkout"),
]


def test_mmlu_of_four_models_against_mmlu_redux(tmp_path: Path) -> None:
    """Annotators call 15% of the questions of these subjects bad."""
    redux = gold_recorded.annotated()
    found = suspects(*gold_recorded.mmlu(tmp_path))
    told = [said for one in found if (said := gold_recorded.verdict(one, redux))]
    assert len(told) > 50
    assert sum(said != "ok" for said in told) >= 0.5 * len(told)
    assert sum(said != "ok" for said in told[:25]) >= 0.8 * 25


def test_gsm8k_of_five_models(tmp_path: Path) -> None:
    """Golds that are wrong by plain arithmetic are among the first twenty."""
    names = {one.name for one in suspects(*gold_recorded.gsm8k(tmp_path))[:20]}
    bad = {name for name, (is_bad, _) in gold_recorded.CHECKED.items() if is_bad and name.isdigit()}
    assert bad <= names
