"""Filler for long contexts: a chronicle of a small town, drawn sentence by sentence from a grammar, none twice.

    "On market day the old cooper mended a cracked barrel behind the mill, because the frost had come early."

Every slot in braces is replaced by one of its options, which may hold slots themselves; the grammar has no cycles. It
has some hundred millions of sentences, so that a context of 32,000 tokens needs no repetition, and it uses no invented
names and no number above three digits, so that nothing in it can be taken for a planted fact.
"""

from __future__ import annotations

import re
from typing import TypeVar

from harness.dice import Dice

T = TypeVar("T")
SLOT = re.compile(r"\{([a-z]+)\}")


def sentences(dice: Dice, size: int) -> list[str]:
    """Return different sentences of `size` characters together, joining blanks counted, or a little less."""
    found: dict[str, None] = {}
    while True:
        sentence = fill(dice, dice.one(GRAMMAR["sentence"]))
        size -= 0 if sentence in found else len(sentence) + 1
        if size < 0:
            return list(found)
        found[sentence] = None


def fill(dice: Dice, pattern: str) -> str:
    """Return a pattern with its slots filled, its first letter a capital."""
    while "{" in pattern:
        pattern = SLOT.sub(lambda slot: dice.one(GRAMMAR[slot[1]]), pattern)
    return pattern[0].upper() + pattern[1:]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


def phrases(text: str) -> tuple[str, ...]:
    """Return what stands between upright bars, line breaks folded."""
    return tuple(" ".join(part.split()) for part in text.split("|"))


GRAMMAR: dict[str, tuple[str, ...]] = {
    "sentence": phrases(
        """{when} {who} {did} {what} {where}.|{who} {did} {what} {where}, {why}.|{weather}, and {who} {did} {what}.
        |{who} told {person} that {person} had {done} {what} {where}.|{why}, {who} {did} {what} and said {quip}.
        |nobody {where} knew how {what} had been {done}, but {person} had {a} guess.|{when} {weather}.
        |{person} asked {who} for {what}, and got {what} instead.
        |{who} was {mood} {when}, for {person} had {done} {what}.|it took {count} {people} to carry {what} {where}.
        |{person} counted {count} {things} {where} and was {mood}.
        |{who} would not sell {what} to {person}, {why}.|{what} stood {where} until {weather}.
        |there was talk {where} of {what} and of {who}.|{person} and {person} {did} {what} together {when}.
        |{who} wrote to {person} about {what}, and {count} letters came back.|{when} {person} lost {what} {where}.
        |{person} never forgave {who}, {why}.|half of the {people} were {mood}, and {who} {did} {what}.
        |{who} promised {person} {what} {when}, and kept the promise.
        |{weather}; still, {person} {did} {what} {where}."""
    ),
    "who": ("{person}", "the {age} {trade}", "a {trade} from {beyond}", "the {trade}'s {kin}", "{person}'s {kin}"),
    "what": ("the {look} {thing}", "a {look} {thing}", "{count} {look} {things}", "the {trade}'s {thing}"),
    "a": ("a", "a wild", "a shrewd", "a poor"),
    "person": words(
        """Ada Ben Clara David Edith Frank Greta Henry Ida Jacob Karin Louis Martha Ned Olive Peter Ruth Simon Tess
        Victor Wilma Agnes Bruno Cecily Dora Ernest Flora Gilbert Hazel Isaac Jane Kurt Lydia Miles Nell Oscar Paula
        Ralph Sarah Tom Ursula Walter Amos Bess Conrad Della Emmet Fanny"""
    ),
    "trade": words(
        """cooper baker miller weaver tanner joiner potter mason clerk nurse teacher ferryman shepherd gardener tailor
        barber carter glazier printer sexton piper fiddler brewer saddler beekeeper chandler thatcher tinker cobbler
        dyer rower huntsman midwife surveyor postman lamplighter"""
    ),
    "people": words("coopers bakers weavers porters sailors pupils cousins neighbours farmhands singers masons rowers"),
    "kin": words("son daughter brother sister uncle aunt nephew niece cousin mother father widow"),
    "age": words("old young tall stout quiet cheerful stubborn careful lame weary clever shy proud thrifty"),
    "look": words(
        """cracked heavy faded narrow crooked polished dusty painted borrowed broken splendid humble square rusty
        woollen wooden striped leaky hollow spotless patched noisy curious plain costly soft bright dented folded
        carved"""
    ),
    "thing": words(
        """barrel ladder clock saddle stove mirror bell plough boat loom table fiddle chest lamp gate wheel cart basket
        blanket kettle map coat drum fence bench hammer anvil oven bucket curtain chimney window desk cradle sledge
        trunk rope sail whistle teapot"""
    ),
    "things": words(
        """barrels ladders clocks saddles stoves mirrors bells boats looms tables fiddles chests lamps gates wheels
        carts baskets blankets kettles maps coats drums benches hammers buckets curtains windows candles loaves cheeses
        apples geese hens jars bottles ropes"""
    ),
    "count": (
        *words("two three four five six seven eight nine ten eleven twelve"),
        "{digit}{digit}",
        "{digit}5{digit}",
    ),
    "digit": words("1 2 3 4 6 7 8 9"),
    "did": words(
        """mended sold found painted borrowed hid admired measured carried washed dropped traded weighed sketched
        repaired inspected returned covered cleaned buried moved lent guarded praised described wanted fetched kept"""
    ),
    "done": words(
        """mended sold found painted borrowed hidden admired measured carried washed dropped traded weighed sketched
        repaired inspected returned covered cleaned buried moved guarded praised described fetched kept"""
    ),
    "where": phrases(
        """behind the mill|in the churchyard|near the lower bridge|on the green|by the canal|in the schoolroom|under the
        arches|at the fair|outside the bakery|in the loft|along the east wall|at the ferry steps|in the {trade}'s yard
        |beside the pond|on the road to {beyond}|at the edge of the wood|in the long barn|behind the {trade}'s shop"""
    ),
    "beyond": phrases("the coast|the hills|the next valley|the capital|the far bank|the islands|the moor|the south"),
    "when": phrases(
        """on market day|before dawn|after the harvest|in the second week of {month}|at noon|late one evening|on the
        last day of {month}|during the thaw|when the shops had closed|after a short quarrel|on the way home
        |in early {month}|while the others slept|at the first frost|between two showers|on a Sunday in {month}
        |towards midnight"""
    ),
    "month": words("January February March April May June July August September October November December"),
    "weather": phrases(
        """the wind had turned to the north|a thin rain fell all afternoon|the river rose by {count} inches|fog lay over
        the fields|the snow began to melt|it had been dry since {month}|the sky cleared towards evening|thunder rolled
        over the hills|the ponds froze in {month}|a warm wind blew from the coast|hail broke {count} panes of glass"""
    ),
    "why": phrases(
        """because the frost had come early|since {person} was away|for {what} had gone missing|although {who} objected
        |because the road to {beyond} was closed|as {person} had always wished|because the price had doubled|since the
        roof leaked again|though {person} called it a waste|because {who} had fallen ill|as was the custom {where}"""
    ),
    "mood": words("pleased furious puzzled relieved tired ashamed amused silent anxious proud merry grateful bored"),
    "quip": phrases(
        """nothing more|that it would do|that {person} should pay|so to everyone|as much to {who}|that winter was long
        |that {what} was worth it|that nobody had asked|little else that day"""
    ),
}
"""Slot -> what may stand there."""
