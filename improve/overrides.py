"""Dotted words of the command line over a recipe: `--set KEY=VALUE`.

    rounds=1                            a key of the recipe
    budget.usd=2                        a key below one, which may be new
    improve.finetune.steps=50           a parameter of a step, which may be new
    teachers.openai:big@http://127.0.0.1:8000/v1.usd_per_token=2e-6     of a teacher, by its whole spec
    settings.n_ctx=4096                 of the base model: a text, as `--set` of other commands has it

Values are read as YAML, and 1e-6 as a number. What they are set to is checked with the whole recipe afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from harness.errors import UsageError, nearest

SETTINGS = "settings"
SCIENTIFIC = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
"""Numbers that YAML 1.1 takes for texts."""


def over(raw: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Return a recipe's plain data with changes on top.

    Raises:
        UsageError: not KEY=VALUE, a value that is no YAML, a place that the recipe does not have (with the nearest).
    """
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {change!r} is not KEY=VALUE", "for example rounds=1", "type: --set rounds=1")
        place = _place(raw, key)
        inside, last = place[0], place[-1]
        for part in place[1:-1]:
            if inside.get(part) is None:
                inside[part] = {}
            inside = inside[part]
        inside[last] = text if SETTINGS in place[1:-1] else _value(change, text)
    return raw


def _place(raw: dict[str, Any], key: str) -> list[Any]:
    """Return where a key leads: the mapping to begin in, and the keys from there."""
    for place, one in enumerate(raw["steps"]):
        name, parameters = (one, None) if isinstance(one, str) else next(iter(one.items()))
        if key.startswith(f"{name}.") and len(key) > len(name) + 1:
            raw["steps"][place] = {name: dict(parameters or {})}
            return [raw["steps"][place], name, key.removeprefix(f"{name}.")]
    if key.startswith("teachers."):
        return [raw, "teachers", *_of_teacher(key.removeprefix("teachers."))]
    path = key.split(".")
    inside = raw
    for part in path[:-1]:
        if not isinstance(inside.get(part), dict):
            steps = [one if isinstance(one, str) else next(iter(one)) for one in raw["steps"]]
            near = nearest(key.rpartition(".")[0], [*(name for name in inside if isinstance(name, str)), *steps])
            raise UsageError(
                f"--set: the recipe has no {key!r}", near, "type: --set KEY=VALUE with a key of the recipe"
            )
        inside = inside[part]
    return [raw, *path]


def _of_teacher(key: str) -> list[str]:
    """Return spec and keys: a spec holds dots itself, a setting does not."""
    spec, dot, last = key.rpartition(".")
    if not dot:
        what = f"--set: teachers.{key} names no key of a teacher"
        raise UsageError(what, "teachers.SPEC.usd_per_token", "type: --set teachers.SPEC.usd_per_token=0")
    if spec.endswith(f".{SETTINGS}"):
        return [spec.removesuffix(f".{SETTINGS}"), SETTINGS, last]
    return [spec, last]


def _value(change: str, text: str) -> Any:
    if SCIENTIFIC.fullmatch(text.strip()):
        return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {change!r}: not a YAML value", "a number, word or list", "quote it") from error
