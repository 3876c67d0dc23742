"""Near-copies of samples, as generated rows hold them: planted from seeds, by kind.

    copies(item, dice)["recased"]  -> {"prompt": "question: WHAT IS ..", "completion": ".."}

Template paraphrases have three degrees: `wrapped` (the question in one of many templates, its choices marked, ordered
and set out otherwise), `reworded` (that, and for two words in three of those that have one a synonym, other names of
people, contractions, numbers as words) and `retold` (reworded, sentences moved, one word in twelve left out).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from harness.dice import Dice
from improve.curation import text
from improve.curation.kept_out import Item

SHORTEST = 4
"""Words of a question below which everybody asks it ("hi there")."""
LETTERS = "ABCDEFGHIJ"
PROSE = ("verbatim", "recased", "reordered", "wrapped", "reworded", "retold")
TABLE = """
    buys/purchases bought/purchased sells/offers sold/vended makes/produces made/produced gets/receives
    got/received big/large large/big small/little many/numerous total/overall difference/gap following/below
    correct/right describes/characterises best/most statement/claim statements/claims true/accurate false/untrue
    begin/start starts/begins costs/is-priced-at price/cost house/home children/kids child/kid people/persons
    person/individual gives/hands gave/handed takes/grabs needs/requires need/require wants/wishes
    shows/displays likely/probable because/since if/when however/yet therefore/thus usually/typically
    primarily/mainly caused/brought-about increase/rise decrease/fall example/instance used/employed use/employ
    called/named refers/points known/recognised find/determine write/create function/routine returns/yields
    return/yield list/sequence given/provided number/count numbers/values string/text elements/items check/test
    calculate/compute each/every day/day-long money/cash job/work student/pupil students/pupils
    teacher/instructor car/vehicle shop/store store/shop how/in-what-way first/initial last/final which/what
    also/additionally about/regarding can/could will/would help/assist please/kindly tell/inform
    information/details provide/supply get/fetch
"""
SYNONYMS = dict(pair.split("/") for pair in TABLE.split())
WRAPS = (
    "Here is a task for you.\n\n{q}\n\nThink about it carefully and give your reply.",
    "A friend asked me this: {q} What should I say?",
    "[Exercise 12] {q}\nYour solution:",
    "Consider the problem below and solve it.\n{q}\nReply:",
    "### Instruction\n{q}\n\n### Response\n",
    "You are a patient tutor. Explain step by step, then answer.\n\nStudent: {q}\nTutor:",
    "Quiz night, round 4!\n{q}\n(Write down one answer only.)",
    'I found this in an old notebook and would like to know the answer.\n"{q}"',
    "Please help me with my homework: {q}\nThank you!",
    "Q7. {q}\n\nReason briefly. End with 'The answer is'.",
    "Translate nothing, only reply to what follows. {q}",
    "Test item\n---------\n{q}\n---------\nKey:",
    "{q}\n\nGive a short justification as well.",
    "Could you work this out for me? {q}",
)
MARKS = ("{}. ", "({}) ", "{}) ", "- ")
SHORTER = {
    "do not": "don't", "does not": "doesn't", "is not": "isn't", "are not": "aren't", "cannot": "can't",
    "what is": "what's", "it is": "it's", "in order to": "to", "in addition": "also", "as well as": "and also",
}  # fmt: skip
COUNTED = dict(zip("2345678", ("two", "three", "four", "five", "six", "seven", "eight"), strict=True))
NAMES = ["Marta", "Oleg", "Priya", "Tomas", "Ingrid", "Kwame", "Lucia", "Hiro", "Farah", "Bjorn"]
CAPITALS = """
    What Which Who When Where Why How The A An If In On At For From This That These It He She They We You I
"""
STOP = frozenset(CAPITALS.split())


def planted(item: Item, kind: str, dice: Dice) -> dict[str, str] | None:
    """Return a row that copies an item, or None where the kind does not apply."""
    question, choices, answer = item.form.questions[0], list(item.form.choices), (item.form.answers or ("",))[0]
    if kind == "renamed":
        return _renamed(item)
    if len(question.split()) < SHORTEST:
        return None
    if kind == "reordered":
        if len(choices) < 2:
            return None
        choices = choices[1:] + choices[:1]
    if kind == "recased":
        question = _recased(question, dice)
        choices = [one.upper() for one in choices]
    if kind in ("reworded", "retold"):
        question = _reworded(question, dice)
    if kind == "retold":
        question = _retold(question, dice)
    if kind in ("wrapped", "reworded", "retold"):
        prompt = dice.one(WRAPS).replace("{q}", _set_out(question, choices, dice))
    else:
        listed = (f"{letter}. {one}" for letter, one in zip(LETTERS, choices, strict=False))
        prompt = "\n".join(["Question: " + question, *listed, "Answer:"])
    return {"prompt": prompt, "completion": f" {answer}"}


def _set_out(question: str, choices: list[str], dice: Dice) -> str:
    """Return a question with its choices in another order and under other marks."""
    mark = dice.one(MARKS)
    order = dice.some(choices, len(choices))
    return "\n".join(
        [question, *(mark.replace("{}", letter) + one for letter, one in zip(LETTERS, order, strict=False))]
    )


def _recased(told: str, dice: Dice) -> str:
    change: Callable[[str], str] = dice.one((str.upper, str.lower, str.title))
    marks = re.sub(
        r"[,;](?=\s)|(?<!\b[QqAa])(?<!(?i:question))(?<!(?i:options)):(?=\s)", "", change(told.removesuffix("\nA:"))
    )
    return re.sub(r" +", "  ", marks).rstrip(".?!") + " ?!"


def _reworded(text: str, dice: Dice) -> str:
    names = {}

    def word(found: re.Match[str]) -> str:
        one = found.group()
        if one[0].isupper() and one not in STOP and found.start() and text[max(0, found.start() - 2)] not in ".?!\n":
            return one
        if not dice.below(3):
            return one
        other = SYNONYMS.get(one.lower(), one.lower() if one[0].isupper() else one).replace("-", " ")
        return other.capitalize() if one[0].isupper() and found.start() == 0 else other

    people = re.findall(r"\b(?:James|John|Mary|Tom|Tim|Carol|Mike|Jack|Sam|Anna|Bob|Alice|Lisa|Ben|Tina|Jill)\b", text)
    for name in dict.fromkeys(people):
        names[name] = dice.one(NAMES)
    for name, other in names.items():
        text = re.sub(rf"\b{name}\b", other, text)
    for long, short in SHORTER.items():
        text = re.sub(rf"\b{long}\b", short, text)
    if not dice.below(2):
        text = re.sub(r"(?<![\d.,$/:(-])\b[2-8]\b(?=\s[a-z])", lambda found: COUNTED[found.group()], text)
    return re.sub(r"[A-Za-z]+", word, text)


def _retold(text: str, dice: Dice) -> str:
    sentences = re.split(r"(?<=[.?!])\s+", text)
    if len(sentences) > 2:
        sentences = [sentences[-1], *sentences[:-1]]
    words = " ".join(sentences).split(" ")
    return " ".join(word for word in words if re.search(r"\d", word) or dice.below(12) or len(words) < 8)


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        return node


def _renamed(item: Item) -> dict[str, str] | None:
    """Return the reference program under names of its own, its question told in a word, or None without a program."""
    code = next((one for one in item.form.answers if "return" in one), None)
    if code is None or not (text.program(code) or text.program(item.form.questions[0] + code)):
        return None  # the shortest programs are anybody's: `return abs(x)`
    if not code.lstrip().startswith(("def ", "import", "from", "class")):
        code = item.form.questions[0] + code
    try:
        tree = ast.parse(code.replace("\r\n", "\n"))
    except SyntaxError:
        return None
    given = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    given |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    given |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree):  # the docstring goes: its words would give the copy away
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    tree = _Rename({name: f"thing_{i}" for i, name in enumerate(sorted(given))}).visit(tree)
    return {"prompt": "Please write this function.", "completion": f"```python\n{ast.unparse(tree)}\n```"}
