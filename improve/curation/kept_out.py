"""What no training row may repeat: the canonical form of every sample of every suite, both splits.

    gather(suites_here(data_dir), data_dir)[0]
      -> Item(("bbh", "9f..", "dev", "navigate/3"), questions=("If you follow ..",), choices=(), answers=(), exact=True)

Variants of a suite share their questions: equal forms are one item, named after its first sample, one of `test` first.
A few hundred milliseconds for suites that make their rows, about ten seconds for all of the official ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import data, registry
from harness.contracts import Canonical
from harness.errors import MissingData, UsageError
from harness.hashing import digest, sample_digest


@dataclass(frozen=True)
class Item:
    """A question that samples ask."""

    suite: str
    sample_id: str
    split: str
    name: str
    origin: str
    form: Canonical


@dataclass(frozen=True)
class KeptOut:
    """All items, and what they were made of."""

    items: tuple[Item, ...]
    samples: dict[str, int]
    """Suite -> samples."""
    digest: str
    """Of names, versions and samples of the suites: of all that the items depend on but their code."""


def suites_here(data_dir: Path | None) -> list[str]:
    """Return the suites whose rows lie in the data folder or an installed package, or are made by the suite."""
    found = []
    for name in registry.all_suites():
        if not data.where(registry.suite(name), data_dir).startswith(("hub", "nowhere")):
            found.append(name)
    return found


def gather(suites: Sequence[str], data_dir: Path | None, named: bool = True) -> KeptOut:
    """Return the items of suites. `named`: by a person; of others, one whose files are not complete is left out.

    Raises:
        UsageError: no such suite, no suite. MissingData: one whose rows are nowhere.
    """
    items: dict[str, Item] = {}
    counts: dict[str, int] = {}
    seen: list[object] = []
    for name in suites:
        suite = registry.suite(name)
        try:
            samples = list(suite.samples(data_dir))
        except MissingData:
            if named:
                raise
            continue
        counts[name] = len(samples)
        seen.append([name, suite.version, [sample_digest(one) for one in samples]])
        for one in samples:
            form = suite.canonical(one)
            item = Item(name, one.id, one.split, one.name, one.origin, form)
            asked = digest(form.questions, sorted(form.choices), form.exact)
            if items.setdefault(asked, item).split != "test" and one.split == "test":
                items[asked] = item
    if not items:
        raise UsageError(
            f"no sample in the suites {list(suites)}", "suites to hold rows against", "type: harness doctor"
        )
    return KeptOut(tuple(items.values()), counts, digest(seen))


def only(kept: KeptOut, exact: bool) -> KeptOut:
    """Return the procedural items (`exact`) or the others."""
    return replace(kept, items=tuple(one for one in kept.items if one.form.exact is exact))
