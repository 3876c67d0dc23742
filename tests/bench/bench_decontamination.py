"""How many planted copies of samples decontamination finds, by kind, and how many clean rows it takes for copies.

    HARNESS_DATA=../shared/data python tests/bench/bench_decontamination.py [--each 60] [--clean 200] [--seed 1]

Copies are planted of samples drawn at random from each suite (`tests/improve/planted_copies.py`); exact kinds must all
be found as exact matches. Clean rows are the official training rows of GSM8K, MMLU's `val` and MBPP's rows outside of
its suites, as hard as clean rows get: some of the latter two do repeat a sample (the same passage, the same task), and
those that are found are printed with what they are near to, for a person to judge.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "improve"))

from planted_copies import PROSE, planted

from harness.dice import Dice
from improve.curation import index as indexing
from improve.curation import kept_out, matching
from improve.curation.kept_out import Item

SUITES = (
    "bbh", "gsm8k", "humaneval", "mbpp", "mbpp:sanitized", "mmlu", "adversarial:refusal", "adversarial:truthfulqa",
    "formatting", "toolbench:bfcl", "toolbench:toolalpaca", "primer",
)  # fmt: skip
EXACT = ("verbatim", "recased", "reordered", "renamed")


def clean(folder: Path, dice: Dice, count: int) -> list[tuple[str, dict[str, str]]]:
    """Return (source, row) of official rows that are no samples."""
    with gzip.open(folder / "gsm8k/train.jsonl.gz", "rt") as stream:
        found = {"gsm8k train": [json.loads(line) for line in stream]}
    found["gsm8k train"] = [(row["question"], row["answer"]) for row in found["gsm8k train"]]
    found["mmlu val"] = []
    for path in sorted((folder / "mmlu/val").glob("*.csv")):
        with path.open(newline="") as stream:
            for question, *choices, letter in csv.reader(stream):
                listed = "\n".join(f"{mark}. {one}" for mark, one in zip("ABCD", choices, strict=False))
                found["mmlu val"].append((f"{question}\n{listed}\nAnswer:", f" {letter}"))
    sanitized = {row["task_id"] for row in json.loads((folder / "mbpp/sanitized-mbpp.json").read_text())}
    lines = [json.loads(line) for line in (folder / "mbpp/mbpp.jsonl").read_text().splitlines()]
    rows = [row for row in lines if not 11 <= row["task_id"] <= 510 and row["task_id"] not in sanitized]
    found["mbpp train"] = [(row["text"], row["code"]) for row in rows]
    drawn = {name: dice.some(rows, min(count, len(rows))) for name, rows in found.items()}
    return [(name, {"prompt": a, "completion": b}) for name, rows in drawn.items() for a, b in rows]


def copies(items: list[Item], dice: Dice, each: int) -> list[tuple[str, str, Item, dict[str, str]]]:
    """Return (kind, suite, item, row): of every kind as many of each suite as there are, at most `each` in all."""
    found = []
    for kind in (*PROSE, "renamed"):
        made: list[Any] = []
        for item in dice.some(items, min(len(items), 40 * each)):
            exact_alone = item.form.exact and kind in ("wrapped", "reworded", "retold", "renamed")
            row = None if exact_alone or len(made) >= each else planted(item, kind, dice)
            if row is not None:
                made.append((kind, item.suite.partition(":")[0], item, row))
        found += made
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--clean", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedder", default="auto")
    parser.add_argument("--cache", type=Path, default=Path("results/cache"))
    given = parser.parse_args()
    folder, dice = Path(os.environ["HARNESS_DATA"]), Dice("decontamination", given.seed)
    started = time.monotonic()
    index = indexing.of(SUITES, folder, given.cache, named=True)
    print(f"index: {index.about['items']} questions, {index.about['prose']} prose, {time.monotonic() - started:.0f} s")
    items = list(kept_out.gather(SUITES, folder).items)
    rows = [("copy", *one) for one in copies(items, dice, given.each)]
    others = clean(folder, dice, given.clean)
    every = [{"id": str(i), **row} for i, row in enumerate([one[4] for one in rows] + [row for _, row in others])]
    started = time.monotonic()
    found = matching.matches(index, every, lambda *_: None, given.embedder)
    print(f"{len(every)} rows: {time.monotonic() - started:.0f} s\n")
    table: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for place, (_, kind, suite, item, row) in enumerate(rows):
        match = found.get(place)
        for group in ("procedural" if item.form.exact else "prose", suite):
            table[kind, group]["n"] += 1
            table[kind, group][match.measure if match else "missed"] += 1
        if match is None:
            print(f"missed {kind} {suite}: {row['prompt'][:150]!r} of {item.form.questions[0][:100]!r}")
    for key, counts in sorted(table.items(), key=lambda one: (one[0][0], one[1]["n"])):
        print(f"{key[0]:10} {key[1]:12} {1 - counts['missed'] / counts['n']:6.3f}  {dict(counts)}")
    whole: Counter[str] = Counter()
    for (kind, group), counts in table.items():
        if group == "prose":
            for name in ("all kinds", "paraphrases" if kind in ("wrapped", "reworded", "retold") else "other kinds"):
                whole[name] += counts["n"]
                whole[f"{name} missed"] += counts["missed"]
    for name in ("all kinds", "paraphrases", "other kinds"):
        print(f"prose, {name}: {1 - whole[f'{name} missed'] / whole[name]:.4f} of {whole[name]} found")
    hits: Counter[str] = Counter()
    for place, (source, row) in enumerate(others, start=len(rows)):
        if match := found.get(place):
            hits[source] += 1
            near = next(one for one in items if one.sample_id == match.item["sample"])
            asked = near.form.questions[0]
            print(f"clean? {source} {match.measure} {match.value:.2f} {row['prompt'][:140]!r} ~ {asked[:140]!r}")
    for source, count in Counter(source for source, _ in others).items():
        print(f"clean {source:12} {hits[source]} of {count} taken for copies: {hits[source] / count:.4f}")


if __name__ == "__main__":
    main()
