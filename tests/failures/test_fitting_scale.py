"""14,000 failures, alike and all different; `python tests/failures/test_fitting_scale.py` prints the seconds."""

from __future__ import annotations

import time

import fit_cases
import pytest
from sklearn.metrics import adjusted_rand_score

from harness.failures.taxonomy import frozen
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import fit

SIZES = (5333, 3333, 2000, 1334, 1334, 666)


@pytest.mark.slow
@pytest.mark.parametrize("fill", [0, 12], ids=["alike", "different"])
def test_fourteen_thousand_failures(fill: int) -> None:
    cases, diagnoses, truth = fit_cases.planted(SIZES, fill=fill)
    taxonomy, assignments = fit(cases, diagnoses, "lsa")
    assert len(assignments) == 14_000 and (taxonomy.params["distinct"] > 10_000) == (fill > 0)
    assert adjusted_rand_score(truth, [a.cause for a in assignments]) > 0.75
    assert len(frozen.to_bytes(taxonomy.state)) < 4_000_000
    assert assign(taxonomy, diagnoses[:50]) is not None


if __name__ == "__main__":
    for fill in (0, 12):
        cases, diagnoses, _ = fit_cases.planted(SIZES, fill=fill)
        start, cpu = time.perf_counter(), time.process_time()
        taxonomy, _ = fit(cases, diagnoses, "lsa")
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{taxonomy.params['distinct']} distinct of 14,000: {wall:.1f} s, {cpu:.1f} s of CPU")
