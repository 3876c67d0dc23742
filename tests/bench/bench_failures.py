"""How well planted causes of failure are found: agreement with cause and topic, beside simpler ways.

    python tests/bench/bench_failures.py [--seeds 10] [--sets easy "hard"] [--embedders lsa minilm] [--later]

Prints a table a set: mean and minimum over seeds of the adjusted Rand index to the cause on `dev` (fitted) and on
`test` (assigned), of that to the topic (mean and maximum), the number of clusters, and the ceiling: what one would
reach who knows how every cause spoils an answer. With `--later`: known causes assigned right, the new one flagged,
false alarms. The sets are those of tests/failures/planted*.py; the recorded ones need the recordings beside the
checkout. docs/failure-benchmark.md has the figures. Cost: about five minutes on two cores with all of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "failures"))

import planted_easy
from planted import USELESS, ari, diagnosed, guessed
from planted_later import SETS, later, pairs, planted_world
from planted_methods import methods


def agreement(name: str, seeds: int, embedders: Sequence[str]) -> None:
    """Print the table of a set."""
    known = methods(*embedders)
    rows: dict[str, list[tuple[float, float, float, float]]] = {method: [] for method in known}
    ceilings, crossed, sizes = [], [], []
    for seed in range(seeds):
        made = planted_world(name, seed, USELESS)
        dev, test = made.part("dev"), made.part("test")
        seen, unseen = diagnosed(dev), diagnosed(test)
        ceilings.append(ari(guessed(dev), dev.causes))
        crossed.append(ari(dev.causes, dev.topics))
        sizes.append(len(dev.cases))
        for method, run in known.items():
            fitted = run(dev, seen, seed)
            others = fitted.assign(test, unseen)
            on_dev, on_test = ari(fitted.clusters, dev.causes), ari(others, test.causes)
            rows[method].append((on_dev, on_test, ari(fitted.clusters, dev.topics), float(fitted.k)))
    print(f"\n### {name}: {seeds} seeds, {min(sizes)} to {max(sizes)} failures in dev")
    print(f"\nCeiling {mean(ceilings):.2f} (least {min(ceilings):.2f}); cause to topic {mean(crossed):.2f}\n")
    print("| method | cause, dev | least | cause, test | least | topic | most | clusters |")
    print("|---|---|---|---|---|---|---|---|")
    for method, found in rows.items():
        dev_, test_, topic, k = zip(*found, strict=True)
        print(
            f"| {method} | {mean(dev_):.2f} | {min(dev_):.2f} | {mean(test_):.2f} | {min(test_):.2f}"
            f" | {mean(topic):.2f} | {max(topic):.2f} | {mean(k):.1f} |",
            flush=True,
        )


def checkpoints(names: Sequence[str], seeds: int, embedder: str) -> None:
    """Print what becomes of a later checkpoint, every cause being the new one once a seed."""
    print(f"\n### a later checkpoint, {embedder}: {seeds} seeds x each cause new once\n")
    print("| set | known right | least | new flagged | least | false alarms | most |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        found = [
            later(name, seed, embedder, new, gone, USELESS)
            for seed in range(seeds)
            for new, gone in pairs(sorted(set(planted_world(name, seed, USELESS).causes)))
        ]
        known, flagged, alarms = ([getattr(one, what) for one in found] for what in ("known", "flagged", "alarms"))
        print(
            f"| {name} | {mean(known):.2f} | {min(known):.2f} | {mean(flagged):.2f} | {min(flagged):.2f}"
            f" | {mean(alarms):.3f} | {max(alarms):.3f} |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--embedders", nargs="+", default=["lsa", "minilm"])
    parser.add_argument("--later", action="store_true")
    asked = parser.parse_args()
    names = [name for name in asked.sets if planted_easy.CODEX.is_dir() or "recorded" not in name]
    for name in names:
        agreement(name, asked.seeds, asked.embedders)
    if asked.later:
        checkpoints(names, min(asked.seeds, 3), asked.embedders[0])


if __name__ == "__main__":
    main()
