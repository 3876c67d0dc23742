"""Recorded completions: every shape, every way to be missing, and hostile files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.contracts import Model
from harness.errors import UsageError
from harness.models.replay import Replay, files
from harness.types import Completion, Fault, Request

TASKS = [
    {"task_id": "Own/0", "completion": "first\nclass"},
    {"task_id": "Own/1", "completion": "one"},
    {"task_id": "Own/0", "completion": "second"},
]


def write(path: Path, rows: Any) -> Path:
    text = rows if isinstance(rows, bytes) else b"\n".join(json.dumps(row).encode() for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def ask(model: Model, **fields: Any) -> Completion | Fault:
    source = {"suite": "own", "sample_id": "", "name": "", "question": ""} | fields.pop("source", {})
    ((index, answer),) = model.answer([Request(fields.pop("kind", "generate"), source=source, **fields)])
    assert index == 0
    return answer


def named(model: Model, name: str, attempt: int = 0) -> Completion | Fault:
    return ask(model, source={"name": name}, attempt=attempt)


def missing(answer: Completion | Fault) -> str:
    assert isinstance(answer, Fault) and (answer.boundary, answer.kind) == ("data", "no_recording"), answer
    return answer.message


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_rows_by_task_are_attempts_in_order(name: str, tmp_path: Path) -> None:
    model = registry.open_model(f"replay:{write(tmp_path / name, TASKS)}")
    # As it is: the stop string of the request stays, because the recording may have used others.
    assert named(model, "Own/0") == Completion("first\nclass", finish="recorded")
    assert named(model, "Own/0", 1) == Completion("second", finish="recorded")
    assert "attempt 2" in missing(named(model, "Own/0", 2))
    assert "Own/7" in missing(named(model, "Own/7"))
    assert model.describe()["shapes"] == {"task": 3} and model.can == {"generate"}


def test_numbers_are_task_ids_too(tmp_path: Path) -> None:
    model = Replay.open(str(write(tmp_path / "a.jsonl", [{"task_id": 11, "completion": "x"}])), {})
    assert named(model, "11") == Completion("x", finish="recorded")


def bbh(*questions: tuple[str, str], cue: str = "\nA:") -> bytes:
    shots = "Do it.\n\nQ: shot\nA: yes"
    outputs = [{"input": f"{shots}\n\nQ: {q}{cue}", "prediction": p, "target": "t"} for q, p in questions]
    return json.dumps({"canary": "c", "outputs": outputs}).encode()


def test_big_bench_hard_by_last_question(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json.gz", bbh(("A or\nB?", "B"), ("same", "1"), ("same", "2")))
    model = Replay.open(str(path), {})
    answer = ask(model, source={"question": "A or\nB?", "name": "t/0"}, prompt="whatever\nA:")
    assert answer == Completion("B", finish="recorded")
    for name, text in (("t/2", "2"), ("t/1", "1")):
        assert ask(model, source={"question": "same", "name": name}) == Completion(text, finish="recorded")
    assert "one answer per sample" in missing(ask(model, source={"question": "same", "name": "t/1"}, attempt=1))
    assert "nothing" in missing(ask(model, source={"question": "shot", "name": "t/9"}))
    assert model.describe()["shapes"] == {"bbh": 3}


def test_duplicates_without_a_number_come_in_order_of_samples(tmp_path: Path) -> None:
    model = Replay.open(str(write(tmp_path / "t.json", bbh(("same", "1"), ("same", "2")))), {})
    texts = [ask(model, source={"question": "same", "sample_id": sample_id}) for sample_id in ("x", "y", "x", "z")]
    assert [a.text for a in texts if isinstance(a, Completion)] == ["1", "2", "1"]
    assert "2 times" in missing(texts[3])


def test_two_prompts_of_one_question_are_told_apart_by_their_cue(tmp_path: Path) -> None:
    write(tmp_path / "direct" / "t.json", bbh(("q", "direct")))
    write(tmp_path / "cot" / "t.json", bbh(("q", "step"), cue="\nA: Let's think step by step."))
    model = Replay.open(str(tmp_path), {})
    for cue, text in (("A:", "direct"), ("A: Let's think step by step.\n", "step")):
        assert ask(model, source={"question": "q"}, prompt=f"..Q: q\n{cue}") == Completion(text, finish="recorded")
    assert "several prompts" in missing(ask(model, source={"question": "q"}, prompt="Q: q\nAnswer:"))


def test_our_export_serves_every_kind(tmp_path: Path) -> None:
    said = {"text": "t", "reasoning": "r", "finish": "length", "form": "chat", "completion_tokens": 3, "unknown": 1}
    rows = [
        {"suite": "own", "sample_id": "s", "attempt": 1, "completion": said},
        {
            "suite": "own",
            "sample_id": "c",
            "attempt": 0,
            "completion": {"choice_logprobs": [-1, -2.5], "finish": "scored"},
        },
        {"suite": "own", "sample_id": "r", "completion": {"token_logprobs": [-0.5], "finish": "scored"}},
        {"suite": "own", "sample_id": "t", "completion": {"tool_calls": [{"name": "f", "arguments": {"x": 1}}]}},
    ]
    model = Replay.open(str(write(tmp_path / "e.jsonl", rows)), {})
    assert model.can == {"generate", "choose", "read"}
    answer = ask(model, source={"sample_id": "s"}, attempt=1)
    assert answer == Completion("t", "r", finish="length", form="chat", completion_tokens=3)
    missing(ask(model, source={"sample_id": "s"}))
    chosen = ask(model, kind="choose", source={"sample_id": "c"}, choices=(" A", " B"))
    assert isinstance(chosen, Completion) and chosen.choice_logprobs == (-1, -2.5)
    assert "'choose'" in missing(ask(model, kind="choose", source={"sample_id": "c"}, choices=(" A", " B", " C")))
    assert "'generate'" in missing(ask(model, source={"sample_id": "c"}))
    assert isinstance(ask(model, kind="read", source={"sample_id": "r"}), Completion)
    called = ask(model, source={"sample_id": "t"})
    assert isinstance(called, Completion) and called.tool_calls[0].arguments == {"x": 1}


def test_prompts_match_exactly(tmp_path: Path) -> None:
    model = Replay.open(str(write(tmp_path / "p.json", b'[{"prompt": "2+2=", "completion": "4"}]')), {})
    assert ask(model, prompt="2+2=") == Completion("4", finish="recorded")
    missing(ask(model, prompt="2+2= "))
    missing(ask(model, prompt=""))


def test_a_folder_lists_what_it_skips(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", TASKS)
    write(tmp_path / "sub" / "metrics.json", [{"accuracy": 1}])
    write(tmp_path / ".hidden.jsonl", TASKS)
    (tmp_path / "notes.txt").write_text("no")
    facts = Replay.open(str(tmp_path), {}).describe()
    assert (facts["files"], facts["rows"], facts["skipped_files"]) == (1, 3, 1)
    assert facts["skipped_file_examples"] == ["metrics.json: row 1: no known shape"]


def test_the_digest_is_of_the_files_used(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", TASKS)
    first = Replay.open(str(tmp_path), {}).digest
    write(tmp_path / "metrics.json", [{"accuracy": 1}])
    assert Replay.open(str(tmp_path), {}).digest == first
    write(tmp_path / "a.jsonl", TASKS[:2])
    assert Replay.open(str(tmp_path), {}).digest != first


def test_two_models_in_one_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", TASKS)
    write(tmp_path / "b.jsonl", TASKS)
    with pytest.raises(UsageError, match=r"'a.jsonl' and in 'b.jsonl'") as caught:
        Replay.open(str(tmp_path), {})
    assert "across_files=attempts" in caught.value.next
    model = Replay.open(str(tmp_path), {"across_files": "attempts"})
    assert named(model, "Own/1", 1) == Completion("one", finish="recorded")


HOSTILE = {
    "empty": b"",
    "blank lines": b"\n\n \n",
    "not JSON": b"hello\n{",
    "NUL": b"\x00" * 1000,
    "invalid UTF-8": b'{"task_id": "x", "completion": "\xff\xfe"}',
    "deep nesting": b"[" * 200_000,
    "deep object": b'{"a":' * 200_000,
    "huge number": b'{"task_id": ' + b"9" * 5000 + b', "completion": "x"}',
    "lone surrogate": b'{"task_id": "x", "completion": "\\ud800"}',
    "wrong types": b'{"task_id": ["x"], "completion": "y"}\n{"prompt": 1, "completion": 2}\n3\nnull\n"x"\n[1]',
    "bad export": b'{"suite": "a", "sample_id": "b", "attempt": "c", "completion": {}}',
    "NaN": b'{"suite": "a", "sample_id": "b", "completion": {"choice_logprobs": [NaN]}}',
    "infinite tokens": b'{"suite": "a", "sample_id": "b", "completion": {"prompt_tokens": 1e999}}',
    "unknown finish": b'{"suite": "a", "sample_id": "b", "completion": {"finish": "[]"}}',
    "unhashable finish": b'{"suite": "a", "sample_id": "b", "completion": {"finish": []}}',
    "outputs of another kind": b'{"outputs": [1, null, {"input": 3}]}',
}


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".jsonl.gz"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_the_shapes(name: str, suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", HOSTILE[name])
    with pytest.raises(UsageError) as caught:
        Replay.open(str(path), {})
    assert "task_id" in caught.value.expected and "outputs" in caught.value.expected


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in ("empty", "blank lines")])
def test_hostile_rows_beside_good_ones_are_skipped_and_counted(name: str, tmp_path: Path) -> None:
    good = json.dumps(TASKS[1]).encode()
    model = Replay.open(str(write(tmp_path / "a.jsonl", good + b"\n" + HOSTILE[name] + b"\n" + good)), {})
    facts = model.describe()
    assert facts["rows"] == 2 and facts["skipped_rows"] >= 1
    assert named(model, "Own/1", 1) == Completion("one", finish="recorded")


def test_a_too_long_line_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LINE_BYTES", 100)
    good = json.dumps(TASKS[1]).encode()
    long = json.dumps({"task_id": "x", "completion": "y" * 1000}).encode()
    model = Replay.open(str(write(tmp_path / "a.jsonl", good + b"\n" + long + b"\n" + good)), {})
    assert (model.describe()["rows"], model.describe()["skipped_rows"]) == (2, 1)


def test_a_too_large_document_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_BYTES", 100)
    with pytest.raises(UsageError, match="more than"):
        Replay.open(str(write(tmp_path / "a.json", bbh(("q", "p" * 1000)))), {})


def test_a_truncated_archive_keeps_what_it_held_and_says_so(tmp_path: Path) -> None:
    rows = [{"task_id": f"Own/{n}", "completion": f"{n * 7919}" * 20} for n in range(3000)]
    path = write(tmp_path / "a.jsonl.gz", rows)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    model = Replay.open(str(path), {})
    facts = model.describe()
    assert 0 < facts["rows"] < 3000 and "EOFError" in facts["broken_files"][0]
    assert isinstance(named(model, "Own/0"), Completion)
    missing(named(model, "Own/2999"))


@pytest.mark.parametrize("content", [b"\x1f\x8b", b"\x1f\x8b\x08\x00" + b"\xff" * 50, b"plain text"])
def test_a_broken_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        Replay.open(str(path), {})


@pytest.mark.parametrize("locator", ["", "nowhere.jsonl", "/dev/null"])
def test_no_such_file(locator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        Replay.open(locator, {})


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="across_files"):
        Replay.open(str(write(tmp_path / "a.jsonl", TASKS)), {"acros_files": "attempts"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "task_id",
                    "completion",
                    "input",
                    "prediction",
                    "prompt",
                    "suite",
                    "sample_id",
                    "attempt",
                    "text",
                    "finish",
                    "tool_calls",
                    "choice_logprobs",
                    "outputs",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(json_values, max_size=4))
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name, text in (("a.json", json.dumps(rows)), ("b.jsonl", "\n".join(json.dumps(row) for row in rows))):
        recording = files.read_file(write(folder / name, text.encode()))
        assert recording.broken == ""
        assert len(recording.entries) + len(recording.skipped) == len(rows)
