"""What is compared on planted failures: groupings without distances, clusterings of other texts, ours.

    methods()["ours, lsa"](dev, diagnoses, seed)   -> Fitted(clusters=[..], assign=function or None)

All clusterings are `harness.failures.taxonomy.fitting.fit`: only what it is given differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from planted import World

from harness.failures.case import Case, Diagnosis
from harness.failures.diagnosis.signature import plain_class, signature_class
from harness.failures.taxonomy.assigning import assign
from harness.failures.taxonomy.fitting import fit

Clusters = list[str]


@dataclass(frozen=True)
class Fitted:
    """Clusters of the rows that were fitted on, and how others are assigned to them."""

    clusters: Clusters
    assign: Callable[[World, Sequence[Diagnosis]], Clusters]
    k: int


Method = Callable[[World, Sequence[Diagnosis], int], Fitted]
View = Callable[[Case, Diagnosis], Diagnosis]


def _grouped(name: Callable[[Diagnosis], str]) -> Method:
    def method(made: World, diagnoses: Sequence[Diagnosis], seed: int) -> Fitted:
        clusters = [name(one) for one in diagnoses]
        return Fitted(clusters, lambda _, others: [name(one) for one in others], len(set(clusters)))

    return method


def _clustered(view: View, embedder: str) -> Method:
    def method(made: World, diagnoses: Sequence[Diagnosis], seed: int) -> Fitted:
        def seen(world: World, those: Sequence[Diagnosis]) -> list[Diagnosis]:
            return [view(case, one) for case, one in zip(world.cases, those, strict=True)]

        taxonomy, found = fit(made.cases, seen(made, diagnoses), embedder=embedder, seed=seed)

        def again(world: World, those: Sequence[Diagnosis]) -> Clusters:
            return [one.cause for one in assign(taxonomy, seen(world, those))]

        return Fitted([one.cause for one in found], again, len(taxonomy.causes))

    return method


def _exact(diagnosis: Diagnosis) -> str:
    return "|".join(f"{name}={value}" for name, value in diagnosis.signature.items())


def methods(*embedders: str) -> Mapping[str, Method]:
    """Return the methods by name: baselines with `lsa`, ours with each of `embedders`."""
    views: Mapping[str, View] = {
        "prompt only": lambda case, one: Diagnosis(case.question),
        "response only": lambda case, one: Diagnosis(case.text),
        "concatenation": lambda case, one: Diagnosis(f"{case.question}\n{case.text}\n{one.text}"),
        "signature only": lambda case, one: replace(one, text=""),
        "diagnosis only": lambda case, one: Diagnosis(one.text),
    }
    return {
        "grouped: scorer's signs": _grouped(plain_class),
        "grouped: mode, relation": _grouped(signature_class),
        "grouped: whole signature": _grouped(_exact),
        **{name: _clustered(view, "lsa") for name, view in views.items()},
        **{f"ours, {embedder}": _clustered(lambda case, one: one, embedder) for embedder in embedders},
    }
