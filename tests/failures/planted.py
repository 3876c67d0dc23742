"""Failures whose cause and topic are known: right answers spoiled on purpose, scored by the suite itself, stored, read.

    plants = planted_easy.primer(seed=0)   Plant(sample, completion, cause="truncated", topic="json")
    made = world(plants, seed=0)           real scorer, sandbox and store; a quarter as if the scorer had said nothing
    ari(clusters, made.causes), ari(clusters, made.topics)

Nothing here is taken from `harness.failures`: neither its sentences nor its relations are used to plant.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.contracts import Suite
from harness.dice import Dice
from harness.failures.case import Case, Diagnosis
from harness.failures.cases import cases
from harness.hashing import digest, fraction, sample_digest
from harness.store import Database, write
from harness.types import Completion, Record, Request, Run, Sample

GENERIC = "The answer is wrong."
USELESS = 0.25
"""Share of failures of which the scorer says nothing but that they are wrong."""
WEIGHTS = (8, 6, 4, 3, 2, 1)
"""How often each of six causes is planted: 1:8."""
CONFIG = {"prompt": "raw", "seed": 0, "samples": 1, "judges": {}, "engine": {"name": "planted"}}


@dataclass(frozen=True)
class Plant:
    """A sample with a spoiled completion."""

    suite: Suite
    sample: Sample
    completion: Completion
    cause: str
    topic: str
    could: frozenset[str] = frozenset()
    """All causes that would have spoiled it to the same answer; empty: `cause` alone."""


@dataclass(frozen=True)
class World:
    """A run of planted failures as the store gives it back, with the truth beside it."""

    cases: tuple[Case, ...]
    causes: tuple[str, ...]
    topics: tuple[str, ...]
    could: tuple[frozenset[str], ...]
    useless: tuple[bool, ...]

    def only(self, keep: Callable[[int], bool]) -> World:
        """Return the rows for whose index `keep` is true."""
        chosen = [i for i in range(len(self.cases)) if keep(i)]
        return World(*(tuple(column[i] for i in chosen) for column in (
            self.cases, self.causes, self.topics, self.could, self.useless
        )))  # fmt: skip

    def part(self, split: str) -> World:
        """Return the rows of a split."""
        return self.only(lambda i: self.cases[i].split == split)


def draw(causes: Sequence[str], count: int, *seed: object, weights: Sequence[int] = WEIGHTS) -> list[str]:
    """Return `count` causes, 1:8; which is the rare one is drawn too."""
    dice = Dice("planted", *map(str, seed))
    ranked = dice.some(causes, len(causes))
    shares = [count * weight // sum(weights) for weight in weights]
    return [cause for cause, share in zip(ranked, shares, strict=True) for _ in range(share)]


def record(database: Database, plants: Sequence[Plant], run_id: str) -> None:
    """Score every plant by its suite and store samples, completions, scores and records as one run."""
    suites = {plant.suite.name: plant.suite for plant in plants}
    wanted = [
        {
            "suite": name, "version": suite.version, "source": "", "licence": "", "group_tag": suite.group_tag,
            "metrics": [asdict(metric) for metric in suite.metrics], "scorer_key": f"scorer-{name}", "sandbox": "",
            "wanted": sum(plant.suite.name == name for plant in plants),
        }
        for name, suite in suites.items()
    ]  # fmt: skip
    write.add_samples(database, [plant.sample for plant in plants])
    run = Run(run_id, "", f"planted:{run_id}", digest(run_id), CONFIG, tuple(suites), "2026-01-01")
    write.add_run(database, run, digest(run_id), 0, {"model_facts": {}, "engine": {}, "host": {}}, wanted)
    journal = write.Journal(database, run_id)
    for plant in plants:
        sample = plant.sample
        key = digest("completion", run_id, sample_digest(sample))
        request = Request("generate", prompt=plant.suite.request(sample).prompt)
        journal.add_completion(key, request, plant.completion, digest(run_id))
        score = plant.suite.score(sample, plant.completion)
        entry = Record(run_id, sample.suite, sample.id, 0, (key,), score)
        journal.add_record(entry, sample_digest(sample), digest("score", key), f"scorer-{sample.suite}", False)
    journal.flush()
    write.set_status(database, run_id, "done")


def world(plants: Sequence[Plant], seed: int, useless: float = USELESS) -> World:
    """Return the planted failures as stored and read back, a share of them blanked.

    A plant that its suite calls right is none: it is left out.
    """
    by_sample = {(plant.sample.suite, plant.sample.id): plant for plant in plants}
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "planted.duckdb")
        record(database, list(by_sample.values()), "planted")
        found = cases(database, "planted")
    known = [by_sample[case.suite, case.sample_id] for case in found]
    dull = tuple(fraction("useless", seed, case.sample_id) < useless for case in found)
    return World(
        tuple(
            replace(case, mode="wrong_answer", detail={}) if d else case for case, d in zip(found, dull, strict=True)
        ),
        tuple(plant.cause for plant in known),
        tuple(plant.topic for plant in known),
        tuple(plant.could or frozenset({plant.cause}) for plant in known),
        dull,
    )


def diagnosed(made: World) -> list[Diagnosis]:
    """Return the diagnoses; a useless one has a sentence that says nothing and a signature without mode and detail."""
    from harness.failures.diagnosis import diagnose_all

    found = diagnose_all(made.cases)
    return [replace(d, text=GENERIC) if dull else d for d, dull in zip(found, made.useless, strict=True)]


def ari(left: Sequence[str], right: Sequence[str]) -> float:
    """Return the adjusted Rand index of two partitions; what is unassigned counts as one more cluster."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(list(left), list(right)))


def guessed(made: World) -> list[str]:
    """Return what one would say who knows how each cause spoils: the commonest of the causes that fit the answer."""
    often = {cause: made.causes.count(cause) for cause in set(made.causes)}
    return [max(sorted(could), key=lambda cause: often.get(cause, 0)) for could in made.could]


def named(clusters: Sequence[str], causes: Sequence[str]) -> Mapping[str, str]:
    """Return for each cluster the cause that most of its members have."""
    members: dict[str, list[str]] = {}
    for cluster, cause in zip(clusters, causes, strict=True):
        members.setdefault(cluster, []).append(cause)
    return {cluster: max(sorted(set(those)), key=those.count) for cluster, those in members.items()}
