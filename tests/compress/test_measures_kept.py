"""What is kept of distributions, which rows are read, what ships."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from compress.measures import kept
from compress.measures.__main__ import _same, drawn
from compress.measures.divergence import kl, log_softmax
from compress.measures.kept import Kept, Writer, is_kept, trim
from compress.measures.measuring import _child, place_of
from compress.measures.size import size
from harness.errors import InfrastructureError, UsageError
from harness.models import convert


def written(folder: Path, ids: list[list[int]], vocabulary: int, seed: int = 0) -> np.ndarray:
    logprobs = log_softmax(np.random.default_rng(seed).standard_normal((sum(map(len, ids)) - len(ids), vocabulary)) * 4)
    with Writer(folder, ids, vocabulary) as writer:
        for start in range(0, len(logprobs), 3):
            piece = logprobs[start : start + 3]
            writer.add(piece, -piece[:, 1].astype(np.float64))
    return logprobs


def test_what_is_kept_whole_comes_back_bit_by_bit(tmp_path: Path) -> None:
    ids = [[1, 2, 3, 4], [5, 6], [7, 8, 9]]
    logprobs = written(tmp_path / "one", ids, 300)
    found = Kept(tmp_path / "one")
    assert found.ids == ids and found.vocabulary == 300 and found.whole
    piece, tokens = found.piece(1, 5)
    assert tokens is None and (piece == logprobs[1:5]).all()
    assert (found.nll == -logprobs[:, 1].astype(np.float64)).all()


def test_of_a_large_vocabulary_the_most_probable_tokens_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 6 * 999 * 4)
    logprobs = written(tmp_path / "one", [[1, 2, 3, 4], [1, 2, 3, 4, 5]], 1000)
    piece, tokens = Kept(tmp_path / "one").piece(0, 7)
    assert tokens is not None and piece.shape == tokens.shape == (7, kept.TOP)
    expected = np.sort(logprobs, axis=1)[:, ::-1][:, : kept.TOP]
    assert (piece == expected).all() and (np.take_along_axis(logprobs, tokens, axis=1) == expected).all()
    other = log_softmax(np.random.default_rng(5).standard_normal((7, 1000)) * 4)
    part = kl(piece, np.take_along_axis(other, tokens, axis=1), whole=False)
    whole = kl(logprobs, other)
    assert (part <= whole).all() and (part > 0.9 * whole).all()


def test_a_writer_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Writer(tmp_path / "one", [[1, 2]], 10) as writer:
        writer.add(np.zeros((1, 10), np.float32), np.zeros(1))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [] and not is_kept(tmp_path / "one")


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old", "needed")):
        written(tmp_path / name, [[1, 2, 3]], 100)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    each = sum(file.stat().st_size for file in (tmp_path / "new").iterdir())
    trim(tmp_path, 2 * each, [tmp_path / "needed"])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["needed", "new"]
    assert is_kept(tmp_path / "needed")  # used again: now the newest
    trim(tmp_path, each, [])
    assert [one.name for one in tmp_path.iterdir()] == ["needed"]


def test_what_a_kill_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, hours in ((".one-1", 25), (".two-2", 23)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - 3600 * hours,) * 2)
    trim(tmp_path, 0, [])
    assert [one.name for one in tmp_path.iterdir()] == [".two-2"]


def test_a_child_that_breaks_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="measuring 'model' ended by exit code 1") as caught:
        _child(tmp_path, {"read": {"path": "model"}})
    (log,) = tmp_path.iterdir()
    assert "KeyError" in log.read_text() and str(log) in caught.value.next


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "one", [[1, 2, 3], [4, 5]], 100)
    reference = Kept(tmp_path / "one")
    _same("base", reference, [[1, 2, 3], [4, 5]], 100)
    with pytest.raises(UsageError, match="base has 100 tokens in its vocabulary, this model 101"):
        _same("base", reference, [[1, 2, 3], [4, 5]], 101)
    with pytest.raises(UsageError, match="base makes other token ids of 1 of 2 rows"):
        _same("base", reference, [[1, 2, 3], [4, 6]], 100)


def test_rows_are_drawn_by_their_content_alone(tmp_path: Path) -> None:
    rows = [{"id": str(n), "prompt": f"Q: {n}\nA:", "completion": f" {n * n}"} for n in range(50)]
    orders = []
    for name, given in (("a", rows), ("b", rows[::-1])):
        (tmp_path / name).write_text("\n".join(map(json.dumps, given)) + "\n\n")
        orders.append([row["id"] for row in drawn(tmp_path / name)])
    assert orders[0] == orders[1] != [row["id"] for row in rows] and sorted(orders[0]) == sorted(map(str, range(50)))


@pytest.mark.parametrize("line", ["{", "[]", '{"text": "a"}', "\xff"])
def test_a_line_that_is_no_row_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "rows").write_bytes(b'{"prompt": "a"}\n' + line.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot read rows from"):
        drawn(tmp_path / "rows")


def test_a_packed_tensor_counts_by_what_it_unpacks_to(tmp_path: Path) -> None:
    save_file(
        {
            "a.weight_packed": np.zeros((64, 32), np.int32), "a.weight_scale": np.zeros((64, 2), np.float16),
            "a.weight_zero_point": np.zeros((8, 2), np.int32), "a.weight_shape": np.array([64, 256]),
            "norm.weight": np.zeros(256, np.float16),
        },
        tmp_path / "model.safetensors",
    )  # fmt: skip
    told = {"quantization_config": {"quant_method": "compressed-tensors"}}
    (tmp_path / "config.json").write_text(json.dumps(told))
    found = size(tmp_path, tmp_path)
    bits = 8 * (tmp_path / "model.safetensors").stat().st_size / found["parameters"]
    assert found["parameters"] == 64 * 256 + 256 and found["bits_per_weight"] == bits
    assert 4 < bits < 6  # 4 bits, scales, zero points and the header of a file this small
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "gptq"}}')
    with pytest.raises(UsageError, match="packed by 'gptq'"):
        size(tmp_path, tmp_path)


def test_weights_that_lie_there_twice_count_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for number, name in enumerate(("model-1", "model-2", "consolidated")):
        save_file({f"{number}.weight": np.zeros((10, 10), np.float32)}, tmp_path / f"{name}.safetensors")
    assert size(tmp_path, tmp_path)["parameters"] == 300
    index = {"weight_map": {"0.weight": "model-1.safetensors", "1.weight": "../model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert size(tmp_path, tmp_path)["parameters"] == 200


def test_an_archive_has_its_own_size_and_the_parameters_of_what_is_in_it(tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "model.gguf.zst").write_bytes(b"x" * 1000)
    (tmp_path / "manifest.json").write_text("{}")
    found, plain = size(tmp_path, tiny_folder / "tiny.gguf"), size(tiny_folder, tiny_folder / "tiny.gguf")
    assert found["size_bytes"] == 1000 and found["parameters"] == plain["parameters"] == 1_574_144
    assert plain["size_bytes"] == (tiny_folder / "tiny.gguf").stat().st_size
    assert size(tiny_folder, tiny_folder)["parameters"] == plain["parameters"]


def test_every_quantisation_has_fewer_bits(tmp_path: Path, tiny_folder: Path) -> None:
    bits = []
    for kind in ("Q8_0", "Q5_K_M", "Q2_K"):
        convert.quantize(tiny_folder / "tiny.gguf", tmp_path / f"{kind}.gguf", kind)
        bits.append(size(tmp_path, tmp_path / f"{kind}.gguf")["bits_per_weight"])
    assert bits == sorted(bits, reverse=True) and 8.5 < bits[0] < 9 and 5.5 < bits[1] < 6.5


def test_places_of_models(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_HOME", str(tiny_folder.parent.parent))
    settings = {"seed": "0", "format": "hf", "dtype": "float32", "n_batch": "512"}
    place = place_of("tiny", settings, tmp_path)
    assert (place.engine, Path(place.path), dict(place.settings)) == ("hf", tiny_folder, {"dtype": "float32"})
    place = place_of(f"gguf:{tmp_path}/a.gguf", settings, tmp_path)
    assert (place.engine, place.path, dict(place.settings)) == ("gguf", f"{tmp_path}/a.gguf", {"n_batch": "512"})
    with pytest.raises(UsageError, match="does not give the probabilities"):
        place_of("openai:gpt@http://localhost", {}, tmp_path)
