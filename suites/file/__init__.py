"""A suite without code: a file of rows (JSON Lines or CSV), a YAML beside it, or a folder that holds both.

Source: whoever wrote the file; its YAML may say `source:` and `licence:`. Format: https://jsonlines.org.
Worked example, the whole of `my.jsonl`, asked by `harness eval MODEL --suite my.jsonl`:

    row         {"question": "Which river flows through Cairo?", "answer": ["Nile", "the Nile"]}
    prompt      Question: Which river flows through Cairo?\\nAnswer:
    completion  " The Nile.\\nQuestion: .."
    score       exact_match=1.0, contains=1.0, answer="The Nile.", mode="right"

Rows with `choices` are scored by log-likelihood, rows with `tests` run in the sandbox, other rows are compared with
`target` by a metric (`harness.grading.metrics`). docs/suites-without-code.md has all fields and keys.

Ids are made of the question and its answer: a file that is moved, renamed or sorted keeps them. The version holds a
digest of all but the rows that shapes prompt and score (template, shots, stops), so that two forms of one file are
never compared as one. It does not pool corpus metrics (BLEU is the mean of sentence BLEU) and asks one turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from harness import data
from harness.contracts import Suite
from harness.errors import UsageError
from harness.hashing import digest, file_sha256
from harness.types import Completion, Metric, Request, Sample, Score

from . import prompts
from .fields import to_row
from .kinds import KINDS, Kind
from .manifest import Place, locate
from .rows import Fields, detect, lines

EDITION = 1
"""Raised when prompts or scoring of this file change: part of every such suite's version."""
MOST_SHOTS = 64


class File(Suite):
    """The rows of one file, asked and scored as they and the YAML beside them say."""

    variants: ClassVar[Mapping[str, str]] = {"*": "my.jsonl, my.csv, my.yaml or a folder: rows of one's own"}
    exemplars = (
        "examples/rivers.jsonl", "examples/bones.jsonl", "examples/small_functions.jsonl", "examples/units/",
    )  # fmt: skip
    version = str(EDITION)
    source = "rows of one's own, https://jsonlines.org"
    licence = "not stated"
    metrics: tuple[Metric, ...] = (Metric("exact_match", "exact_match"),)

    @classmethod
    def open(cls, variant: str) -> File:
        """Return the suite of a file or folder; YAML, shots and the first row are read and checked.

        Raises:
            UsageError: nothing there, or something in it is wrong; says where.
        """
        if variant == "*":
            return cls(variant)
        if not variant:
            raise UsageError("file: names no file", "file:my.jsonl, or the path alone", "type: --suite my.jsonl")
        suite = cls(variant)
        suite._read(locate(variant))
        return suite

    def _read(self, place: Place) -> None:
        about, where = place.manifest, str(place.about or place.rows)
        first = next(lines(place.rows), None)
        if first is None:
            rows = "a line of names and a line a row" if ".csv" in place.rows.suffixes else "one JSON object a line"
            raise UsageError(f"{place.rows}: no rows", rows, "write some")
        self.place, self.fields = place, detect(first[1], about, first[0])
        self.kind: Kind = KINDS[self.fields.kind](about, self.fields, place.rows.parent)
        self.template, self.reads = prompts.compile_template(about.prompt, where)
        self.metrics, self.runs_code = self.kind.metrics, self.fields.kind == "tests"
        self.group_tag, self.wording = self.fields.group, self.fields.question
        self.source = about.source or f"{place.rows.name}, {File.source}"
        self.licence = about.licence
        self.shot_origins: dict[str, str] = {}
        self.header = self._header() if place.shots else ""
        shapes = about.model_dump(exclude={"name", "version", "licence", "source", "rows"})
        shots = file_sha256(place.shots) if place.shots else ""
        fields = {key: getattr(self.fields, key) for key in ("kind", "question", "target", "choices", "tests", "group")}
        self.version = f"{about.version}+{digest(EDITION, shapes, shots, fields)[:8]}"

    def _header(self) -> str:
        assert self.place.shots is not None
        parts = []
        for where, row in lines(self.place.shots):
            shot = self._row(row, detect(row, self.place.manifest, where), where)
            answer = self.kind.solved(shot.data, shot.target)
            if answer is None:
                raise UsageError(f"{where}: a solved row without a solution", "a field `solution`", "add it")
            parts.append(self._prompt(shot.data, where) + answer + "\n\n")
            self.shot_origins[digest(shot.origin)] = where
        if not 1 <= len(parts) <= MOST_SHOTS:
            raise UsageError(f"{self.place.shots}: {len(parts)} few-shot rows", f"1 to {MOST_SHOTS}", "shorten it")
        return "".join(parts)

    def _row(self, row: dict[str, Any], fields: Fields, where: str) -> data.Row:
        if fields.kind != self.fields.kind or fields.target != self.fields.target:
            raise UsageError(f"{where}: other fields than {self.place.rows}", str(self.fields), "use the same names")
        own = {name: row.get(name) for name in sorted(self.reads - set(prompts.NAMES) - {fields.target})}
        return to_row(row, fields, where, own or None)

    def samples(self, data_dir: Path | None) -> Iterator[Sample]:
        """Yield the rows in the order of the file, which is read once and never held.

        Raises:
            UsageError: a row that cannot be used; names file, line and field.
        """
        return self._samples(self.place)

    def _samples(self, place: Place) -> Iterator[Sample]:
        wheres: list[str] = []

        def rows() -> Iterator[data.Row]:
            for where, row in lines(place.rows):
                wheres[:] = [where]
                yield self._row(row, self.fields, where)

        # The id knows the questions, not the path that was typed.
        for sample in data.number_samples("file", rows()):
            self.kind.check(sample, wheres[0])
            if sample.origin in self.shot_origins:
                what = f"{wheres[0]}: asks what {self.shot_origins[sample.origin]} answers before it"
                raise UsageError(what, "few-shot rows that are no samples", "take it out of one of the files")
            if self.template is not None:
                self._prompt(sample.data, wheres[0])
            yield replace(sample, suite=self.name)

    def _prompt(self, row: Mapping[str, Any], where: str) -> str:
        if self.template is not None:
            return prompts.render(self.template, row, self.fields, where)
        return prompts.usual_prompt(row, self.fields, self.place.manifest.choose)

    def request(self, sample: Sample) -> Request:
        """Return the prompt, with messages too where there is a system text or the row is a conversation."""
        prompt = self.header + self._prompt(sample.data, sample.name)
        system = str(sample.data.get("system") or self.place.manifest.system)
        messages = prompts.chat(sample.data, prompt, system)
        asked = self.kind.request(sample, f"{system}\n\n{prompt}" if system else prompt)
        return replace(asked, messages=messages)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return the values of the file's metrics."""
        return self.kind.score(sample, completion)

    def scorer(self) -> Mapping[str, Any]:
        """Return metrics, settings and limits."""
        return self.kind.scorer()

    def examples(self) -> Iterator[tuple[Sample, Completion, Completion]]:
        """Yield the file's first three rows with a right and a wrong completion, where the row says what is right."""
        for sample in islice(self.samples(None), 3):
            said = self.kind.said(sample)
            if said is not None:
                yield sample, *said
