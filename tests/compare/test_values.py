"""The values of samples: their mean is the metric that the report shows, for every kind of aggregate."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import report
from harness.compare.values import level, linearised, points, sample_values
from harness.types import Metric

SHARES = st.floats(0.0, 1.0)


def row(sample: str, attempt: int = 0, group: str = "", **measures: float) -> dict[str, Any]:
    return {"sample_id": sample, "attempt": attempt, "tags": {"subject": group}, "measures": measures}


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of one to twenty samples in up to four groups, each tried one to four times."""
    rows = []
    for number in range(draw(st.integers(1, 20))):
        group = draw(st.sampled_from("abcd"))
        for attempt in range(draw(st.integers(1, 4))):
            right, below = draw(SHARES), draw(st.integers(0, 3))
            rows.append(row(f"s{number}", attempt, group, acc=right, passed=round(right), calls=float(below)))
    return rows


@pytest.mark.parametrize("metric", [
    Metric("acc", "acc"), Metric("acc_macro", "acc", "macro:subject"), Metric("valid", "acc", "ratio:calls"),
    Metric("pass@1", "passed", "pass@1"), Metric("pass@2", "passed", "pass@2"),
], ids=lambda metric: metric.aggregate)  # fmt: skip
@given(rows=tables())
def test_the_mean_is_the_metric(metric: Metric, rows: list[dict[str, Any]]) -> None:
    values = sample_values(metric, rows)
    reported = report.aggregate(metric, rows)
    if reported is None:  # the report shows no pass@2 unless every sample was tried twice
        tried = {sample: sum(r["sample_id"] == sample for r in rows) for sample in {r["sample_id"] for r in rows}}
        assert set(values) == {sample for sample, count in tried.items() if count >= 2}
    elif math.isnan(reported.value):
        assert values == {}, "a ratio with nothing below is no number"
    else:
        assert set(values) == {r["sample_id"] for r in rows}
        assert math.fsum(values.values()) / len(values) == pytest.approx(reported.value, rel=1e-9, abs=1e-9)


@given(rows=tables())
def test_a_macro_average_is_the_mean_within_a_group(rows: list[dict[str, Any]]) -> None:
    macro, micro = Metric("m", "acc", "macro:subject"), Metric("m", "acc")
    one = [r for r in rows if r["tags"]["subject"] == rows[0]["tags"]["subject"]]
    assert sample_values(macro, one) == pytest.approx(sample_values(micro, one))


def test_pass_at_k_by_hand() -> None:
    rows = [row("a", n, passed=float(n == 0)) for n in range(4)] + [row("b", passed=1.0)]
    assert sample_values(Metric("pass@2", "passed", "pass@2"), rows) == {"a": pytest.approx(0.5)}, "b was tried once"
    assert sample_values(Metric("pass@1", "passed", "pass@1"), rows) == {"a": 0.25, "b": 1.0}


def test_a_ratio_has_the_delta_methods_variance() -> None:
    rows = [row("a", acc=1.0, calls=2.0), row("b", acc=3.0, calls=3.0), row("c", acc=0.0, calls=0.0)]
    values = list(sample_values(Metric("r", "acc", "ratio:calls"), rows).values())
    assert sum(values) / 3 == pytest.approx(4 / 5)
    residues = [1 - 0.8 * 2, 3 - 0.8 * 3, 0.0]
    assert [value - 4 / 5 for value in values] == pytest.approx([each / (5 / 3) for each in residues])


def test_levels() -> None:
    assert level((0.5, 1.0)) == 0.5 and level((1.0, 4.0)) == 0.25 and level((0.0, 0.0)) is None


def test_samples_without_tags_form_a_group_of_their_own() -> None:
    rows = [{**row("a", acc=1.0), "tags": None}, row("b", group="x", acc=0.0), row("c", group="x", acc=0.0)]
    values = sample_values(Metric("m", "acc", "macro:subject"), rows)
    assert sum(values.values()) / 3 == pytest.approx(0.5)


def test_an_unknown_aggregate_is_said() -> None:
    metric = Metric("odd", "acc", "median")
    with pytest.raises(ValueError, match="'median'"):
        linearised(metric, list(points(metric, [row("a", acc=1.0)]).values()), [{}])
    assert sample_values(metric, []) == {}
