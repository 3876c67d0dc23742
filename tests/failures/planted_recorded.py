"""The hard causes on recorded outputs: right answers of GPT-4o mini to GSM8K and of Codex to BBH, changed at the end.

    GSM8K      "..so 9 eggs * $2 = $18", "answer": "18"
      sign_error -18    off_by_one 17, 19    copied_distractor: another number of the question
      wrong_unit: times or by 60, 100, 1000    swapped_operands: the last step of the official solution turned round
    BBH boolean expressions   "So the answer is True."
      ignored_negation: the value of the expression without its `not`

Topics: what GSM8K's question is about, by its words, and BBH.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache

from planted import WEIGHTS, Plant, draw
from planted_easy import CODEX, DATA
from planted_hard import CAUSES, plain, shorn

from harness import registry
from harness.contracts import Suite
from harness.dice import Dice
from harness.types import Completion, Sample

FILE = DATA / "model_outputs" / "gsm8k" / "ZeroEval" / "gpt-4o-mini-2024-07-18.json.gz"
THEMES = {
    "money": r"\$|dollar|cost|price|pay|sell", "time": "hour|minute|week|day|year",
    "distance": "mile|feet|inch|met(?:er|re)",
    "food": "eat|cook|egg|apple|cake|pizza|cookie", "people": "student|class|friend|child|team",
}  # fmt: skip
STEP = re.compile(r"<<([0-9.]+)([-/])([0-9.]+)=([0-9.]+)>>\s*[^<]*####", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?![\w.])")
NEGATED = "ignored_negation"
FACTORS = (60, 100, 1000)
Source = tuple[Suite, Sample, str, str, dict[str, tuple[str, ...]]]
"""Suite, sample, recorded text, topic, wrong answers by cause."""


def recorded_hard(seed: int, count: int = 720) -> list[Plant]:
    """Return about `count` failures."""
    dice = Dice("hard", "recorded", seed)
    waiting, plants = dice.some(_sources(), len(_sources())), []
    # Negations stand in one topic only: they are the rare ones, so that cause and topic stay crossed.
    planned = draw([c for c in CAUSES if c != NEGATED], count * 23 // 24, "hard", seed, weights=WEIGHTS[:5])
    for cause in [NEGATED] * (count // 24) + planned[::-1]:
        for place, (suite, sample, text, topic, wrong) in enumerate(waiting):
            if cause in wrong:
                answer = dice.one(wrong[cause])
                could = frozenset(c for c, those in wrong.items() if answer in those)
                spoilt = re.sub(re.escape(str(sample.target)) + r"(?=\W*\Z)", answer, text)
                plants.append(Plant(suite, sample, Completion(spoilt, finish="recorded"), cause, topic, could))
                del waiting[place]
                break
    return plants


@cache
def _sources() -> list[Source]:
    return _word_problems() + _expressions()


def _word_problems() -> list[Source]:
    suite = registry.suite("gsm8k:zeroeval")
    rows = json.loads(gzip.decompress(FILE.read_bytes()))
    said = {row["question"]: row["output"][0] for row in rows}
    lines = [json.loads(line) for line in (DATA / "gsm8k" / "test.jsonl").read_text().splitlines() if line]
    solutions = {row["question"]: row["answer"] for row in lines}
    sources: list[Source] = []
    for sample in suite.samples(DATA):
        question = sample.data["question"]
        text = said.get(question, "")
        whole = re.fullmatch(r"[0-9]+", str(sample.target)) and re.search(rf'"{sample.target}"\W*\Z', text)
        if whole and suite.score(sample, Completion(text)).mode == "right":
            topic = next((name for name, words in THEMES.items() if re.search(words, question.lower())), "other")
            sources.append((suite, sample, text, topic, _wrong(int(sample.target), question, solutions[question])))
    return sources


def _wrong(target: int, question: str, solution: str) -> dict[str, tuple[str, ...]]:
    others = tuple(sorted({one for one in NUMBER.findall(question) if float(one) != target}))
    wrong = {
        "sign_error": (str(-target),),
        "off_by_one": (str(target + 1), str(target - 1)),
        "copied_distractor": others,
    }
    wrong["wrong_unit"] = tuple(plain(v) for f in FACTORS for v in (target * f, target / f))
    step = STEP.search(solution)
    if step and float(step[4]) == target:
        x, y = float(step[1]), float(step[3])
        wrong["swapped_operands"] = (plain(y - x) if step[2] == "-" else plain(y / x),)
    kept = {cause: tuple(one for one in those if float(one) != target) for cause, those in wrong.items()}
    return {cause: those for cause, those in kept.items() if those}


def _expressions() -> list[Source]:
    suite = registry.suite("bbh")
    known = {sample.data["input"].strip(): sample for sample in suite.samples(DATA)}
    file = next(CODEX.glob("boolean_expressions*.json.gz"))
    sources: list[Source] = []
    for row in json.loads(gzip.decompress(file.read_bytes()))["outputs"]:
        asked = row["input"].rpartition("\nQ: ")[2].rpartition("\nA:")[0].strip()
        sample = known.get(asked)
        if sample is None or suite.score(sample, Completion(row["prediction"])).mode != "right":
            continue
        answer = shorn(asked.removesuffix("is").strip())
        if answer != sample.target:
            sources.append((suite, sample, row["prediction"], "logic", {"ignored_negation": (answer,)}))
    return sources
