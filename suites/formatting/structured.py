"""Structured output: easy questions whose answer has an exact form, 20 of each of 15 kinds, content and form apart.

Source: procedural, written for this project (`draws.py`), Apache-2.0; no data file, no network. Worked example (ours):

    prompt      Ada is 34 years old, works as a baker and lives in Oslo. Ivo is 51 .. and lives in Lima.

                In which city does Ada live?
                Answer with the bare answer alone, without a full stop.
                Put that between <out> and </out>, with nothing outside these tags.
    "<out>Oslo</out>"     -> form 1, content 1, acc 1    right
    "She lives in Oslo."  -> form 0, content 1, acc 0    format_violated: acc would be 1 if the format were right
    "<out>Lima</out>"     -> form 1, content 0, acc 0    wrong_answer

Kinds: JSON against a schema, CSV, Markdown tables, numbered lists, bullets, headings, bold, lengths in words, sentences
and characters, tags, quotes, code blocks, prefix and suffix, and several at once. `content` is read tolerantly where
the form is violated (`tolerant.py`) and strictly where it holds; `form` is read by `forms.py`. `practice` yields other
questions of the same kinds. It measures no knowledge, and no quality of prose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from harness.contracts import Canonical, Practice, Suite
from harness.data import Row, number_samples
from harness.dice import Dice
from harness.types import Completion, Metric, Request, Sample, Score

from . import forms, tolerant
from .draws import KINDS, Question, draw

EACH = 20
"""Questions of each kind."""
LISTS = ("line", "numbered", "bullets")
"""Bodies whose items are free text: one with more words than asked is right in content and wrong in form."""


class Structured(Suite):
    """One turn, procedural; `constrained` sends the schema of JSON answers with the request."""

    variants: ClassVar[Mapping[str, str]] = {
        "structured": "form and content of structured output",
        "structured_constrained": "the same, JSON asked with its schema",
    }
    version = "1"
    source = "procedural, written for this project (suites/formatting)"
    licence = "Apache-2.0"
    group_tag = "kind"
    wording = "question"
    size = EACH * len(KINDS)
    metrics: tuple[Metric, ...] = (
        Metric("acc", "acc"),
        Metric("form", "form"),
        Metric("acc_if_format_were_right", "content"),
        Metric("acc_by_kind", "acc", "macro:kind"),
    )

    def samples(self, data_dir: Path | None) -> Iterable[Sample]:
        """Yield the fixed list, kind by kind; `data_dir` is not looked at."""
        asked = [(kind, question) for kind in KINDS for question in _evaluation(kind)]
        return number_samples(self.name, [_row(kind, one, number) for number, (kind, one) in enumerate(asked)])

    def request(self, sample: Sample) -> Request:
        """Return the prompt; with its schema where JSON alone is asked and the variant is the constrained one."""
        data = sample.data
        prompt = f"{data['facts']}\n\n{data['question']}\n{forms.ask(data['form'])}\n"
        only = data["form"][0]
        constrained = self.variant == "structured_constrained" and only["kind"] == "json"
        return Request("generate", prompt, max_tokens=512, schema=only["schema"] if constrained else None)

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return `acc`, `form` and `content`, each 0 or 1, where acc is both of the others.

        Modes: `right`; `format_violated` (content alone is right); else `truncated`, `empty`, `wrong_order`, `partial`
        (half of the wanted words or more), `wrong_answer`, or `unparsed` (no word of an answer).
        """
        reading = forms.read(sample.data["form"], completion.text)
        content, violated = _content(sample, completion.text, reading)
        values = {"acc": float(content and not violated), "form": float(not violated), "content": float(content)}
        mode = "right" if content and not violated else _mode(sample, completion, content, not violated)
        answer = None if mode in ("empty", "unparsed") else completion.text.strip()
        return Score(values, mode, answer, {"violated": violated} if violated else {})

    def examples(self) -> Iterator[tuple[Sample, Completion, Completion]]:
        """Yield the first sample of every kind with its reference and with a refusal."""
        firsts: dict[str, Sample] = {}
        for sample in self.samples(None):
            firsts.setdefault(sample.tags["kind"], sample)
        for sample in firsts.values():
            yield sample, Completion(sample.data["reference"]), Completion("I would rather not say.")

    def canonical(self, sample: Sample) -> Canonical:
        """Return the prompt: facts, question and the form that is asked for."""
        return Canonical((self.request(sample).prompt,), answers=(sample.data["reference"],), exact=True)

    def practice(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield `count` training rows, evenly over the kinds, none of which asks what a sample of the suite asks."""
        dice, kinds, taken = Dice("formatting", "practice", seed), list(KINDS), _evaluated()
        while count > 0:
            kind = dice.one(kinds)
            question = draw(kind, dice)
            if canonical(question.prompt) not in taken:
                count -= 1
                yield Practice(question.prompt, question.reference, {"kind": kind})


def canonical(prompt: str) -> str:
    """Return `prompt` in lower case with every run of blanks as one blank."""
    return " ".join(prompt.lower().split())


def _content(sample: Sample, text: str, reading: forms.Reading) -> tuple[bool, str]:
    """Return (whether the content is right, kind of the layer that is violated or empty)."""
    data, body = sample.data, sample.data["form"][-1]["kind"]
    if body == "prose":
        return tolerant.mentions(text, sample.target, data["universe"]), reading.violated
    if not reading.violated:
        if tolerant.same(reading.value, sample.target):
            return True, ""
        if body not in LISTS:
            return False, ""
    held = tolerant.holds(text, data["groups"], data["universe"], sample.target)
    return held, reading.violated or (body if held else "")


def _mode(sample: Sample, completion: Completion, content: bool, form: bool) -> str:
    data, text = sample.data, completion.text
    if completion.finish in ("length", "truncated"):
        return "truncated"
    if not text.strip():
        return "empty"
    if content:
        return "format_violated"
    found = tolerant.hits(tolerant.without_lead(text), data["universe"])
    wanted = [word for group in data["groups"] for word in group]
    if sorted(found) == sorted(wanted) and len(wanted) > 1:
        return "wrong_order"
    if len(wanted) > 1 and tolerant.share(text, data["groups"], data["universe"]) >= 0.5:
        return "partial"
    return "wrong_answer" if found or form else "unparsed"


def _row(kind: str, question: Question, number: int) -> Row:
    data = {
        "facts": question.facts,
        "question": question.question,
        "form": question.form,
        "groups": question.groups,
        "universe": question.universe,
        "reference": question.reference,
    }
    content = ["formatting:structured", question.prompt]
    return Row(content, data, question.target, {"kind": kind}, f"{kind}/{number}", origin=content)


@cache
def _evaluation(kind: str) -> tuple[Question, ...]:
    """Return the questions of a kind, all different, drawn with a seed of its own."""
    dice, found = Dice("formatting", "evaluation", kind), dict[str, Question]()
    while len(found) < EACH:
        question = draw(kind, dice)
        found.setdefault(canonical(question.prompt), question)
    return tuple(found.values())


@cache
def _evaluated() -> frozenset[str]:
    return frozenset(canonical(question.prompt) for kind in KINDS for question in _evaluation(kind))
