"""Truth and negation: an answer that is the opposite of the target, and whether a negation of the question explains it.

    "not True or False" -> target False, answer True     negation_ignored: without its `not` the expression is True
    "Which is not a fruit: fig, oven?" -> fig            negation_ignored: another of the things that the question names
    "Is it so?" -> yes for no                            opposite

Opposites are a closed list; expressions of True, False, not, and, or are evaluated by a small reader of their own, with
brackets. Cost: linear in the question, and one more pass for each rule that is tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from harness.failures.relations.pair import Pair

NEGATION = re.compile(
    r"(?i)\b(?:not|never|neither|nor|none|nobody|nothing|nowhere|hardly|barely|scarcely|seldom|rarely|except(?:ion|ing)?"
    r"|exclud(?:e|es|ed|ing)|without|besides|apart from|other than|all but|rather than|incorrect|untrue|wrong"
    r"|impossible|unable|cannot|unlike|unless|lacks?|lacking|fails? to|omit(?:s|ted)?|(?<!or )no|(?<!or )(?<!and )false"
    r"|(?<!at )least|non-?[a-z]{3,20}|un(?!der|i|til|to\b|cle)[a-z]{4,20})\b|[a-z]n['’]t\b"
)
OPPOSITES = (
    ("true", "false"), ("yes", "no"), ("valid", "invalid"), ("plausible", "implausible"), ("most", "least"),
    ("more", "less"), ("more", "fewer"), ("correct", "incorrect"), ("right", "wrong"), ("possible", "impossible"),
    ("before", "after"), ("first", "last"), ("left", "right"), ("up", "down"), ("above", "below"), ("north", "south"),
    ("east", "west"), ("increase", "decrease"), ("increases", "decreases"), ("higher", "lower"), ("high", "low"),
    ("greater", "smaller"), ("greater", "less"), ("larger", "smaller"), ("largest", "smallest"),
    ("biggest", "smallest"),
    ("longest", "shortest"), ("oldest", "youngest"), ("oldest", "newest"), ("hot", "cold"), ("in", "out"),
    ("open", "closed"), ("on", "off"), ("positive", "negative"), ("odd", "even"), ("win", "lose"), ("always", "never"),
    ("all", "none"), ("agree", "disagree"), ("entailment", "contradiction"), ("answer", "decline"), ("buy", "sell"),
    ("maximum", "minimum"), ("max", "min"), ("highest", "lowest"), ("early", "late"), ("earlier", "later"),
)  # fmt: skip
_OPPOSITE = {frozenset(pair) for pair in OPPOSITES}
COMPARES = re.compile(
    r"(?i)[0-9] ?[<>]=? ?[0-9]|\b[a-z]{2,20} than\b|\b(?:exceeds?|outnumbers?|outweighs?|has more|have more)\b"
)
BREAKS = re.compile(
    r"(?i)[.;:?!()]|\b(?:in|on|at|by|of|for|to|from|with|is|are|was|were|has|have|had|before|after|then|later|near"
    r"|beside)\b"
)
EXPRESSION = re.compile(r"(?i)(?:\(\s{0,3}|not\s{1,3}|true\b|false\b|and\b|or\b|\)|\s){3,200}")
TOKEN = re.compile(r"(?i)\(|\)|not\b|true\b|false\b|and\b|or\b")
MOST_TOKENS = 120


def negated(pair: Pair) -> bool:
    """Return whether the question's last 600 characters hold a negation or two; where there are more, none decides."""
    asked = pair.question.partition("Options:")[0]
    return 0 < _negations(asked[-600:]) < 3


@lru_cache(maxsize=256)
def _negations(text: str) -> int:
    return len(NEGATION.findall(text))


def opposite(pair: Pair) -> bool:
    """Return whether target and answer are opposites, or differ by one opposite word or by one `not`."""
    target, answer = pair.target_words[:60], pair.answer_words[:60]
    if not target or not answer:
        return False
    for left, right in ((target, answer), (answer, target)):
        without = [word for word in left if word not in ("not", "no", "never")]
        if len(left) == len(without) + 1 and without == list(right):
            return True
    if len(target) != len(answer):
        return frozenset((target[0], answer[0])) in _OPPOSITE
    apart = [frozenset(pair) for pair in zip(target, answer, strict=True) if pair[0] != pair[1]]
    return len(apart) == 1 and apart[0] in _OPPOSITE


def negation_ignored(pair: Pair) -> bool:
    """Return whether the question is negated and the answer is what it would be without its negation."""
    tokens = expression(pair.question)
    if tokens and opposite(pair):
        bare = [token for token in tokens if token != "not"]
        return bare != tokens and truth(bare) == truth_of(pair.answer)
    if not negated(pair):
        return False
    return opposite(pair) or complement(pair) or rest(pair) or same_list(pair)


def comparison_swapped(pair: Pair) -> bool:
    """Return whether a comparison of the question, without a negation, was answered the other way round."""
    if expression(pair.question) or NEGATION.search(pair.question[-600:]) or truth_of(pair.target) is None:
        return False
    return truth_of(pair.answer) == (not truth_of(pair.target)) and bool(COMPARES.search(pair.question[-600:]))


def left_to_right(pair: Pair) -> bool:
    """Return whether the answer is a Boolean expression's value read from left to right, without precedence."""
    tokens = expression(pair.question)
    if not tokens or "(" in tokens or not opposite(pair):
        return False
    value, operator, negate = None, "", False
    for token in tokens:
        if token == "not":
            negate = not negate
        elif token in ("and", "or"):
            operator = token
        else:
            here = (token == "true") != negate
            negate = False
            value = here if value is None else (value and here) if operator == "and" else (value or here)
    return value is not None and value == truth_of(pair.answer) and value != truth(tokens)


def complement(pair: Pair) -> bool:
    """Return whether target and answer, several words each, have no word in common and the question names them all."""
    target, answer, named = set(pair.target_words), set(pair.answer_words), set(pair.question_words)
    several = len(target) + len(answer) > 2
    return (
        several
        and not pair.options
        and bool(target and answer)
        and not target & answer
        and target <= named
        and answer <= named
    )


def rest(pair: Pair) -> bool:
    """Return whether target and answer are the two parts of a number of the question, and the answer is named there.

    Of 44 kites 16 are new, how many are not new: 16 for 28.
    """
    wanted, got = pair.wanted, pair.got
    return wanted is not None and got is not None and got in pair.given and wanted + got in pair.given


def truth_of(text: str) -> bool | None:
    """Return the truth value that a text consists of."""
    word = text.strip().strip(".").casefold()
    return {"true": True, "yes": True, "false": False, "no": False}.get(word)


@lru_cache(maxsize=256)
def expression(question: str) -> list[str]:
    """Return the tokens of the question's longest Boolean expression; none where there is no operator in it."""
    found = max((one[0] for one in EXPRESSION.finditer(question)), key=len, default="")
    tokens = [token.casefold() for token in TOKEN.findall(found)]
    literals = sum(token in ("true", "false") for token in tokens)
    return tokens if literals and len(tokens) > literals and len(tokens) <= MOST_TOKENS else []


def truth(tokens: Sequence[str]) -> bool | None:
    """Return the value of an expression by Python's precedence; None where it is not well formed."""
    value, place = _either(tokens, 0, 0)
    return value if place == len(tokens) else None


def _either(tokens: Sequence[str], place: int, depth: int) -> tuple[bool | None, int]:
    value, place = _both(tokens, place, depth)
    while place < len(tokens) and tokens[place] == "or":
        right, place = _both(tokens, place + 1, depth)
        value = None if value is None or right is None else value or right
    return value, place


def _both(tokens: Sequence[str], place: int, depth: int) -> tuple[bool | None, int]:
    value, place = _one(tokens, place, depth)
    while place < len(tokens) and tokens[place] == "and":
        right, place = _one(tokens, place + 1, depth)
        value = None if value is None or right is None else value and right
    return value, place


def _one(tokens: Sequence[str], place: int, depth: int) -> tuple[bool | None, int]:
    negate = False
    while place < len(tokens) and tokens[place] == "not":
        negate, place = not negate, place + 1
    if place >= len(tokens) or depth > 40:
        return None, place
    if tokens[place] == "(":
        value, place = _either(tokens, place + 1, depth + 1)
        closed = place < len(tokens) and tokens[place] == ")"
        return (None if value is None or not closed else value != negate), place + closed
    if tokens[place] in ("true", "false"):
        return (tokens[place] == "true") != negate, place + 1
    return None, place


def same_list(pair: Pair) -> bool:
    """Return whether the question names target and answer in one list: with commas, `and` or `or`, and little else."""
    target, answer = pair.target.casefold().strip(" ."), pair.answer.casefold().strip(" .")
    if not target or not answer or target == answer or len(target) + len(answer) > 80 or pair.options:
        return False
    question = pair.question.casefold()
    found = [
        [at.span() for at in re.finditer(rf"(?<!\w){re.escape(one)}(?!\w)", question)][:8] for one in (target, answer)
    ]
    pairs = (sorted((here, there)) for here in found[0] for there in found[1])
    return any(_listed(question[first[1] : second[0]]) for first, second in pairs)


def _listed(between: str) -> bool:
    parts = re.split(r",|\band\b|\bor\b|\bnor\b", between[:200])
    return (
        len(parts) > 1 and len(between) < 120 and not BREAKS.search(between) and all(len(p.split()) < 4 for p in parts)
    )
