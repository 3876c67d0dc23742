"""Questions of structured output: facts of an invented world, what is asked of them, and the form of the answer.

    draw("tags", dice) -> Question(
        facts="Ada is 34 years old, works as a baker and lives in Oslo. ...",
        question="Where does Ada live?", form=[{"kind": "tags", "tag": "out"}, {"kind": "line"}], target="Oslo",
        groups=[["Oslo"]], universe=["Oslo", "Lima", ..])

Every question is easy by itself, so that what fails is the form or the reading of four facts, and the two can be told
apart. `KINDS` maps a kind to its drawing function. Nothing here is taken from a data set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.dice import Dice

from . import forms
from .words import AGES, CITIES, JOBS, LANGUAGES, NAMES, PLACES, PREFIXES, SUFFIXES, TAGS, THINGS

T = TypeVar("T")
Layers = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """A question with everything needed to score an answer. JSON data."""

    facts: str
    question: str
    form: Layers
    target: Any
    """The value that the body must hold; for prose the words that it must mention."""
    groups: list[list[str]]
    """The words of the right answer in their order, by record."""
    universe: list[str]
    """Every word that an answer could be made of: one that is not asked for makes it wrong."""
    reference: str
    """An answer that is right."""

    @property
    def prompt(self) -> str:
        """The raw prompt: facts, question, form."""
        return f"{self.facts}\n\n{self.question}\n{forms.ask(self.form)}\n"


@dataclass(frozen=True)
class Person:
    """Somebody of the invented world."""

    name: str
    age: int
    job: str
    city: str

    @property
    def fact(self) -> str:
        """A sentence that tells all."""
        return f"{self.name} is {self.age} years old, works as a {self.job} and lives in {self.city}."


def people(dice: Dice, count: int) -> list[Person]:
    """Return people who share nothing."""
    drawn = (dice.some(words, count) for words in (NAMES, AGES, JOBS, CITIES))
    return [Person(*each) for each in zip(*drawn, strict=True)]


def told(who: Sequence[Person]) -> str:
    """Return the facts of people as a text."""
    return " ".join(person.fact for person in who)


def words_of(who: Sequence[Person]) -> list[str]:
    """Return every word that is said of people."""
    return [str(word) for person in who for word in (person.name, person.age, person.job, person.city)]


def records(dice: Dice, body: Callable[[Sequence[str], list[Person]], dict[str, Any]], wrap: Layers) -> Question:
    """Return a question for all people as records of two to four fields, the first of which is the name."""
    who = people(dice, dice.between(2, 4))
    fields = ["name", *dice.some(("age", "job", "city"), dice.between(1, 3))]
    rows = [[str(getattr(person, field)) for field in fields] for person in who]
    layer = body(fields, who)
    target: Any = rows
    if layer["kind"] == "json":
        target = {"people": [{field: getattr(person, field) for field in fields} for person in who]}
    form = [*wrap, layer]
    question = f"Give the {', '.join(fields[:-1])} and {fields[-1]} of all people, in the order of the text."
    return Question(told(who), question, form, target, rows, words_of(who), forms.write(form, target))


def json_body(fields: Sequence[str], who: Sequence[Person]) -> dict[str, Any]:
    """Return the layer of JSON with the schema of these records."""
    kinds = {field: {"type": "integer" if field == "age" else "string"} for field in fields}
    one = {"type": "object", "properties": kinds, "required": list(fields), "additionalProperties": False}
    many = {"type": "array", "items": one, "minItems": len(who), "maxItems": len(who)}
    schema = {"type": "object", "properties": {"people": many}, "required": ["people"], "additionalProperties": False}
    return {"kind": "json", "schema": schema}


def csv_body(separator: str) -> Callable[[Sequence[str], list[Person]], dict[str, Any]]:
    """Return the maker of a layer of CSV."""
    return lambda fields, who: {"kind": "csv", "separator": separator, "fields": list(fields), "count": len(who)}


def table_body(fields: Sequence[str], who: Sequence[Person]) -> dict[str, Any]:
    """Return the layer of a Markdown table."""
    return {"kind": "table", "fields": list(fields), "count": len(who)}


def items(dice: Dice, layer: Mapping[str, Any], wrap: Layers) -> Question:
    """Return a question for the things in one place, in one of three orders; another place holds others."""
    count = dice.between(3, 6)
    there, elsewhere = dice.some(PLACES, 2)
    things = dice.some(THINGS, count + 2)
    inside, outside = things[:count], things[count:]
    order = dice.one(("in the order of the text", "in alphabetical order", "in reverse order of the text"))
    target = {"in the order of the text": inside, "in alphabetical order": sorted(inside)}.get(order, inside[::-1])
    facts = [f"In the {there} there are these things: {', '.join(inside)}."]
    facts.insert(dice.between(0, 1), f"In the {elsewhere} there are these things: {', '.join(outside)}.")
    form = [*wrap, {**layer, "count": count}]
    question = f"List the things in the {there}, {order}."
    return Question(" ".join(facts), question, form, target, [[t] for t in target], things, forms.write(form, target))


def answer(dice: Dice, wrap: Layers) -> Question:
    """Return a question for one word about one of several people."""
    who = people(dice, dice.between(3, 4))
    asked, field = dice.one(who), dice.one(("job", "city", "age"))
    said = {"job": "What is the job of {}?", "city": "In which city does {} live?", "age": "How old is {}, in years?"}
    target, form = str(getattr(asked, field)), [*wrap, {"kind": "line"}]
    universe = [str(getattr(person, field)) for person in who]
    question = said[field].format(asked.name)
    return Question(told(who), question, form, target, [[target]], universe, forms.write(form, target))


def headings(dice: Dice) -> Question:
    """Return a question for a heading per person with one fact below."""
    who, field = people(dice, dice.between(2, 4)), dice.one(("job", "city"))
    rows = [[person.name, str(getattr(person, field))] for person in who]
    form: Layers = [{"kind": "headings", "level": dice.between(1, 3), "field": field, "count": len(who)}]
    question = f"Give the {field} of all people, in the order of the text."
    return Question(told(who), question, form, rows, rows, words_of(who), forms.write(form, rows))


def bold(dice: Dice) -> Question:
    """Return a question for the same text with one field in bold."""
    who, field = people(dice, dice.between(2, 4)), dice.one(("name", "job", "city"))
    target = [str(getattr(person, field)) for person in who]
    form: Layers = [{"kind": "bold", "field": field, "count": len(who), "text": told(who)}]
    question = f"Mark the {field} of all people."
    universe = [str(getattr(person, field)) for person in who]
    return Question(told(who), question, form, target, [[t] for t in target], universe, forms.write(form, target))


def described(dice: Dice, unit: str) -> Question:
    """Return a question for a text about one person within a limit of words, sentences or characters."""
    who = people(dice, dice.between(2, 3))
    p = dice.one(who)
    full = f"{p.name} is a {p.job} of {p.age} years from {p.city}."
    parts = [f"{p.name} is {p.age} years old.", f"{p.name} works as a {p.job}.", f"{p.name} lives in {p.city}."]
    reference = " ".join(parts) if unit == "sentences" and dice.between(0, 1) else full
    used = {"words": len(reference.split()), "characters": len(reference)}.get(unit, forms.sentence_count(reference))
    room = 0 if unit == "sentences" else dice.between(0, 2) if unit == "words" else dice.between(5, 30)
    low = used if unit == "sentences" or (unit == "words" and dice.between(0, 1)) else 0
    high = low or used + room
    while not low and str(high) in words_of(who):
        high += 1  # a limit that reads like somebody's age would make form and content share a word
    form: Layers = [{"kind": unit, "low": low, "high": high}, {"kind": "prose"}]
    target = [p.name, str(p.age), p.job, p.city]
    question = f"Say of {p.name} the age, the job and the city, and nothing of the others."
    return Question(told(who), question, form, target, [target], words_of(who), reference)


def tags(dice: Dice) -> dict[str, Any]:
    """Return a layer of tags."""
    return {"kind": "tags", "tag": dice.one(TAGS)}


def fence(dice: Dice, language: str = "") -> dict[str, Any]:
    """Return a layer of a code block."""
    return {"kind": "fence", "language": language or dice.one(LANGUAGES)}


def affixes(dice: Dice) -> Layers:
    """Return a prefix, a suffix, or both."""
    both: Layers = [{"kind": "prefix", "text": dice.one(PREFIXES)}, {"kind": "suffix", "text": dice.one(SUFFIXES)}]
    return [both, both[:1], both[1:]][dice.between(0, 2)]


def several(dice: Dice) -> Question:
    """Return a question with two to four layers at once."""
    numbered, bullets = {"kind": "numbered"}, {"kind": "bullets", "mark": dice.one("-*+")}
    return [
        lambda: records(dice, json_body, [tags(dice), fence(dice, "json")]),
        lambda: records(dice, csv_body(dice.one(",;")), [*affixes(dice), fence(dice, "csv")]),
        lambda: records(dice, table_body, [*affixes(dice), tags(dice)]),
        lambda: items(dice, numbered, [*affixes(dice), {"kind": "characters", "high": dice.between(90, 120)}]),
        lambda: items(dice, bullets, [tags(dice), fence(dice)]),
        lambda: answer(dice, [*affixes(dice), tags(dice), {"kind": "quotes"}]),
    ][dice.between(0, 5)]()


KINDS: Mapping[str, Callable[[Dice], Question]] = {
    "json": lambda dice: records(dice, json_body, []),
    "csv": lambda dice: records(dice, csv_body(dice.one(",;")), []),
    "table": lambda dice: records(dice, table_body, []),
    "numbered": lambda dice: items(dice, {"kind": "numbered"}, []),
    "bullets": lambda dice: items(dice, {"kind": "bullets", "mark": dice.one("-*+")}, []),
    "headings": headings,
    "bold": bold,
    "words": lambda dice: described(dice, "words"),
    "sentences": lambda dice: described(dice, "sentences"),
    "characters": lambda dice: described(dice, "characters"),
    "tags": lambda dice: answer(dice, [tags(dice)]),
    "quotes": lambda dice: answer(dice, [{"kind": "quotes"}]),
    "fence": lambda dice: answer(dice, [fence(dice)]),
    "affixes": lambda dice: answer(dice, affixes(dice)),
    "several": several,
}


def draw(kind: str, dice: Dice) -> Question:
    """Return a question of a kind."""
    return KINDS[kind](dice)
