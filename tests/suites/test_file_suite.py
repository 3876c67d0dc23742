"""Suites without code: fields found, bad rows named by line, prompts, the three kinds, identity."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import registry
from harness.contracts import Suite
from harness.errors import UsageError
from harness.hashing import canonical
from harness.types import Completion, Message, Sample

ROOT = Path(__file__).resolve().parents[2]
Q = {"question": "Which river flows through Cairo?", "answer": "Nile"}


def write(path: Path, rows: Iterable[Any], about: str = "") -> Suite:
    """Write rows, and a YAML beside them, and open them as a suite."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if about:
        path.with_suffix(".yaml").write_text(about)
    return registry.suite(str(path))


def only(suite: Suite) -> Sample:
    (sample,) = suite.samples(None)
    return sample


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my.jsonl"


# Fields


@pytest.mark.parametrize(
    ("row", "prompt", "target"),
    [
        (Q, "Question: Which river flows through Cairo?\nAnswer:", ["Nile"]),
        ({"prompt": "2+2=", "target": 4}, "2+2=", ["4"]),
        ({"input": "So?", "output": ["a", "b"]}, "Question: So?\nAnswer:", ["a", "b"]),
        ({"question": "So?", "answer": True}, "Question: So?\nAnswer:", ["true"]),
    ],
)
def test_target_rows(path: Path, row: dict[str, Any], prompt: str, target: list[str]) -> None:
    suite = write(path, [row])
    sample = only(suite)
    assert suite.request(sample).prompt == prompt and sample.target == target
    assert sample.suite == suite.name == f"file:{path}"


@pytest.mark.parametrize(
    ("choices", "answer", "letter"),
    [
        (["x", "y", "z"], "C", "C"),
        (["x", "y", "z"], 1, "B"),
        (["x", "y", "z"], "z", "C"),
        (["1", "2", "3"], "3", "C"),
        ({"text": ["x", "y"], "label": ["1", "2"]}, "2", "B"),
        ({"A": "x", "B": "y"}, "B", "B"),
        ([True, False], "false", "B"),
    ],
)
def test_choice_answers(path: Path, choices: Any, answer: Any, letter: str) -> None:
    assert only(write(path, [{"question": "Q", "choices": choices, "answer": answer}])).target == letter


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "Q", "choices": ["x", "y"], "answer": 2}, "index from 0 to 1"),
        ({"question": "Q", "choices": ["x", "y"], "answer": "1"}, "its letter"),
        ({"question": "Q", "choices": ["x", "y"], "answer": True}, "its letter"),
        ({"question": "Q", "choices": ["x"], "answer": 0}, "2 to 26 texts"),
        ({"question": "Q", "choices": "xy", "answer": 0}, "2 to 26 texts"),
        ({"question": "Q", "choices": ["x", "y"]}, "no target"),
        ({"qestion": "Q", "answer": "x"}, "nearest: 'question'"),
        ({"question": "Q"}, "no target, choices or tests"),
        ({"question": "Q", "anser": "x"}, "nearest: 'answer'"),
        ({"question": " ", "answer": "x"}, "a text"),
        ({"question": 3, "answer": "x"}, "a text"),
        ({"question": "Q", "answer": ""}, "none of them empty"),
        ({"question": "Q", "answer": []}, "none of them empty"),
        ({"question": "Q", "answer": {"a": 1}}, "none of them empty"),
        ({"question": "Q", "tests": []}, "lines of Python"),
        ({"question": "Q", "tests": ["pass", "# f(1) is 2"]}, "a test that can fail"),
        ({"instruction": "Q", "input": "more", "output": "x"}, "both be the question"),
        ({"question": "Q", "answer": "x", "target": "y"}, "both be the target"),
        ({"messages": [{"role": "robot", "content": "x"}], "answer": "x"}, "role"),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as first:
        list(write(path, [row]).samples(None))
    assert "line 1" in first.value.what and str(path) in first.value.what


def test_the_bad_row_may_be_any_row(path: Path) -> None:
    with pytest.raises(UsageError, match=r"my\.jsonl, line 3: no 'answer'"):
        list(write(path, [Q, Q, {"question": "Q"}, Q]).samples(None))
    path.write_text(json.dumps(Q) + "\n\n{oops\n")
    with pytest.raises(UsageError, match="line 3: not JSON"):
        list(registry.suite(str(path)).samples(None))
    for text in ("[1]\n", "NaN\n", '{"question": "Q", "answer": NaN}\n', "[" * 100_000 + "\n", "", "\n"):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"line 1|no rows"):
            list(registry.suite(str(path)).samples(None))


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for name in ("my.jsonl", "my.csv"):
        path = tmp_path_factory.mktemp("rows") / name
        path.write_bytes(content)
        try:
            list(registry.suite(str(path)).samples(None))
        except UsageError as error:
            assert error.what and error.expected


@given(
    st.dictionaries(
        st.sampled_from(["question", "prompt", "answer", "choices", "tests", "tags", "messages", "id", "subject"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda s: st.lists(s, max_size=3)
        ),
    )
)
def test_no_row_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("rows") / "my.jsonl"
    try:
        suite = write(path, [row])
        for sample in suite.samples(None):
            canonical(suite.request(sample))
    except UsageError as error:
        assert error.what and error.expected


def test_tags_names_and_unknown_fields(path: Path) -> None:
    rows = [{**Q, "subject": "rivers", "level": 3, "tags": {"by": "me"}, "id": "r-1", "why": {"deep": [1]}}, Q]
    suite = write(path, rows)
    first, second = suite.samples(None)
    assert first.tags == {"subject": "rivers", "level": "3", "by": "me"} and first.name == "r-1"
    assert suite.group_tag == "subject" and second.tags["subject"] == "-" and second.name == "2"
    assert first.data["why"] == {"deep": [1]} and "answer" not in first.data


def test_csv_bom_gzip_and_sorting_keep_ids(path: Path, tmp_path: Path) -> None:
    rows = [Q, {"question": 'Say "a,\nb"', "answer": "x"}, Q]
    ids = {s.id for s in write(path, rows).samples(None)}
    assert len(ids) == 3, "exact duplicates are two samples"
    table = tmp_path / "other.csv"
    table.write_text('\ufeffquestion,answer\n"Say ""a,\nb""",x\n' + f"{Q['question']},Nile\n" * 2)
    assert {s.id for s in registry.suite(str(table)).samples(None)} == ids
    packed = tmp_path / "moved.jsonl.gz"
    packed.write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows[::-1]).encode()))
    assert {s.id for s in registry.suite(str(packed)).samples(None)} == ids
    listed = tmp_path / "c.csv"
    listed.write_text('question,choices,answer\nQ,"[""x"", ""y""]",B\n')
    assert only(registry.suite(str(listed))).data["choices"] == ["x", "y"]


def test_origin_is_the_question_alone(path: Path, tmp_path: Path) -> None:
    one, other = only(write(path, [Q])), only(write(tmp_path / "b.jsonl", [{**Q, "answer": "the Nile", "id": "x"}]))
    assert one.origin == other.origin and one.split == other.split and one.id != other.id


def test_rows_are_streamed(path: Path) -> None:
    with path.open("w") as stream:
        for number in range(20_000):
            stream.write(json.dumps({"question": f"{number} " + "x" * 500, "answer": "y"}) + "\n")
    suite = registry.suite(str(path))
    tracemalloc.start()
    assert sum(1 for _ in suite.samples(None)) == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20, "12 MB of rows; only their digests are kept"


# Kinds


def test_exact_match_in_raw_form_is_the_first_line(path: Path) -> None:
    suite = write(path, [Q])
    sample = only(suite)
    text = " The Nile.\nQuestion of mine"
    assert suite.score(sample, Completion(text)).values == {"exact_match": 1.0, "contains": 0.0} | {"contains": 1.0}
    chat = suite.score(sample, Completion(text, form="chat"))
    assert chat.values == {"exact_match": 0.0, "contains": 1.0} and chat.mode == "format_violated"
    assert suite.score(sample, Completion("Congo")).mode == "wrong_answer"
    assert suite.score(sample, Completion("", finish="length")).mode == "truncated"


def test_choices_three_ways(path: Path) -> None:
    row = {"question": "Q?", "choices": ["yes, indeed", "no"], "answer": "no"}
    suite = write(path, [row])
    assert suite.request(only(suite)).choices == (" A", " B") and suite.request(only(suite)).prompt.endswith("Answer:")
    suite = write(path, [row], "choose: texts\n")
    sample = only(suite)
    assert suite.request(sample).choices == (" yes, indeed", " no")
    score = suite.score(sample, Completion(choice_logprobs=(-3.0, -4.0)))
    assert score.values == {"acc": 0.0, "acc_norm": 0.0}, "-3/11 beats -4/2"
    assert suite.score(sample, Completion(choice_logprobs=(-9.0, -4.0))).values["acc"] == 1.0
    suite = write(path, [row], "choose: generated\n")
    assert suite.request(only(suite)).kind == "generate"
    assert suite.score(only(suite), Completion("The answer is B.")).values == {"acc": 0.0, "acc_lenient": 1.0}


def test_programs(path: Path) -> None:
    suite = write(path, [{"question": "Write inc.", "tests": "assert inc(1) == 2"}])
    sample = only(suite)
    assert suite.runs_code and suite.metrics[0].name == "pass@1" and "sandbox" not in suite.scorer()
    assert "assert inc(1) == 2\n```python\n" in suite.request(sample).prompt
    fenced = "Here:\n```python\ndef inc(x):\n    return x + 1\n```\nDone."
    assert suite.score(sample, Completion(fenced, form="chat")).mode == "right"
    assert suite.score(sample, Completion("def inc(x):\n    return x + 1")).values == {"passed": 1.0}
    assert suite.score(sample, Completion("def inc(x):\n    return x")).mode == "wrong_output"
    row = {"prompt": "def inc(x):\n", "test": "def check(f):\n    assert f(1) == 2\n", "entry_point": "inc"}
    suite = write(path, [row])
    assert suite.request(only(suite)).prompt == row["prompt"]
    assert suite.score(only(suite), Completion("    return x + 1\n")).mode == "right"


@pytest.mark.parametrize(
    ("about", "target", "text", "values"),
    [
        ("metric: f1\n", "blue Nile", "the Nile", {"f1": 2 / 3}),
        ("metric: [rougeL, bleu]\n", "a b", "a b", {"rougeL": 1.0}),
        ("metric: numeric\ntolerance: 1.0\n", "41", "it is 42", {"numeric": 1.0}),
        ("metric: regex\n", r"\d{4}", "in 1969", {"regex": 1.0}),
        ("metric: exact_match\nextract: 'answer is (\\w+)'\n", "x", "The answer is x, ok", {"exact_match": 1.0}),
    ],
)
def test_metrics_of_a_yaml(path: Path, about: str, target: str, text: str, values: dict[str, float]) -> None:
    suite = write(path, [{"question": "Q", "answer": target}], about)
    score = suite.score(only(suite), Completion(text))
    assert {name: score.values[name] for name in values} == pytest.approx(values)
    assert set(score.values) == {metric.value for metric in suite.metrics}


def test_targets_that_no_answer_could_match_are_errors(path: Path) -> None:
    for about, target, said in (
        ("metric: numeric\n", "many", "line 1.*numeric"),
        ("metric: regex\n", "(", "line 1.*regex"),
    ):
        with pytest.raises(UsageError, match=said):
            list(write(path, [{"question": "Q", "answer": target}], about).samples(None))


# The YAML


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("metrik: f1\n", "nearest: 'metric'"),
        ("metric: f2\n", "no metric named 'f2'"),
        ("metric: evaluate:./nowhere\n", "cannot be loaded"),
        ("prompt: '{{ question'\n", "no template"),
        ("shots: none.jsonl\n", "no file 'none.jsonl'"),
        ("group_by: planet\n", "no field 'planet'"),
        ("fields: {question: qq}\n", "no field 'qq'"),
        ("kind: choices\n", "no choices"),
        ("prompt: '{{ nothing }}'\n", "cannot be made.*nothing"),
        ("prompt: '{{ question * 10000000 }}'\n", "product"),
        ("prompt: '{% for i in range(99999999) %}x{% endfor %}'\n", "cannot be made"),
        ("prompt: '{{ question.__class__.__mro__ }}'\n", "cannot be made"),
    ],
)
def test_a_wrong_yaml_is_an_error_before_any_model(path: Path, about: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(write(path, [Q], about).samples(None))


def test_template_system_stops_and_shots(path: Path) -> None:
    (path.parent / "shots.jsonl").write_text('{"question": "Vienna?", "answer": "Danube", "where": "AT"}\n')
    about = "prompt: '{{ where }}: {{ question }} ->'\nsystem: Be brief.\nshots: shots.jsonl\n"
    about += 'stop: ["\\n"]\nmax_tokens: 9\n'
    suite = write(path, [{"question": "Cairo?", "answer": "Nile", "where": "EG"}], about)
    request = suite.request(only(suite))
    shown = "AT: Vienna? -> Danube\n\nEG: Cairo? ->"
    assert request.prompt == f"Be brief.\n\n{shown}" and request.stop == ("\n",) and request.max_tokens == 9
    assert request.messages == (Message("system", "Be brief."), Message("user", shown))


def test_a_shot_that_is_a_sample_is_refused(path: Path) -> None:
    (path.parent / "shots.jsonl").write_text(json.dumps(Q) + "\n")
    with pytest.raises(UsageError, match=r"line 2: asks what .*shots\.jsonl, line 1 answers"):
        list(write(path, [{**Q, "question": "Other?"}, Q], "shots: shots.jsonl\n").samples(None))


def test_conversations(path: Path) -> None:
    turns = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    suite = write(path, [{"messages": turns, "answer": "x"}])
    request = suite.request(only(suite))
    assert request.messages == (Message("system", "S"), Message("user", "U"))
    assert request.prompt == "S\nUser: U\nAssistant:"


def test_the_version_tells_forms_apart_and_the_scorer_holds_its_settings(path: Path) -> None:
    plain = write(path, [Q])
    shaped = write(path, [Q], "prompt: '{{ question }}'\n")
    named = write(path, [Q], "licence: MIT\nname: rivers\n")
    assert plain.version != shaped.version and plain.version == named.version and named.licence == "MIT"
    loose = write(path, [Q], "metric: numeric\ntolerance: 1.0\n")
    assert canonical(loose.scorer()) != canonical(plain.scorer())


def test_folders_and_files(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with pytest.raises(UsageError, match="0 files that may be the rows"):
        registry.suite(f"{folder}/")
    (folder / "rows.jsonl").write_text(json.dumps(Q) + "\n")
    assert len(list(registry.suite(f"{folder}/").samples(None))) == 1
    (folder / "suite.yaml").write_text("rows: rows.jsonl\nlicence: CC0\n")
    (folder / "more.jsonl").write_text(json.dumps(Q) + "\n")
    assert registry.suite(str(folder)).licence == "CC0", "a folder with suite.yaml needs no slash"
    with pytest.raises(UsageError, match=r"nearest: 'rows\.jsonl'"):
        registry.suite(f"{folder}/rows.jsnl.jsonl")
    with pytest.raises(UsageError, match="names no file"):
        registry.suite("file")


def test_a_folder_never_shadows_a_suite_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bbh").mkdir()
    (tmp_path / "bbh" / "suite.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert registry.suite("bbh").name == "bbh"


def test_a_question_can_be_reworded(path: Path) -> None:
    suite = write(path, [Q])
    assert "WHICH" in suite.request(suite.reword(only(suite), str.upper)).prompt


def test_a_metric_of_ones_own_lies_beside_the_rows(path: Path) -> None:
    (path.parent / "starts").mkdir()
    code = (
        "import datasets\nimport evaluate\n\n\nclass Starts(evaluate.Metric):\n    def _info(self):\n"
        "        text = datasets.Value('string')\n        return evaluate.MetricInfo(description='', citation='',"
        " inputs_description='', features=datasets.Features({'predictions': text, 'references': text}))\n\n"
        "    def _compute(self, predictions, references):\n"
        "        return {'starts': float(predictions[0].startswith(references[0]))}\n"
    )
    (path.parent / "starts" / "starts.py").write_text(code)
    suite = write(path, [{"question": "Q", "answer": "ab"}], "metric: evaluate:./starts\n")
    sample = only(suite)
    assert suite.score(sample, Completion("abc")).values == {"evaluate:./starts": 1.0}
    assert suite.score(sample, Completion("b")).mode == "wrong_answer"
    before = canonical(suite.scorer())
    (path.parent / "starts" / "starts.py").write_text(code + "# changed\n")
    assert canonical(registry.suite(str(path)).scorer()) != before, "its code is part of what the metric is"


def test_the_docs_name_every_key_field_and_metric() -> None:
    from harness.grading.metrics import NAMES
    from suites.file import manifest, rows

    words = set(re.findall(r"[A-Za-z_0-9]+", (ROOT / "docs" / "suites-without-code.md").read_text()))
    fields = (*rows.QUESTION, *rows.TARGET, *rows.CHOICES, *rows.TESTS, *rows.NAME, *rows.TAGS)
    assert {*manifest.Manifest.model_fields, *NAMES, *fields} <= words
