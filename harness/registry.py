"""Finds suites, models and steps by name. The file name is the registration: adding one is adding one file.

    suites/mmlu.py              the suite `mmlu` (`mmlu:generative` is its variant `generative`)
    harness/models/gguf.py      serves `gguf:...` (or a package of that name)
    improve/steps/finetune.py   the step `improve.finetune`

Guests from other distributions come in by the entry points `harness.suites`, `harness.models`, `harness.steps`, each
naming a class. Our own wings are found beside this package, never through the current folder, so a user's own
`suites/` never shadows ours. Listing reads file names only; nothing is imported until it is used.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.contracts import Model, Step, Suite
from harness.errors import UsageError, nearest

ROOT = Path(__file__).resolve().parent.parent
WINGS = ("suites", "improve", "compress", "dashboards")
FOLDERS: Mapping[str, tuple[str, ...]] = {
    "suites": ("suites",),
    "models": ("harness.models",),
    "steps": ("improve.steps", "compress.steps"),
    "commands": ("improve.commands", "compress.commands", "dashboards.commands"),
}
NOT_MODELS = frozenset(
    {"ledger", "reasoning", "text", "pool", "chat", "decoding", "convert", "convert_lora", "threads", "toolcalls"}
    | {"lm_eval_adapter", "calibration", "convert_bundle"}
)
"""Files of `harness/models` that serve no prefix: they compose models or help them."""


def names(kind: str) -> list[str]:
    """Return the names of a kind (`suites`, `models`, `steps`), sorted. Imports nothing."""
    found = {_public(package, module) for package in FOLDERS[kind] for module in _files(package)}
    return sorted(found | {guest.name for guest in _guests(kind)})


def suite(name: str) -> Suite:
    """Return the suite `name`: `file`, `file:variant`, or the path of a suite without code (`suites/file.py`).

    Raises:
        UsageError: no such suite or variant; names the nearest.
    """
    base, _, variant = (f"file:{name}" if is_path(name) else name).partition(":")
    cls: type[Suite] = _load("suites", base, Suite)
    if variant not in cls.variants and "*" not in cls.variants:
        known = [f"{base}:{v}" if v else base for v in cls.variants]
        what = f"the suite {base!r} has no variant {variant!r}"
        raise UsageError(what, nearest(name, known), "type: harness list suites")
    return cls.open(variant)


def is_path(name: str) -> bool:
    """Return whether a suite's name is a file or folder of one's own: `my.jsonl`, `my.csv`, `my.yaml`, `folder/`.

    A folder's name without its slash is one where it holds a suite.yaml and no suite of ours has that name.
    """
    if ":" in name.partition("/")[0]:
        return False
    endings = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".yaml", ".yml", "/")
    return name.endswith(endings) or (name not in names("suites") and (Path(name) / "suite.yaml").is_file())


def all_suites() -> list[str]:
    """Return the names of all suites, variants included; imports every suite file."""
    found = []
    for base in names("suites"):
        cls = _load("suites", base, Suite)
        found += [f"{base}:{v}" if v else base for v in cls.variants if v != "*"]
    return found


def open_suites() -> dict[str, str]:
    """Return the suites that take any variant (`lm_eval:*`) with what may stand there."""
    found = {base: _load("suites", base, Suite).variants for base in names("suites")}
    return {f"{base}:*": variants["*"] for base, variants in found.items() if "*" in variants}


def open_model(spec: str, settings: Mapping[str, str] | None = None) -> Model:
    """Open the model that `spec` names: `prefix:locator`, a path ending in `.gguf`, or a folder with `config.json`.

    Raises:
        UsageError: unknown prefix, missing file or package, unknown setting.
    """
    prefix, locator = split_spec(spec)
    model: Model = _load("models", prefix, Model).open(locator, settings or {})
    model.spec = spec
    return model


def split_spec(spec: str) -> tuple[str, str]:
    """Return (prefix, locator) of a model spec.

    Raises:
        UsageError: when neither a known prefix nor a recognisable file; names the nearest.
    """
    prefix, colon, locator = spec.partition(":")
    known = names("models")
    if prefix in known and (colon or prefix == "tiny"):
        return prefix, locator
    if spec.lower().endswith(".gguf"):
        return "gguf", spec
    if (Path(spec) / "config.json").is_file():
        return "hf", spec
    raise UsageError(
        f"no model {spec!r}: not a known prefix, not a .gguf file, not a folder with config.json",
        nearest(prefix, known) + " (as prefix:locator)",
        "type: harness list models",
    )


def step(name: str) -> Step:
    """Return the step `wing.file`."""
    found: Step = _load("steps", name, Step)()
    return found


def _load(kind: str, name: str, base: Any) -> Any:
    for package in FOLDERS[kind]:
        for module in _files(package):
            if _public(package, module) == name:
                return _only_class(_import(package, module), base)
    for guest in _guests(kind):
        if guest.name == name:
            return guest.load()
    raise UsageError(
        f"no {kind.removesuffix('s')} named {name!r}", nearest(name, names(kind)), f"type: harness list {kind}"
    )


def _public(package: str, module: str) -> str:
    return f"{package.split('.')[0]}.{module}" if package.endswith(".steps") else module


def _files(package: str) -> list[str]:
    folder = ROOT / package.replace(".", "/")
    if not folder.is_dir():
        return []
    files = [p.stem for p in folder.glob("*.py")] + [p.parent.name for p in folder.glob("*/__init__.py")]
    hidden = NOT_MODELS if package == "harness.models" else frozenset()
    return sorted(f for f in files if not f.startswith("_") and f not in hidden)


def _guests(kind: str) -> list[EntryPoint]:
    return list(entry_points(group=f"harness.{kind}"))


def _import(package: str, module: str) -> ModuleType:
    top = package.split(".")[0]
    if top in WINGS:
        _claim(top)
    return importlib.import_module(f"{package}.{module}")


def _claim(wing: str) -> None:
    """Make sure that the top-level name `wing` is our package, whatever the current folder holds."""
    ours = ROOT / wing / "__init__.py"
    loaded = sys.modules.get(wing)
    if loaded is not None and loaded.__file__ and Path(loaded.__file__).resolve() == ours:
        return
    if loaded is not None:
        raise UsageError(
            f"another package named {wing!r} is already imported from {loaded.__file__!r}",
            f"ours is {str(ours)!r}",
            "rename yours, or run harness in a process of its own",
        )
    spec = importlib.util.spec_from_file_location(wing, ours, submodule_search_locations=[str(ours.parent)])
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[wing] = package
    spec.loader.exec_module(package)


def _only_class(module: ModuleType, base: type[Any]) -> Any:
    found = [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls.__module__.startswith(module.__name__) and not inspect.isabstract(cls)
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must hold exactly one {base.__name__}, found {[c.__name__ for c in found]}")
    return found[0]


def commands() -> dict[str, ModuleType]:
    """Return verb -> module of the commands that wings bring (`improve/commands/why.py`); each has a `run`."""
    return {name: _import(package, name) for package in FOLDERS["commands"] for name in _files(package)}
