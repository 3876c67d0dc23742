"""What decontamination finds of planted copies and of people's rewordings, and how many clean rows it takes for copies.

    HARNESS_DATA=../shared/data python tests/bench/bench_decontamination.py [--each 40] [--clean 150] [--write]

Planted copies: `tests/improve/planted_copies.py`, of samples drawn from each suite. Rewordings: `rewordings.jsonl`, of
176 sealed samples drawn by lot, told anew by a person; `told` holds that person's words and places of the sample's, so
that no sample lies in the repository. Clean rows: `clean_rows.jsonl`, written for this bench as a teacher would write
them, by somebody who did not look for a sample near them (`verdict` marks those that repeat one all the same); practice
of the suites; official training rows, of which `judged.json` (by digest) says which repeat a sample (`copy`) or are one
with a detail exchanged (`edited`), by eye. What is not judged is clean. `--write` renews docs/decontamination.md.
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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "improve"))

from planted_copies import PROSE, planted

from harness import registry
from harness.dice import Dice
from improve.curation import index as indexing
from improve.curation import kept_out, matching
from improve.curation.kept_out import Item

HERE = Path(__file__).parent
SUITES = (
    "bbh", "gsm8k", "humaneval", "mbpp", "mbpp:sanitized", "mmlu", "adversarial:refusal", "adversarial:truthfulqa",
    "formatting", "toolbench:bfcl", "toolbench:toolalpaca", "primer",
)  # fmt: skip
PAGE = HERE.parents[1] / "docs" / "decontamination.md"
START, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
PARAPHRASES = ("wrapped", "reworded", "retold")
BY_HAND = "by hand"


@dataclass(frozen=True)
class Case:
    """A row, and what is known of it."""

    kind: str
    """Kind of copy, or source of a clean row."""
    group: str
    """Suite that it copies or resembles."""
    verdict: str
    """`copy`, `edited` or `clean`."""
    held: bool
    """Whether it was held out when the constants were set."""
    row: Mapping[str, str]


def clean(folder: Path, dice: Dice, count: int) -> list[tuple[str, dict[str, str]]]:
    """Return (source, row) of official rows that are no samples, at most `count` of each source."""
    with gzip.open(folder / "gsm8k/train.jsonl.gz", "rt") as stream:
        solved = [json.loads(line) for line in stream]
    found = {"gsm8k train": [(row["question"], row["answer"]) for row in solved], "mmlu val": []}
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


def official(folder: Path, dice: Dice, count: int) -> Iterator[Case]:
    """Yield official training rows with what an eye made of them."""
    judged = json.loads((HERE / "judged.json").read_text())
    for source, row in clean(folder, dice, count):
        verdict = judged.get(sha256(row["prompt"].encode()).hexdigest()[:16], "clean")
        yield Case(source, source.split()[0], verdict, True, row)


def lines(name: str) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, (HERE / name).read_text(encoding="utf-8").splitlines())


def told(line: Mapping[str, Any], items: Mapping[tuple[str, str], Item]) -> str:
    """Return a text of our own words and places [from, to) of a sample's words."""
    form = items[line["suite"], line["sample"]].form
    own = "\n".join([form.questions[0], *form.choices]).split()
    return "".join(part if isinstance(part, str) else " ".join(own[slice(*part)]) for part in line["told"])


def by_hand(items: Mapping[tuple[str, str], Item]) -> Iterator[Case]:
    """Yield people's rewordings; half of them, by a digest of their text, were held out."""
    for line in lines("rewordings.jsonl"):
        text = told(line, items)
        held = int(sha256(text.encode()).hexdigest(), 16) % 2 == 1
        yield Case(BY_HAND, line["suite"].partition(":")[0], "copy", held, {"prompt": text, "completion": " "})


def written(items: Mapping[tuple[str, str], Item]) -> Iterator[Case]:
    """Yield rows as a teacher writes them, and practice of procedural suites."""
    for line in lines("clean_rows.jsonl"):
        row = {"prompt": told(line, items) if "told" in line else line["prompt"], "completion": line["completion"]}
        yield Case("teacher", line["like"], line.get("verdict", "clean"), line["held"], row)
    for name in ("primer", "formatting:structured"):
        for one in registry.suite(name).practice(9, 100):
            row = {"prompt": one.prompt, "completion": one.target}
            yield Case("practice", name.partition(":")[0], "clean", True, row)


def copies(items: Sequence[Item], dice: Dice, each: int) -> Iterator[Case]:
    """Yield planted copies: of every kind as many of each suite as there are, at most `each` in all."""
    for kind in (*PROSE, "renamed"):
        made = 0
        for item in dice.some(items, min(len(items), 40 * each)):
            exact_alone = item.form.exact and kind in (*PARAPHRASES, "renamed")
            row = None if exact_alone or made >= each else planted(item, kind, dice)
            if row is not None:
                made += 1
                group = "procedural" if item.form.exact else item.suite.partition(":")[0]
                yield Case(kind, group, "copy", True, row)


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} = {part / whole:.3f}" if whole else "-"


def table(head: str, rows: Iterable[Sequence[object]]) -> list[str]:
    columns = head.count("|") + 1
    return ["", f"| {head} |", "|" + "---|" * columns, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def found_of(cases: Sequence[Case], found: Mapping[int, Any], choose: Any) -> str:
    """Return how many of the cases that `choose` takes were found."""
    places = [place for place, case in enumerate(cases) if choose(case)]
    return share(sum(place in found for place in places), len(places))


def report(cases: Sequence[Case], found: Mapping[int, Any]) -> list[str]:
    """Return the page's tables."""
    kinds = dict.fromkeys(case.kind for case in cases if case.kind in (*PROSE, "renamed", BY_HAND))
    rows: list[Sequence[object]] = []
    for kind in kinds:
        places = [i for i, case in enumerate(cases) if case.kind == kind]
        how = Counter(found[i].measure for i in places if i in found)
        rows.append([kind, share(sum(how.values()), len(places)), ", ".join(f"{k} {n}" for k, n in how.most_common())])
    prose = [case.kind for case in cases if case.kind in kinds and case.group != "procedural"]
    for name, some in (("template paraphrases", PARAPHRASES), ("all kinds", tuple(dict.fromkeys(prose)))):
        rows.append(
            [
                f"**prose, {name}**",
                found_of(cases, found, lambda c, s=some: c.kind in s and c.group != "procedural"),
                "",
            ]
        )
    text = table("copies | found | by", rows)
    groups = sorted({case.group for case in cases if case.kind == BY_HAND})
    of = lambda group, held: found_of(  # noqa: E731
        cases, found, lambda c: c.kind == BY_HAND and group in (c.group, "all") and c.held is held
    )
    text += table("by hand, of | seen in tuning | held out", [[g, of(g, False), of(g, True)] for g in (*groups, "all")])
    return text + alarms(cases, found)


def alarms(cases: Sequence[Case], found: Mapping[int, Any]) -> list[str]:
    """Return the table of clean rows."""
    others = [case.kind in ("teacher", "practice") or case.kind.endswith(("train", "val")) for case in cases]
    names = dict.fromkeys((c.kind, c.group) for c, one in zip(cases, others, strict=True) if one)
    rows: list[Sequence[object]] = []
    for kind, group in (*names, *((f"**all, {part}**", "") for part in ("seen in tuning", "held out"))):
        held = kind != "**all, seen in tuning**"
        whole = kind.startswith("**")

        def mine(case: Case, other: bool, k: str = kind, g: str = group, h: bool = held, w: bool = whole) -> bool:
            return other and (case.held is h if w else (case.kind, case.group) == (k, g))

        chosen = {i for i, (c, other) in enumerate(zip(cases, others, strict=True)) if mine(c, other)}
        by = lambda verdict, chosen=chosen: [i for i in chosen if cases[i].verdict == verdict]  # noqa: E731
        counts = [share(sum(i in found for i in by(one)), len(by(one))) for one in ("clean", "edited", "copy")]
        rows.append([kind, group, *counts])
    return table("rows | like | clean: false alarms | edited: alarms | copies: alarms", rows)


def shown(cases: Sequence[Case], found: Mapping[int, Any], index: indexing.Index) -> None:
    """Print what was missed and every alarm, for a person to judge."""
    for place, case in enumerate(cases):
        match = found.get(place)
        if match is None and (case.kind in (*PROSE, BY_HAND)):
            print(f"missed  {case.kind} {case.group} {'held' if case.held else 'seen'}: {case.row['prompt'][:160]!r}")
        elif match is not None and case.kind not in (*PROSE, "renamed", BY_HAND) and case.verdict == "clean":
            number = next(i for i, item in enumerate(index.items) if item is match.item)
            near = index.prose[number] if number < len(index.prose) else match.item["name"]
            digest = sha256(case.row["prompt"].encode()).hexdigest()[:16]
            print(f"alarm   {digest} {case.kind} {match.measure} {match.value:.2f} {case.row['prompt'][:300]!r}")
            print(f"        {str(near)[:300]}")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, value in (("each", 40), ("clean", 150), ("seed", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--embedder", default="auto")
    parser.add_argument("--cache", type=Path, default=Path("results/cache"))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    folder, dice = Path(os.environ["HARNESS_DATA"]), Dice("decontamination", given.seed)
    started = time.monotonic()
    index = indexing.of(SUITES, folder, given.cache, named=True)
    print(f"index: {time.monotonic() - started:.0f} s")
    items = kept_out.gather(SUITES, folder).items
    known = {(item.suite, item.sample_id): item for item in items}
    cases = [*copies(items, dice, given.each), *by_hand(known), *written(known)]
    cases += official(folder, dice, given.clean)
    rows = [{"id": str(i), **case.row} for i, case in enumerate(cases)]
    started = time.monotonic()
    found = matching.matches(index, rows, lambda *_: None, given.embedder)
    seconds = time.monotonic() - started
    shown(cases, found, index)
    counts: Counter[str] = Counter(item.suite for item in items)
    kinds = defaultdict(int, {"prose": index.about["prose"], "procedural": len(items) - index.about["prose"]})
    page = [
        f"{len(items)} questions, {kinds['prose']} of them prose: " + ", ".join(f"{k} {n}" for k, n in counts.items())
    ]
    page += [f"\n{len(rows)} rows in {seconds:.0f} s, embedder {given.embedder}.", *report(cases, found), ""]
    print("\n".join(page))
    if given.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(START)
        PAGE.write_text(before + START + "\n".join(page) + "\n" + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
