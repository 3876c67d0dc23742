"""The policy file: strict, every slip told with the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.gate.decide import decide
from harness.gate.evidence import Evidence
from harness.gate.policy import Policy, load

WHOLE = """
version: 1
reference: {run: main}
references: {gpt4: {figures: gpt-4.yaml}}
defaults: {alpha: 0.05, power: 0.8, min_items: 100, max_faults: 0.01, on_inconclusive: report}
sandbox: {min_level: medium}
limits: {size_mib: {max: 500.0}}
suites:
  humaneval: {metric: pass@1, required: true, non_inferiority: {margin: 0.05}, absolute: {min: 0.30, mode: point}}
  mmlu: {metric: acc, cluster: subject, relative: {min_ratio: 0.95}}
  adversarial: {direction: lower_is_better, non_inferiority: {margin: 0.02}}
"""


def of(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    return load(str(path))


def test_a_whole_policy(tmp_path: Path) -> None:
    policy = of(tmp_path, WHOLE)
    assert policy.suites["humaneval"].absolute is not None and policy.suites["humaneval"].absolute.min == 0.30
    assert policy.named_reference("gpt4") is not None and policy.named_reference("previous") is None
    assert decide(policy, Evidence("c", "m", {})).outcome == "ERROR"


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("alpha: 0.05", "alhpa: 0.05", "unknown key 'defaults.alhpa', nearest: 'alpha'"),
        ("margin: 0.05", "margn: 0.05", "nearest: 'margin'"),
        ("margin: 0.05", "margin: -0.05", "margin = -0.05"),
        ("margin: 0.05", "margin: 0", "margin = 0"),
        ("min_ratio: 0.95", "min_ratio: 0", "min_ratio = 0"),
        ("alpha: 0.05", "alpha: 0.7", "alpha = 0.7"),
        ("alpha: 0.05", "alpha: '0.05'", "alpha = '0.05'"),
        ("min: 0.30, ", "min: 0.30, max: 0.9, ", "exactly one of `min` and `max`"),
        ("{max: 500.0}", "{}", "exactly one of `min` and `max`"),
        ("mode: point", "mode: points", "mode = 'points'"),
        ("reference: {run: main}", "reference: {run: main, figures: a.yaml}", "exactly one of `run` and `figures`"),
        ("lower_is_better", "lower_is_bettr", "lower_is_bettr"),
        ("on_inconclusive: report", "on_inconclusive: ignore", "ignore"),
        ("min_level: medium", "min_level: none", "none"),
        ("version: 1", "version: 2", "version"),
        ("suites:", "suite:", "unknown key 'suite', nearest: 'suites'"),
    ],
)
def test_slips(tmp_path: Path, wrong: str, right: str, said: str) -> None:
    assert wrong in WHOLE
    with pytest.raises(UsageError) as told:
        of(tmp_path, WHOLE.replace(wrong, right))
    assert said in str(told.value) and told.value.exit_code == 2


def test_a_policy_without_suites_or_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="suites"):
        of(tmp_path, "suites: {}")
    with pytest.raises(UsageError, match=r"no policy file 'gate\.yaml'"):
        load("gate.yaml")
