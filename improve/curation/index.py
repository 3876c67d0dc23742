"""The index of everything that no row may repeat: built once, kept on disk, asked for the samples a row is near to.

    index = of(suites_here(data_dir), data_dir, cache)
    index.exact(row)          -> Match("exact", 1.0, Item("mmlu", "9f..", "test", ..))  or None
    index.words               -> weights of the samples' words; index.prose: their questions

Kept under the digest of all samples and of the schemes: samples of another version are another index.

Cost of all suites in the data folder (39,000 questions, 28,000 of them prose) on a busy core: 15 s to read and digest
the samples, each time; 40 s and 50 MB to build, once. Suites that make their own rows: 2 s and 3 MB.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.hashing import digest
from improve.curation import kept_out, sketches, text
from improve.curation.kept_out import Item, KeptOut
from improve.curation.likeness import Question
from improve.curation.wordweights import Words

EDITION = 3
"""Raised when the index of the same samples changes."""
SHORT, LONG = 4, 13
"""Words from which a question without choices, and one whose choices are left out, is told by itself."""
GRAMS = (8, 13)
SHARED = 4
"""Questions that may hold an n-gram; what more have is a phrase of their template and tells nothing."""


@dataclass(frozen=True)
class Index:
    """What `build` leaves in a folder."""

    folder: Path

    @cached_property
    def items(self) -> list[dict[str, str]]:
        """Suite, id, split, name and origin of each item; the prose ones come first."""
        found: list[dict[str, str]] = json.loads((self.folder / "items.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def keys(self) -> Mapping[str, int]:
        """Canonical key of a question, or of a program -> item."""
        found: dict[str, int] = json.loads((self.folder / "keys.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def prose(self) -> list[tuple[str, list[str]]]:
        """Question and choices of each prose item."""
        found: list[tuple[str, list[str]]] = json.loads((self.folder / "prose.json").read_text(encoding="utf-8"))
        return found

    def question(self, item: int) -> Question:
        """Return a prose item's question, ready to be held beside others."""
        if item not in self._questions:
            stem, choices = self.prose[item]
            self._questions[item] = Question(stem, tuple(choices))
        return self._questions[item]

    @cached_property
    def _questions(self) -> dict[int, Question]:
        return {}

    @cached_property
    def about(self) -> dict[str, Any]:
        """Samples by suite, digest, scheme."""
        found: dict[str, Any] = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        return found

    def array(self, name: str) -> Any:
        """Return an array of the index, read as it is needed."""
        import numpy as np

        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    @cached_property
    def words(self) -> Words:
        """Weights of the prose items' words."""
        return Words(*(self.array(f"words_{name}") for name in ("vocabulary", "idf", "indices", "starts")))


def of(suites: Sequence[str], data_dir: Path | None, cache: Path, named: bool) -> Index:
    """Return the index of suites, built where it is not in `cache` yet.

    Raises:
        UsageError: no such suite. MissingData: rows of a suite that is `named` by a person are nowhere.
    """
    kept = kept_out.gather(suites, data_dir, named)
    key = digest("decontamination", EDITION, sketches.scheme(), kept.digest)
    place = cache / f"decontamination-{key}"
    if not (place / "about.json").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        built = Path(tempfile.mkdtemp(dir=cache, prefix=".building-"))
        try:
            build(kept, built, key)
            # Another process may have been faster: the same content lies there then.
            with suppress(OSError):
                os.rename(built, place)  # noqa: PTH104  Path.rename is the same call
        finally:
            shutil.rmtree(built, ignore_errors=True)
    return Index(place)


def build(kept: KeptOut, folder: Path, key: str) -> None:
    """Write the index of what is kept out into a folder, `about.json` last."""
    import numpy as np

    prose = [one for one in kept.items if not one.form.exact]
    items = prose + [one for one in kept.items if one.form.exact]
    _json(folder / "items.json", [_told(one) for one in items])
    _json(folder / "keys.json", _keys(items))
    asked = [asked_of(one) for one in prose]
    _json(folder / "prose.json", asked)
    fitted = Words.fitted([words_of(stem, choices) for stem, choices in asked])
    arrays = {f"words_{name}": getattr(fitted, name) for name in ("vocabulary", "idf", "indices", "starts")}
    for n in GRAMS:
        arrays |= {f"{name}_{n}": found for name, found in _grams(prose, asked, n).items()}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    about = {
        "key": key,
        "samples": kept.samples,
        "digest": kept.digest,
        "items": len(items),
        "prose": len(prose),
    }
    _json(folder / "about.json", {**about, "scheme": sketches.scheme()})


def _told(item: Item) -> dict[str, str]:
    """Return what is kept of an item."""
    told = {"suite": item.suite, "sample": item.sample_id, "split": item.split, "name": item.name}
    return {**told, "origin": item.origin}


def asked_of(item: Item) -> tuple[str, list[str]]:
    """Return the question of an item without its choices, and these."""
    stem, own = text.split_choices(item.form.questions[0])
    return stem, [*own, *item.form.choices]


def words_of(stem: str, choices: Sequence[str]) -> list[str]:
    """Return the stems of a question's words and of its choices'."""
    return text.stems(text.tokens(" \n ".join([stem, *choices])))


def _keys(items: Sequence[Item]) -> dict[str, int]:
    """Return the keys by which an item is told exactly; where two items share one, a sealed sample's comes first.

    What of a question with choices is left without them tells nothing where it is others' too: it is their template.
    """
    found: dict[str, int] = {}
    of_parts: dict[str, int] = {}
    owners: dict[str, set[str]] = {}
    for place in sorted(range(len(items)), key=lambda place: (items[place].split != "test", place)):
        whole, parts = keys_of(items[place])
        for key in whole:
            found.setdefault(key, place)
        for key in parts:
            of_parts.setdefault(key, place)
            owners.setdefault(key, set()).add(items[place].origin)
    return {key: place for key, place in of_parts.items() if len(owners[key]) == 1} | found


def keys_of(item: Item) -> tuple[list[str], list[str]]:
    """Return the keys of an item (question with choices or answer; programs), and those that leave its choices out."""
    found: list[str] = []
    parts: list[str] = []
    for question in item.form.questions:
        stem, own = text.split_choices(question)
        words = text.tokens(stem)
        choices = [text.tokens(one) for one in (*own, *item.form.choices)]
        least = 1 if item.form.exact and not choices else LONG if choices else SHORT
        if words and (choices or len(words) >= least):
            found.append(text.key_of(words, choices))
        if item.form.choices:  # as a row has them: a question may hold an enumeration that is split off with them
            found.append(text.key("\n".join([question, *(f"- {one}" for one in item.form.choices)])))
        if choices and len(words) >= least:
            parts.append(text.key_of(words))
        if not item.form.exact:
            alone = [text.key_of([*words, "=", *text.tokens(one)]) for one in item.form.answers if tells(one, choices)]
            (parts if choices else found).extend(alone)
            found += _programs(question, item.form.answers)
    return found, parts


def tells(answer: str, choices: Sequence[Sequence[str]]) -> bool:
    """Return whether an answer says something by itself: the letter of a choice does not."""
    words = text.tokens(answer)
    return bool(words) and not (choices and len("".join(words).strip("()[]")) == 1)


def _programs(question: str, answers: Sequence[str]) -> list[str]:
    """Return the keys of reference programs: as they stand, and behind the question that they continue."""
    return [key for one in answers for whole in (one, question + one) if (key := text.program(whole))]


def _grams(prose: Sequence[Item], asked: Sequence[tuple[str, list[str]]], n: int) -> dict[str, Any]:
    """Return hashes (sorted), the items that hold them, and how many telling n-grams each item has."""
    import numpy as np

    hashes, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)]
    for place, (item, (stem, choices)) in enumerate(zip(prose, asked, strict=True)):
        parts = [stem, *choices, *(one for one in item.form.answers if not _is_solution(item.form.questions[0], one))]
        own = np.unique(np.concatenate([sketches.grams(text.tokens(part), n) for part in parts]))
        hashes.append(own)
        owners.append(np.full(len(own), place, np.int32))
    every, owner = np.concatenate(hashes), np.concatenate(owners)
    order = np.lexsort((owner, every))
    every, owner = every[order], owner[order]
    _, starts, counts = np.unique(every, return_index=True, return_counts=True)
    telling = np.repeat(_questions(starts, counts, owner, prose) <= SHARED, counts)
    every, owner = every[telling], owner[telling]
    return {"grams": every, "owners": owner, "counts": np.bincount(owner, minlength=len(prose)).astype(np.int32)}


def _is_solution(question: str, answer: str) -> bool:
    """Return whether an answer is a program: held to its syntax tree: its phrases are anybody's. Tests are not."""
    return "assert" not in answer and any(map(text.program, (answer, question + answer)))


def _questions(starts: Any, counts: Any, owner: Any, prose: Sequence[Item]) -> Any:
    """Return of how many origins the holders of each n-gram are: siblings of one question count once."""
    import numpy as np

    many = counts.copy()
    for place in np.flatnonzero((counts > SHARED) & (counts <= 8 * SHARED)):
        holders = owner[starts[place] : starts[place] + counts[place]]
        many[place] = len({prose[one].origin for one in holders})
    return many


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
