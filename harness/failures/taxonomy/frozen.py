"""The fitted state of a taxonomy as bytes and back: an .npz of arrays and one JSON text, never pickle; then SHA-256.

    blob = to_bytes(taxonomy.state)       the same state gives the same bytes
    from_bytes(blob)["centroids"].shape   -> (6, 118)
    sealed(taxonomy).id                   -> "tax-5b0c93f1aa"

Floats are float32: the largest state (12,000 n-grams, 64 components) is 3 MB.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.errors import InfrastructureError
from harness.failures.taxonomy import Taxonomy
from harness.hashing import digest

FORMAT = 1
TOLERANCE = 1e-4
"""Similarities that differ by less are equal: the last bits depend on how many rows are multiplied at once."""
JSON, CHECK = "json", 32


def sealed(taxonomy: Taxonomy) -> Taxonomy:
    """Return the taxonomy under its id: the digest of all but names, which may change."""
    import hashlib

    causes = [[cause.id, cause.size] for cause in taxonomy.causes]
    state = hashlib.sha256(to_bytes(taxonomy.state)).hexdigest()
    own = [taxonomy.embedder, state, causes, taxonomy.seed, taxonomy.split, list(taxonomy.suites), taxonomy.parent]
    return replace(taxonomy, id=f"tax-{digest(own)[:10]}")


def to_bytes(state: Mapping[str, Any]) -> bytes:
    """Return `state` (JSON data and numpy arrays, nested in mappings) as the bytes of an .npz."""
    import hashlib

    import numpy as np

    arrays: dict[str, Any] = {}
    plain = _without_arrays(state, "", arrays)
    text = json.dumps(plain, sort_keys=True).encode("utf-8")
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **{JSON: np.frombuffer(text, np.uint8)}, **arrays)
    return stream.getvalue() + hashlib.sha256(stream.getvalue()).digest()


def from_bytes(blob: bytes) -> dict[str, Any]:
    """Return the state that `to_bytes` wrote.

    Raises:
        InfrastructureError: damaged bytes, or those of a newer version.
    """
    import hashlib

    import numpy as np

    try:
        if hashlib.sha256(blob[:-CHECK]).digest() != blob[-CHECK:]:
            raise ValueError("its checksum does not fit")
        with np.load(io.BytesIO(blob[:-CHECK]), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        state: dict[str, Any] = json.loads(arrays.pop(JSON).tobytes().decode("utf-8"))
        version = state["format"]
        for name, array in arrays.items():
            *outer, last = name.split(".")
            place = state
            for part in outer:
                place = place[part]
            place[last] = array
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        what = f"the fitted state of a taxonomy ({len(blob)} bytes) is damaged: {str(error)[:200]}"
        raise InfrastructureError(what, "the bytes as they were stored", "fit anew: --refit") from error
    if version != FORMAT:
        what = f"the fitted state of a taxonomy has format {version!r}"
        raise InfrastructureError(
            what, f"this version reads format {FORMAT}", "type: pip install --upgrade llm-harness"
        )
    return state


def _without_arrays(value: Mapping[str, Any], path: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return `value` without its arrays, which go into `arrays` under their dotted paths."""
    import numpy as np

    plain: dict[str, Any] = {}
    for name, part in value.items():
        if isinstance(part, Mapping):
            plain[name] = _without_arrays(part, f"{path}{name}.", arrays)
        elif isinstance(part, np.ndarray):
            arrays[f"{path}{name}"] = part
        else:
            plain[name] = part
    return plain
