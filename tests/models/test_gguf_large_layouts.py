"""The tolerance between batch layouts on a quantised model of 125M parameters with real shapes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
TOLERANCE = 0.5
"""Between the log-probabilities of a choice in two layouts; measured over 114 questions: docs/gguf-engine.md. A random
net is the worst case: its choices lie close together and nothing damps a rounding."""


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("kind", ["Q5_K_M"])
def test_layouts_agree_on_a_large_model(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    import bench_gguf
    import gguf_layouts
    import gguf_model

    if not (bench_gguf.DATA / "mmlu").is_dir():
        pytest.skip("no ../shared/data/mmlu")
    paths = gguf_model.make(tmp_path, bench_gguf.DATA, [kind])
    asked = [request for subject in bench_gguf.subjects(bench_gguf.DATA, 2)[::12] for request in subject]
    alone, found = gguf_layouts.in_layouts(paths[kind], asked, threads=2)
    places, together = found["together"]
    for name, (chosen, values) in found.items():
        apart, flipped = gguf_layouts.distances([alone[i] for i in chosen], values)
        assert max(apart) <= TOLERANCE, name
        assert max(flipped, default=0.0) <= 2 * TOLERANCE, name
    # Requests of one call are sorted: their order changes nothing at all.
    order, shuffled = found["shuffled"]
    assert shuffled == [together[i] for i in order] and places == sorted(order)
