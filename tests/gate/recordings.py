"""Recorded outputs of real models as runs in a database: what `test_recorded_gate.py` and `recorded_table.py` gate.

    world = build(folder)            a minute: 6 x 164 programs in the sandbox, 5 x 1,079 letters, 2 x 3,500 answers
    held(world, Case("humaneval", "gpt-4", "gpt-3.5", 0.05, "FAIL"))     ->  the Verdict of the whole gate

MMLU was recorded in nine subjects and BBH in fourteen tasks: the data folder made here keeps one row of each other
subject or task (the suites want all their files), which is then a fault, `data/no_recording`.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reproduce"))

import numpy as np
import of_mmlu
from lines import OUTPUTS, SHARED, read

from harness import registry
from harness.config import EvalConfig, validate
from harness.gate.decide import decide
from harness.gate.gather import gather
from harness.gate.policy import Policy
from harness.runner import evaluate
from harness.stats.power import power_of_drop
from harness.store import Database
from harness.types import Outcome, Verdict

HUMANEVAL = {
    "gpt-4": "llm-humaneval-benchmarks/gpt4_final_500c_long.jsonl.gz",
    "gpt-4 (reflexion's)": "reflexion/simple_1_gpt-4_pass_at_k_1.jsonl.gz",
    "gpt-3.5": "getcursor-eval/azure.jsonl.gz",
    "claude-1.3": "getcursor-eval/claude-v1.3.jsonl.gz",
    "code-davinci-002": "getcursor-eval/results-code-davinci-002-1.jsonl.gz",
}
MMLU = {
    "gpt-4": "openai_gpt-4-0613",
    "claude-3-opus": "anthropic_claude-3-opus-20240229",
    "llama-3-70b": "meta_llama-3-70b",
    "gemini-1.5-flash": "google_gemini-1.5-flash-preview-0514",
}
CODEX = OUTPUTS / "bbh" / "code-davinci-002-outputs" / "code-davinci-002-cot"
COPY = " (copy)"
"""The same outputs in another file: another model to the harness."""
MAX_FAULTS = {"humaneval": 0.01, "mmlu:generative": 0.05, "bbh": 0.01}
"""Forty-eight rows of MMLU and thirteen of BBH have no recording here."""


@dataclass(frozen=True)
class World:
    """A database with a run per recording."""

    database: Database
    data: Path
    runs: Mapping[tuple[str, str], str]
    """(suite, model) -> run id."""


@dataclass(frozen=True)
class Case:
    """A comparison and what was expected of it before it was made."""

    suite: str
    reference: str
    candidate: str
    margin: float
    expected: Outcome
    why: str = ""


CASES = (
    Case("humaneval", "gpt-4", "gpt-4" + COPY, 0.05, "PASS", "nothing differs: the bound is -z^2/(n + z^2) = -.016"),
    Case("humaneval", "gpt-4", "gpt-4" + COPY, 0.01, "INCONCLUSIVE", "z^2 (1 - m)/m = 268 samples are needed"),
    Case("humaneval", "gpt-4", "gpt-3.5", 0.05, "FAIL", "published 85 and 74%"),
    Case("humaneval", "gpt-3.5", "gpt-4", 0.05, "PASS", "the reverse"),
    Case("humaneval", "gpt-4", "claude-1.3", 0.05, "FAIL", "85 and 57%"),
    Case("humaneval", "claude-1.3", "gpt-4", 0.05, "PASS", "the reverse"),
    Case("humaneval", "gpt-3.5", "code-davinci-002", 0.05, "FAIL", "74 and 52%"),
    Case("humaneval", "claude-1.3", "code-davinci-002", 0.05, "INCONCLUSIVE", "57 and 52%: 164 tasks cannot tell"),
    Case("humaneval", "gpt-4", "gpt-4 (reflexion's)", 0.05, "INCONCLUSIVE", "one model, two prompts: 85 and 82%"),
    Case("mmlu:generative", "gpt-4", "gpt-4" + COPY, 0.01, "PASS", "nothing differs: the bound is -.0025"),
    Case("mmlu:generative", "claude-3-opus", "gpt-4", 0.02, "FAIL", "published 68 and 64% of these subjects"),
    Case("mmlu:generative", "gpt-4", "claude-3-opus", 0.02, "PASS", "the reverse"),
    Case("mmlu:generative", "claude-3-opus", "gemini-1.5-flash", 0.02, "FAIL", "68 and 62%"),
    Case(
        "mmlu:generative", "gpt-4", "llama-3-70b", 0.01, "INCONCLUSIVE", "64 and 62%: two standard errors are 3 points"
    ),
    Case("bbh", "code-davinci-002", "code-davinci-002" + COPY, 0.01, "PASS", "nothing differs: the bound is -.0008"),
)


def build(folder: Path, cases: Sequence[Case] = CASES) -> World:
    """Return a database below `folder` with all runs that cases name."""
    data, recordings = folder / "data", folder / "recordings"
    recordings.mkdir(parents=True)
    shorten(data)
    database = Database(folder / "h.duckdb")
    wanted = sorted({(case.suite, model) for case in cases for model in (case.reference, case.candidate)})
    runs = {}
    for suite, model in wanted:
        config = EvalConfig(
            model=f"replay:{recording(suite, model, recordings)}", suites=[suite], name=f"{suite} {model}",
            data=str(SHARED if suite == "humaneval" else data),
        )  # fmt: skip
        runs[suite, model] = evaluate(config, database).run_id
    return World(database, data, runs)


def recording(suite: str, model: str, folder: Path) -> Path:
    """Return the file or folder that `replay:` reads for a model, made below `folder` where it must be."""
    plain = model.removesuffix(COPY)
    if suite == "humaneval":
        path = OUTPUTS / "humaneval" / HUMANEVAL[plain]
    elif suite == "bbh":
        path = CODEX
    else:
        path = folder / f"{MMLU[plain]}.jsonl"
        write(path, letters(OUTPUTS / "mmlu" / "helm" / MMLU[plain]))
    if model == plain:
        return path
    if path.is_file():
        return copied(path, folder)
    (folder / "copies").mkdir()
    for each in path.glob("*.json.gz"):
        copied(each, folder / "copies")
    return folder / "copies"


def copied(path: Path, folder: Path) -> Path:
    """Return the same rows in a file of other bytes."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    copy = folder / f"copy of {path.name.removesuffix('.gz')}"
    copy.write_bytes(text.rstrip() + b"\n\n")
    return copy


def shorten(data: Path) -> None:
    """Write the data folder: whole files where answers were recorded, one row of the others."""
    subjects = {path.name.removesuffix(".json.gz") for path in (OUTPUTS / "mmlu" / "helm").glob("*/*.json.gz")}
    tasks = {path.name.split("_few_shot")[0] for path in CODEX.glob("*_metrics.jsonl")}
    for name in ("mmlu/test", "bbh"):
        (data / name).mkdir(parents=True)
    (data / "mmlu" / "dev").symlink_to(SHARED / "mmlu" / "dev")
    (data / "bbh" / "cot-prompts").symlink_to(SHARED / "bbh" / "cot-prompts")
    for path in (SHARED / "mmlu" / "test").glob("*_test.csv"):
        rows = list(csv.reader(path.open(newline="", encoding="utf-8")))
        kept = rows if path.name.removesuffix("_test.csv") in subjects else rows[:1]
        with (data / "mmlu" / "test" / path.name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(kept)
    for path in (SHARED / "bbh").glob("*.json"):
        whole = json.loads(path.read_text(encoding="utf-8"))
        whole["examples"] = whole["examples"][: None if path.stem in tasks else 1]
        (data / "bbh" / path.name).write_text(json.dumps(whole), encoding="utf-8")


def letters(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield HELM's recorded answers as rows of our export, by the ids of our samples."""
    samples: dict[of_mmlu.Key, list[str]] = {}
    for sample in registry.suite("mmlu:generative").samples(SHARED):
        key = of_mmlu.key(sample.tags["subject"], sample.data["question"], sample.data["choices"])
        samples.setdefault(key, []).append(sample.id)
    for path in sorted(folder.glob("*.json.gz")):
        for state in read(path)["request_states"]:
            if state["instance"]["split"] == "test":
                choices = [reference["output"]["text"] for reference in state["instance"]["references"]]
                key = of_mmlu.key(path.name.removesuffix(".json.gz"), state["instance"]["input"]["text"], choices)
                for sample_id in samples.get(key, ()):
                    said = {"text": of_mmlu.said(state)}
                    yield {"suite": "mmlu:generative", "sample_id": sample_id, "completion": said}
                samples.pop(key, None)


def write(path: Path, rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def terms(suite: str, run: str = "", margin: float | None = None, **changes: Any) -> dict[str, Any]:
    """Return a policy of one suite as its file would say it."""
    rule: dict[str, Any] = {"max_faults": MAX_FAULTS[suite], **changes}
    rule |= {"non_inferiority": {"margin": margin}} if margin is not None else {}
    return {"suites": {suite: rule}} | ({"reference": {"run": run}} if run else {})


def held(world: World, case: Case, **changes: Any) -> Verdict:
    """Return the verdict of the whole gate on two recordings."""
    reference, candidate = (world.runs[case.suite, name] for name in (case.reference, case.candidate))
    policy = validate(terms(case.suite, reference, case.margin, **changes), Policy, "test")
    return decide(policy, gather(world.database, policy, candidate))


@dataclass(frozen=True)
class Spoiled:
    """How often a gate found that 5% of a recording's answers had been made wrong."""

    right: int
    """Answers that were right before."""
    found: int
    """Gates that said FAIL."""
    of: int
    predicted: float
    """By exact enumeration: every right answer is lost with probability .05, none is won."""


def spoil(world: World, suite: str, model: str, seeds: int = 200, share: float = 0.05) -> Spoiled:
    """Make a share of the right answers wrong, seed by seed, and put both sides through the gate."""
    policy = validate(terms(suite, world.runs[suite, model]), Policy, "test")
    other = next(run for (of, name), run in world.runs.items() if of == suite and name != model)
    evidence = gather(world.database, policy, other)  # for the pairs: what it said is replaced
    whole = evidence.suites[suite]
    # Every answer by itself: duplicated questions of MMLU would be lost together, and there are two of them.
    pairs = replace(whole.pairs["reference"], clusters=None)
    found = 0
    for seed in range(seeds):
        lost = np.random.default_rng(seed).random(len(pairs.reference)) < share
        candidate = tuple(0.0 if hit else value for hit, value in zip(lost, pairs.reference, strict=True))
        suites = {suite: replace(whole, values=candidate, pairs={"reference": replace(pairs, candidate=candidate)})}
        found += decide(policy, replace(evidence, suites=suites)).outcome == "FAIL"
    right = round(sum(pairs.reference))
    return Spoiled(right, found, seeds, power_of_drop(right, share, share, 0.05))
