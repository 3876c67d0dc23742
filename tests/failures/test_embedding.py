"""Embedders: unit rows, a text's vector depends on the text alone, and no model is ever fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.failures import sentences
from harness.failures.embedding import Lsa, embedder, restored

TEXTS = [f"a number {'too large' if i % 2 else 'too small'} by {i % 7} steps of {i % 5}" for i in range(60)]
minilm = pytest.mark.skipif(not sentences.available(), reason="no package with a sentence model")


@pytest.fixture(scope="module")
def fitted() -> Lsa:
    return Lsa().fit(TEXTS)


@given(st.lists(st.text(max_size=40), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_texts_give_unit_rows_or_zeros(texts: list[str]) -> None:
    fitted = Lsa().fit(TEXTS)
    for model in (fitted, fitted.fit(texts) if texts else fitted):
        found = model.transform(texts)
        assert found.shape[0] == len(texts) and found.dtype == np.float32
        lengths = np.linalg.norm(found, axis=1)
        assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


def test_hostile_texts_are_texts_too(fitted: Lsa) -> None:
    found = fitted.transform(["\ud800\x00", "", "a" * 100_000, "too large"])
    assert np.isfinite(found).all() and not found[1].any() and found[3].any()


def test_lsa_tells_apart_what_is_said(fitted: Lsa) -> None:
    large, other, small = fitted.transform(
        ["a number too large by 1 steps", "too large by 3", "a number too small by 1"]
    )
    assert large @ other > large @ small


def test_order_of_the_texts_changes_no_bit(fitted: Lsa) -> None:
    turned = Lsa().fit(TEXTS[::-1])
    assert turned.digest == fitted.digest and turned.components.tobytes() == fitted.components.tobytes()
    assert Lsa().fit(TEXTS[1:]).digest != fitted.digest
    assert np.array_equal(fitted.transform(TEXTS)[::-1], turned.transform(TEXTS[::-1]))


def test_a_restored_embedder_is_the_same(fitted: Lsa) -> None:
    again = restored(fitted.state)
    assert again.digest == fitted.digest and np.array_equal(again.transform(TEXTS), fitted.transform(TEXTS))


def test_many_distinct_texts_go_through_the_sparse_solver() -> None:
    many = [f"w{i % 40} v{i % 23} u{i} t{i % 7}" for i in range(700)]
    found = Lsa().fit(many)
    assert found.components.shape == (64, len(found.words) + len(found.pieces))
    assert np.allclose(found.components @ found.components.T, np.eye(64), atol=1e-4)


@minilm
@pytest.mark.slow
def test_a_sentence_models_vector_depends_on_its_text_alone() -> None:
    model = embedder("minilm")
    long = "too many words " * 200
    texts = [*TEXTS[:40], long, ""]
    together = model.transform(texts)
    for place in (0, 39, 40, 41):
        sentences._vectors.clear()
        assert np.array_equal(model.transform([texts[place]])[0], together[place])
    assert embedder("auto").digest == model.digest and restored(model.state).digest == model.digest


def run(program: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program, *arguments],
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


def test_without_scikit_learn_the_install_line_is_told() -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from harness.errors import MissingPackage\n"
        "from harness.failures.taxonomy.fitting import fit\n"
        "try:\n    fit([], [], 'lsa')\n"
        "except MissingPackage as error:\n    print(error.next)"
    )
    assert run(program) == "type: pip install 'llm-harness[cluster]'\n"


def test_unknown_and_unsafe_embedders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no embedder 'minlm'") as caught:
        embedder("minlm")
    assert "minilm" in caught.value.expected
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UsageError, match="holds a pickle, 'pytorch_model"):
        embedder(str(tmp_path))


@minilm
def test_another_model_in_the_place_of_the_fitted_one_is_refused(tmp_path: Path) -> None:
    state: dict[str, Any] = embedder("minilm").state
    with pytest.raises(UsageError, match="the taxonomy's was 0123"):
        restored({**state, "model": "0123" * 8})
    with pytest.raises(UsageError, match="is gone"):
        restored({**state, "kind": "other", "folder": str(tmp_path)})
