"""Takes out every row that repeats a sample of a benchmark, of either split: no benchmark sample trains, ever.

    inputs       datasets
    parameters   {}                                   every suite whose rows are on this machine or made by the suite
                 {"suites": ["mmlu", "my.jsonl"]}     these instead
    dropped      {.., "dropped": {"reason": "exact", "near": {"suite": "mmlu", "sample": "9f..", "split": "test", ..},
                  "measure": "exact", "value": 1.0}}

What counts as repeating is declared by each suite (`Suite.canonical`): procedural ones by exact canonical match, prose
by n-grams and by meaning too (`curation.matching`; how much it finds: docs/decontamination.md). The report counts rows
by measure and by suite, and names the suites with their number of samples: what is not named there was not looked at.

Cost: `curation.index` for the index; a row about 1 ms, and 10 ms where it has to be embedded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from harness import data
from harness.config import Strict, validate
from harness.contracts import Step, StepContext
from harness.store import Database
from harness.types import Artifact
from harness.workbench import rows as dataset
from harness.workbench.rows import Dropped
from improve.curation import index as indexing
from improve.curation import kept_out, matching

NAME = "improve.decontaminate"


class Parameters(Strict):
    """What may be told to `improve.decontaminate`."""

    suites: list[str] = Field(default_factory=list)
    """Names; empty: every suite whose rows are on this machine."""
    data: str | None = None
    """Folder of official data; None: HARNESS_DATA."""
    here: list[str] = Field(default_factory=list)
    """Suites with their versions, as a loop found them: when others are here, it is done again."""
    embedder: Literal["auto", "words", "minilm"] = "auto"
    """What tells meaning; `auto`: the sentence model where it is installed, else weighted words."""


class Decontaminate(Step):
    """Datasets in, one without benchmark samples out."""

    version = "2"
    kind: ClassVar = "dataset"

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Validate."""
        validate(dict(parameters), Parameters, NAME)

    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the rows that repeat no sample.

        Raises:
            UsageError: no dataset, no such suite. MissingData: the rows of a suite that is named are nowhere.
        """
        given = validate(dict(parameters), Parameters, NAME)
        rows = dataset.all_of(inputs, NAME)
        folder = data.folder(given.data)
        context.progress(0.0, "reading samples")
        index = indexing.of(
            given.suites or kept_out.suites_here(folder), folder, _cache(context), named=bool(given.suites)
        )
        near = matching.matches(index, rows, context.progress, given.embedder)
        kept = [dataset.passed(row, "decontaminate", index.about["key"]) for i, row in enumerate(rows) if i not in near]
        gone = [Dropped(rows[place], near[place].measure, near[place].detail) for place in sorted(near)]
        context.progress(1.0, f"{len(gone)} of {len(rows)} rows repeat a sample")
        suites = Counter(near[place].item["suite"] for place in near)
        told = {"near": dict(sorted(suites.items())), "against": index.about, "parameters": given.model_dump()}
        return dataset.write(context.scratch / "rows", NAME, kept, gone, len(rows), **told)


def _cache(context: StepContext) -> Path:
    return context.cache or Database.at().folder / "cache"
