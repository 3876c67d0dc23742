"""Turns Java and JavaScript argument texts into values, with the outcomes of BFCL's own converters.

Source: the type converters of https://github.com/ShishirPatil/gorilla (Apache-2.0), written anew from their rules.

    java("new int[]{1, 2}", "Array", "integer")                    -> [1, 2]
    java("5L", "long")                                             -> 5          without the L it stays a text
    java('new HashMap<>() {{ put("a", 1); }}', "HashMap")          -> {"a": 1}
    javascript("{a: 1, b: 'x'}", "dict")                           -> {"a": 1, "b": "x"}

What does not have the form of its type stays the text that it was, and so equals no wanted value of that type. Texts
in a Java array (not in an ArrayList of String) keep their quotes and so match nothing: the official outcome, kept.
Nested generics, casts and expressions are not understood; a collection longer than 4,000 characters stays a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

LONGEST = 4000
DIGITS = 300
"""A longer number stays a text: Python refuses to read very long ones."""
JAVA_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), int),
    **dict.fromkeys(("float", "double"), float),
    **dict.fromkeys(("char", "String", "any"), str),
    **dict.fromkeys(("Array", "ArrayList", "Queue", "Stack"), list),
    **dict.fromkeys(("HashMap", "Hashtable"), dict),
    "boolean": bool,
    "Set": set,
}
JAVASCRIPT_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("integer", "Bigint"), int),
    **dict.fromkeys(("String", "any"), str),
    "float": float,
    "Boolean": bool,
    "dict": dict,
    "array": list,
}
_INTEGER = re.compile(r"^-?\d+$")
_DECIMAL = r"^-?\d+(\.\d+)?([eE][+-]?\d+)?"
_JAVA_NUMBERS: Mapping[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    **dict.fromkeys(("byte", "short", "integer"), (_INTEGER, int)),
    "long": (re.compile(r"^-?\d+[lL]$"), lambda text: int(text[:-1])),
    "float": (re.compile(_DECIMAL + "[fF]$"), lambda text: float(text.rstrip("fF\n"))),
    "double": (re.compile(_DECIMAL + "$"), float),
}
_JAVASCRIPT_NUMBERS: Mapping[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "integer": (_INTEGER, int),
    "float": (re.compile(r"^-?\d+(\.\d+)?$"), float),
    "Bigint": (re.compile(r"^-?\d+n$"), lambda text: int(text[:-1])),
}
_AS_LIST = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)")
# The look ahead changes no match: without it, spaces that nothing closes cost the cube of their number.
_ADDING = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{(?=.+?\}\})\s*(.+?)\s*\}\}", re.DOTALL)
_NEW_LIST = re.compile(r"new\s+ArrayList<\w*>\(\)")
_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_MAP = re.compile(r"new\s+HashMap<")
_ROWS_START = re.compile(r"\[\s*\[|new\s+Array\(\s*\[")
_ITEMS = re.compile(r"\[(.*?)\]|new\s+Array\((.*?)\)")
_ENTRIES = re.compile(r"\{(.*?)\}")
_ENTRY = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")


def java(text: str, kind: str, inner: str = "") -> Any:
    """Return the value of a Java text of the declared type `kind` (elements of type `inner`), else the text."""
    if kind in _JAVA_NUMBERS:
        return _number(text, *_JAVA_NUMBERS[kind])
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if len(text) <= LONGEST:
        if kind == "ArrayList":
            return _array_list(text, inner)
        if kind == "Array":
            found = _ARRAY.search(text)
            return [_element(part, inner) for part in _parts(found[1])] if found else text
        if kind == "HashMap":
            return _hash_map(text)
    return text


def javascript(text: str, kind: str, inner: str = "") -> Any:
    """Return the value of a JavaScript text of the declared type `kind` (elements of type `inner`), else the text."""
    if kind in _JAVASCRIPT_NUMBERS:
        return _number(text, *_JAVASCRIPT_NUMBERS[kind])
    if kind == "Boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "String" and text[:1] in ("'", '"') and text.endswith(text[0]):
        return text[1:-1]
    if kind == "array" and len(text) <= LONGEST:
        return _js_array(text.strip(), inner)
    if kind == "dict" and len(text) <= LONGEST:
        return _js_object(text.strip())
    return text


def _number(text: str, form: re.Pattern[str], read: Callable[[str], Any]) -> Any:
    return read(text) if len(text) <= DIGITS and form.match(text) else text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _element(text: str, inner: str) -> Any:
    return java(text, inner) if inner else _java_literal(text)


def _array_list(text: str, inner: str) -> Any:
    listed, adding = _AS_LIST.search(text), _ADDING.search(text)
    if listed:
        parts = [part.strip() for part in listed[1].split(",")]
    elif adding:
        parts = [part.strip() for part in re.findall(r"add\((.+?)\)", adding[1])]
    else:
        return [] if _NEW_LIST.search(text) else text
    if inner in ("char", "String"):
        return [part[1:-1] for part in parts]
    return [_element(part, inner) for part in parts]


def _hash_map(text: str) -> Any:
    start = _MAP.search(text)
    made = re.compile(r">\s*\(\)").search(text, start.end()) if start else None
    if made is None:
        return text
    inside = re.compile(r"\s*\{\s*\{?").match(text, made.end())
    close = text.find("}", inside.end()) if inside else -1
    return dict(_puts(text[inside.end() : close].strip())) if inside and close >= 0 else {}


def _puts(text: str) -> Iterator[tuple[str, Any]]:
    place = 0
    while (start := text.find('put("', place)) >= 0:
        comma = text.find('",', start + 5)
        close = text.find(")", comma + 2)
        if comma < 0 or close < 0:
            return
        key, value = text[start + 5 : comma], text[comma + 2 : close].strip()
        place = start + 5 if "\n" in key + value else close + 1
        if place > close:
            yield key, _java_literal(value)


def _java_literal(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    for kind in ("long", "float"):
        value = java(text, kind)
        if value is not text:
            return value
    return _plain_number(text)


def _plain_number(text: str) -> Any:
    if len(text) <= DIGITS:
        for read in (int, float):
            try:
                return read(text)
            except ValueError:
                continue
    return text


def _js_literal(text: str) -> Any:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if text[:1] in ("'", '"') and text.endswith(text[0]):
        return text[1:-1]
    return _plain_number(text)


def _js_array(text: str, inner: str) -> Any:
    rows = _ROWS_START.match(text)
    end = re.compile(r"\]\s*[\])]").search(text, rows.end()) if rows else None
    if rows and end and (end[0][-1] == ")") == rows[0].startswith("new"):
        found = re.findall(r"\[(.*?)\]", text[: end.end()])
        found[0] = found[0].strip().removeprefix("[") if found else ""
        return [[_js_literal(part) for part in row.strip().split(",")] for row in found]
    items = _ITEMS.match(text)
    if items is None:
        return text
    content = (items[1] if items[1] is not None else items[2]).strip()
    parts = [part.strip() for part in content.split(",")] if content else []
    if inner and inner not in JAVASCRIPT_TYPES:
        return text if parts else []
    return [javascript(part, inner) if inner else _js_literal(part) for part in parts]


def _js_object(text: str) -> Any:
    if text == "{}":
        return {}
    entries = _ENTRIES.match(text)
    if entries is None:
        return text
    return {key.strip().strip("'\""): _js_value(value.strip()) for key, value in _ENTRY.findall(entries[1])}


def _js_value(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return _js_array(text, "")
    if text.startswith("{") and text.endswith("}"):
        return _js_object(text)
    return _js_literal(text.strip("'\""))
