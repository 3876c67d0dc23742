"""Recorded answers of real models as runs, the golds they speak against, and what annotators say of those.

    database, runs = mmlu(folder)            HELM's four models in nine subjects: 5 s
    found = suspects(database, runs)
    annotated()[found[0].question]           -> "wrong groundtruth": MMLU-Redux's verdict, where it has one

MMLU-Redux (Gema et al. 2024, arXiv 2406.04127) annotated a hundred questions of each subject.
"""

from __future__ import annotations

import ast
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reproduce"))

import recordings
from lines import OUTPUTS, SHARED, by_name, read

from harness import registry
from harness.config import EvalConfig
from harness.failures.gold import Suspect, suspects
from harness.runner import evaluate
from harness.store import Database

TOP = 20
CHECKED: dict[str, tuple[bool, str]] = {
    "virology/41": (True, "parvovirus does cause aplastic crisis; the exception is pneumonia"),
    "virology/128": (True, "direct-acting antivirals, not interferon"),
    "virology/141": (True, "fusion from without by the F protein; M does not fuse"),
    "virology/148": (True, "segmented double-stranded RNA; no reverse transcriptase"),
    "virology/28": (True, "gold is drug users alone, an option names women and drug users"),
    "virology/118": (True, "antigenic variation, not the price"),
    "virology/127": (True, "cell culture, by far most of them"),
    "virology/105": (True, "reassortment of eight genes, not recombination"),
    "virology/71": (True, "asked for genera, gold counts virus types"),
    "virology/2": (True, "respiratory infections cause more deaths than diarrhoea"),
    "753": (False, "144 - 16 = 128; 86 is the first of two numbers that the models give"),
    "245": (False, "28 is twice 14 fish, 7 in each"),
    "1199": (False, "8 gallons among Fred and three guests"),
    "780": (False, "a difference of 25; the models give -25"),
    "649": (True, "70 x 2000 + 20000 = 160000"),
    "749": (True, "12 - 6 = 6 groups more"),
    "403": (True, "900 W x 5 h x 30 days = 135 kWh"),
    "298": (False, "200 and six rises of 50"),
    "952": (True, "15 hours x 120 reports = 1800; gold took 11 PM for AM"),
    "823": (True, "14 and 10 - 6 = 4 make 18"),
}
"""Name of a sample -> whether its gold is bad, and why: the first ten of MMLU and of GSM8K, checked by hand."""


def mmlu(folder: Path) -> tuple[Database, list[str]]:
    """Return a database below `folder` with a run of every model that HELM recorded."""
    models = sorted(recordings.MMLU)
    pairs = [recordings.Case("mmlu:generative", models[n], models[n + 1], 0.01, "PASS") for n in (0, 2)]
    world = recordings.build(folder, pairs)
    return world.database, sorted(world.runs.values())


def gsm8k(folder: Path) -> tuple[Database, list[str]]:
    """Return a database below `folder` with a run of every chat model that ZeroEval recorded."""
    suite = "gsm8k:0shot"
    samples = by_name(registry.suite(suite))
    database, runs = Database(folder / "g.duckdb"), []
    for path in sorted((OUTPUTS / "gsm8k" / "ZeroEval").glob("*.json.gz")):
        rows = ((samples[row["id"].partition("#")[2]].id, row["output"][0]) for row in read(path))
        export = folder / path.name.removesuffix(".gz").replace(".json", ".jsonl")
        recordings.write(export, _exported(suite, rows))
        runs.append(evaluate(EvalConfig(model=f"replay:{export}", suites=[suite], data=str(SHARED)), database).run_id)
    return database, runs


def humaneval(folder: Path) -> tuple[Database, list[str]]:
    """Return a database below `folder` with a run of each of five models."""
    models = sorted(recordings.HUMANEVAL)
    pairs = [recordings.Case("humaneval", one, models[0], 0.01, "PASS") for one in models[1:]]
    world = recordings.build(folder, pairs)
    return world.database, sorted(world.runs.values())


def _exported(suite: str, rows: Iterator[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for sample_id, text in rows:
        yield {"suite": suite, "sample_id": sample_id, "completion": {"text": text}}


def annotated() -> dict[str, str]:
    """Return question with options -> what MMLU-Redux calls it: `ok`, `wrong groundtruth`, ..."""
    found = {}
    for path in sorted((SHARED / "mmlu" / "mmlu_redux").glob("*.csv")):
        raw = path.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("mac_roman")
        first = text.split("\n", 1)[0]
        rows = csv.DictReader(text.splitlines(keepends=True), delimiter=max(";,", key=first.count))
        for row in rows:
            verdict = (row["error_type"] or "").strip().lower().replace("_", " ")
            if verdict and row["question"] and row["choices"]:
                found[key(row["question"], *_options(row["choices"]))] = verdict
    return found


def _options(text: str) -> list[str]:
    try:
        return [str(one) for one in ast.literal_eval(text)]
    except (SyntaxError, ValueError):
        return []


def key(*parts: str) -> str:
    """Return a text without differences of white space and case."""
    return " ".join(" ".join(parts).casefold().split())


def verdict(suspect: Suspect, redux: dict[str, str]) -> str:
    """Return what annotators say of a suspect, empty where they say nothing."""
    return redux.get(key(suspect.question), "")


def page(folder: Path) -> str:
    """Return the part of the page on recorded models."""
    redux, text = annotated(), PAGE
    for name, made in (("mmlu", mmlu), ("gsm8k", gsm8k), ("humaneval", humaneval)):
        (folder / name).mkdir()
        found = suspects(*made(folder / name))
        hand = [CHECKED[one.name][0] for one in found[:10] if one.name in CHECKED]
        text += f"\n### {name}: {len(found)} suspected\n\n"
        text += f"By hand, {sum(hand)} of the first {len(hand)} are bad.\n\n" if hand else ""
        if name == "mmlu":
            text += _annotations(found, redux)
        text += "| sample | gold | common answer | agree | gold given | p | log odds | annotators | by hand |\n"
        text += "|---|---|---|--:|--:|--:|--:|---|---|\n"
        for one in found[:TOP]:
            text += _line(one, verdict(one, redux))
    return text


def _line(one: Suspect, said: str) -> str:
    bad, why = CHECKED.get(one.name, (None, ""))
    hand = "" if bad is None else f"{'bad' if bad else 'good'}: {why}"
    gold = one.gold if len(one.gold) < 30 and one.gold != "null" else "(tests)"
    cells = [
        one.name, gold, one.answer[:60].replace("|", "/").replace("\n", " "),
        f"{one.agree} of {one.of}", one.right, f"{one.p:.2g}", f"{one.odds:.1f}", said, hand,
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _annotations(found: list[Suspect], redux: dict[str, str]) -> str:
    told = [said for one in found if (said := verdict(one, redux))]
    first = [said for one in found[:TOP] if (said := verdict(one, redux))]
    bad = sum(said != "ok" for said in told)
    early = sum(said != "ok" for said in first)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(told).most_common())
    return (
        f"MMLU-Redux annotated {len(told)} of them and calls **{bad}** bad\n({kinds});\n"
        f"of the first {TOP}, {len(first)} are annotated and **{early}** bad.\n\n"
    )


PAGE = """
## Golds that look wrong

Samples that several recorded models fail with the same answer (`failures.gold`), the likeliest first. "annotators":
MMLU-Redux's verdict, where it looked at the question. "by hand": the writers' own reading of the question, no expert's,
of the first ten of MMLU and of GSM8K. For programs the verdict and its reason stand for an answer: `wrong_answer` says
that all fail there, not that they return the same.

The set of suspects does not use annotations. Their order does, once: that a group's share of wrong golds counts was
added after a first order, by the models' error rates alone, had 4 bad ones among the first 17 that MMLU-Redux
annotated. The order on MMLU is therefore not held out; that on GSM8K is.
"""
