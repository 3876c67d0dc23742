"""`compress.distill`: a student ends nearer to its teacher than it began, and is what was asked for."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from rows_kit import Remembering

from compress.distilling import student as students
from compress.distilling import training
from compress.distilling.encoding import Encoded, Rows, encoded
from compress.distilling.training import Terms
from harness import registry
from harness.errors import UsageError
from harness.hashing import digest, folder_sha256
from harness.models.hf.loading import HFSettings, Loaded, load
from harness.models.tiny.tokenizer import train as train_tokenizer
from harness.types import Artifact
from harness.workbench import record

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
ROWS = [
    {"prompt": f"Q: {a} and {b}\nA:", "completion": f" {NUMBERS[(i + j) % 10]} {b}"}
    for i, a in enumerate(NUMBERS)
    for j, b in enumerate(NUMBERS)
]


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A Llama of two layers and 512 channels with random weights: it has opinions, and no reason for them."""
    return random_model(tmp_path_factory.mktemp("distill") / "teacher", seed=1)


@pytest.fixture
def rows(tmp_path: Path) -> Artifact:
    return dataset(tmp_path / "rows", ROWS)


def random_model(place: Path, seed: int, words: int = 400) -> Artifact:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = train_tokenizer((row["prompt"] + row["completion"] for row in ROWS), words, 128)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=512, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=2,
        initializer_range=0.15, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return Artifact(place.name, "model", str(place), folder_sha256(place))


def dataset(place: Path, lines: list[dict[str, Any]]) -> Artifact:
    place.mkdir()
    (place / "rows.jsonl").write_text("".join(json.dumps({"id": digest(line), **line}) + "\n" for line in lines))
    return Artifact(place.name, "dataset", str(place), digest(lines))


def distilled(place: Path, inputs: list[Artifact], **parameters: Any) -> tuple[Path, Remembering]:
    context = Remembering(place)
    told = {"steps": 60, "batch": 8, "learning_rate": 2e-3, "held_out": 0.2, **parameters}
    return registry.step("compress.distill").run(inputs, told, context), context


def curve(context: Remembering, name: str) -> list[float]:
    return [values[name] for _, values in context.points if name in values]


def opened(place: Path | str) -> Loaded:
    return load(str(place), HFSettings(device="cpu"))


def test_a_student_is_as_foreseen_and_nearer_than_it_began(teacher: Artifact, rows: Artifact, tmp_path: Path) -> None:
    shape = {"student": {"layers": 1, "intermediate": 256}}
    folder, context = distilled(tmp_path / "scratch", [teacher, rows], **shape)
    told, config = record.read(folder), json.loads((folder / "config.json").read_text())
    before, after = told["held_out"]["before"], told["held_out"]["after"]
    assert after["kl"] + 2 * after["kl_se"] < before["kl"] - 2 * before["kl_se"], told["held_out"]
    own = json.loads((Path(teacher.path) / "config.json").read_text())
    foreseen = registry.step("compress.distill").foresee(own, None, shape)
    for key in ("num_hidden_layers", "intermediate_size", "hidden_size", "vocab_size"):
        assert config[key] == foreseen[key]
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 256) and "pruned_from" not in config
    size = sum(one.numel() for one in opened(folder).model.parameters())
    assert told["student"] == {"layers": 1, "parameters": size, "zeros": 0}
    assert told["data"]["rows"] + before["rows"] == len(ROWS) and told["data"]["artifacts"] == {rows.id: rows.digest}
    assert told["teacher"]["digest"] == opened(teacher.path).digest and told["model"]["artifact"] == teacher.id
    assert len(curve(context, "loss")) == 60 and curve(context, "held_out_kl")[0] == before["kl"]
    assert curve(context, "held_out_kl")[-1] == after["kl"] and context.spent[0][0] == "seconds"
    assert folder_sha256(Path(teacher.path)) == teacher.digest


def test_it_is_the_teacher_that_is_learned_from(teacher: Artifact, rows: Artifact, tmp_path: Path) -> None:
    held = {}
    for weight in (1.0, 0.0):
        shape = {"student": {"layers": 1}, "weight": weight}
        folder, _ = distilled(tmp_path / f"scratch{weight}", [teacher, rows], **shape)
        held[weight] = record.read(folder)["held_out"]["after"]
    assert held[1.0]["kl"] + 2 * held[1.0]["kl_se"] < held[0.0]["kl"] - 2 * held[0.0]["kl_se"]
    assert held[1.0]["top1"] > held[0.0]["top1"] and held[1.0]["nats"] > held[0.0]["nats"]


def test_a_sparse_student_of_another_teacher_keeps_its_zeros(teacher: Artifact, rows: Artifact, tmp_path: Path) -> None:
    sparse = opened(teacher.path)
    for name, weights in sparse.model.named_parameters():
        if "_proj" in name:
            weights.data[weights.data.abs() < weights.data.abs().median()] = 0
    for part in (sparse.model, sparse.tokenizer):
        part.save_pretrained(tmp_path / "sparse")
    student = Artifact("s", "model", str(tmp_path / "sparse"), "of s")
    folder, _ = distilled(tmp_path / "scratch", [student, rows], teacher=f"hf:{teacher.path}", dtype="bfloat16")
    made, told = opened(folder), record.read(folder)
    assert made.dtype == "bfloat16" and told["student"]["zeros"] == pytest.approx(0.5, abs=0.01)
    trained = dict(made.model.named_parameters())
    for name, weights in opened(tmp_path / "sparse").model.named_parameters():
        if "_proj" in name:
            assert bool((trained[name][weights == 0] == 0).all()) and not torch.equal(trained[name].float(), weights)
    assert told["held_out"]["after"]["kl"] < told["held_out"]["before"]["kl"]


def test_equal_seeds_give_equal_students(teacher: Artifact, rows: Artifact, tmp_path: Path) -> None:
    made = [
        distilled(tmp_path / f"scratch{n}", [teacher, rows], student={"layers": 1}, steps=5, seed=seed)[0]
        for n, seed in enumerate((3, 3, 4))
    ]
    weights = [(folder / "model.safetensors").read_bytes() for folder in made]
    assert weights[0] == weights[1] != weights[2]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "either `student`"),
    ({"student": {"layers": 1}, "teacher": "tiny"}, "either `student`"),
    ({"student": {"hidden": 32}}, "unknown key"),
    ({"student": {"layers": 1}, "weight": 1.5}, "weight"),
    ({"student": {"layers": 1}, "temperature": 0.0}, "temperature"),
]
SHAPES: list[tuple[dict[str, Any], str]] = [
    ({}, "is its teacher"),
    ({"layers": 2, "intermediate": 512}, "is its teacher"),
    ({"layers": 3}, "the teacher has 2"),
    ({"intermediate": 1024}, "the teacher has 512"),
    ({"intermediate": 300}, "intermediate_size"),
]


def test_what_cannot_be_is_found_before_work_starts(teacher: Artifact) -> None:
    step = registry.step("compress.distill")
    for told, words in WRONG:
        with pytest.raises(UsageError, match=words):
            step.check(told)
    own = json.loads((Path(teacher.path) / "config.json").read_text())
    for shape, words in SHAPES:
        with pytest.raises(UsageError, match=words):
            step.foresee(own, None, {"student": shape})
    with pytest.raises(UsageError, match="gpt2"):
        step.foresee({"model_type": "gpt2"}, None, {"student": {"layers": 1}})
    assert step.foresee({"model_type": "gpt2"}, None, {"teacher": "tiny"}) == {"model_type": "gpt2"}
    assert step.estimate({"teacher": "tiny", "steps": 7}) == {"steps": 7}


def test_rows_and_teachers_that_cannot_teach_are_refused(teacher: Artifact, tmp_path: Path) -> None:
    def refused(words: str, inputs: list[Artifact], **told: Any) -> None:
        with pytest.raises(UsageError, match=words):
            distilled(tmp_path / f"scratch-{words}", inputs, **{"student": {"layers": 1}, **told})

    silent = dataset(tmp_path / "silent", [*ROWS, {"prompt": "Q:", "completion": ""}])
    refused("no supervised token", [teacher, silent])
    long = dataset(tmp_path / "long", [*ROWS, *({"prompt": f"{n} " * 60, "completion": " x"} for n in range(30))])
    refused("longer than", [teacher, long])
    refused("held out", [teacher, dataset(tmp_path / "one", ROWS[:1])])
    refused("0 models", [dataset(tmp_path / "rows", ROWS)])
    other = random_model(tmp_path / "other", 2, words=262)
    told = {"student": None, "teacher": f"hf:{other.path}"}
    refused("two vocabularies", [teacher, dataset(tmp_path / "again", ROWS)], **told)
    chat = {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]}
    refused("chat template", [teacher, dataset(tmp_path / "chat", [chat])])


def test_a_loss_that_is_no_number_ends_it(teacher: Artifact, rows: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lower learning_rate"):
        distilled(tmp_path / "scratch", [teacher, rows], student={"layers": 1}, learning_rate=1e30)


def test_tokens_are_those_of_an_evaluation(teacher: Artifact) -> None:
    base = opened(teacher.path)
    base.tokenizer.chat_template = TEMPLATE
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    given = [{"id": str(n), **row} for n, row in enumerate(ROWS)] + [{"id": "chat", "messages": turns}] * 3
    found = encoded(given, base, 64, 0.3, 0)
    assert {one.row_id for one in found.train}.isdisjoint(one.row_id for one in found.held)
    by_id = {one.row_id: one for one in (*found.train, *found.held)}
    assert len(by_id) == len(ROWS) + 1
    decode = base.tokenizer.decode
    for number, row in enumerate(ROWS):
        one = by_id[str(number)]
        assert decode(one.ids[: one.prompt_tokens], skip_special_tokens=True) == row["prompt"]
        assert decode(one.ids[one.prompt_tokens : -1]) == row["completion"] and one.ids[-1] == 1
    chat = by_id["chat"]
    assert decode(chat.ids[: chat.prompt_tokens]) == "[user]one[assistant]"
    assert decode(chat.ids[chat.prompt_tokens :]) == "two</s>" and chat.ids.count(1) == 1


def test_losses_are_those_of_each_row_alone(teacher: Artifact) -> None:
    base = opened(teacher.path)
    batch = encoded([{"id": str(n), **row} for n, row in enumerate(ROWS)], base, 64, 0.3, 0).train[:7]
    batch = (*batch, Encoded("odd", (5, 6, 7), 0))
    student = students.cut_out(base.model, students.shapes(base.model.config.to_dict(), 1, 256), [batch[0].ids])
    assert student.config.intermediate_size == 256
    divergences: dict[float, list[float]] = {1.0: [], 2.5: []}
    nats: list[float] = []
    for one in batch:
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            own, target = (model(ids).logits[0].double() for model in (student, base.model))
        for place in range(max(1, one.prompt_tokens), len(one.ids)):
            nats.append(-float(own[place - 1].log_softmax(-1)[one.ids[place]]))
            for heat, found in divergences.items():
                p, q = (target[place - 1] / heat).softmax(-1), (own[place - 1] / heat).softmax(-1)
                found.append(float((p * (p / q).log()).sum()))
    for heat, found in divergences.items():
        kl, cross = training._losses(base.model, student, batch, heat)
        assert float(kl.detach()) == pytest.approx(sum(found) / len(found), rel=1e-4)
        assert float(cross.detach()) == pytest.approx(sum(nats) / len(nats), rel=1e-4)
    held = training.compared(base.model, student, batch)
    assert held.kl == pytest.approx(sum(divergences[1.0]) / len(nats), rel=1e-4)
    assert held.nats == pytest.approx(sum(nats) / len(nats), rel=1e-4)
    assert (held.rows, held.tokens) == (len(batch), len(nats))
    itself = training.compared(base.model, base.model, batch)
    assert itself.kl == pytest.approx(0, abs=1e-6) and itself.top1 == 1.0 and itself.kl_se == pytest.approx(0, abs=1e-6)


def test_the_standard_error_is_that_of_drawing_rows(teacher: Artifact) -> None:
    base = opened(teacher.path)
    rows = encoded([{"id": str(n), **row} for n, row in enumerate(ROWS)], base, 64, 0.3, 0).train
    student = students.cut_out(base.model, students.shapes(base.model.config.to_dict(), 1, None), [rows[0].ids])
    whole = training.compared(base.model, student, rows)
    # Drawn from these rows a third at a time, without replacement: the spread of their means.
    draw, size = torch.Generator().manual_seed(0), len(rows) // 3
    means = []
    for _ in range(60):
        chosen = [rows[i] for i in torch.randperm(len(rows), generator=draw)[:size].tolist()]
        means.append(training.compared(base.model, student, chosen).kl)
    spread = float(torch.tensor(means).std()) / math.sqrt(1 - size / len(rows))
    assert whole.kl_se * math.sqrt(len(rows) / size) == pytest.approx(spread, rel=0.35)


def test_training_leaves_the_teacher_alone(teacher: Artifact, tmp_path: Path) -> None:
    base = opened(teacher.path)
    before = copy.deepcopy(base.model.state_dict())
    rows = encoded([{"id": str(n), **row} for n, row in enumerate(ROWS)], base, 64, 0.3, 0)
    student = students.cut_out(base.model, students.shapes(base.model.config.to_dict(), 1, None), [rows.train[0].ids])
    terms = Terms(steps=4, batch=8, learning_rate=1e-2, temperature=1.0, weight=0.5, seed=0)
    trained = training.train(base.model, student, Rows(rows.train, rows.held, 0), terms, Remembering(tmp_path / "s"))
    assert all(torch.equal(before[name], value) for name, value in base.model.state_dict().items())
    assert not torch.equal(student.model.embed_tokens.weight, base.model.model.embed_tokens.weight)
    assert trained.tokens > 0 and trained.zeros == 0.0


def test_every_row_is_seen_once_a_pass() -> None:
    rows = [Encoded(str(n), (1, 2), 1) for n in range(10)]
    terms = Terms(steps=10, batch=4, learning_rate=1.0, temperature=1.0, weight=1.0, seed=0)
    seen = [one.row_id for batch in training._batches(rows, terms) for one in batch]
    assert [sorted(seen[start : start + 10]) for start in range(0, 40, 10)] == [sorted(one.row_id for one in rows)] * 4
    assert seen[:10] != seen[10:20]
    rates = [training._rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 3) and max(rates) == 1.0 and rates[-1] < 0.01
