"""How a wrong text lies to the right one: form, order, parts, keys and values, what it was copied from.

    "fig oven pea" for "pea oven fig"           reversed_order       "oven fig pea": wrong_order
    "Ana and Bo" for "Bo and Ana"               sides_swapped        two parts
    {"Ana": "name"} for {"name": "Ana"}         keys_and_values
    "Mirel, Tosk" for "Mirel"                   part_extra
    "mirel." for "Mirel"                        form

Every function takes a `Pair` and answers yes or no. Cost: linear in words (sorting aside); JSON is compared leaf by
leaf, at most 200 of them.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.failures.relations.logic import same_list
from harness.failures.relations.pair import Pair, leaves, words

MEASURED = re.compile(r"[-−]?[0-9][0-9.,]{0,30}\s{0,3}([^\W\d_]{1,20})\.?")
"""A number and its unit."""
OPERATORS = re.compile(r"[-+*/<>=!%^&|~]")
FOLD = re.compile(r"[\W_]+")
CONNECTIVE = re.compile(
    r"(?i)\s+(?:and|or|to|of|than|from|by|over|before|after|versus|vs)\s+|\s*(?:->|=>|,|;|:|=|<|>)\s*"
)
LOOP_CHARS, LOOP_RATIO = 240, 0.12
"""A text at least so long that shrinks below this share when compressed says the same again and again."""


def form(pair: Pair) -> bool:
    """Return whether the two are equal but for case, punctuation (operators are none), blanks, articles or accents."""
    if not pair.answer or pair.target == pair.answer:
        return False
    if pair.wanted is not None and pair.got is not None:
        return pair.wanted == pair.got and not other_unit(pair)
    if OPERATORS.findall(pair.target) != OPERATORS.findall(pair.answer):
        return False
    return bool(pair.target_words) and (
        pair.target_words == pair.answer_words or folded(pair.target) == folded(pair.answer) != ""
    )


def other_unit(pair: Pair) -> bool:
    """Return whether both sides are the same number, each with one word behind it, and the words differ."""
    found = [MEASURED.fullmatch(text.strip()) for text in (pair.target[:80], pair.answer[:80])]
    if pair.wanted is None or pair.wanted != pair.got or not all(found):
        return False
    left, right = (one[1].casefold() for one in found if one)
    return left.rstrip("s") != right.rstrip("s")


def wrapped(pair: Pair) -> bool:
    """Return whether the answer holds the target's words in a row, and others around them."""
    return len(pair.answer_words) > len(pair.target_words) and _within(pair.target_words, pair.answer_words)


def cut(pair: Pair) -> bool:
    """Return whether the target holds the answer's words in a row, and others around them."""
    return len(pair.target_words) > len(pair.answer_words) and _within(pair.answer_words, pair.target_words)


def reversed_order(pair: Pair) -> bool:
    """Return whether the answer is the target from last to first: three parts or more."""
    parts = pair.target_words
    return len(parts) > 2 and parts[::-1] == pair.answer_words != parts


def wrong_order(pair: Pair) -> bool:
    """Return whether both have the same words, more than one, in another order."""
    return (
        len(pair.target_words) > 1
        and pair.target_words != pair.answer_words
        and (Counter(pair.target_words) == Counter(pair.answer_words))
    )


def as_given(pair: Pair) -> bool:
    """Return whether the answer's words stand in the question just so, where the target's order is another."""
    return wrong_order(pair) and _within(pair.answer_words, pair.question_words)


def sides_swapped(pair: Pair) -> bool:
    """Return whether the two halves around a connective (and, of, to, <, =) have changed places."""
    target, answer = (CONNECTIVE.split(text.strip(" .")) for text in (pair.target[:400], pair.answer[:400]))
    if len(target) != 2 or len(answer) != 2:
        return False
    left, right = ([folded(part) for part in parts] for parts in (target, answer))
    return left != right and left == right[::-1] and all(left)


def part_missing(pair: Pair) -> bool:
    """Return whether the answer lacks some of the target's words and has none of its own."""
    wanted, got = Counter(pair.target_words), Counter(pair.answer_words)
    return bool(got) and bool(wanted - got) and not got - wanted


def part_extra(pair: Pair) -> bool:
    """Return whether the answer has all of the target's words and up to three of its own."""
    wanted, got = Counter(pair.target_words), Counter(pair.answer_words)
    return bool(wanted) and not wanted - got and 0 < (got - wanted).total() <= 3


def one_differs(pair: Pair) -> bool:
    """Return whether just one of at least three words is another."""
    wanted, got = pair.target_words, pair.answer_words
    return (
        len(wanted) == len(got) > 2 and not pair.options and sum(x != y for x, y in zip(wanted, got, strict=True)) == 1
    )


def misspelt(pair: Pair) -> bool:
    """Return whether two single words differ by one letter, dropped, added, changed or exchanged."""
    left, right = folded(pair.target), folded(pair.answer)
    if min(len(left), len(right)) < 4 or left == right or abs(len(left) - len(right)) > 1 or pair.wanted is not None:
        return False
    start = next((i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(left), len(right)))
    left, right = left[start:], right[start:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[:2][::-1] and left[2:] == right[2:])
    )


def copied_words(pair: Pair) -> bool:
    """Return whether the answer stands in the question word for word, and the target not beside it in a list."""
    answer, question = pair.answer_words, pair.question_words
    fits = bool(answer) and len(answer) <= 12 and pair.got is None and _within(answer, question)
    aside = pair.options or answer == pair.target_words or wrong_order(pair)
    return fits and not aside and not same_list(pair)


def mentioned_option(pair: Pair) -> bool:
    """Return whether the chosen option's words stand in the question, and the right one's do not."""
    if not (pair.letters[0] and pair.letters[1]) or pair.letters[0] == pair.letters[1]:
        return False
    body = pair.question_words[: _options_at(pair)]
    return _within(pair.answer_words, body) and not _within(pair.target_words, body)


def keys_and_values(pair: Pair) -> bool:
    """Return whether keys and values of an object have changed places, or two of its values have."""
    wanted, got = pair.target_value, pair.answer_value
    if not isinstance(wanted, Mapping) or not isinstance(got, Mapping) or wanted == got:
        return False
    if {str(value): str(key) for key, value in wanted.items()} == {str(key): str(value) for key, value in got.items()}:
        return True
    left, right = leaves(wanted), leaves(got)
    return (
        left.keys() == right.keys()
        and left != right
        and (sorted(map(repr, left.values())) == sorted(map(repr, right.values())))
    )


def said_elsewhere(pair: Pair) -> bool:
    """Return whether the right answer stands in the text and not in the question, though another or none was read.

    Answers that chance puts anywhere are left out: options, truth values, small numbers, words of three letters.
    """
    target = pair.target.strip().casefold()
    common = len(folded(target)) < (3 if pair.wanted is not None else 4) or target in (
        "true",
        "false",
        "valid",
        "invalid",
    )
    if common or pair.options or target == pair.answer.strip().casefold() or len(pair.target) > 300:
        return False
    there = re.compile(rf"(?<![\w.]){re.escape(target)}(?!\w|\.[0-9])")
    return bool(there.search(pair.text.casefold())) and not there.search(pair.question.casefold())


def loop(pair: Pair) -> bool:
    """Return whether the text repeats itself: it shrinks to an eighth when compressed."""
    raw = pair.text.encode("utf-8", "replace")
    return len(raw) >= LOOP_CHARS and len(zlib.compress(raw, 1)) < LOOP_RATIO * len(raw)


def other_script(pair: Pair) -> bool:
    """Return whether most letters of the text belong to another script than those of the question."""
    here, there = script(pair.question), script(pair.text or pair.answer)
    return bool(here and there) and here != there


def script(text: str) -> str:
    """Return the script of most letters among the first 400 characters (`LATIN`, `CYRILLIC`, `CJK`, ..), or nothing."""
    if text.isascii():
        return "LATIN" if sum(map(str.isalpha, text[:400])) > 5 else ""
    found = Counter(unicodedata.name(one, "?").partition(" ")[0] for one in text[:400] if one.isalpha())
    return found.most_common(1)[0][0] if found.total() > 5 else ""


def folded(text: str) -> str:
    """Return letters and digits alone, lower case, without accents."""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text)
    return FOLD.sub("", plain).casefold()


def json_difference(wanted: Any, got: Any) -> str:
    """Return what is wrong with a JSON value, the first of: keys, types, order, values; empty where nothing is."""
    if type(wanted) is not type(got):
        return "container"
    left, right = leaves(wanted), leaves(got)
    if left.keys() != right.keys():
        missing, extra = left.keys() - right.keys(), right.keys() - left.keys()
        return "keys renamed" if missing and extra else "keys missing" if missing else "keys added"
    apart = [
        key for key in left if left[key] != right[key] or isinstance(left[key], bool) != isinstance(right[key], bool)
    ]
    if not apart:
        return "order" if list(left) != list(right) else ""
    if all(str(left[key]).casefold() == str(right[key]).casefold() for key in apart):
        return "types"
    return "one value" if len(apart) == 1 else "values"


def _options_at(pair: Pair) -> int:
    """Return before how many words the question's own list of options begins."""
    return len(words(pair.question.partition("Options:")[0]))


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return bool(part) and f" {' '.join(part)} " in f" {' '.join(whole)} "
