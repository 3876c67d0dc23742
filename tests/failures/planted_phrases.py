"""Words of the hard set: topics and phrasings, written for this benchmark alone.

`SEEN` phrasings may be looked at while `harness.failures.relations` is mended; `HELD` ones are only ever measured on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """The words of one topic. Nothing in them goes with a cause."""

    things: tuple[str, ...]
    place: str
    extras: tuple[str, ...]
    """Things that are counted beside the point."""
    people: tuple[str, ...]
    item: str
    small: str
    big: str
    factor: int
    """`small` in one `big`."""
    kind: str
    members: tuple[str, ...]
    strangers: tuple[str, ...]


TOPICS: Mapping[str, Topic] = {
    "kitchen": Topic(
        ("plums", "rolls", "dumplings"), "pantry", ("spoons", "lids"), ("Mirna", "Otto"), "sack of flour", "g", "kg",
        1000, "vegetable", ("leek", "carrot", "turnip"), ("teapot", "saucer"),
    ),
    "rail": Topic(
        ("tickets", "wagons", "parcels"), "platform", ("benches", "clocks"), ("Petra", "Anselm"), "stretch of track",
        "m", "km", 1000, "vehicle", ("tram", "lorry", "bus"), ("lantern", "whistle"),
    ),
    "garden": Topic(
        ("tulips", "bulbs", "seedlings"), "greenhouse", ("rakes", "pots"), ("Ilse", "Bruno"), "bean pole", "cm", "m",
        100, "tree", ("birch", "larch", "alder"), ("gravel", "trowel"),
    ),
    "studio": Topic(
        ("sketches", "brushes", "canvases"), "loft", ("easels", "lamps"), ("Lavinia", "Theo"), "sitting", "min", "h",
        60, "colour", ("ochre", "crimson", "teal"), ("hinge", "stool"),
    ),
    "harbour": Topic(
        ("crates", "nets", "buoys"), "pier", ("gulls", "ropes"), ("Solveig", "Matteo"), "barrel", "ml", "l", 1000,
        "fish", ("herring", "perch", "cod"), ("anchor", "compass"),
    ),
    "library": Topic(
        ("novels", "maps", "scrolls"), "reading room", ("chairs", "plants"), ("Hedwig", "Rufus"), "shelf", "mm", "cm",
        10, "language", ("Danish", "Tamil", "Welsh"), ("ledger", "bookmark"),
    ),
}  # fmt: skip

SEEN: Mapping[str, tuple[str, ...]] = {
    "remain": (
        "{who} starts the day with {a} {things} and parts with {b} of them. The {place} has {c} {extra}. What number of"
        " {things} does {who} keep?",
        "There are {a} {things} at first; {b} disappear. Somebody counts {c} {extra} nearby. How many {things} remain?",
    ),
    "share": (
        "{a} {things} go evenly into {b} lots; the {place} shows {c} {extra}. How many {things} are in a lot?",
        "{who} splits {a} {things} fairly among {b} people, watched by {c} {extra}. What does each person get?",
    ),
    "change": (
        "The count of {things} at the {place} was {a} and is {b} now, beside {c} {extra}. By how much did it change?"
        " Negative if it fell.",
    ),
    "measure": (
        "One {item} measures {a} {small}, another {b} {small}; {c} {extra} are near. State the difference with its"
        " unit.",
    ),
    "convert": ("A {item} is given as {a} {big}, and {c} {extra} stand by it. How many {small} is that?",),
    "unlike": (
        "Of {a} {things} in the {place}, {b} are new. There are {c} {extra} too. How many {things} are not new?",
    ),
    "pick": (
        "{who} has a {one}, a {two} and a {three} before the {place}, and later a {extra}. Which of the first three is"
        " not a {kind}?",
    ),
    "truth": (
        "{who} counts {a} {things}, the {place} holds {b}. Is it false that {who} has more? Yes or no.",
        "Are {a} {things} not fewer than {b}? Yes or no.",
    ),
    "larger": ("{who} counts {a} {things}, the {place} holds {b}. Does {who} have more? Yes or no.",),
}
HELD: Mapping[str, tuple[str, ...]] = {
    "remain": (
        "{who} takes {b} away from a stock of {a} {things}; {c} {extra} are no part of it. What is left of the"
        " {things}?",
        "Out of {a} {things}, {b} got lost while {c} {extra} stood around. Give the count of {things} still there.",
    ),
    "share": (
        "Each of {b} helpers is to receive the same number out of {a} {things} that came with {c} {extra}. Which number"
        " is it?",
        "If {b} equal rows hold {a} {things} and {c} {extra} are put aside, how long is one row?",
    ),
    "change": (
        "Yesterday's tally of {things} read {a}, today's reads {b}; {c} {extra} were seen. State today's tally minus"
        " yesterday's.",
    ),
    "measure": (
        "By what quantity does a {item} of {a} {small} exceed one of {b} {small}, if {c} {extra} are ignored? Write"
        " number and unit.",
    ),
    "convert": ("Express {a} {big} of a {item} in {small}; the {c} {extra} do not matter.",),
    "unlike": (
        "{who} owns {a} {things}, among which {b} are painted; {c} {extra} hang there. Tell the number of unpainted"
        " {things}.",
        "Without the {b} broken ones, how many of the {a} {things} are there, next to {c} {extra}?",
    ),
    "pick": (
        "At the {place} lie {one}, {two} and {three}; a {extra} is brought. Name the one of the three that isn't any"
        " {kind}.",
        "All but one of {one}, {two}, {three} belong to the sort {kind}; {who} carries a {extra}. Which is the"
        " exception?",
    ),
    "truth": (
        "{who} claims that {a} {things} never exceed {b}. Is the claim right? Yes or no.",
        "Would it be wrong to say that {a} {things} outnumber {b}? Yes or no.",
    ),
    "larger": ("Do {a} {things} outnumber {b}? Yes or no.",),
}
