"""tiny: trained once, complete or not there, the same through both formats, and as good and as bad as it should be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from harness import registry
from harness.errors import UsageError
from harness.models import convert, tiny
from harness.models.tiny import home
from harness.types import Completion, Fault


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path))
    return tmp_path / "models"


def test_recipes_name_their_folders() -> None:
    keys = {home.recipe().key, home.recipe(seed=1).key, home.recipe(steps=5).key}
    assert len(keys) == 3 and home.recipe().suite_version == registry.suite("primer").version


def test_other_suites_leave_the_key_of_primer_alone() -> None:
    """Another key is another training of everybody's `tiny`: not for a field or a suite more."""
    assert replace(home.recipe(), suite_version="2").key == "b697265f861b"
    other = home.recipe(suite="bbh:small", steps=7)
    assert (other.suite, other.steps) == ("bbh:small", 7) and other.key != home.recipe(steps=7).key
    with pytest.raises(UsageError, match="primer"):
        home.recipe(suite="primr")


def test_settings_are_checked_before_any_training(own_home: Path) -> None:
    with pytest.raises(UsageError, match="'big'"):
        registry.open_model("tiny:big")
    with pytest.raises(UsageError, match="seed"):
        registry.open_model("tiny", {"seed": "one"})
    with pytest.raises(UsageError, match="0 steps"):
        registry.open_model("tiny", {"steps": "0"})
    with pytest.raises(UsageError, match="mmlu"):
        registry.open_model("tiny", {"suite": "mmlu"})
    assert not own_home.exists()


@pytest.mark.slow
def test_a_short_training_is_complete_quiet_on_stdout_and_done_once(own_home: Path, capfd) -> None:
    place = tiny.folder(seed=3, steps=2)
    shown = capfd.readouterr()
    assert shown.out == "" and "step 2/2" in shown.err
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "tiny.gguf"} <= {
        path.name for path in place.iterdir()
    }
    assert json.loads((place / "recipe.json").read_text())["seed"] == 3
    assert [path for path in own_home.iterdir() if path.is_dir()] == [place], "nothing temporary is left"
    before = (place / "tiny.gguf").stat().st_mtime_ns
    assert tiny.gguf_path(seed=3, steps=2).stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_killed_training_leaves_nothing_half_done(own_home: Path) -> None:
    code = "from harness.models import tiny; tiny.folder(seed=4, steps=100000)"
    environment = {**os.environ, "PYTHONPATH": str(Path(home.__file__).resolve().parents[3])}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
    while not list(own_home.glob(".tiny-*-*")):
        assert child.poll() is None
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not [path for path in own_home.iterdir() if not path.name.startswith(".")]
    # The lock of the dead one is free, and its leavings are of another recipe: they do not stand in the way.
    assert tiny.folder(seed=4, steps=1).is_dir()


@pytest.mark.slow
def test_two_processes_train_once(own_home: Path) -> None:
    code = "from harness.models import tiny; print(tiny.folder(seed=5, steps=2))"
    environment = {**os.environ, "PYTHONPATH": str(Path(home.__file__).resolve().parents[3])}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [child.communicate() for child in children]
    assert len({out for out, _ in outputs}) == 1 and outputs[0][0].strip()
    assert sum("step 2/2" in err for _, err in outputs) == 1


@pytest.mark.slow
def test_tokens_are_the_same_in_both_formats(tiny_folder: Path) -> None:
    import llama_cpp
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(tiny_folder)
    ours = llama_cpp.Llama(str(tiny_folder / "tiny.gguf"), vocab_only=True, verbose=False)
    texts = [row.prompt + row.target for row in registry.suite("primer").practice(9, 200)]
    for text in [*texts, "  def f(x):\n\treturn {1: 'é'}", "1234567", "日本 🙂"]:
        assert ours.tokenize(text.encode(), add_bos=True) == theirs.encode(text), text
    ids = theirs.encode("12 345", add_special_tokens=False)
    assert [theirs.decode([i]).strip() for i in ids if theirs.decode([i]).strip()] == list("12345"), "a token a digit"
    assert theirs.chat_template is None


@pytest.mark.slow
def test_it_quantises_without_falling_back(tiny_folder: Path, tmp_path: Path) -> None:
    small = convert.quantize(tiny_folder / "tiny.gguf", tmp_path / "small.gguf", "Q4_K_M", threads=2)
    assert set(convert.tensor_types(small)) <= {"F32", "Q4_K", "Q6_K"}


def accuracies(folder: Path, kind: str, per_variant: int) -> dict[str, float]:
    """Return accuracy per variant over the first `per_variant` samples of each."""
    suite = registry.suite("primer")
    chosen = defaultdict(list)
    for sample in suite.samples(None):
        if len(chosen[sample.tags["variant"]]) < per_variant:
            chosen[sample.tags["variant"]].append(sample)
    samples = [sample for group in chosen.values() for sample in group]
    right = defaultdict(float)
    with registry.open_model(f"gguf:{folder / 'tiny.gguf'}" if kind == "gguf" else f"hf:{folder}") as model:
        for i, completion in model.answer([suite.request(sample) for sample in samples]):
            assert isinstance(completion, Completion) and not isinstance(completion, Fault)
            right[samples[i].tags["variant"]] += suite.score(samples[i], completion).values["acc"] / per_variant
    return dict(right)


@pytest.mark.slow
def test_it_passes_base_variants_and_fails_weak_ones(tiny_folder: Path) -> None:
    from suites.primer.skills import of_role

    found = accuracies(tiny_folder, "gguf", 25)
    skills = defaultdict(list)
    for name in of_role("base"):
        skills[name.split("/")[0]].append(found[name])
    means = {skill: sum(values) / len(values) for skill, values in skills.items()}
    assert sum(mean >= 0.85 for mean in means.values()) >= 5, means
    assert means["boolean"] >= 0.7, means
    weak = [found[name] for name in of_role("weak")]
    assert max(weak) <= 0.2, weak
