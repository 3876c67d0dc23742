"""Identities: stable, order-free, collision-free where it matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import hashing
from harness.types import Message, Request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    turned = dict(reversed(list(value.items())))
    assert hashing.digest(value) == hashing.digest(turned)


@given(st.lists(JSON, min_size=2, max_size=2, unique_by=hashing.canonical))
def test_other_values_have_other_digests(values: list[object]) -> None:
    assert hashing.digest(values[0]) != hashing.digest(values[1])


def test_digest_is_pinned() -> None:
    """The ids of all samples in all databases hang on this value."""
    assert hashing.digest("suite", {"question": "2 + 2?"}, 0) == PINNED


PINNED = "45b6e24053f7063dfab5e82563bad655"


def test_source_of_a_request_is_no_part_of_it() -> None:
    request = Request("generate", prompt="x")
    assert hashing.digest(request) == hashing.digest(replace(request, source={"sample_id": "1"}))
    for change in ({"attempt": 1}, {"seed": 3}, {"stop": ("\n",)}, {"messages": (Message("user", "x"),)}):
        assert hashing.digest(request) != hashing.digest(replace(request, **change))


def test_no_identity_for_what_is_not_json() -> None:
    for value in ({1, 2}, b"x", object()):
        with pytest.raises(TypeError):
            hashing.digest(value)
    with pytest.raises(ValueError):
        hashing.digest(float("nan"))


def test_folder_digest_sees_names_and_content_not_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = hashing.folder_sha256(tmp_path)
    (tmp_path / ".hidden").write_text("x")
    assert hashing.folder_sha256(tmp_path) == first
    (tmp_path / "a").rename(tmp_path / "b")
    assert hashing.folder_sha256(tmp_path) != first


def test_fraction_is_uniform_enough() -> None:
    below = sum(hashing.fraction("split", i) < 0.5 for i in range(4000)) / 4000
    assert 0.46 < below < 0.54


def test_what_is_left_out_of_a_folder_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("weights")
    first = hashing.folder_sha256(tmp_path, ("checkpoint-*", "optimizer*"))
    assert first == hashing.folder_sha256(tmp_path)
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1" / "model").write_text("older")
    (tmp_path / "optimizer.pt").write_text("moments")
    assert hashing.folder_sha256(tmp_path, ("checkpoint-*", "optimizer*")) == first != hashing.folder_sha256(tmp_path)
    (tmp_path / "model").write_text("other weights")
    assert hashing.folder_sha256(tmp_path, ("checkpoint-*", "optimizer*")) != first
