"""Structured text: JSON objects, tool calls as JSON, one-line Python functions.

Q: Write JSON with keys in the given order: name is Ana, age is 7
A: {"name": "Ana", "age": 7}
Q: Tools: paint(thing, colour). Call one with name and arguments, name first: paint the oven red
A: {"name": "paint", "arguments": {"thing": "oven", "colour": "red"}}
Q: Write f(x) that returns x minus 7
A: def f(x): return x - 7
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.dice import Dice

from .row import Row
from .words import CAPITALS, COLOURS, DAYS, DRINKS, FUNCTIONS, NAMES, PETS, THINGS

NUMBERS = tuple(range(2, 100))
FIELDS: Mapping[str, tuple[Any, ...]] = {
    "name": NAMES,
    "age": NUMBERS,
    "city": CAPITALS,
    "colour": COLOURS,
    "pet": PETS,
    "drink": DRINKS,
    "thing": THINGS,
}


def _fields(dice: Dice) -> dict[str, Any]:
    return {key: dice.one(FIELDS[key]) for key in dice.some(tuple(FIELDS), dice.between(2, 3))}


def _object(fields: Mapping[str, Any], order: str, answer: Mapping[str, Any], ordered: bool) -> Row:
    listed = ", ".join(f"{key} is {value}" for key, value in fields.items())
    check = {"kind": "json", "expected": list(answer.items()), "ordered": ordered}
    return Row(f"Write JSON with keys in {order} order: {listed}", json.dumps(answer), f"json {order} {listed}", check)


def json_object(dice: Dice) -> Row:
    """An object of two or three fields; any order of keys is right."""
    fields = _fields(dice)
    return _object(fields, "the given", fields, ordered=False)


def json_reversed_keys(dice: Dice) -> Row:
    """The same with the last key first; only that order is right."""
    fields = _fields(dice)
    return _object(fields, "reverse", dict(reversed(fields.items())), ordered=True)


def json_list(dice: Dice) -> Row:
    """A list of two or three words."""
    words = dice.some(THINGS, dice.between(2, 3))
    check = {"kind": "json", "expected": words, "ordered": True}
    return Row(f"Write a JSON list of these words: {' '.join(words)}", json.dumps(words), f"json {words}", check)


TOOLS: Mapping[str, tuple[str, Mapping[str, tuple[Any, ...]]]] = {
    "weather": ("show the weather in {city} on {day}", {"city": CAPITALS, "day": DAYS}),
    "timer": ("set a timer of {minutes} minutes for {person}", {"minutes": NUMBERS, "person": NAMES}),
    "paint": ("paint the {thing} {colour}", {"thing": THINGS, "colour": COLOURS}),
    "send": ("send the {thing} to {person}", {"thing": THINGS, "person": NAMES}),
    "book": ("book {nights} nights in {city}", {"nights": NUMBERS, "city": CAPITALS}),
    "serve": ("serve {drink} to {person}", {"drink": DRINKS, "person": NAMES}),
    "feed": ("feed the {pet} of {person}", {"pet": PETS, "person": NAMES}),
}
"""Tool -> (how it is asked for, its arguments with their values)."""


def _call(dice: Dice, declared: int, order: str = "name") -> Row:
    names = dice.some(tuple(TOOLS), declared)
    wanted = dice.one(names)
    phrase, parameters = TOOLS[wanted]
    arguments = {key: dice.one(values) for key, values in parameters.items()}
    request = phrase.format(**arguments)
    call: dict[str, Any] = {"name": wanted, "arguments": arguments}
    if order == "arguments":
        call = dict(reversed(call.items()))
    listed = ", ".join(f"{name}({', '.join(TOOLS[name][1])})" for name in names)
    check = {"kind": "tool", "name": wanted, "arguments": arguments, "order": list(call) if order != "name" else None}
    question = f"Tools: {listed}. Call one with name and arguments, {order} first: {request}"
    return Row(question, json.dumps(call), f"tools {order} {listed} {request}", check)


def tools_one(dice: Dice) -> Row:
    """The only declared tool."""
    return _call(dice, 1)


def tools_pick(dice: Dice) -> Row:
    """The right one of two or three."""
    return _call(dice, dice.between(2, 3))


def tools_arguments_first(dice: Dice) -> Row:
    """The key `arguments` before the key `name`; only that order is right."""
    return _call(dice, dice.between(1, 2), "arguments")


OPERATORS = {"plus": "+", "minus": "-", "times": "*", "modulo": "%"}
NOT_COMMUTATIVE = ("minus", "modulo")
INPUTS = (1, 2, 3, 7, 10, 64, 101, 1000)
"""What a function is called with; no 0, since `k % x` has no value there."""


def _function(name: str, said: str, body: str) -> Row:
    answer = f"def {name}(x): return {body}"
    check = {"kind": "code", "function": name, "body": body, "inputs": list(INPUTS)}
    return Row(f"Write {name}(x) that returns {said}", answer, f"code {name} {said}", check)


def code_x_op_k(dice: Dice) -> Row:
    """The argument on the left, a number on the right."""
    word, k = dice.one(tuple(OPERATORS)), dice.one(NUMBERS)
    return _function(dice.one(FUNCTIONS), f"x {word} {k}", f"x {OPERATORS[word]} {k}")


def code_two_steps(dice: Dice) -> Row:
    """Two operations, one after the other."""
    (first, second), (a, b) = dice.some(("plus", "minus", "times"), 2), (dice.one(NUMBERS), dice.one(NUMBERS))
    body = f"(x {OPERATORS[first]} {a}) {OPERATORS[second]} {b}"
    return _function(dice.one(FUNCTIONS), f"x {first} {a}, then {second} {b}", body)


def code_k_op_x(dice: Dice) -> Row:
    """A number on the left, the argument on the right; only operators where the order matters."""
    word, k = dice.one(NOT_COMMUTATIVE), dice.one(NUMBERS)
    return _function(dice.one(FUNCTIONS), f"{k} {word} x", f"{k} {OPERATORS[word]} x")
