"""BFCL: the rules of matching one by one, Java and JavaScript values, both editions' files, prompts and modes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import registry
from harness.errors import MissingData, UsageError
from harness.types import Completion, Sample, ToolCall
from suites.toolbench import bfcl, bfcl_prompt, bfcl_rows, bfcl_values
from suites.toolbench.bfcl_match import match_call, match_calls

TYPES: dict[str, Any] = {
    "city": {"type": "string"},
    "days": {"type": "integer"},
    "price": {"type": "float"},
    "open": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "sizes": {"type": "array", "items": {"type": "float"}},
    "point": {"type": "tuple", "items": {"type": "float"}},
    "who": {"type": "dict"},
    "rows": {"type": "array", "items": {"type": "dict"}},
    "any": {"type": "any"},
}
TRIP = {"name": "trip", "parameters": {"type": "dict", "properties": TYPES, "required": []}}


def matches(name: str, accepted: list[Any], value: Any) -> bool:
    return match_call(ToolCall("trip", {name: value}), "trip", {name: accepted}, TRIP) is None


@pytest.mark.parametrize(
    ("name", "accepted", "right", "wrong"),
    [
        ("city", ["New York, NY", "NYC"], ["new york ny", "NYC", "New-York, N.Y."], ["York", "", 1, None, ["NYC"]]),
        ("city", ["it's"], ['it"s'], ["its"]),
        ("days", [3], [3], [3.0, "3", True, 4]),
        ("price", [3.0], [3, 3.0], ["3", 3.5, True]),
        ("open", [True], [True], [False, 1, "true"]),
        ("tags", [["A b", "c"]], [["a B", "C"]], [["c", "a b"], ["a b"], "a b", [], [1, 2]]),
        ("tags", ["", ["a"]], [["a"], []], [["b"]]),
        ("tags", ["names"], ["names"], [["names"], "Names"]),
        ("sizes", [[1.5, 2.0]], [[1.5, 2.0]], [[1.5, 2], [2.0, 1.5]]),
        ("sizes", [[1, 2]], [[1, 2], [1.0, 2.0]], [["1", "2"]]),
        ("point", [[1.0, 2.0]], [(1.0, 2.0), [1.0, 2.0]], [(2.0, 1.0)]),
        ("who", [{"name": ["Eve", "Eva"], "age": ["", 3]}], [{"name": "eva"}, {"name": "Eve", "age": 3}],
         [{}, {"age": 3}, {"name": "Eve", "age": 4}, {"name": "Eve", "x": 1}, "Eve"]),
        ("rows", [[{"a": [1]}, {"a": [2]}]], [[{"a": 1}, {"a": 2}]], [[{"a": 2}, {"a": 1}], [{"a": 1}], [1, 2]]),
        ("any", ["x"], ["X"], [1]),
    ],
)  # fmt: skip
def test_values(name: str, accepted: list[Any], right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not matches(name, accepted, value)] == []
    assert [value for value in wrong if matches(name, accepted, value)] == []


def test_what_may_be_left_out_and_what_must_not() -> None:
    function = {"name": "f", "parameters": {"properties": TYPES, "required": ["city"]}}
    accepted = {"city": ["Oslo"], "days": ["", 3], "open": [True]}
    full = {"city": "Oslo", "days": 3, "open": True}
    for lacking, right in (("days", True), ("city", False), ("open", False), ("", True)):
        given = {key: value for key, value in full.items() if key != lacking}
        assert (match_call(ToolCall("f", given), "f", accepted, function) is None) == right, lacking
    assert match_call(ToolCall("f", full | {"price": 1.0}), "f", accepted, function)
    assert match_call(ToolCall("f", full | {"*0": 1.0}), "f", accepted, function) is None


def test_parallel_calls_in_any_order_and_their_modes() -> None:
    wanted = [{"trip": {"days": [1]}}, {"trip": {"days": [2]}}]
    one, two = ToolCall("trip", {"days": 1}), ToolCall("trip", {"days": 2})
    other = {"name": "walk", "parameters": {"properties": {}, "required": []}}
    functions = [TRIP, other]
    assert match_calls([two, one], wanted, functions) is None
    for calls, mode in [
        ([one], "missing_call"),
        ([one, two, two], "extra_call"),
        ([one, one], "bad_arguments"),
        ([one, ToolCall("walk", {})], "wrong_tool"),
        ([one, ToolCall("fly", {})], "bad_tool_name"),
    ]:
        mismatch = match_calls(calls, wanted, functions)
        assert mismatch is not None and mismatch.mode == mode


@pytest.mark.parametrize(
    ("text", "kind", "inner", "value"),
    [
        ("5", "integer", "", 5),
        ("5L", "long", "", 5),
        ("5", "long", "", "5"),
        ("1.5f", "float", "", 1.5),
        ("1.5", "float", "", "1.5"),
        ("1e3", "double", "", 1000.0),
        ("true", "boolean", "", True),
        ("True", "boolean", "", "True"),
        ("x", "any", "", "x"),
        ("new int[]{1, 2}", "Array", "integer", [1, 2]),
        ("new int[] { }", "Array", "integer", []),
        ("{1, 2}", "Array", "integer", "{1, 2}"),
        ('new ArrayList<>(Arrays.asList("a", "b"))', "ArrayList", "String", ["a", "b"]),
        ("new ArrayList<Long>() {{ add(1L); add(2L); }}", "ArrayList", "long", [1, 2]),
        ("new ArrayList<>()", "ArrayList", "String", []),
        ('new HashMap<String, Object>() {{ put("a", 1); put("b", "x"); }}', "HashMap", "", {"a": 1, "b": "x"}),
        ("new HashMap<>()", "HashMap", "", {}),
        ("map", "HashMap", "", "map"),
        ("9" * 5000, "integer", "", "9" * 5000),
    ],
)
def test_java_values(text: str, kind: str, inner: str, value: Any) -> None:
    found = bfcl_values.java(text, kind, inner)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "kind", "inner", "value"),
    [
        ("'a'", "String", "", "a"),
        ("a", "String", "", "a"),
        ("5n", "Bigint", "", 5),
        ("1.5", "float", "", 1.5),
        ("false", "Boolean", "", False),
        ("[1, 2]", "array", "integer", [1, 2]),
        ("['a', \"b\"]", "array", "String", ["a", "b"]),
        ("[[1, 2], [3, 'x']]", "array", "", [[1, 2], [3, "x"]]),
        ("new Array(1, 2)", "array", "", [1, 2]),
        ("{a: 1, 'b': 'x', c: true, d: [1, 2]}", "dict", "", {"a": 1, "b": "x", "c": True, "d": [1, 2]}),
        ("{}", "dict", "", {}),
        ("list", "array", "", "list"),
    ],
)
def test_javascript_values(text: str, kind: str, inner: str, value: Any) -> None:
    found = bfcl_values.javascript(text, kind, inner)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    ["[[" + "],[" * 1300, "{" + ":" * 3900, "{" + "a:b," * 900, 'new HashMap<>() {{ ' + 'put("' * 700,
     "new HashMap<" + ">() {" * 700, "new ArrayList<>() {{ " + " " * 3800, "new ArrayList<>(Arrays.asList(" * 130,
     "new a[]{" * 480, "[" * 3900, 'new HashMap<>() {{ ' + 'put("",' * 500 + ")"],
)  # fmt: skip
def test_hostile_collections(text: str) -> None:
    for kind in ("Array", "ArrayList", "HashMap"):
        bfcl_values.java(text, kind, "String")
    for kind in ("array", "dict"):
        bfcl_values.javascript(text, kind)


ADDING = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{\s*(.+?)\s*\}\}", re.DOTALL)
"""Ours without its look ahead, which is there for speed alone."""


@given(st.lists(st.sampled_from(["new ArrayList<>() {{", "new ArrayList<A>()", "{{", "}}", "}", " ", "\n", "add(1)"])))
def test_the_look_ahead_changes_no_match(parts: list[str]) -> None:
    text = "".join(parts)
    theirs, ours = ADDING.search(text), bfcl_values._ADDING.search(text)
    assert (theirs and (theirs.span(), theirs[1])) == (ours and (ours.span(), ours[1]))


def sample(category: str, functions: Any, wanted: Any, question: str = "Why?") -> Sample:
    row = bfcl_rows.as_row(category, {"id": f"{category}_0", "question": question, "function": functions}, wanted)
    return Sample("id", "toolbench:bfcl", "origin", "dev", row.data, row.target, row.tags, row.name)


SUITE = registry.suite("toolbench:bfcl")
DOTTED = {"name": "a.trip", "description": "", "parameters": {"type": "dict", "properties": TYPES, "required": []}}


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("[a.trip(days=3)]", "right"),
        ("a_trip(days=3)", "right"),
        ('{"name": "a_trip", "arguments": {"days": 3}}', "right"),
        ("Sure:\n[a.trip(days=3)]", "format_violated"),
        ("[a.trip(days=4)]", "bad_arguments"),
        ("[b.trip(days=3)]", "bad_tool_name"),
        ("[a.trip(days=3), a.trip(days=3)]", "extra_call"),
        ("[]", "missing_call"),
        ("I cannot do that.", "missing_call"),
        ("[a.trip(days=3", "unparsed"),
        ("  ", "empty"),
    ],
)
def test_modes(text: str, mode: str) -> None:
    score = SUITE.score(sample("simple_python", DOTTED, [{"a.trip": {"days": [3]}}]), Completion(text))
    assert score.mode == mode
    assert score.values["correct"] == float(mode == "right")
    assert score.values["lenient"] == float(mode in ("right", "format_violated"))


def test_cut_off_is_truncated_and_native_calls_count() -> None:
    asked = sample("simple_python", DOTTED, [{"a.trip": {"days": [3]}}])
    assert SUITE.score(asked, Completion("[a.trip(", finish="length")).mode == "truncated"
    assert SUITE.score(asked, Completion("", tool_calls=(ToolCall("a_trip", {"days": 3}),))).mode == "right"


@pytest.mark.parametrize(("category", "calling", "speaking"), [("irrelevance", 0.0, 1.0), ("live_relevance", 1.0, 0.0)])
def test_irrelevance_and_relevance(category: str, calling: float, speaking: float) -> None:
    asked = sample(category, DOTTED, None)
    assert SUITE.score(asked, Completion("[a.trip(days=3)]")).values["correct"] == calling
    assert SUITE.score(asked, Completion("No function fits.")).values["correct"] == speaking


def test_weights_are_the_leaderboards() -> None:
    by_section: dict[str, float] = {}
    for category, size in bfcl_rows.V4.items():
        section = bfcl_rows.section(category)
        by_section[section] = by_section.get(section, 0.0) + size * bfcl.weight(category)
        assert 0 <= bfcl.weight(category) <= 1
    assert by_section.pop("relevance") == 0
    assert len(by_section) == 3 and len({round(value, 9) for value in by_section.values()}) == 1


def test_java_is_asked_for_as_text() -> None:
    function = {"name": "Lamp.on", "parameters": {"type": "dict", "properties": {"n": {"type": "long"}}}}
    request = SUITE.request(sample("simple_java", function, [{"Lamp.on": {"n": [5]}}]))
    (tool,) = request.tools
    assert tool["function"]["name"] == "Lamp_on"
    assert tool["function"]["parameters"]["properties"]["n"]["type"] == "string"
    assert "Java source code of type long" in request.prompt and request.prompt.endswith("User: Why?\nCalls:")


def test_history_and_system_messages_are_kept() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hm?"}]
    row = bfcl_rows.as_row("live_simple", {"id": "x", "question": [messages], "function": [DOTTED]}, [])
    asked = Sample("id", "toolbench:bfcl", "o", "dev", row.data, row.target, row.tags)
    request = SUITE.request(asked)
    assert [message.role for message in request.messages] == ["system", "user"]
    assert "System: Be brief.\nUser: Hm?\nCalls:" in request.prompt
    reworded = SUITE.reword(asked, str.upper)
    assert SUITE.request(reworded).messages[-1].content == "HM?"


def test_two_spellings_of_one_name_are_kept_apart() -> None:
    functions = [{**DOTTED, "name": "a.b"}, {**DOTTED, "name": "a_b"}]
    restored = bfcl_prompt.restore((ToolCall("a_b", {}), ToolCall("a_b_2", {}), ToolCall("zzz", {})), functions)
    assert [call.name for call in restored] == ["a_b", "a.b", "zzz"]


def write(folder: Path, edition: str, functions: Any, wanted: Any) -> None:
    names = bfcl_rows.V4 if edition == "v4" else bfcl_rows.V1
    (folder / f"bfcl_{edition}" / "possible_answer").mkdir(parents=True)
    for name in names:
        question: Any = [[{"role": "user", "content": f"Why {name}?"}]] if edition == "v4" else f"Why {name}?"
        row = {"id": f"{name}_0", "question": question, "function": functions}
        stem = bfcl_rows.stem(edition, name)
        (folder / f"bfcl_{edition}" / stem).write_text(json.dumps(row) + "\n")
        answer = {"id": f"{name}_0", "ground_truth": wanted}
        (folder / f"bfcl_{edition}" / "possible_answer" / stem).write_text(json.dumps(answer) + "\n")


def test_rows_of_both_places_have_the_same_ids(tmp_path: Path) -> None:
    for place in ("tooluse", "toolbench"):
        write(tmp_path / place / place, "v4", [TRIP], [{"trip": {"days": [3]}}])
    one, two = (list(SUITE.samples(tmp_path / place)) for place in ("tooluse", "toolbench"))
    assert len(one) == 13 and one == two


def test_answers_of_the_first_edition_are_read_into_the_form_of_the_fourth(tmp_path: Path) -> None:
    wanted = {"trip_1": {"days": [3]}, "trip 2": {"days": [4], "who": [{"a": 1}]}}
    write(tmp_path / "toolbench", "v1", TRIP, wanted)
    older = list(registry.suite("toolbench:bfcl_v1").samples(tmp_path))
    assert older[0].target == [{"trip": {"days": [3]}}, {"trip": {"days": [4], "who": [{"a": [1]}]}}]
    assert older[-1].target is None and older[-1].tags["category"] == "irrelevance"


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    write(tmp_path / "toolbench", "v4", [{"name": "f"}], [])
    with pytest.raises(UsageError, match=r"BFCL_v4_simple_python\.json, row 1"):
        list(SUITE.samples(tmp_path))


def test_missing_rows_name_the_ways(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="toolbench"):
        list(registry.suite("toolbench:bfcl_v1").samples(tmp_path))


def test_reworded_editions_share_an_origin() -> None:
    assert bfcl_rows.wording("How can I open it?") == bfcl_rows.wording("Help me open it")
    assert bfcl_rows.wording("Open it") != bfcl_rows.wording("Close it")
