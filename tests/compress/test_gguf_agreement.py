"""Figures of agreement: divergence, clustered standard errors, what is a warning and what breaks a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from compress.gguf import agreement
from compress.gguf.agreement import Agreement
from harness.errors import InfrastructureError

SAME = Agreement(30, 400, 0.0, 0.0, 0.0, 1.0, 0.0, 0.001, 0.01)
FILE = Path("model.gguf")
LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=20)


@given(source=LOGITS, other=LOGITS, shift=st.floats(-50, 50))
def test_divergence_is_that_of_scipy_and_blind_to_a_shift(
    source: list[float], other: list[float], shift: float
) -> None:
    size = min(len(source), len(other))
    p, q = (np.array(one[:size]) for one in (source, other))
    wanted = stats.entropy(np.exp(p) / np.exp(p).sum(), np.exp(q) / np.exp(q).sum())
    assert agreement.divergence(p, q) == pytest.approx(wanted, abs=1e-6, rel=1e-6)
    assert agreement.divergence(p, p + shift) == pytest.approx(0.0, abs=1e-9)


@given(values=st.lists(st.floats(-10, 10), min_size=2, max_size=40), copies=st.integers(1, 5))
def test_copies_within_a_group_say_nothing_more(values: list[float], copies: int) -> None:
    each = np.array(values)
    mean, error = agreement.clustered(np.repeat(each, copies), np.repeat(np.arange(len(each)), copies).astype(float))
    assert mean == pytest.approx(each.mean(), abs=1e-9)
    assert error == pytest.approx(each.std(ddof=1) / len(each) ** 0.5, abs=1e-9)


def test_one_group_has_no_error() -> None:
    assert np.isnan(agreement.clustered(np.array([1.0, 2.0]), np.zeros(2))[1])


@pytest.mark.parametrize(
    ("found", "kind", "quant", "broken"),
    [
        (SAME, "f16", "", False),
        (replace(SAME, typical=0.2), "f16", "", True),
        (replace(SAME, typical=0.2), "bf16", "", False),
        (replace(SAME, typical=0.06), "f32", "", True),
        (replace(SAME, largest=3.0), "f16", "", False),
        (replace(SAME, top1=0.4, kl_mean=1.2), "f16", "Q4_K_M", True),
        (replace(SAME, top1=0.4, kl_mean=1.2), "q8_0", "", True),
        (replace(SAME, top1=0.4, kl_mean=0.1), "f16", "Q4_K_M", False),
        (replace(SAME, top1=0.4, kl_mean=1.2), "f16", "Q3_K_M", False),
        (replace(SAME, top1=0.1, kl_mean=9.0), "f16", "IQ2_XS", False),
    ],
)
def test_what_breaks_a_file(found: Agreement, kind: str, quant: str, broken: bool) -> None:
    if broken:
        with pytest.raises(InfrastructureError, match="another model than its source"):
            agreement.refuse(FILE, found, kind, quant)
    else:
        agreement.refuse(FILE, found, kind, quant)


def test_what_is_a_warning() -> None:
    assert "2 texts" in agreement.warnings(replace(SAME, uncomposed=2), "")[0]
    assert agreement.warnings(SAME, "Q5_K_M") == []
    said = agreement.warnings(replace(SAME, kl_mean=0.05, top1=0.93), "Q5_K_M")
    assert len(said) == 2 and "0.0500" in said[0] and "93.0%" in said[1] and "94%" in said[1]
    assert agreement.warnings(replace(SAME, kl_mean=0.05, top1=0.93), "Q4_0") == []
    assert agreement.warnings(replace(SAME, kl_mean=5.0, top1=0.1), "Q2_K") == []
