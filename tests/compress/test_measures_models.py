"""`measure` on models: exact against brute force and against the engines' own scores; broken models."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, rel_entr

from compress.measures import measure
from compress.measures.__main__ import drawn
from compress.measures.reading import Place, opened
from harness import registry
from harness.errors import InfrastructureError, UsageError
from harness.models import convert
from harness.models.threads import wait_politely
from harness.store import Database
from harness.types import Completion, Request

wait_politely(os.environ)
pytestmark = pytest.mark.slow
POSITIONS = 600


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measures")
    suite = registry.suite("primer")
    rows = [{"prompt": one.prompt, "completion": one.target} for one in suite.practice(7, 40)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def q4(room: Path, tiny_folder: Path) -> Path:
    return convert.quantize(tiny_folder / "tiny.gguf", room / "q4.gguf", "Q4_K_M")


def measured(room: Path, spec: str, references: Mapping[str, str], speed: bool = False) -> dict[str, Any]:
    folder = Path(spec.partition(":")[2])
    database = Database(room / "harness.duckdb")
    return measure(database, spec, {}, folder, references, room / "rows.jsonl", speed, POSITIONS)


def read(place: Place, rows: Path) -> tuple[list[list[int]], list[np.ndarray]]:
    """Return token ids and float64 log-probabilities of the rows that POSITIONS hold."""
    ids: list[list[int]] = []
    found, left = [], POSITIONS
    with opened(place) as reader:
        for row in drawn(rows):
            if left:
                ids.append(reader.encode(row)[: left + 1])
                left -= len(ids[-1]) - 1
                logits = np.concatenate(list(reader.logits(ids[-1][:-1])))
                found.append(log_softmax(logits.astype(np.float64), axis=1))
    return ids, found


def test_engines_agree_and_a_model_is_no_distance_from_itself(room: Path, tiny_folder: Path) -> None:
    base = f"gguf:{tiny_folder}/tiny.gguf"
    own = measured(room, base, {"base": base})["against"]["base"]
    assert own["kl_mean"] == own["kl_max"] == 0.0 and own["top1_agreement"] == own["perplexity_ratio"] == 1.0
    found = measured(room, f"hf:{tiny_folder}", {"base": base})
    other = found["against"]["base"]
    # F32 weights against F16: at most 1e-4 nats at any position, nearly none on the average.
    assert 0.0 < other["kl_mean"] < 1e-6 and other["kl_max"] < 1e-4 and other["top1_agreement"] > 0.99
    assert other["perplexity_ratio"] == pytest.approx(1.0, abs=1e-4)
    assert found["positions"] == POSITIONS and found["parameters"] == 1_574_144 and found["speed"] is None


def test_figures_are_those_of_brute_force(room: Path, tiny_folder: Path, q4: Path) -> None:
    base = tiny_folder / "tiny.gguf"
    found = measured(room, f"gguf:{q4}", {"base": f"gguf:{base}"})
    (ids, before), (_, after) = (read(Place("gguf", str(one), {}), room / "rows.jsonl") for one in (base, q4))
    kls = np.concatenate([rel_entr(np.exp(p), np.exp(q)).sum(axis=1) for p, q in zip(before, after, strict=True)])
    agree = np.concatenate([p.argmax(axis=1) == q.argmax(axis=1) for p, q in zip(before, after, strict=True)])
    nll = [-q[np.arange(len(q)), row[1:]] for q, row in zip(after, ids, strict=True)]
    against = found["against"]["base"]
    assert against["kl_mean"] == pytest.approx(kls.mean(), rel=1e-3) and against["kl_mean"] > 1e-4
    assert against["kl_p99"] == pytest.approx(np.quantile(kls, 0.99), rel=1e-3)
    assert against["kl_p99_low"] < against["kl_p99"] < against["kl_p99_high"]
    assert against["top1_agreement"] == pytest.approx(agree.mean()) and against["top1_agreement"] < 1.0
    assert found["perplexity"] == pytest.approx(np.exp(np.concatenate(nll).mean()), rel=1e-6)
    assert found["size_bytes"] == q4.stat().st_size and 4.5 < found["bits_per_weight"] < 6.0
    # The engine's own way of reading a text, through other batches and other code.
    texts = [f"{row['prompt']}{row['completion']}" for row in drawn(room / "rows.jsonl")][:5]
    with registry.open_model(f"gguf:{q4}", {}) as model:
        answers = dict(model.answer([Request("read", text) for text in texts]))
    for place, one in enumerate(nll[:5]):
        told = answers[place]
        assert isinstance(told, Completion)
        assert list(one) == pytest.approx([-value for value in told.token_logprobs][-len(one) :], abs=0.1)
        assert one.mean() == pytest.approx(-np.mean(told.token_logprobs[-len(one) :]), abs=0.01)


def test_speed_is_measured_and_kept_like_a_bench(room: Path, q4: Path) -> None:
    speed = measured(room, f"gguf:{q4}", {}, speed=True)["speed"]
    assert min(speed[name] for name in ("generate_tokens_s", "generate_wide_tokens_s", "prompt_tokens_s")) > 0
    # On a busy machine a text may be too short to be told from its prompt: then there is no share.
    assert speed["raw_share"] is None or speed["raw_share"] > 0
    assert speed["memory_bytes"] > 10e6 and speed["busy"] in (True, False)
    with Database(room / "harness.duckdb").read() as connection:
        found = connection.execute("SELECT model FROM bench_runs WHERE bench_id = ?", [speed["bench_id"]]).fetchall()
    assert found == [(f"gguf:{q4}",)]


def test_a_model_that_gives_no_numbers_is_a_finding(room: Path, tiny_folder: Path) -> None:
    import gguf

    broken = room / "broken.gguf"
    broken.write_bytes((tiny_folder / "tiny.gguf").read_bytes())
    reader = gguf.GGUFReader(broken, "r+")
    next(one for one in reader.tensors if one.name == "output_norm.weight").data[:] = np.nan
    reader.data.flush()
    base = f"gguf:{tiny_folder}/tiny.gguf"
    found = measured(room, f"gguf:{broken}", {"base": base}, speed=True)
    assert "positions have logits that are no numbers" in found["broken"] and found["speed"] is None
    assert found["perplexity"] is found["against"]["base"]["kl_mean"] is None and found["size_bytes"] > 3e6
    with pytest.raises(InfrastructureError, match=r"the reference 'before', .* is broken"):
        measured(room, base, {"before": f"gguf:{broken}"})


def test_what_cannot_be_measured_is_refused_and_nothing_is_left(room: Path, tiny_folder: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        measured(room, "gguf:nowhere.gguf", {})
    (room / "other.jsonl").write_text('{"prompt": ""}\n')
    database, base = Database(room / "harness.duckdb"), f"gguf:{tiny_folder}/tiny.gguf"
    with pytest.raises(UsageError, match="no text of two tokens"):
        measure(database, base, {}, tiny_folder, {}, room / "other.jsonl", False)
    assert not list((room / "cache" / "measures").glob(".*"))
