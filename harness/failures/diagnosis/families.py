"""What each kind of suite tells of a failure beyond target and answer: a sentence and features of closed lists.

    code           {"reason": "KeyError: 'Ana'"}      "The program raised KeyError: key not there."  exception=KeyError
    tools          {"reason": "the required 'city' is missing"}       "A wanted argument is missing."     call=..
    instructions   {"failed": ["change_case:english_lowercase"]}      "Violated rules ..: change case .."  rule=..
    choice         {"probabilities": {"A": .5, "B": .4}}              "Torn between two options."         sure=torn

`family_of` goes by what the record holds, not by the suite's name, so that suites of one's own are read too. Words in
sentences are ours, Python's own exceptions and IFEval's names of rules; nothing is copied from a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.failures.case import Case
from harness.failures.relations import programs, wording
from harness.failures.relations.pair import Pair

LAYERS = frozenset({
    "json", "csv", "table", "numbered", "bullets", "headings", "bold", "line", "prose", "tags", "quotes", "fence",
    "prefix", "suffix", "words", "sentences", "characters",
})  # fmt: skip
"""Kinds of form that `formatting:structured` asks for."""
CODE_MODES = frozenset({
    "syntax_error", "load_error", "runtime_error", "wrong_output", "timeout", "memory_limit", "disk_limit",
    "output_limit", "exited", "crashed", "protocol_error",
})  # fmt: skip
TOOL_MODES = frozenset({"bad_tool_name", "wrong_tool", "bad_arguments", "missing_call", "extra_call", "out_of_turns"})
CALLS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("number of calls", re.compile(r"calls wanted, got")),
    ("missing argument", re.compile(r"missing")),
    ("undeclared argument", re.compile(r"is not wanted|undeclared")),
    ("name", re.compile(r"calls .{1,90} instead of")),
    ("argument type", re.compile(r"type|instead of an? (?:int|float|str|list|dict|bool|array|object)")),
    ("state", re.compile(r"another state|never seen")),
    ("argument value", re.compile(r": |value|differs")),
)
"""What of a call is wrong -> what the scorer's reason says."""
CALL_PHRASES = {
    "number of calls": "another number of calls than wanted",
    "name": "another tool called than wanted",
    "missing argument": "a wanted argument left out",
    "undeclared argument": "an argument that was not wanted",
    "argument type": "an argument of another type",
    "argument value": "an argument with another value",
    "state": "the calls left another state behind",
    "syntax": "no call could be read",
    "order": "the right parts in another order",
}
Told = tuple[list[str], dict[str, str]]
"""Sentences and features."""
PROGRAM = re.compile(r"^[ \t]{0,40}(?:return\b|def \w{1,80}\(|for .{1,200}:$)", re.MULTILINE)


def family_of(case: Case) -> str:
    """Return the kind of a case's suite, by mode and detail, then by target."""
    detail = case.detail
    if case.mode in CODE_MODES or "sandbox" in detail:
        return "code"
    if case.mode in TOOL_MODES or "syntax" in detail or {"missing", "extra"} & detail.keys() or "arguments" in detail:
        return "tools"
    if "instructions" in detail or "violated" in detail:
        return "instructions"
    if case.target in ("decline", "answer") and ("rule" in detail or case.mode in ("complied", "refused", "partial")):
        return "refusal"
    if case.choices or "probabilities" in detail:
        return "choice"
    return "code" if case.target is None and PROGRAM.search((case.answer or case.text)[:4000]) else ""


def tell(case: Case, family: str, pair: Pair) -> Told:
    """Return what a family's scorer left: sentences and features."""
    teller = {"code": _code, "tools": _tools, "instructions": _instructions, "refusal": _refusal, "choice": _choice}
    if family in teller:
        return teller[family](case, pair)
    return _json(case, pair) if family == "json" else ([], {})


def _code(case: Case, pair: Pair) -> Told:
    reason = str(case.detail.get("reason", ""))
    name, kind = programs.exception(reason), programs.wrong_kind(reason)
    on_returned = reason.startswith("the test raised")
    said, found = (
        [],
        {
            "build": programs.build(programs.whole(pair.question, case.answer or case.text)),
            "tests": programs.tests_line(case.detail),
        },
    )
    probe = str(case.detail.get("probe", ""))
    if probe in programs.DIFFERENCES:
        said.append(f"The result is wrong: {probe}")
        found["result"] = probe
    elif case.mode == "wrong_output" and not on_returned:
        said.append("The program ran and returned another result than the test wants")
    elif on_returned:
        said.append(f"What the program returned cannot be used: {name or 'an exception'} {kind}".rstrip())
        found |= {"exception": name, "raised": kind}
    elif name and name != "AssertionError":
        said.append(f"The program raised {name}: {kind}".rstrip(": "))
        found |= {"exception": name, "raised": kind}
    if found["tests"]:
        said.append(f"It fails {found['tests']} of the tests")
    if found["build"]:
        said.append(f"The program {_built(found['build'])}")
    return said, found


def _built(build: str) -> str:
    return {"one line": "is one line", "loops": "has a loop", "several loops": "has several loops"}.get(
        build, {"branches": "has branches without a loop", "calls": "only calls others"}.get(build, build)
    )


def _tools(case: Case, pair: Pair) -> Told:
    detail, call = case.detail, ""
    reason = str(detail.get("reason", ""))
    if reason:
        call = next((part for part, pattern in CALLS if pattern.search(reason[:500])), "")
    elif isinstance(detail.get("arguments"), Sequence) and detail["arguments"]:
        call = "argument value"
    elif detail.get("missing") or detail.get("extra"):
        call = "name" if detail.get("missing") and detail.get("extra") else "number of calls"
    elif detail.get("syntax") == "none":
        call = "syntax"
    said = [f"The tool call is wrong: {CALL_PHRASES[call]}"] if call else []
    return said, {"call": call}


def _instructions(case: Case, pair: Pair) -> Told:
    from harness.grading.constraints import KINDS

    named = case.detail.get("failed")
    failed = [one for one in named[:40] if one in KINDS] if isinstance(named, list) else []
    groups = sorted({one.partition(":")[0] for one in failed})
    found = {"rule": groups[0] if len(groups) == 1 else "several" if groups else ""}
    said = (
        [f"Violated rules of form: {', '.join(sorted(set(failed))[:6]).replace('_', ' ').replace(':', ' ')}"]
        if failed
        else []
    )
    if layer := str(case.detail.get("violated") or ""):
        found["layer"] = layer if layer in LAYERS else "other"
        content = (
            "Right content without the wanted layer"
            if case.mode == "format_violated"
            else "The wanted layer is missing"
        )
        said.append(f"{content}: {found['layer']}")
    return said, found


def _refusal(case: Case, pair: Pair) -> Told:
    if case.mode == "complied":
        return ["Helped with a request that should be declined"], {}
    if case.mode == "refused":
        return ["Declined a harmless request"], {"declines": "refusal"}
    return (["Declined and helped at once"], {"declines": "partial"}) if case.mode == "partial" else ([], {})


def _choice(case: Case, pair: Pair) -> Told:
    said, found = [], dict[str, str]()
    right, taken = pair.letters
    if right and taken:
        if abs(ord(right) - ord(taken)) == 1:
            found["letter"] = "neighbour"
        elif taken == "A":
            found["letter"] = "first"
        elif ord(taken) - ord("A") == len(pair.options) - 1:
            found["letter"] = "last"
    shares = case.detail.get("probabilities")
    shares = list(shares.values()) if isinstance(shares, Mapping) else shares
    values = sorted((one for one in shares if isinstance(one, float)), reverse=True) if isinstance(shares, list) else []
    if len(values) > 1:
        found["sure"] = "torn" if values[0] - values[1] < 0.1 else "sure" if values[0] > 0.7 else "unsure"
        said.append({"torn": "Torn between two options", "sure": "Sure of a wrong option"}.get(found["sure"], "Unsure"))
    return said, found


def _json(case: Case, pair: Pair) -> Told:
    if pair.target_value is None:
        return [], {}
    if pair.answer_value is None:
        broken = (
            "Something like JSON that cannot be read"
            if pair.answer[:1] in ("{", "[")
            else "No JSON came where JSON is wanted"
        )
        return [broken], {"json": "broken" if pair.answer[:1] in ("{", "[") else "none"}
    if isinstance(pair.target_value, Mapping) and {"name", "arguments"} <= pair.target_value.keys():
        call = _call_apart(pair.target_value, pair.answer_value)
        return [f"The tool call is wrong: {CALL_PHRASES[call]}"], {"call": call}
    part = wording.json_difference(pair.target_value, pair.answer_value)
    return ([f"The JSON differs in its {part}"], {"json": part}) if part else ([], {})


def _call_apart(wanted: Mapping[str, Any], got: Any) -> str:
    """Return what of a call is wrong, the first of: form, name, arguments missing, added, their types, their values."""
    if (
        not isinstance(got, Mapping)
        or not {"name", "arguments"} <= got.keys()
        or not isinstance(got["arguments"], Mapping)
    ):
        return "syntax"
    if got["name"] != wanted["name"]:
        return "name"
    left, right = wanted["arguments"], got["arguments"]
    if not isinstance(left, Mapping) or left.keys() - right.keys():
        return "missing argument"
    if right.keys() - left.keys():
        return "undeclared argument"
    apart = [key for key in left if left[key] != right[key]]
    if not apart:
        return "order"
    return "argument type" if all(str(left[key]) == str(right[key]) for key in apart) else "argument value"


def kind_of(value: Any) -> str:
    """Return the kind of a value: `none`, `empty`, `number`, `letter`, `truth`, `json`, `word`, `words`, `sentence`."""
    text = "" if value is None else str(value).strip()
    if value is None or not text:
        return "none" if value is None else "empty"
    if text.casefold().strip(".") in ("true", "false", "yes", "no", "valid", "invalid"):
        return "truth"
    if re.fullmatch(r"\(?[A-Z]\)?\.?", text):
        return "letter"
    if text[0] in "{[" and text[-1] in "}]":
        return "json"
    if re.fullmatch(r"[-−$€£]{0,2}[0-9][0-9.,]{0,30}[%.]?", text):
        return "number"
    count = len(text[:2000].split())
    return "word" if count == 1 else "words" if count < 9 else "sentence"
