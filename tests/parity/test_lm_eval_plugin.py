"""`harness-gguf` in lm-eval: against our own suites (same engine), lm-eval's `hf` (same weights), and its way in."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from lm_eval_oracle import SHARED, mmlu

from harness import registry
from harness.models.lm_eval_adapter import HarnessGGUF
from harness.types import Completion, Request

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 0.1
"""Per summed log-probability, against transformers in F32 (see `test_gguf_transformers.py`)."""
SUBJECTS = ("abstract_algebra", "anatomy")


def instances(kind: str, arguments: list[tuple[Any, ...]]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, pair, number) for number, pair in enumerate(arguments)]


def primer(count: int) -> list[str]:
    suite = registry.suite("primer")
    return [suite.request(sample).prompt for _, sample in zip(range(count), suite.samples(None), strict=False)]


@pytest.fixture(scope="module")
def lm(tiny_folder: Path) -> Iterator[HarnessGGUF]:
    lm = HarnessGGUF(path=str(tiny_folder / "tiny.gguf"), threads=1, n_ctx=512, width=4)
    yield lm
    lm.model.close()


@pytest.fixture(scope="module")
def hf(tiny_folder: Path) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(tiny_folder), device="cpu", dtype="float32", batch_size=8, max_length=512)


@pytest.fixture(scope="module", params=["bos", "no_bos"])
def random_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """The same random weights as `harness-gguf` and as lm-eval's `hf`, with and without a BOS that is added."""
    from lm_eval.models.huggingface import HFLM

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tests" / "models"))
        from random_gguf import make_weights

        made = make_weights(tmp_path_factory.mktemp(request.param), bos=request.param == "bos")
    ours = HarnessGGUF(path=str(made.gguf), threads=1, n_ctx=128, kv_type="f32", flash_attn="off")
    yield ours, HFLM(pretrained=str(made.folder), device="cpu", dtype="float32", batch_size=4, max_length=128)
    ours.model.close()


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "mmlu").is_dir(), reason="no ../shared/data/mmlu")
def test_mmlu_gives_the_choices_of_our_own_suite(lm: HarnessGGUF) -> None:
    """Contexts of five examples are longer than tiny's context: cutting is part of what must agree."""
    suite = registry.suite("mmlu")
    kept: dict[str, list[Any]] = {subject: [] for subject in SUBJECTS}
    for sample in suite.samples(SHARED):
        if sample.tags["subject"] in kept:
            kept[sample.tags["subject"]].append(sample)
    for subject, oracle in mmlu(SHARED, SUBJECTS).items():
        theirs = oracle.answers(lm, range(40))
        ours = dict(lm.model.answer([suite.request(sample) for sample in kept[subject][:40]]))
        for number, answer in enumerate(theirs):
            mine = ours[number]
            assert isinstance(mine, Completion)
            assert [greedy for _, greedy in answer] == list(mine.choice_greedy)  # type: ignore[misc]
            logprobs = [logprob for logprob, _ in answer]  # type: ignore[misc]
            assert logprobs == pytest.approx(mine.choice_logprobs, abs=1e-3)
            assert logprobs.index(max(logprobs)) == mine.choice_logprobs.index(max(mine.choice_logprobs))
    assert lm.get_model_info()["cut_requests"] > 0 and lm.get_model_info()["max_length"] == 512


def pairs() -> list[tuple[str, str]]:
    """Contexts in no order, some asked twice, some empty, some longer than the context."""
    prompts = primer(12)
    found = [(prompt, choice) for choice in (" yes", " True", ' {"thing": "cup"}') for prompt in prompts]
    found += [("", "What is"), (prompts[0], " yes"), ("blank at the end ", "no"), ("word " * 900, "end")]
    return found[::-1]


def test_log_likelihoods_are_those_of_transformers(lm: HarnessGGUF, hf: Any) -> None:
    asked = instances("loglikelihood", pairs())
    ours, theirs = lm.loglikelihood(asked, disable_tqdm=True), hf.loglikelihood(asked, disable_tqdm=True)
    assert [one for one, _ in ours] == pytest.approx([one for one, _ in theirs], abs=TOLERANCE)
    assert sum(a[1] != b[1] for a, b in zip(ours, theirs, strict=True)) <= 1
    assert len({round(one, 3) for one, _ in ours}) > 30, "different requests have different answers"


def test_random_weights_agree_with_and_without_bos(random_pair: tuple[Any, Any]) -> None:
    ours, theirs = random_pair
    asked = instances("loglikelihood", [("", " A B"), ("Is the sky", " blue"), ("Is ", "A"), ("What is " * 60, "yes")])
    mine = [one for one, _ in ours.loglikelihood(asked, disable_tqdm=True)]
    assert mine == pytest.approx([one for one, _ in theirs.loglikelihood(asked, disable_tqdm=True)], abs=0.05)


def test_reading_agrees_with_and_without_bos(random_pair: tuple[Any, Any]) -> None:
    """Short, of about one window, and of several. No text repeats itself: windows alike confuse lm-eval's `hf`."""
    ours, theirs = random_pair
    draw = random.Random(5)
    words = re.findall(r"\w+", "history science capital France Paris London sky blue letter between 12 345 yes no")
    long = [" ".join(draw.choice(words) for _ in range(count)) for count in (30, 60, 61, 62, 63, 64, 65, 300)]
    texts = ["Is the sky blue ?", "A", *long]
    asked = instances("loglikelihood_rolling", [(text,) for text in texts])
    mine = ours.loglikelihood_rolling(asked, disable_tqdm=True)
    other = theirs.loglikelihood_rolling(asked, disable_tqdm=True)
    assert mine == pytest.approx(other, rel=2e-4, abs=0.05)


def test_texts_are_those_of_transformers(lm: HarnessGGUF, hf: Any) -> None:
    options = [{"until": ["\n"], "max_gen_toks": 24, "do_sample": False}, {"until": ["a", "e"], "max_gen_toks": 5}]
    asked = instances("generate_until", [(prompt, options[n % 2]) for n, prompt in enumerate(primer(30))])
    ours, theirs = lm.generate_until(asked, disable_tqdm=True), hf.generate_until(asked, disable_tqdm=True)
    assert sum(a == b for a, b in zip(ours, theirs, strict=True)) >= 29
    assert len(set(ours)) > 8
    for number, text in enumerate(ours):
        assert not any(stop in text for stop in options[number % 2]["until"])


def test_limits_and_options_are_honoured(lm: HarnessGGUF) -> None:
    prompt = primer(1)[0]

    def text(**options: Any) -> str:
        return lm.generate_until(instances("generate_until", [(prompt, options)]), disable_tqdm=True)[0]

    whole = text(until=[], max_gen_toks=6)
    count = lm.model.weights.vocabulary.encode(text(until=[], max_gen_toks=2), bos=False)
    assert 0 < len(count) <= 3 and whole.startswith(text(until="", max_new_tokens=2))
    stop = whole.strip()[1]
    assert text(until=stop, max_gen_toks=6) == whole[: whole.index(stop)]
    sampled = [(prompt, {"until": ["\n"], "do_sample": True, "temperature": 3.0, "max_gen_toks": 8})] * 6
    said = lm.generate_until(instances("generate_until", sampled), disable_tqdm=True)
    assert len(set(said)) > 1, "repeats of one prompt draw each for itself"
    assert said == lm.generate_until(instances("generate_until", sampled), disable_tqdm=True)
    assert lm.generate_until(instances("generate_until", [(prompt, {"num_beams": 1})]), disable_tqdm=True)
    with pytest.raises(ValueError, match="cannot honour the generation options num_beams=4"):
        text(num_beams=4)


def test_a_request_without_an_answer_raises(lm: HarnessGGUF) -> None:
    asked = instances("loglikelihood", [("Q: a", " yes"), ("Q: b", "")])
    with pytest.raises(RuntimeError, match="no answer to the request that begins 'Q: b': empty_choice"):
        lm.loglikelihood(asked, disable_tqdm=True)


def test_answers_reach_the_cache_under_the_requests(lm: HarnessGGUF, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, Any, Any]] = []

    class Hook:
        def add_partial(self, kind: str, request: Any, result: Any) -> None:
            kept.append((kind, request, result))

    monkeypatch.setattr(lm, "cache_hook", Hook())
    asked = [("Q: a", " yes"), ("Q: b", " no"), ("Q: a", " no")]
    said = lm.loglikelihood(instances("loglikelihood", asked), disable_tqdm=True)
    assert sorted(kept) == sorted(("loglikelihood", pair, answer) for pair, answer in zip(asked, said, strict=True))


def test_chat_templates_are_the_files_own(random_pair: tuple[Any, Any]) -> None:
    ours, theirs = random_pair
    turns = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]
    assert ours.apply_chat_template(turns) == theirs.apply_chat_template(turns)
    prefilled = [*turns, {"role": "assistant", "content": "Well,"}]
    said = ours.apply_chat_template(prefilled, add_generation_prompt=False)
    assert said == theirs.apply_chat_template(prefilled, add_generation_prompt=False) and said.endswith("Well,")
    assert ours.chat_template(True) == theirs.chat_template(True)
    assert ours.chat_template(False) is None
    with pytest.raises(ValueError, match=r"no tokenizer\.chat_template\.rag"):
        ours.chat_template("rag")
    ours.chat_template(True)
    assert ours.tokenizer_name.startswith("model-")


def test_the_entry_point_is_what_lm_eval_can_load() -> None:
    from lm_eval.api.registry import Registry, get_model

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (name, value), *others = project["entry-points"]["lm_eval.models"].items()
    assert (name, others) == ("harness-gguf", [])
    guests: Registry[Any] = Registry("model")
    guests.register(name, target=EntryPoint(name, value, "lm_eval.models"))
    assert guests.get(name) is HarnessGGUF
    assert get_model(name) is HarnessGGUF
    assert project["scripts"]["harness-lm-eval"] == "harness.models.lm_eval_adapter:main"


TASK = """
task: own_{kind}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/rows.jsonl}}, cache_dir: {folder}/cache}}
test_split: test
doc_to_text: "Q: {{{{question}}}}\\nA:"
{rest}
"""
CHOICE = """output_type: multiple_choice
doc_to_choice: choices
doc_to_target: label
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]"""
WRITTEN = """output_type: generate_until
doc_to_target: "{{choices[label]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 5, do_sample: false}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]"""


@pytest.mark.slow
def test_the_command_line_evaluates_own_tasks(tmp_path: Path, tiny_folder: Path) -> None:
    """Our script is lm-eval's command line, with the model in it; its choices are those of our own engine."""
    rows = [{"question": f"is {n} more than 5?", "choices": ["yes", "no"], "label": int(n <= 5)} for n in range(10)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for kind, rest in (("choice", CHOICE), ("written", WRITTEN)):
        (tmp_path / f"{kind}.yaml").write_text(TASK.format(kind=kind, folder=tmp_path, rest=rest))
    script = "from harness.models.lm_eval_adapter import main; main()"
    gguf = tiny_folder / "tiny.gguf"
    arguments = [
        "--model", "harness-gguf", "--model_args", f"path={gguf},threads=1,n_ctx=256", "--include_path", str(tmp_path),
        "--tasks", "own_choice,own_written", "--output_path", str(tmp_path / "out"), "--log_samples",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = (tmp_path / "out").rglob("results*.json")
    document = json.loads(results.read_text())
    assert document["config"]["max_length"] == 256 and document["config"]["cut_tokens"] == 0
    (samples,) = (tmp_path / "out").rglob("samples_own_choice*.jsonl")
    with registry.open_model(f"gguf:{gguf}", {"threads": "1", "n_ctx": "256"}) as model:
        asked = [Request("choose", prompt=f"Q: {row['question']}\nA:", choices=(" yes", " no")) for row in rows]
        ours = dict(model.answer(asked))
    right = 0
    for line in samples.read_text().splitlines():
        row = json.loads(line)
        mine = ours[row["doc_id"]]
        assert isinstance(mine, Completion)
        told = [float(answer[0]) for answer in row["filtered_resps"]]
        assert told == pytest.approx(mine.choice_logprobs, abs=1e-3)
        right += told.index(max(told)) == row["doc"]["label"]
    assert document["results"]["own_choice"]["acc,none"] == pytest.approx(right / len(rows))
