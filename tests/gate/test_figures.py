"""Files of published scores: strict, with nearest names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.gate import figures
from harness.types import Metric

PASS1 = Metric("pass@1", "passed", "pass@1")
GOOD = "model: gpt-4\nsource: https://arxiv.org/abs/2303.08774\nsuites:\n  humaneval: {pass@1: 0.67, n: 164}\n"


def of(tmp_path: Path, text: str, suite: str = "humaneval", metric: Metric = PASS1) -> figures.Figure:
    path = tmp_path / "gpt-4.yaml"
    path.write_text(text)
    return figures.figure(figures.load(path), path, suite, metric)


def test_a_figure_with_its_source(tmp_path: Path) -> None:
    found = of(tmp_path, GOOD)
    assert (found.value, found.n, found.source) == (0.67, 164, "gpt-4, https://arxiv.org/abs/2303.08774")
    assert of(tmp_path, GOOD.replace(", n: 164", "")).n is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("humaneval", "humanevl"), "no figure of the suite 'humaneval'"),
        (GOOD.replace("pass@1", "pass_1"), "no figure 'pass@1' of the suite 'humaneval'"),
        (GOOD.replace("0.67", "67"), "lies outside the metric's range"),
        (GOOD.replace("model:", "modell:"), "unknown key 'modell'"),
        (GOOD.replace("source: https://arxiv.org/abs/2303.08774\n", ""), "source"),
        (GOOD.replace("164", "0"), "a number of samples"),
        (GOOD.replace("164", "16.4"), "a number of samples"),
        (GOOD.replace("0.67", ".nan"), "is no number"),
        (GOOD.replace("0.67", "high"), "suites.humaneval.pass@1"),
        (GOOD.replace("pass@1: 0.67, ", ""), "names no metric"),
        ("[]", "a mapping"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        of(tmp_path, text)
    assert said in str(told.value) and told.value.exit_code == 2


def test_the_nearest_names_and_the_likely_percent_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nearest: 'humanevl'"):
        of(tmp_path, GOOD.replace("humaneval", "humanevl"))
    with pytest.raises(UsageError, match=r"0\.67\?"):
        of(tmp_path, GOOD.replace("0.67", "67"))


def test_noise_is_known_of_shares_only(tmp_path: Path) -> None:
    text = GOOD.replace("0.67", "2.5")
    with pytest.raises(UsageError, match="says nothing about its noise"):
        of(tmp_path, text, metric=Metric("pass@1", "nats", high=20.0))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        figures.load(tmp_path / "none.yaml")
