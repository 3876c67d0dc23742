"""Reads the analysis of failures (`harness.failures.report`): causes in words, with the failures that show them.

    read([report], [])[0]
      -> Cause(id="3f9a..", label="order kept", size=41, diagnoses=("Expected a list, came ..",), exemplars=(..))

Only samples of the split `dev` may be generated from: a document that holds any other is refused as a whole. Tags of
samples are left behind: rows are made from what failures look like, not from what a benchmark's author called them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError, nearest
from harness.failures import learning
from harness.types import Artifact

ASKED = "type: harness failures RUN --split dev --json"


@dataclass(frozen=True)
class Exemplar:
    """A failure that shows a cause. All texts are hostile."""

    sample_id: str
    question: str
    """With its choices, a line each."""
    target: str
    wrong: str
    """What the model answered; empty where nothing came."""


@dataclass(frozen=True)
class Cause:
    """A group of failures that look alike."""

    id: str
    label: str
    size: int
    diagnoses: tuple[str, ...]
    """Sentences without topic, the commonest first."""
    exemplars: tuple[Exemplar, ...]


def read(inputs: Sequence[Artifact], wanted: Sequence[str] = ()) -> list[Cause]:
    """Return the causes `wanted` by id, all where there is none, the largest first.

    Raises:
        UsageError: not one report, no analysis in it, a sample that is not of `dev`, an unknown cause.
    """
    reports = [one for one in inputs if one.kind == "report"]
    if len(reports) != 1:
        what = f"improve.generate has {len(reports)} reports among its inputs"
        raise UsageError(what, "one: the analysis of a run's failures", ASKED)
    document = _document(Path(reports[0].path))
    _check_split(document)
    found = [_cause(one) for one in document["analysis"]["causes"]]
    known = {one.id for one in found}
    for name in wanted:
        if name not in known:
            raise UsageError(f"the analysis has no cause {name!r}", nearest(name, known), "take it out of `causes`")
    chosen = [one for one in found if one.exemplars and (not wanted or one.id in wanted)]
    if not chosen:
        what = "the analysis has no cause with an exemplar"
        raise UsageError(what, "failures to generate rows from, analysed with exemplars", ASKED)
    return sorted(chosen, key=lambda one: (-one.size, one.id))


def shares(sizes: Mapping[str, int], rows: int) -> dict[str, int]:
    """Return rows by cause: in proportion to size by largest remainders, at least one each, `rows` in all.

    With fewer rows than causes, the largest causes have one each. Ties go to the cause that stands first.
    """
    names = sorted(sizes, key=lambda name: -sizes[name])[:rows]
    ones: set[str] = set()
    while True:
        rest, left = [name for name in names if name not in ones], rows - len(ones)
        total = sum(sizes[name] for name in rest)
        small = {name for name in rest if sizes[name] * left < total}
        if not small:
            break
        ones |= small
    found = {name: 1 if name in ones else sizes[name] * left // total for name in names}
    order = sorted(rest, key=lambda name: -(sizes[name] * left % total))
    for name in order[: rows - sum(found.values())]:
        found[name] += 1
    return found


def _document(path: Path) -> dict[str, Any]:
    # A report of ours may hold more than what rows are made from.
    whole = path / learning.FILE if (path / learning.FILE).is_file() else path
    files = [whole] if whole.is_file() else sorted(p for p in path.glob("*.json") if p.name != "artifact.json")
    if len(files) != 1:
        what = f"{str(path)!r} holds {len(files)} JSON files"
        raise UsageError(what, "one: the document that `harness failures --json` prints", ASKED)
    try:
        document = json.loads(files[0].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {str(files[0])!r}: {error}", "a JSON document", ASKED) from error
    analysis = document.get("analysis") if isinstance(document, dict) else None
    if not isinstance(analysis, dict) or not isinstance(analysis.get("causes"), list):
        split = document.get("split") if isinstance(document, dict) else None
        what = f"{str(files[0])!r} (split {split!r}) holds no analysis to generate from"
        raise UsageError(what, "an analysis of split 'dev'", ASKED)
    return dict(document)


def _check_split(document: Mapping[str, Any]) -> None:
    if document.get("split", "dev") != "dev":
        what = f"the analysis is of split {document['split']!r}"
        raise UsageError(what, "split 'dev': no other sample may be learned from", ASKED)
    for one in _exemplars(document):
        if one.get("split") != "dev":
            what = f"the analysis holds the sample {one.get('sample_id')!r} of split {one.get('split')!r}"
            raise UsageError(what, "samples of 'dev' alone: no other may be learned from", ASKED)


def _exemplars(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for group in (*document["analysis"]["causes"], *document.get("clusters", ())):
        yield from group.get("exemplars", ())


def _cause(raw: Mapping[str, Any]) -> Cause:
    diagnoses = tuple(str(one["text"]) for one in raw.get("diagnoses", ()))
    shown = tuple(_exemplar(one) for one in raw.get("exemplars", ()))
    return Cause(str(raw["id"]), str(raw.get("label", "")), max(1, int(raw["size"])), diagnoses, shown)


def _exemplar(raw: Mapping[str, Any]) -> Exemplar:
    choices = [f"- {choice}" for choice in raw.get("choices") or ()]
    question = "\n".join([str(raw["question"]), *choices])
    wrong = raw.get("answer") or raw.get("said") or ""
    return Exemplar(str(raw["sample_id"]), question, _plain(raw.get("target")), _plain(wrong))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
