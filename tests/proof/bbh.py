"""`make proof`, second part: does the loop lift a benchmark that nobody here wrote?

    HARNESS_DATA=../data python tests/proof/bbh.py [--seeds 0 1 2] [--out results/proof/bbh] [--write]

The loop of `bbh.yaml`, once for each seed of everything it draws and trains, on one base: failures on the `dev` half of
the official questions of five BBH tasks, rows by their generator, checks, LoRA, the sealed half asked before and after.
Prints the page; `--write` keeps it as docs/proof-bbh.md. A killed proof goes on where it was; done, it only prints.
Cost on two idle cores: five minutes for the base, once; for the first seed's decontamination three (all samples of all
suites are indexed), and then four minutes a seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from bbh_figures import SUITE, Told, told  # noqa: E402
from bbh_page import lines  # noqa: E402

from harness import data, registry  # noqa: E402
from harness.errors import HarnessError  # noqa: E402
from harness.store import Database  # noqa: E402
from harness.types import Sample  # noqa: E402
from improve import recipe  # noqa: E402
from improve.loop import improve  # noqa: E402

PAGE = HERE.parents[1] / "docs" / "proof-bbh.md"
SHARED = HERE.parents[1].parent / "shared" / "data"


def main() -> int:
    """Return the exit code: 0 when every seed's loop came to its end, whatever it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("results/proof/bbh"))
    parser.add_argument("--data", help="folder with bbh/*.json; default: HARNESS_DATA, else ../shared/data")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    try:
        folder = data.folder(options.data) or data.folder(str(SHARED))
        samples = {one.id: one for one in registry.suite(SUITE).samples(folder)}
        found = [looped(options.out, seed, str(folder), samples) for seed in options.seeds]
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    text = "\n".join(lines(found, samples))
    print(text)
    if options.write:
        PAGE.write_text(text + "\n", encoding="utf-8")
    return 0


def looped(out: Path, seed: int, folder: str, samples: Mapping[str, Sample]) -> Told:
    """Return what a seed's loop shows; runs whatever is missing of it."""
    out.mkdir(parents=True, exist_ok=True)
    # One database: the index of all samples and the base's answers are made once.
    database = Database(out / "proof.duckdb")
    loaded = recipe.load(str(HERE / "bbh.yaml"), [f"name=bbh-{seed}", f"seed={seed}", f"data={folder}"])
    started = time.monotonic()
    improve(loaded, database, lambda line: print(line, file=sys.stderr, flush=True))
    print(f"seed {seed}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return told(database, loaded.loop, seed, samples)


if __name__ == "__main__":
    sys.exit(main())
