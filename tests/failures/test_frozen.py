"""The frozen state: the same bytes from the same state, the same state from them, a clear line for anything else."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InfrastructureError
from harness.failures.taxonomy import Cause, Taxonomy, frozen

STATE = {
    "format": 1, "space": {"embedder": {"words": ["\ud800", "Ünï"], "idf": np.arange(3, dtype=np.float32)}, "n": 0.1},
    "centroids": np.eye(2, dtype=np.float32),
}  # fmt: skip
BLOB = frozen.to_bytes(STATE)


def test_there_and_back() -> None:
    again = frozen.from_bytes(BLOB)
    assert frozen.to_bytes(again) == BLOB and again["centroids"].dtype == np.float32
    assert again["space"]["embedder"]["words"] == ["\ud800", "Ünï"] and again["space"]["n"] == 0.1
    assert np.array_equal(again["space"]["embedder"]["idf"], [0, 1, 2])


@given(st.integers(0, len(BLOB) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_told(place: int, by: int) -> None:
    damaged = bytearray(BLOB)
    damaged[place] = (damaged[place] + by) % 256
    with pytest.raises(InfrastructureError, match="is damaged"):
        frozen.from_bytes(bytes(damaged))


@pytest.mark.parametrize("blob", [b"", b"PK", BLOB[:-30], b"\x93NUMPY\x01\x00" + b"x" * 40])
def test_damage_is_told(blob: bytes) -> None:
    with pytest.raises(InfrastructureError, match="is damaged"):
        frozen.from_bytes(blob)


def test_a_pickle_is_never_read() -> None:
    stream = io.BytesIO()
    np.savez(stream, json=np.array([{"format": 1}], dtype=object))
    blob = stream.getvalue()
    with pytest.raises(InfrastructureError, match="pickle"):
        frozen.from_bytes(blob + hashlib.sha256(blob).digest())


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(InfrastructureError, match="format 2"):
        frozen.from_bytes(frozen.to_bytes({**STATE, "format": 2}))


def test_names_are_no_part_of_the_id_and_everything_else_is() -> None:
    taxonomy = frozen.sealed(Taxonomy("", (Cause("aa", "x", size=3),), "lsa:1", STATE))
    assert taxonomy.id.startswith("tax-") and len(taxonomy.id) == 14
    named = replace(taxonomy, causes=(Cause("aa", "y", "person", ("k",), size=3),))
    assert frozen.sealed(named).id == taxonomy.id
    others = [
        replace(taxonomy, seed=1), replace(taxonomy, parent="tax-1"), replace(taxonomy, causes=()),
        replace(taxonomy, state={**STATE, "centroids": np.zeros((2, 2), np.float32)}),
    ]  # fmt: skip
    assert len({frozen.sealed(other).id for other in others} | {taxonomy.id}) == 5
