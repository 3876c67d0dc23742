"""The puzzles: sentences that are planted in the filler, a question about them, and what a right answer names.

    needle  one number under one name
    keys    eight numbers under eight names, three of them asked for in a given order
    values  four numbers under one name (and four under another), all four asked for, in any order
    hops    a chain of two to four links that ends at a number, beside a decoy chain
    first   five guilds with the year of their founding: which of three is the oldest
    sort    six guilds with the year of their founding: four of them in the order of their years

Numbers have six digits and years four, names are invented or pairs of words that the filler does not have together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from harness.dice import Dice

from .prose import words

MATERIALS = words("""copper silver oak amber iron velvet marble cedar ivory brass linen granite pewter bamboo leather
    crystal bronze walnut cotton jade slate satin ebony willow coral maple tin quartz felt pearl""")
OBJECTS = words("""lantern falcon anchor violin compass parasol turtle goblet beacon dagger sundial puppet lighthouse
    telescope helmet raven trumpet chariot otter casket dolphin banner pendant harp gazelle obelisk globe shield lynx
    brooch""")
ONSETS = words("Tr Or Dun Vesk Kor Mal Zel Bry Fen Gal Hask Ith Jor Lum Nev Pel Quor Rask Sol Ul Wex Yar Cald Eld")
ENDS = words("ell vik mar in os und eth ara ock ily ane ud ivar est omir")


@dataclass(frozen=True)
class Puzzle:
    """What is planted and what is asked."""

    facts: tuple[str, ...]
    """Sentences to plant, in the order in which they stand in the text."""
    question: str
    """With how to answer."""
    target: tuple[str, ...]
    """The numbers or names of a right answer."""
    candidates: tuple[str, ...] = ()
    """All names that an answer may hold; empty where it holds numbers."""
    order: str = "any"
    """`any`, `given` (one place for each) or `sorted` (right pairs count)."""
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> list[str]:
        """What makes the puzzle, wherever it is planted: its facts and its question."""
        return [*sorted(self.facts), self.question]


def needle(dice: Dice) -> Puzzle:
    """One number under one name."""
    (key,), (number,) = _keys(dice, 1), _numbers(dice, 1)
    question = f"What is the ledger number of the {key}? Answer with the number alone."
    return Puzzle((_entry(key, number),), question, (number,))


def keys(dice: Dice) -> Puzzle:
    """Eight numbers under eight names, three asked for."""
    table = dict(zip(_keys(dice, 8), _numbers(dice, 8), strict=True))
    a, b, c = asked = dice.some(tuple(table), 3)
    question = (
        f"What are the ledger numbers of the {a}, of the {b} and of the {c}? {_how('three numbers', 'in this order')}"
    )
    facts = tuple(_entry(key, number) for key, number in table.items())
    return Puzzle(facts, question, tuple(table[key] for key in asked), order="given")


def values(dice: Dice) -> Puzzle:
    """Four numbers under one name, all asked for; four more under another."""
    (key, other), numbers = _keys(dice, 2), _numbers(dice, 8)
    facts = [f"One of the ledger numbers of the {key} is {number}." for number in numbers[:4]]
    facts += [f"One of the ledger numbers of the {other} is {number}." for number in numbers[4:]]
    question = f"Which four ledger numbers does the {key} have? {_how('four numbers', 'in any order')}"
    return Puzzle(tuple(dice.some(facts, 8)), question, tuple(numbers[:4]))


def hops(dice: Dice) -> Puzzle:
    """A chain of links to a number, beside a decoy chain of the same length."""
    links = 2 + dice.below(3)
    names, numbers = _names(dice, 2 * links + 2), _numbers(dice, 2)
    facts = []
    for chain, number in ((names[: links + 1], numbers[0]), (names[links + 1 :], numbers[1])):
        facts.append(f"Dial {chain[0]} is set to {number}.")
        facts += [f"Dial {here} shows whatever dial {before} shows." for before, here in pairwise(chain)]
    question = f"Which number does dial {names[links]} show? Answer with the number alone."
    return Puzzle(tuple(dice.some(facts, len(facts))), question, (numbers[0],), tags=(("hops", str(links)),))


def first(dice: Dice) -> Puzzle:
    """The oldest of three guilds."""
    years = _years(dice, 5)
    asked = dice.some(tuple(years), 3)
    question = (
        f"Which guild was founded first: that of {asked[0]}, that of {asked[1]} or that of {asked[2]}? "
        "Answer with the name of the place alone."
    )
    return Puzzle(_founded(years), question, (min(asked, key=years.__getitem__),), tuple(years), "sorted")


def sort(dice: Dice) -> Puzzle:
    """Four guilds by age."""
    years = _years(dice, 6)
    asked = dice.some(tuple(years), 4)
    places = ", ".join(asked[:3])
    question = (
        f"In which order were the guilds of {places} and {asked[3]} founded, the oldest first? "
        f"{_how('names of the four places', 'in this order')}"
    )
    return Puzzle(_founded(years), question, tuple(sorted(asked, key=years.__getitem__)), tuple(years), "sorted")


TASKS: Mapping[str, Callable[[Dice], Puzzle]] = {
    "needle": needle,
    "keys": keys,
    "values": values,
    "hops": hops,
    "first": first,
    "sort": sort,
}


def _how(what: str, order: str) -> str:
    return f"Answer with the {what} alone, {order}, separated by commas."


def _entry(key: str, number: str) -> str:
    return f"The ledger number of the {key} is {number}."


def _founded(years: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"The guild of {place} was founded in the year {year}." for place, year in years.items())


def _keys(dice: Dice, count: int) -> list[str]:
    pairs = zip(dice.some(MATERIALS, count), dice.some(OBJECTS, count), strict=True)
    return [f"{material} {thing}" for material, thing in pairs]


def _numbers(dice: Dice, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[str(100_000 + dice.below(900_000))] = None
    return list(found)


def _names(dice: Dice, count: int) -> list[str]:
    # No two share their first syllable, so that none is nearly another.
    return [onset + dice.one(ENDS) for onset in dice.some(ONSETS, count)]


def _years(dice: Dice, count: int) -> dict[str, int]:
    years = [1100 + year for year in dice.some(range(800), count)]
    return dict(zip(_names(dice, count), years, strict=True))
