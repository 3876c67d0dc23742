"""Writes recorded outputs that `replay:` cannot pair by itself as files that it can: by the ids of our samples.

    python tests/reproduce/replayable.py FOLDER        -> FOLDER/gsm8k-gemma-2-2b-it.jsonl.gz, ..
    harness eval replay:FOLDER/gsm8k-gemma-2-2b-it.jsonl.gz --suite gsm8k:zeroeval --data DATA

ZeroEval's GSM8K, HELM's MMLU (nine subjects) and the IFEval authors' GPT-4: the texts as they were recorded, one line a
sample. It is what docs/failure-analysis.md was made from.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from lines import OUTPUTS, SHARED, by_name, read
from of_ifeval import pairs
from of_mmlu import Key, key, said

from harness import registry
from harness.types import Sample

Said = tuple[Sample, str]


def gsm8k(path: Path) -> list[Said]:
    """Return what a model of ZeroEval said to each sample."""
    samples = by_name(registry.suite("gsm8k:zeroeval"))
    return [(samples[row["id"].partition("#")[2]], str(row["output"][0])) for row in read(path)]


def mmlu(folder: Path) -> list[Said]:
    """Return what a model of HELM said to each sample of its subjects."""
    samples: dict[Key, Sample] = {}
    for sample in registry.suite("mmlu:generative").samples(SHARED):
        samples.setdefault(key(sample.tags["subject"], sample.data["question"], sample.data["choices"]), sample)
    found = []
    for path in sorted(folder.glob("*.json.gz")):
        for state in read(path)["request_states"]:
            if state["instance"]["split"] == "test":
                choices = [reference["output"]["text"] for reference in state["instance"]["references"]]
                subject = path.name.removesuffix(".json.gz")
                found.append((samples[key(subject, state["instance"]["input"]["text"], choices)], said(state)))
    return found


def write(path: Path, rows: Iterable[Said]) -> None:
    """Write one line a sample."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for sample, text in rows:
            row = {"suite": sample.suite, "sample_id": sample.id, "attempt": 0, "completion": {"text": text}}
            file.write(json.dumps(row) + "\n")


def main() -> None:
    """Write all of them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((OUTPUTS / "gsm8k" / "ZeroEval").glob("*.json.gz")):
        write(folder / f"gsm8k-{path.name.removesuffix('.json.gz')}.jsonl.gz", gsm8k(path))
    for path in sorted((OUTPUTS / "mmlu" / "helm").iterdir()):
        write(folder / f"mmlu-{path.name.partition('_')[2]}.jsonl.gz", mmlu(path))
    ifeval = [(sample, completion.text) for sample, completion in pairs(registry.suite("formatting"))]
    write(folder / "ifeval-gpt4.jsonl.gz", ifeval)


if __name__ == "__main__":
    main()
