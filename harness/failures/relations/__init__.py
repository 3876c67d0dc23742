"""The closed list of relations between a wrong answer and the right one, the most telling first, each with its phrase.

    related(Pair(question="Ana has 3, Bo 15 ..", target="12", answer="-12", text=".."))
      -> ("sign",)                                   "the right size with the wrong sign"

A relation is a small pure function of a `Pair` (`arithmetic`, `logic`, `wording`, `programs`). Several may hold: an
answer of 1 for 0 is one off, and perhaps a number of the question too. All that hold are told, in the order of the
list; the first is the one that chance explains least. Cost: some 0.1 ms a pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.failures.relations import arithmetic, logic, programs, units, wording
from harness.failures.relations.pair import Pair


@dataclass(frozen=True)
class Relation:
    """One way in which an answer can be wrong."""

    name: str
    holds: Callable[[Pair], bool]
    phrase: str
    """What it means: no word of it comes from question, target or answer."""


def _program(*found: str) -> Callable[[Pair], bool]:
    def holds(pair: Pair) -> bool:
        return "def " in pair.target and programs.difference(pair.target, pair.answer) in found

    return holds


RELATIONS: tuple[Relation, ...] = (
    Relation("form", wording.form, "right content written in another form: case, punctuation or spacing"),
    Relation("code_swapped", _program("operands swapped"), "operands swapped: the two sides of an operator exchanged"),
    Relation("swapped", arithmetic.swapped, "operands swapped: the computation taken the wrong way round"),
    Relation("comparison_swapped", logic.comparison_swapped, "operands swapped: the comparison taken the wrong way"),
    Relation("keys_and_values", wording.keys_and_values, "operands swapped: keys and values exchanged places"),
    Relation("sides_swapped", wording.sides_swapped, "operands swapped: the two halves exchanged sides"),
    Relation("code_sign", _program("a sign exchanged"), "sign error: plus and minus exchanged"),
    Relation("sign", arithmetic.sign, "sign error: the right size with the wrong sign"),
    Relation(
        "code_negated", _program("a comparison negated"), "negation ignored: a comparison turned into its opposite"
    ),
    Relation("left_to_right", logic.left_to_right, "precedence ignored: evaluated from left to right"),
    Relation("negation_ignored", logic.negation_ignored, "negation ignored: answered as if nothing were negated"),
    Relation("unit", units.unit, "wrong unit: off by the factor of a unit conversion"),
    Relation(
        "code_off_by_one",
        _program("a bound off by one", "a constant off by one"),
        "off by one: a bound or constant too far",
    ),
    Relation("off_by_one", arithmetic.off_by_one, "off by one: a single step too many or too few"),
    Relation("copied_number", arithmetic.copied_number, "copied distractor: a number of the question given back"),
    Relation("mentioned_option", wording.mentioned_option, "copied distractor: the option that repeats the question"),
    Relation("copied_words", wording.copied_words, "copied distractor: words of the question given back"),
    Relation("power_of_ten", arithmetic.power_of_ten, "decimal point misplaced: off by a power of ten"),
    Relation("operation", arithmetic.operation, "wrong operation on the right operands"),
    Relation("digits", arithmetic.digits, "digits transposed, dropped or mistyped"),
    Relation("rounded", arithmetic.rounded, "rounded or cut to other places"),
    Relation("double", arithmetic.double, "twice or half as much"),
    Relation("near", arithmetic.near, "a near miss within a tenth"),
    Relation("other_number", arithmetic.other_number, "confused with the other number of the question"),
    Relation("opposite", logic.opposite, "the opposite verdict"),
    Relation("reversed_order", wording.reversed_order, "all parts there in exactly reversed order"),
    Relation("as_given", wording.as_given, "all parts there left in the given order"),
    Relation("wrong_order", wording.wrong_order, "all parts there in the wrong order"),
    Relation("wrapped", wording.wrapped, "right content wrapped in extra text"),
    Relation("part_extra", wording.part_extra, "one part too many"),
    Relation("part_missing", wording.part_missing, "some parts missing"),
    Relation("cut", wording.cut, "only a piece of the right content"),
    Relation("misspelt", wording.misspelt, "misspelt by one letter"),
    Relation("one_differs", wording.one_differs, "a single part differs among several"),
    Relation("other_candidate", logic.same_list, "confused with another candidate named in the question"),
    Relation(
        "code_other",
        _program("another operator", "another constant", "another name"),
        "one operator, constant or name differs",
    ),
    Relation(
        "said_elsewhere", wording.said_elsewhere, "the right content stands in the text but was not given as the result"
    ),
)
"""Order: how unlikely it is to hold by chance, as far as known."""
PHRASES = {relation.name: relation.phrase for relation in RELATIONS}


def related(pair: Pair) -> tuple[str, ...]:
    """Return the names of all relations that hold, in the order of `RELATIONS`; none where there is no answer."""
    if not pair.target or not pair.answer:
        return ("said_elsewhere",) if pair.target and wording.said_elsewhere(pair) else ()
    return tuple(relation.name for relation in RELATIONS if relation.holds(pair))
