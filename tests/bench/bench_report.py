"""What `harness failures` costs: 14,000 failures written through the journal, analysed end to end.

    python tests/bench/bench_report.py [--failures 14000] [--embedder lsa]

Prints seconds by part for the run that the causes are fitted on, then for a second run that is assigned to them and
compared with the first. Questions are sums; answers go wrong in eleven ways in the words of eight phrasings, so that
some hundred diagnoses are distinct, about as many as recorded outputs have.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "failures"))

import storing

from harness.failures.analysis import analyse
from harness.failures.reuse import Wanted
from harness.types import Score

PHRASES = (
    "What is {a} plus {b}?", "Ana has {a} apples and {b} pears. How many in all?", "Add {b} to {a}.",
    "A walk of {a} km and one of {b} km: how far?", "{a} minutes and then {b} more: how long?",
    "Which number is {b} above {a}?", "Not counting the {b} late ones, {a} came; how many were there?",
    "Sum the entries {a}, {b}.",
)  # fmt: skip


def wrong(number: int, dice: random.Random) -> storing.Row:
    """Return a failure of one of eleven ways."""
    a, b = dice.randint(2, 900), dice.randint(2, 900)
    right = a + b
    ways = [-right, right + 1, right - 1, right * 10, a, b, a - b, 2 * right, right + 7, "I cannot help with that.", ""]
    said = str(dice.choice(ways))
    mode = "empty" if not said else "refused" if said.startswith("I") else "wrong_answer"
    question = dice.choice(PHRASES).format(a=a, b=b)
    one = storing.sample(number, target=str(right), data={"question": question}, tags={"subject": f"s{number % 57}"})
    length = dice.random() < 0.05
    score = Score({"acc": 0.0}, mode, said if mode == "wrong_answer" else None)
    return storing.row(one, f"So it is {said}", score, finish="length" if length else "eos")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=int, default=14_000)
    parser.add_argument("--embedder", default="lsa")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for run in ("run-1", "run-2"):
            dice = random.Random(run)
            rows = [wrong(n, dice) for n in range(given.failures)]
            database = storing.run(Path(folder) / "h.duckdb", rows, run_id=run)
            parts: dict[str, float] = defaultdict(float)
            last = ["reading failures", time.perf_counter()]

            def told(what: str, share: float, parts: dict[str, float] = parts, last: list = last) -> None:  # type: ignore[type-arg]
                parts[last[0]] += time.perf_counter() - last[1]
                last[:] = [what, time.perf_counter()]

            started = time.perf_counter()
            found = analyse(
                database, run, "all", against="run-1" if run == "run-2" else None,
                wanted=Wanted(embedder=given.embedder), progress=told,
            )  # fmt: skip
            told("", 1.0)
            print(
                f"{run}: {len(found.failures):,} failures, {found.found.how}, {len(found.causes)} causes,"
                f" {len({member.diagnosis.text for member in found.failures})}"
                f" distinct diagnoses: {time.perf_counter() - started:.1f} s"
            )
            for what, seconds in sorted(parts.items(), key=lambda part: -part[1]):
                print(f"    {seconds:6.1f} s  {what}")


if __name__ == "__main__":
    main()
