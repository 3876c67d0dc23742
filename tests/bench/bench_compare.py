"""What `harness compare` costs: two runs of 14,000 records each (the size of MMLU), written through the journal.

    python tests/bench/bench_compare.py [--samples 14000]

Prints seconds (median of five): pairing; comparison with 57 subjects; ten flipped samples; for right or wrong, for
graded scores, and for a macro average.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compare"))

from made_runs import add_run

from harness.compare import compare, paired
from harness.compare.flips import flips
from harness.data import Row, number_samples
from harness.store import Database
from harness.types import Metric

METRICS = (Metric("acc", "acc"), Metric("graded", "graded"), Metric("acc_macro", "acc", "macro:subject"))


def seconds(action: Callable[[], object]) -> float:
    """Return the median of five."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=14_000)
    count, dice = parser.parse_args().samples, random.Random(0)
    rows = [Row({"n": n}, {"n": n}, "", {"subject": f"s{n % 57}"}, f"q/{n}") for n in range(count)]
    samples = list(number_samples("quiz", rows))
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "harness.duckdb")
        for run, level in (("a", 0.70), ("b", 0.69)):
            outcomes = [(s, [{"acc": float(dice.random() < level), "graded": dice.random()}]) for s in samples]
            add_run(database, run, outcomes, metrics=METRICS)
        print(f"{count:,} samples in each of two runs")
        for metric in METRICS:
            chosen = {"quiz": metric.name}
            pairs = paired(database, "a", "b", chosen)[0]
            row = [
                seconds(lambda chosen=chosen: paired(database, "a", "b", chosen)),
                seconds(lambda chosen=chosen: compare(database, "a", "b", metrics=chosen)),
                seconds(lambda pairs=pairs: flips(database, pairs, "a", "b", 10)),
            ]
            print(f"{metric.name:>10}: paired {row[0]:.2f} s, compared {row[1]:.2f} s, flips {row[2]:.2f} s")


if __name__ == "__main__":
    main()
