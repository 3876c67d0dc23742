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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.store import Database

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "improve")]


def main() -> int:
    """Run both; exit code 1 where they differ."""
    from killing import Story, killed, real_steps
    from looping_world import World

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
        wrong = kills = 0
        while kills < asked.kills:
            # One that ended before its last kill, as where the machine has become faster, is followed by another.
            stormy = Database.at(str(Path(folder) / f"storm-{kills}" / "h.duckdb"))
            started = time.monotonic()
            hits = killed(world, recipe, stormy, calm, asked.kills - kills, asked.seed + kills)
            kills += len(hits)
            say(f"{len(hits)} kills: {time.monotonic() - started:.0f} s; after what each of them came:")
            for (number, step), count in sorted(Counter(key for key, _ in hits).items()):
                say(f"  round {number}, {step or 'the start'}: {count}")
            wrong += differences(world.database, stormy)
        return int(wrong > 0)


def differences(calm: Database, stormy: Database) -> int:
    """Say what is the same and what is not; return how much is not."""
    from looping_world import damaged, left, litter, query

    expected, found = left(calm), left(stormy)
    wrong = [name for name in expected if expected[name] != found[name]]
    for name in expected:
        say(f"  {name}: {len(found[name])}, {'not the same' if name in wrong else 'the same'}")
    looks = query(stormy, "SELECT count(*) AS n, count(DISTINCT candidate) AS runs FROM gates")[0]
    remains = litter(stormy.folder) + damaged(stormy)
    say(f"looks at the gate: {looks['n']} at {looks['runs']} runs; half-made: {remains or 'nothing'}")
    return len(wrong) + len(remains) + int(looks["n"] - looks["runs"])


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
