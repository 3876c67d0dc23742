"""The first proof in small: one seed, few rows, short training; its figures against cases that are known.

What `make proof` shows takes an hour (docs/proof.md). Here the same rooms run once, on 625 samples instead of 3,000.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.store import artifacts
from harness.types import Sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "proof"))

from proof_arms import ARMS, BASE, Lab, Settings
from proof_numbers import Column, difference, mean, ratio, share
from proof_table import Results, lines

ROWS = 400
SMALL = Settings(
    suite="primer",
    rows=ROWS,
    replay=1.0,
    finetune={"steps": 80, "batch": 16, "r": 64, "alpha": 64, "learning_rate": 4e-3, "held_out": 0.0},
)
WEAK = {"facts/two", "json/reversed_keys", "tools/arguments_first", "code/k_op_x"}


@pytest.mark.slow
def test_rows_are_aimed_and_teach_what_was_weak(tiny_folder: Path, tmp_path: Path) -> None:
    lab = Lab(tmp_path, 0, tiny_folder, SMALL)
    assert set(lab.weak) >= WEAK
    aimed = {arm: lab.variants_of(arm) for arm in ARMS}
    assert {counts.total() for counts in aimed.values()} == {ROWS}, "equal rows in each arm"
    right = {arm: sum(counts[name] for name in lab.weak) / ROWS for arm, counts in aimed.items()}
    assert right["untargeted"] < 0.3 and right["oracle"] == 1.0, right
    assert min(right["single"], right["clusters"]) > 0.5, right

    sealed = {one for one, sample in lab.samples.items() if sample.split == "test"}
    assert set(lab.right("clusters")) == sealed
    results = Results([lab], ("clusters",))
    assert results.gain("clusters", BASE).low > 0.05, results.gain("clusters", BASE)
    assert results.kept("clusters").value > 0.8, results.kept("clusters")

    done = len(artifacts.executions(lab.database))
    again = Lab(tmp_path, 0, tiny_folder, SMALL)
    assert again.right("clusters") == lab.right("clusters")
    assert len(artifacts.executions(lab.database)) == done, "what was made is not made again"


def columns(seeds: int, samples: int, chance: float, shift: float, seed: int = 0) -> tuple[Column, Column, list[str]]:
    """Return two arms where the second is right more often by `shift`, and the samples' origins."""
    draw = random.Random(seed)
    below = tuple(tuple(float(draw.random() < chance) for _ in range(samples)) for _ in range(seeds))
    above = tuple(tuple(max(one, float(draw.random() < shift / (1 - chance))) for one in row) for row in below)
    return Column(below), Column(above), [str(place) for _ in range(seeds) for place in range(samples)]


def test_figures_are_those_of_the_columns() -> None:
    below, above, origins = columns(5, 200, 0.4, 0.2)
    found = difference(below, above, origins)
    assert found.value == pytest.approx(sum(above.flat) / 1000 - sum(below.flat) / 1000)
    assert found.low < found.value < found.high and found.above(0.0) and not found.above(found.value)
    assert found.seeds_low < found.value < found.seeds_high
    assert mean(above, origins).by_seed == tuple(above.means)
    kept = ratio(below, above, origins)
    assert kept.value == pytest.approx(sum(above.flat) / sum(below.flat)) and kept.low > 1.0
    assert ratio(below, below, origins).value == 1.0
    assert share(below, above, above, origins).value == 1.0
    assert share(below, above, below, origins).value == 0.0


def test_a_seed_more_or_less_shows_in_the_interval_over_seeds_alone() -> None:
    _, above, origins = columns(5, 200, 0.4, 0.2)
    zeros = tuple((0.0,) * 200 for _ in range(4))
    odd = Column((above.values[0], *zeros))
    found = difference(Column(((0.0,) * 200, *zeros)), odd, origins)
    assert found.low > 0, "the samples of one seed differ"
    assert found.seeds_low < 0, "but four of five seeds saw nothing"
    assert not found.above(0.0)


def test_nothing_is_claimed_of_equal_arms() -> None:
    draw = random.Random(1)
    one, other = (
        Column(tuple(tuple(float(draw.random() < 0.5) for _ in range(100)) for _ in range(5))) for _ in range(2)
    )
    origins = [str(place) for _ in range(5) for place in range(100)]
    assert not difference(one, other, origins).above(0.0) and not difference(other, one, origins).above(0.0)


def test_one_seed_has_no_interval_over_seeds() -> None:
    below, above, origins = columns(1, 200, 0.4, 0.3)
    assert not difference(below, above, origins).above(0.0)


class Told:
    """A lab whose arms answered as it is told: chance of being right on weak and on other samples."""

    sealed, weak, settings = "test", ("weak",), SMALL

    def __init__(self, seed: int, chances: dict[str, tuple[float, float]]) -> None:
        self.seed, self.chances = seed, chances
        names = [f"{number:03d}" for number in range(400)]
        self.samples = {
            one: Sample(one, "primer", one, "test", {}, "", {"variant": self.variant(one)}) for one in names
        }

    def variant(self, sample_id: str) -> str:
        return "weak" if sample_id.endswith(("0", "5")) else "other"

    def right(self, arm: str) -> dict[str, float]:
        draw = random.Random(self.seed)
        return {one: float(draw.random() < self.chances[arm][self.variant(one) != "weak"]) for one in self.samples}

    def variants_of(self, arm: str) -> Counter[str]:
        return Counter(weak=300, other=100)

    def cost(self, arm: str) -> dict[str, float]:
        return {"rows": 1.0, "train": 2.0, "trained_tokens": 3.0, "evaluate": 4.0}


def page(**chances: tuple[float, float]) -> str:
    known = {BASE: (0.02, 0.9), "oracle": (0.9, 0.9), "single": (0.4, 0.9)}
    labs = [Told(seed, known | chances) for seed in range(5)]
    return "\n".join(lines(Results(labs)))  # type: ignore[arg-type]


def test_a_gain_reads_as_one() -> None:
    said = page(untargeted=(0.2, 0.9), clusters=(0.7, 0.9))
    assert "Clusters beat untargeted rows on the weak skills: **holds, by both intervals** (+.4" in said
    assert "The other skills keep at least 98%: **holds" in said


def test_a_null_result_and_a_loss_read_as_what_they_are() -> None:
    said = page(untargeted=(0.4, 0.9), single=(0.8, 0.9), clusters=(0.4, 0.8))
    assert "Clusters beat untargeted rows on the weak skills: **not shown**" in said
    assert "Clusters beat single failures on the weak skills: **the opposite holds" in said
    assert "The other skills keep at least 98%: **the opposite holds" in said
