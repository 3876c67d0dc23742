"""Configuration: YAML read into strict models. An unknown key is an error that names the nearest key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UsageError, nearest

GRADES: dict[str, float] = {"A": 0.90, "B": 0.80, "C": 0.70, "D": 0.60, "F": 0.0}


class Strict(BaseModel):
    """Base of everything read from a file or a command line: unknown keys and loose types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Settings(BaseModel):
    """Base of a model's `--set key=value` options: strings are parsed into the declared types, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class EvalConfig(Strict):
    """One evaluation: everything that `harness eval` can be told, and the file form of it (`--config`)."""

    model: str = ""
    """Model spec (`gguf:model.gguf`, `hf:org/name`, ...)."""
    suites: list[str] = Field(default_factory=lambda: ["primer"])
    limit: int | None = Field(default=None, ge=1)
    """Samples per suite, spread evenly over its groups; a larger limit contains a smaller one."""
    samples: int = Field(default=1, ge=1)
    """Attempts per sample."""
    split: Literal["dev", "test", "all"] = "all"
    prompt: Literal["auto", "raw", "chat"] = "auto"
    seed: int = 0
    temperature: float | None = Field(default=None, ge=0.0)
    """None: what each suite asks for."""
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    max_tokens: int | None = Field(default=None, ge=1)
    """None: what each suite asks for."""
    reasoning_tokens: int = Field(default=2048, ge=0)
    """Granted on top of `max_tokens` to a model that reasons before it answers."""
    name: str = ""
    data: str | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    """`--set key=value`: options of the model."""
    judges: dict[str, str] = Field(default_factory=dict)
    """Name -> model spec of the judges that suites may ask."""
    min_sandbox: Literal["none", "weak", "medium", "strong"] = "weak"
    max_faults_in_a_row: int = Field(default=20, ge=1)
    """Circuit breaker."""
    grades: dict[str, float] = Field(default_factory=lambda: dict(GRADES))
    """Letter -> smallest primary score that earns it."""


M = TypeVar("M", bound=BaseModel)


def read_yaml(path: Path, into: type[M]) -> M:
    """Read a YAML file into a strict model.

    Raises:
        UsageError: missing file, malformed YAML (with line and column), unknown key (with the nearest), wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {str(path)!r}: {error}", "a YAML file in UTF-8", f"type: ls -l {path}"
        ) from error
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise UsageError(
            f"{str(path)!r} is not valid YAML{where}: {problem}", "key: value lines", "mend that line"
        ) from error
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise UsageError(f"{str(path)!r} holds a {type(raw).__name__}", "a mapping of keys to values", _keys(into))
    return validate(raw, into, where=str(path))


def validate(raw: dict[str, Any], into: type[M], where: str) -> M:
    """Return `raw` as a strict model; every problem is one line, the first unknown key comes with the nearest."""
    try:
        return into.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(entry, into) for entry in error.errors()]
        raise UsageError(f"{where}: " + "; ".join(problems), _keys(into), "mend it and run the same command") from error


def read_settings(raw: Mapping[str, str], into: type[M]) -> M:
    """Return a model's `--set key=value` strings as its settings, parsed into the declared types.

    Raises:
        UsageError: unknown key (with the nearest), or a value that is not of its type.
    """
    return validate(dict(raw), into, where="--set")


def _problem(entry: Any, into: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in entry["loc"])
    if entry["type"] == "extra_forbidden":
        return f"unknown key {key!r}, {nearest(str(entry['loc'][-1]), _fields_at(entry['loc'][:-1], into))}"
    said = entry["msg"][:1].lower() + entry["msg"][1:]
    return f"{key} = {entry.get('input')!r}: {said}" if key else said


def _fields_at(path: tuple[Any, ...], into: type[BaseModel]) -> list[str]:
    """Return the keys known at a nested place: models nested directly or in lists and mappings are followed."""
    model: Any = into
    for part in path:
        field = model.model_fields.get(part) if isinstance(part, str) and hasattr(model, "model_fields") else None
        if field is None:
            continue
        inner = [
            a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if hasattr(a, "model_fields")
        ]
        model = inner[0] if inner else model
    return list(model.model_fields)


def _keys(into: type[BaseModel]) -> str:
    return "known keys: " + ", ".join(into.model_fields)
