"""Small random Llamas as GGUF, one whose tokenizer adds BOS and one without BOS: made once per test session."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_gguf import Weights, make_weights


@pytest.fixture(scope="session", params=["bos", "no_bos"])
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return make_weights(tmp_path_factory.mktemp(request.param), bos=request.param == "bos")


@pytest.fixture(scope="session")
def one_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(tmp_path_factory.mktemp("one"), bos=True).gguf
