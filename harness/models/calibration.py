"""The calibration that lies beside a model: read, held against the weights it was fitted to, told with the facts.

    model.gguf, calibration.json             beside(folder, digest=sha256 of model.gguf)
      -> {"method": "temperature", "temperature": 2.4}

`compress.calibrate` writes the file and says there whose weights it is of (`of`, the model's digest): weights that
were changed since, another file in the same folder or an adapter on the model make it another model, which has none. A
file of that name without our `format` is somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.stats import scaling

FILE, DIAGRAM = "calibration.json", "reliability.json"
FORMAT = "llm-harness calibration 1"
LARGEST_BYTES = 1 << 20


def beside(*folders: Path, digest: str | None) -> Mapping[str, Any]:
    """Return method and parameters (`stats.scaling.read`) of the calibration in the first folder that has this
    model's, as `{"calibration": ..}`; {} where none has.

    Raises:
        UsageError: it is of these weights and says what no calibration can be.
    """
    for path in (folder / FILE for folder in folders):
        told = _told(path)
        if digest and told.get("of") == digest:
            try:
                return {"calibration": scaling.read(told).numbers()}
            except ValueError as error:
                what = f"{str(path)!r} cannot be used: {error}"
                expected = "a method with its numbers, as compress.calibrate writes them"
                raise UsageError(what, expected, f"make it again, or: rm {path}") from error
    return {}


def _told(path: Path) -> Mapping[str, Any]:
    """Return what a file says, {} where it is none of ours."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return {}
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        return {}
    # Both methods are in the file, Platt's two numbers together: `method` says which one counts.
    curve = told.get("platt")
    return {**(curve if isinstance(curve, dict) else {}), **told}
