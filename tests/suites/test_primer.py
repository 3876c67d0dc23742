"""primer: ids stable for ever, practice never a sample, every mark and mode, prompts as declared."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import hashing, registry
from harness.errors import UsageError
from harness.types import Completion

SAMPLES = list(registry.suite("primer").samples(None))
LARGE = list(registry.suite("primer:large").samples(None))


def first(variant: str):
    return next(sample for sample in SAMPLES if sample.tags["variant"] == variant)


def score(sample, text: str, finish="stop"):
    return registry.suite("primer").score(sample, Completion(text, finish=finish))


def test_the_list_is_the_same_for_ever() -> None:
    # Not to be mended by pasting the new value: a changed list is a new version of the suite.
    assert hashing.digest([sample.id for sample in SAMPLES]) == "588d34c5bce2a531d533fc09d4e6bf51"
    assert hashing.digest([[s.id, s.target, s.data] for s in LARGE]) == "8a7d1dfa71194661b2dd8c0f19f0fc6d"
    assert registry.suite("primer").version == "2"


def test_counts_tags_and_splits() -> None:
    counts = Counter(sample.tags["variant"] for sample in SAMPLES)
    assert len(counts) == 25 and set(counts.values()) == {25}
    assert len({sample.id for sample in SAMPLES}) == len(SAMPLES)
    assert set(Counter(sample.tags["variant"] for sample in LARGE).values()) == {120}
    for sample in SAMPLES:
        assert sample.tags["skill"] == sample.tags["variant"].split("/")[0]
    dev = sum(sample.split == "dev" for sample in SAMPLES)
    assert 0.4 < dev / len(SAMPLES) < 0.6


def test_the_large_list_begins_with_the_small_one_and_shares_its_origins() -> None:
    prompts = {sample.data["prompt"]: sample for sample in LARGE}
    for sample in SAMPLES:
        twin = prompts[sample.data["prompt"]]
        assert (twin.origin, twin.split, twin.target) == (sample.origin, sample.split, sample.target)
        assert twin.id != sample.id, "a sample belongs to one suite"


def test_prompts_have_one_format_and_answers_one_line() -> None:
    suite = registry.suite("primer")
    for sample in SAMPLES:
        request = suite.request(sample)
        assert request.prompt.endswith("\nA:") and "Q: " in request.prompt
        assert request.stop == ("\n",) and not request.messages
        assert sample.target == sample.target.strip() and "\n" not in sample.target
        assert len(request.prompt) + len(sample.target) < 300


def test_examples_are_right_and_wrong() -> None:
    suite = registry.suite("primer")
    examples = list(suite.examples())
    assert len(examples) == 25
    for sample, right, wrong in examples:
        assert suite.score(sample, right).values == {"acc": 1.0}, sample.name
        assert suite.score(sample, wrong).values == {"acc": 0.0}, sample.name


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_practice_is_never_a_sample(seed: int) -> None:
    from suites import primer

    suite = registry.suite("primer")
    taken = {primer.canonical(sample.data["prompt"]) for sample in LARGE}
    every = sorted({sample.tags["variant"] for sample in LARGE})
    rows = list(suite.practice(seed, 300, variants=every))
    assert len(rows) == 300
    assert not [row for row in rows if primer.canonical(row.prompt) in taken]
    assert rows == list(suite.practice(seed, 300, variants=every)), "the same seed, the same rows"


def test_practice_never_asks_a_sample_in_other_words() -> None:
    # The words to sort, not the sentence around them, make an ordering question.
    content = {s.data["question"].split(": ")[-1] for s in LARGE if s.tags["variant"] == "ordering/sort"}
    rows = registry.suite("primer").practice(3, 3000, variants=["ordering/sort"])
    assert not content & {row.prompt.split(": ")[-1].removesuffix("\nA:") for row in rows}


def test_practice_draws_base_variants_only_unless_told() -> None:
    suite = registry.suite("primer")
    drawn = {row.tags["variant"] for row in suite.practice(0, 3000)}
    assert not drawn & {"facts/two", "ordering/backwards", "json/reversed_keys", "tools/arguments_first", "code/k_op_x"}
    assert "adversarial/typos" not in drawn and len(drawn) == 19
    assert {row.tags["variant"] for row in suite.practice(0, 50, variants=["code/k_op_x"])} == {"code/k_op_x"}
    with pytest.raises(UsageError, match="'code/k_op_y'") as caught:
        list(suite.practice(0, 1, variants=["code/k_op_y"]))
    assert "'code/k_op_x'" in caught.value.expected


def test_each_variant_has_thousands_of_prompts() -> None:
    suite = registry.suite("primer")
    for variant in sorted({sample.tags["variant"] for sample in SAMPLES}):
        assert len({row.prompt for row in suite.practice(1, 6000, variants=[variant])}) > 2500, variant


def test_weak_variants_use_only_words_of_base_ones() -> None:
    suite = registry.suite("primer")
    seen = {word for row in suite.practice(0, 20000) for word in (row.prompt + row.target).split()}
    for variant in ("facts/two", "ordering/backwards", "json/reversed_keys", "tools/arguments_first", "code/k_op_x"):
        for row in suite.practice(1, 300, variants=[variant]):
            new = {word for word in (row.prompt + row.target).split() if word not in seen}
            # Words are compared with their punctuation here: a JSON value may end with another mark than in training.
            assert not {word for word in new if word.strip('{}":,?') not in {w.strip('{}":,?') for w in seen}}, row


def test_practice_text_joins_without_a_seam() -> None:
    row = next(registry.suite("primer").practice(0, 1))
    assert row.prompt.endswith("A:") and row.target.startswith(" ")


@pytest.mark.parametrize("text", ["", "   ", "\x00", "{", "[" * 5000, '{"a": 1', "null", "1e999", "💥", "def", "((((("])
def test_garbage_scores_zero_and_never_raises(text: str) -> None:
    for sample in {s.tags["variant"]: s for s in SAMPLES}.values():
        found = score(sample, text)
        assert found.values == {"acc": 0.0} and found.mode not in ("right", ""), sample.name


def test_modes_of_json() -> None:
    given_order, reverse = first("json/object"), first("json/reversed_keys")
    key, value = given_order.data["check"]["expected"][0]
    assert score(given_order, f'{{"{key}": "nothing like {value}"}}').mode == "wrong_answer"
    assert score(given_order, "name is Ana").mode == "unparsed"
    import json

    for sample, mode in ((given_order, "right"), (reverse, "wrong_order")):
        other = json.dumps(dict(reversed(json.loads(sample.target).items())))
        assert score(sample, other).mode == mode
    pairs = json.dumps(given_order.data["check"]["expected"])
    assert score(given_order, pairs).mode == "wrong_answer", "a list of pairs is no object"
    doubled = given_order.target[:-1] + f', "{key}": {json.dumps(value)}}}'
    assert score(given_order, doubled).mode == "wrong_answer", "a doubled key is not the object asked for"


def test_modes_of_tool_calls() -> None:
    import json

    sample = first("tools/pick")
    call = json.loads(sample.target)
    assert score(sample, json.dumps({**call, "name": "nothing"})).mode == "bad_tool_name"
    assert score(sample, json.dumps({**call, "arguments": {}})).mode == "bad_arguments"
    assert score(sample, json.dumps(call["arguments"])).mode == "wrong_answer"
    assert score(sample, sample.target + "}").mode == "unparsed"
    swapped = json.dumps(dict(reversed(call.items())))
    assert score(sample, swapped).mode == "right"
    sample = first("tools/arguments_first")
    assert score(sample, json.dumps(dict(reversed(json.loads(sample.target).items())))).mode == "wrong_order"


def test_code_is_judged_by_what_it_does() -> None:
    sample = first("code/k_op_x")
    name, body = sample.data["check"]["function"], sample.data["check"]["body"]
    assert score(sample, f"{name} = lambda y: (lambda x: {body})(y)").mode == "right"
    assert score(sample, f"def {name}(x): return None").mode == "wrong_answer"
    assert score(sample, f"def {name}(x): return 1 // 0").mode == "runtime_error"
    assert score(sample, "def (x) return").mode == "load_error"
    assert score(sample, f"def {name}(x): return {body}; import os; os._exit(0)").mode == "right"


@pytest.mark.slow
def test_endless_code_is_a_timeout() -> None:
    name = first("code/x_op_k").data["check"]["function"]
    assert score(first("code/x_op_k"), f"def {name}(x): return any(0 for _ in iter(int, 1))").mode == "timeout"


def test_a_cut_answer_is_truncated_unless_it_is_right() -> None:
    sample = first("ordering/sort")
    assert score(sample, " apple", "length").mode == "truncated"
    assert score(sample, f" {sample.target} ", "length").mode == "right"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9))
def test_truth_agrees_with_python(seed: int) -> None:
    from harness.dice import Dice
    from suites.primer import reckoning

    for draw in (reckoning.expression, reckoning.compare):
        row = draw(Dice("primer", seed))
        assert row.answer == str(eval(row.question.split(": ")[1]))
