"""Kills a real loop at random moments, and says whether the same comes of it as of one that was left alone.

    python tests/bench/kill_loop.py --kills 30 --seed 30

Two rounds on `tiny` with every kind of process: evaluations, LoRA, merge and GGUF in children, the other steps in the
loop's own. Compared are rounds, steps, artifacts with their digests and files, runs, records, completions, scores,
gates and tokens; processes that outlive a kill and folders that are left half-made are counted. Cost: the loop takes
about a minute on two idle cores, and each kill about ten seconds more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "improve")]


def main() -> int:
    """Run both; exit code 1 where they differ."""
    from killing import Story, killed, real_steps
    from looping_world import World, left, litter, query

    from harness.store import Database

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=30)
    asked = parser.parse_args()
    home = Path(os.environ.get("HARNESS_TEST_CACHE") or Path.home() / ".cache" / "harness-tests")
    os.environ["HARNESS_HOME"] = str(home)
    with tempfile.TemporaryDirectory(prefix="kill-loop-") as folder:
        world = World(Path(folder), home)
        recipe = world.recipe("killed", real_steps(world), rounds=2)
        calm = Story.of(world, recipe)
        say(f"undisturbed: {calm.seconds:.0f} s, exit code {calm.code}")
        stormy, started = Database.at(Path(folder) / "storm" / "h.duckdb"), time.monotonic()
        hits = killed(world, recipe, stormy, calm, asked.kills, asked.seed)
        say(f"{len(hits)} kills: {time.monotonic() - started:.0f} s; after what each of them came:")
        for (number, step), count in sorted(Counter(key for key, _ in hits).items()):
            say(f"  round {number}, {step or 'the start'}: {count}")
        expected, found = left(world.database), left(stormy)
        wrong = [name for name in expected if expected[name] != found[name]]
        for name in expected:
            say(f"  {name}: {len(found[name])} {'differ' if name in wrong else 'the same'}")
        looks = query(stormy, "SELECT count(*) AS n, count(DISTINCT candidate) AS runs FROM gates")[0]
        remains = litter(stormy.folder)
        say(f"looks at the gate: {looks['n']} at {looks['runs']} runs; left half-made: {remains or 'nothing'}")
        return int(bool(wrong or remains or looks["n"] != looks["runs"]))


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
