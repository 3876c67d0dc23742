"""llama.cpp's own converter (MIT), as the package auto-round 0.15.1 ships it unchanged.

    with bundled() as conversion:
        conversion.get_model_class("LlamaForCausalLM")

It lies under `auto_round/export/export_to_gguf/conversion` and is no documented interface, so it is imported here and
nowhere else, without importing auto-round itself (2.5 s instead of 9 s) and without leaving `conversion` in
sys.modules.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import MissingPackage

_NAME = "conversion"
_loaded: dict[str, ModuleType] = {}


def bundle() -> Path:
    """Return the folder in which the converter's package `conversion` lies. Imports nothing.

    Raises:
        MissingPackage: auto-round is not installed.
    """
    found = importlib.util.find_spec("auto_round")
    if found is None or not found.submodule_search_locations:
        raise MissingPackage("auto-round", "converting to GGUF", "compress")
    return Path(found.submodule_search_locations[0]) / "export" / "export_to_gguf"


@contextlib.contextmanager
def bundled() -> Iterator[Any]:
    """Yield the bundled converter, for this block only under the top-level name that it imports itself by."""
    place = bundle()
    path, strangers = list(sys.path), _taken()
    sys.modules.update(_loaded)
    sys.path.insert(0, str(place))
    try:
        importlib.import_module("sentencepiece")  # else found missing only in the middle of a conversion
        with _newer_names():
            yield importlib.import_module(_NAME)
    except ImportError as error:
        raise MissingPackage(error.name or str(error), "converting to GGUF", "compress") from error
    finally:
        sys.path[:] = path  # the converter adds to it too
        _loaded.update(_taken())
        sys.modules.update(strangers)


@contextlib.contextmanager
def _newer_names() -> Iterator[None]:
    """Let the converter name architectures and tensors that are newer than the newest gguf there is (0.19).

    A file of the converter that names one (qwen.py: DFLASH, glm.py: FC) could not even be imported otherwise. The
    stand-in is the bare name: a model that needs it is refused, its neighbours are converted.
    """
    gguf = importlib.import_module("gguf")
    known = {kind: getattr(gguf, kind) for kind in ("MODEL_ARCH", "MODEL_TENSOR")}
    try:
        for kind, names in known.items():
            setattr(gguf, kind, _Named(names))
        yield
    finally:
        for kind, names in known.items():
            setattr(gguf, kind, names)


class _Named:
    """An enumeration that answers to every name."""

    def __init__(self, names: Any) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._names, name, name)


def _taken() -> dict[str, ModuleType]:
    """Remove and return every module that is loaded under the converter's name."""
    names = [name for name in sys.modules if name == _NAME or name.startswith(f"{_NAME}.")]
    return {name: sys.modules.pop(name) for name in names}
