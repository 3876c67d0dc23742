"""What the measures of `compress.measures` and `compress.damage` say, and whether their errors hold.

    python tests/bench/bench_measures.py [--seeds 0 1 2] [--write]

Prints four tables: a model against itself and across engines; quantisations of `tiny` against its F16 file; how often
intervals of 250 rows hold what all rows give; how often damage is named that is there, and that is not. `--write` puts
them into docs/compression.md between the markers MEASURES.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compress.damage import capabilities
from compress.measures import measure
from compress.measures.divergence import kl, summary
from compress.measures.kept import Kept
from harness import registry
from harness.models import convert, tiny
from harness.store import Database

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compress"))
import test_damage as planted

KINDS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
ROWS, DRAWN, DRAWS = 3000, 250, 500
DOCS = Path(__file__).resolve().parents[2] / "docs" / "compression.md"


def training(folder: Path, count: int) -> Path:
    """Write rows that `tiny` was not trained on, but others like them."""
    rows = [{"prompt": one.prompt, "completion": one.target} for one in registry.suite("primer").practice(4242, count)]
    target = folder / f"rows-{count}.jsonl"
    target.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return target


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|---" + "|---:" * (len(columns) - 1) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def engines(folder: Path, rows: Path, seeds: Sequence[int]) -> Iterator[str]:
    """A model against itself and against itself in the other engine."""
    found = []
    for seed in seeds:
        home = tiny.folder(seed)
        specs = {"float": f"hf:{home}", "F16": f"gguf:{home / tiny.home.GGUF}"}
        for name, spec in specs.items():
            for other, told in measure(Database(folder / "h.duckdb"), spec, {}, home, specs, rows, False)[
                "against"
            ].items():
                found.append((f"{name} against {other}", told))
    shown = []
    for name in dict.fromkeys(name for name, _ in found):
        mine = [told for one, told in found if one == name]
        worst = [max(told[key] for told in mine) for key in ("kl_mean", "kl_max")]
        ratio = max(abs(told["perplexity_ratio"] - 1) for told in mine)
        shown.append([name, *(f"{x:.1e}" if x else "0" for x in worst), f"{min(t['top1_agreement'] for t in mine):.2%}",
                      f"{ratio:.1e}" if ratio else "0"])  # fmt: skip
    positions = found[0][1]["positions"]
    yield f"The same weights twice, {positions:,} positions, the worst of seeds {', '.join(map(str, seeds))}:"
    yield ""
    yield from table(["", "KL mean", "KL largest", "top-1", "perplexity ratio off 1 by"], shown)


def quantised(folder: Path, rows: Path, seeds: Sequence[int]) -> Iterator[str]:
    """Quantisations against the F16 file they were made of."""
    shown = []
    for kind in KINDS:
        told = []
        for seed in seeds:
            base, target = tiny.gguf_path(seed), folder / f"{seed}-{kind}.gguf"
            convert.quantize(base, target, kind)
            found = measure(
                Database(folder / "h.duckdb"), f"gguf:{target}", {}, folder, {"base": f"gguf:{base}"}, rows, False
            )
            told.append({**found, **found["against"]["base"]})

        def over(key: str, told: Sequence[dict[str, Any]] = told) -> tuple[float, float]:
            """Return the mean over seeds and its standard error, from the spread of the seeds."""
            values = [one[key] for one in told]
            return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))

        within = math.sqrt(statistics.fmean(one["kl_se"] ** 2 for one in told))
        kls, top, ratio = over("kl_mean"), over("top1_agreement"), over("perplexity_ratio")
        shown.append([
            kind, f"{over('bits_per_weight')[0]:.2f}", f"{kls[0]:.5f} ± {kls[1]:.5f}", f"{within:.5f}",
            f"{over('kl_p99')[0]:.4f}", f"{top[0]:.2%} ± {top[1]:.2%}", f"{ratio[0]:.4f} ± {ratio[1]:.4f}",
        ])  # fmt: skip
    yield f"Quantisations of `tiny` against its F16 file, mean over {len(seeds)} seeds ± standard error over seeds:"
    yield ""
    columns = [
        "type",
        "bits a weight",
        "KL mean",
        "its error within a seed",
        "KL 99th percentile",
        "top-1",
        "perplexity ratio",
    ]
    yield from table(columns, shown)


def coverage(folder: Path, rows: Path, seed: int) -> Iterator[str]:
    """How often 95% intervals of drawn rows hold the figure of all rows."""
    base, target = tiny.gguf_path(seed), folder / f"{seed}-Q4_K_M.gguf"
    database, positions = Database(folder / "wide.duckdb"), 10**6
    wide = Path(tempfile.mkdtemp(dir=folder))
    database = Database(wide / "h.duckdb")
    measure(database, f"gguf:{base}", {}, folder, {}, rows, False, positions)
    (first,) = (one for one in (wide / "cache" / "measures").iterdir() if one.is_dir())
    measure(database, f"gguf:{target}", {}, folder, {"base": f"gguf:{base}"}, rows, False, positions)
    (second,) = (one for one in (wide / "cache" / "measures").iterdir() if one.is_dir() and one != first)
    before, after = Kept(first), Kept(second)
    total = len(before.nll)
    pieces = [(before.piece(at, at + 512)[0], after.piece(at, at + 512)[0]) for at in range(0, total, 512)]
    kls = np.concatenate([kl(p, q) for p, q in pieces])
    agree = np.concatenate([p.argmax(axis=1) == q.argmax(axis=1) for p, q in pieces])
    ends = np.cumsum([len(row) - 1 for row in before.ids])
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    truth = summary(kls, agree, before.nll, after.nll, np.repeat(np.arange(len(spans)), np.diff([0, *ends])))
    rng, held = random.Random(seed), dict.fromkeys(("kl_mean", "kl_p99", "top1_agreement", "perplexity_ratio"), 0)
    for _ in range(DRAWS):
        drawn = rng.choices(spans, k=DRAWN)  # with replacement: all rows are the population
        where = np.concatenate([np.arange(*span) for span in drawn])
        rows_of = np.repeat(np.arange(DRAWN), [b - a for a, b in drawn])
        told = summary(kls[where], agree[where], before.nll[where], after.nll[where], rows_of)
        for name, error in (
            ("kl_mean", "kl_se"),
            ("top1_agreement", "top1_se"),
            ("perplexity_ratio", "perplexity_ratio_se"),
        ):
            held[name] += abs(told[name] - truth[name]) <= 1.96 * told[error]
        held["kl_p99"] += told["kl_p99_low"] <= truth["kl_p99"] <= told["kl_p99_high"]
    yield f"95% intervals of {DRAWN} rows, Q4_K_M against F16, seed {seed}, {DRAWS} draws from {len(spans):,} rows:"
    yield ""
    yield from table(["figure", "of all rows", "held in"], [
        [name, f"{truth[name]:.5f}", f"{count / DRAWS:.1%}"] for name, count in held.items()
    ])  # fmt: skip


def damages() -> Iterator[str]:
    """How often a capability is named, planted or not."""
    rng, shown, repeats = random.Random(3), [], 400
    for share in (0.0, 0.05, 0.1, 0.2, 0.3):
        first = others = 0
        for _ in range(repeats):
            before = planted.right(rng)
            after = planted.broken(rng, planted.shaken(rng, before), share, skill="logic")
            found = [one for one in capabilities([planted.paired(before, after)]) if one["verdict"] == "worse"]
            first += bool(found) and found[0]["capability"] == "logic"
            others += any(one["tag"] == "skill" and one["capability"] != "logic" for one in found)
        shown.append([f"{share:.0%}", f"{first / repeats:.1%}", f"{others / repeats:.1%}"])
    yield (
        f"1,000 samples of five skills and two variants, 90% right, 6% of answers changed at random; of one skill (200"
        f" samples) a further share of right answers broken; {repeats} repetitions:"
    )
    yield ""
    yield from table(["broken of the skill", "named as broken first", "another skill named"], shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("HARNESS_HOME", "results")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = training(folder, 400)
        parts = [
            list(engines(folder, rows, given.seeds[:2])),
            list(quantised(folder, rows, given.seeds)),
            list(coverage(folder, training(folder, ROWS), given.seeds[0])),
            list(damages()),
        ]
    text = "\n\n".join("\n".join(part) for part in parts)
    print(text)
    if given.write:
        head, rest = DOCS.read_text(encoding="utf-8").split("<!-- MEASURES -->")
        _, tail = rest.split("<!-- /MEASURES -->")
        DOCS.write_text(f"{head}<!-- MEASURES -->\n{text}\n<!-- /MEASURES -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
