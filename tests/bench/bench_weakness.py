"""Planted weak capabilities and suspected golds: writes docs/failure-weakness.md.

    python tests/bench/bench_weakness.py [--embedder lsa --embedder minilm] [--trees FOLDER] [--repeats 10]

EvalTree's protocol (arXiv 2503.08893) on questions of this project: a model is right with probability .7, in a few
capabilities .2, .4 or .5 less; how many of their samples are retrieved? `hidden`: the method sees questions only, the
tags that the weakness was planted by are kept from it. `given`: it sees them. Then, on the same trees, 200 shuffles of
scores, and the golds that recorded models of HELM and ZeroEval speak against, held to MMLU-Redux's annotators.

`--trees`: keeps trees there, by suite and embedder, and reads those that lie there. Cost: two minutes with `lsa`; a
sentence model takes half an hour for 20,000 long questions on two busy cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "failures"))

import gold_recorded
import numpy as np

from harness import registry
from harness.failures.asked import Question
from harness.failures.cases import asked, options
from harness.failures.weakness.scan import cover, flagged, held
from harness.failures.weakness.slices import Slice, tree

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "failure-weakness.md"
PLANTED = (("mmlu", "subject", 8), ("bbh", "task", 4), ("primer", "skill", 2))
"""Suite, the tag that a weakness is planted by, how many of its values are weak."""
DROPS = (0.2, 0.4, 0.5)
SHUFFLES = 200
HEAD = """# Weak kinds of question, and golds that look wrong

Made by:

    python tests/bench/bench_weakness.py {options}

## Planted weak capabilities

EvalTree's protocol: right with probability .7, in the planted capabilities .2, .4 or .5 less; precision, recall and F1
of the samples in reported slices against the planted ones, mean of {repeats} seeds; `F1` is the mean over drops.
Planted are 8 of MMLU's 57 subjects, 4 of BBH's 27 tasks, 2 of primer's 8 skills. EvalTree publishes an F1 of 0.75 on
MATH and 0.70 on WildChat10K, best profile size, where a large model first writes down the capability that each question
needs. Here no model annotates anything: `hidden` sees the questions alone, `given` has the tags.

Wanted was 0.6 without any annotator. BBH and primer reach it; MMLU by prompts alone does not, with either embedder. The
last column is an oracle's F1, which sees what is planted and takes the slices of the same tree that hold the largest
share of it (best of nine shares): what an embedder has lost before any score is looked at. MMLU's subjects overlap;
its own tags find the weakness. A drop of .2 is hard to see in the 625 questions of primer. Seconds: two busy cores.

{columns}"""
COLUMNS = (
    "suite", "tags", "embedder", "slices", "seconds",
    *(f"{what} {drop:.1f}" for drop in DROPS for what in ("P", "R", "F1")),
    "F1", "oracle",
)  # fmt: skip
NULL = """
## Scores without structure

Scores shuffled over the questions of a suite (true accuracy .7), 200 times, on the trees above: repeats in which any
slice is flagged. At most 5% are wanted.

| suite | tags | embedder | repeats with a flag |
|---|---|---|--:|
"""


def questions(suite: str) -> list[Question]:
    """Return the questions of a suite, not yet answered."""
    found = []
    for sample in registry.suite(suite).samples(SHARED):
        text = asked(sample.data)
        whole = "\n".join([text, *options(sample.data, text)])
        found.append(Question(suite, sample.id, sample.name, whole, sample.tags, 0.0))
    return found


def grown(items: Sequence[Question], tags: str, embedder: str, folder: Path | None) -> tuple[list[Slice], float]:
    """Return the tree of questions and the seconds that it took; `folder` keeps it."""
    kept = folder and folder / f"{items[0].suite}-{tags}-{embedder}.json"
    if kept and kept.is_file():
        stored = json.loads(kept.read_text())
        return [Slice(tuple(path), np.array(members)) for path, members in stored["slices"]], stored["seconds"]
    begun = time.perf_counter()
    shown = [dataclasses.replace(one, tags={}) for one in items] if tags == "hidden" else items
    slices = tree(shown, embedder)
    seconds = time.perf_counter() - begun
    if kept:
        rows = [(one.path, one.members.tolist()) for one in slices]
        kept.write_text(json.dumps({"seconds": seconds, "slices": rows}))
    return slices, seconds


def retrieved(slices: Sequence[Slice], weak: Any, drop: float, dice: np.random.Generator) -> tuple[float, float, float]:
    """Return precision, recall and F1 of one model whose weakness is `weak`."""
    values = (dice.random(len(weak)) < np.where(weak, 0.7 - drop, 0.7)).astype(float)
    hit = np.zeros(len(weak), dtype=bool)
    for place in cover(slices, held(slices, values), values):
        hit[slices[place].members] = True
    both = float((hit & weak).sum())
    return both / max(1, hit.sum()), both / weak.sum(), 2 * both / (hit.sum() + weak.sum())


def planted(slices: Sequence[Slice], labels: Any, count: int, repeats: int) -> Iterator[Any]:
    """Yield mean precision, recall and F1 for each drop."""
    for drop in DROPS:
        found = []
        for seed in range(repeats):
            dice = np.random.default_rng(seed)
            weak = np.isin(labels, dice.choice(np.unique(labels), count, replace=False))
            found.append(retrieved(slices, weak, drop, dice))
        yield np.mean(found, axis=0)


def oracle(slices: Sequence[Slice], labels: Any, count: int, repeats: int) -> float:
    """Return the mean F1 of taking every slice with at least a share of planted questions, the best of nine shares."""
    found = []
    for seed in range(repeats):
        weak = np.isin(labels, np.random.default_rng(seed).choice(np.unique(labels), count, replace=False))
        shares = [float(weak[one.members].mean()) for one in slices]
        best = 0.0
        for least in np.linspace(0.1, 0.9, 9):
            hit = np.zeros(len(weak), dtype=bool)
            for one, share in zip(slices, shares, strict=True):
                if share >= least:
                    hit[one.members] = True
            best = max(best, float(2 * (hit & weak).sum() / (hit.sum() + weak.sum())))
        found.append(best)
    return float(np.mean(found))


def alarms(slices: Sequence[Slice], count: int) -> int:
    """Return in how many of `SHUFFLES` shuffles of scores anything is flagged."""
    dice = np.random.default_rng(0)
    values = (np.arange(count) < 0.7 * count).astype(float)
    found = 0
    for _ in range(SHUFFLES):
        dice.shuffle(values)
        found += bool(flagged(held(slices, values))[0])
    return found


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", action="append")
    parser.add_argument("--trees", type=Path)
    parser.add_argument("--repeats", type=int, default=10)
    given = parser.parse_args()
    embedders = given.embedder or ["lsa"]
    if not (SHARED / "mmlu").is_dir():
        print(f"no data at {SHARED}", file=sys.stderr)
        return 4
    columns = f"| {' | '.join(COLUMNS)} |\n|---|---|---{'|--:' * (len(COLUMNS) - 3)}|\n"
    text, null = (
        HEAD.format(options=" ".join(f"--embedder {e}" for e in embedders), repeats=given.repeats, columns=columns),
        NULL,
    )
    for suite, tag, count in PLANTED:
        items = questions(suite)
        labels = np.array([item.tags[tag] for item in items])
        for tags, embedder in [("hidden", e) for e in embedders] + [("given", embedders[0])]:
            slices, seconds = grown(items, tags, embedder, given.trees)
            rows = list(planted(slices, labels, count, given.repeats))
            cells = " | ".join(f"{value:.2f}" for row in rows for value in row)
            mean = np.mean([row[2] for row in rows])
            line = f"| {suite} | {tags} | {embedder} | {len(slices)} | {seconds:.0f} | {cells} | **{mean:.2f}** |"
            line += f" {oracle(slices, labels, count, given.repeats):.2f} |\n"
            print(line, end="", flush=True)
            text += line
            null += f"| {suite} | {tags} | {embedder} | {alarms(slices, len(items))} of {SHUFFLES} |\n"
    with tempfile.TemporaryDirectory() as folder:
        text += null + gold_recorded.page(Path(folder))
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
