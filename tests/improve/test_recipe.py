"""Recipes: what is wrong is said with file, key and the nearest right name, before anything is paid for."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config import read_yaml
from harness.errors import UsageError
from harness.workbench.recipes import KINDS
from improve.recipe import MAY_CHANGE, Loaded, Recipe, load

TEACHER = "openai:big@http://127.0.0.1:9/v1"
GOOD: dict[str, Any] = {
    "model": "tiny",
    "policy": "gates.yaml",
    "rounds": 2,
    "budget": {"seconds": 60},
    "steps": [
        {"improve.generate": {"suite": "primer", "rows": 20}},
        "improve.verify",
        {"improve.mix": {"replay": "primer"}},
        "improve.decontaminate",
        {"improve.finetune": {"steps": 10}},
        "improve.merge",
    ],
}
GENERATE, VERIFY, MIX, CLEAN, TUNE, MERGE = GOOD["steps"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("recipes")
    (place / "gates.yaml").write_text("suites: {primer: {absolute: {min: 0.5}}}\n")
    return place


def write(folder: Path, **changes: Any) -> str:
    raw = {**copy.deepcopy(GOOD), **changes}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in raw.items() if value is not None}))
    return str(path)


def refused(folder: Path, changes: dict[str, Any], words: tuple[str, ...] = ()) -> UsageError:
    with pytest.raises(UsageError) as found:
        load(write(folder, **changes), words)
    return found.value


def test_a_good_recipe_is_read(folder: Path) -> None:
    loaded = load(write(folder))
    assert loaded.loop == "mine" and loaded.policy == str(folder / "gates.yaml")
    assert [one.name for one in loaded.recipe.stages][:2] == ["improve.generate", "improve.verify"]
    assert loaded.recipe.stages[1].parameters == {} and loaded.recipe.stages[4].parameters == {"steps": 10}


def test_the_shipped_ones_are_found_by_name_and_another_name_tells_the_nearest() -> None:
    assert load("quickstart").loop == "quickstart"
    with pytest.raises(UsageError, match="no recipe 'quickstrat'") as found:
        load("quickstrat")
    assert "nearest: 'quickstart'" in found.value.expected and "gates" not in found.value.expected


def steps(*changed: Any) -> dict[str, Any]:
    return {"steps": list(changed)}


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "a key": ({"round": 3}, r"mine.yaml: unknown key 'round', nearest: 'rounds'"),
    "a key below one": ({"accept": {"alfa": 0.1}}, r"unknown key 'accept.alfa', nearest: 'alpha'"),
    "of failures": ({"failures": {"embeder": "lsa"}}, r"unknown key 'failures.embeder', nearest: 'embedder'"),
    "of a teacher": (
        {"teachers": {TEACHER: {"usd_per_tokens": 1.0}}}, r"unknown key .*usd_per_tokens', nearest: 'usd_per_token'"
    ),
    "a type": ({"rounds": "two"}, r"mine.yaml: rounds = 'two': input should be a valid integer"),
    "a range": ({"rounds": 0}, r"rounds = 0: input should be greater than or equal to 1"),
    "a boolean": ({"patience": True}, r"patience = True: input should be a valid integer"),
    "a setting": ({"settings": {"seed": 1}}, r"settings.seed = 1: input should be a valid string"),
    "a version": ({"version": 2}, r"version = 2: input should be less than or equal to 1"),
    "no model": ({"model": None}, r"model.*field required|field required"),
    "no steps": ({"steps": []}, r"steps = \[\]: list should have at least 1 item"),
    "two names in one step": (
        {"steps": [{"improve.verify": {}, "improve.dedup": {}}]}, r"a step is `name` or `name: \{..\}`"
    ),
    "a step": (steps(GENERATE, "improve.verifie", CLEAN, TUNE, MERGE), r"mine.yaml: no step named 'improve.verifie'"),
    "a parameter": (
        steps({"improve.generate": {"suite": "primer", "row": 3}}, CLEAN, TUNE, MERGE),
        r"mine.yaml: improve.generate: .*unknown key 'row', nearest: 'rows'",
    ),
    "a parameter's type": (
        steps(GENERATE, CLEAN, {"improve.finetune": {"learning_rate": "fast"}}, MERGE),
        r"improve.finetune: learning_rate = 'fast': input should be a valid number",
    ),
    "a parameter's sense": (
        steps(GENERATE, CLEAN, {"improve.finetune": {"steps": 3, "epochs": 1}}, MERGE),
        r"improve.finetune: .*steps and epochs are both given",
    ),
    "a suite": (
        steps({"improve.generate": {"suite": "primr", "rows": 3}}, CLEAN, TUNE, MERGE), r"no suite named 'primr'"
    ),
    "a suite without practice": (
        steps({"improve.generate": {"suite": "humaneval", "rows": 3}}, CLEAN, TUNE, MERGE),
        r"mine.yaml: improve.generate: the suite 'humaneval' has no practice rows",
    ),
    "a replay without practice": (
        steps(GENERATE, {"improve.mix": {"replay": "mmlu"}}, CLEAN, TUNE, MERGE),
        r"the suite 'mmlu' has no practice rows",
    ),
    "nothing to replay": (
        steps(GENERATE, "improve.mix", CLEAN, TUNE, MERGE), r"improve.mix has nothing to replay"
    ),
    "the kind of a teacher": (
        steps({"improve.generate": {"teacher": "openia:x@http://127.0.0.1:9/v1", "rows": 3}}, CLEAN, TUNE, MERGE),
        r"mine.yaml: no model 'openia:x@",
    ),
    "a base that has no weights": ({"model": TEACHER}, r"model: 'openai:.* cannot be trained on"),
    "a base that somebody serves": ({"model": "vllm:m@http://127.0.0.1:9/v1"}, r"model: .* cannot be trained on"),
    "a base of no kind": ({"model": "hff:org/name"}, r"mine.yaml: no model 'hff:org/name'"),
    "two bases": (
        steps(GENERATE, CLEAN, {"improve.finetune": {"model": "hf:org/name"}}, MERGE),
        r"improve.finetune: model: 'hf:org/name', and it is handed the recipe's base",
    ),
    "two revisions": (
        {"model": "hf:org/name", "settings": {"revision": "abc"}, **steps(GENERATE, CLEAN, TUNE, MERGE)},
        r"improve.finetune: revision None, and the base is evaluated at 'abc'",
    ),
    "the policy": ({"policy": "gate.yaml"}, r"mine.yaml: policy: no policy file 'gate.yaml'"),
    "data": ({"data": "/no/such/folder"}, r"mine.yaml: data: no data folder"),
    "an embedder": ({"failures": {"embedder": "lsi"}}, r"mine.yaml: failures: no embedder 'lsi'"),
    "a suite to learn from": ({"failures": {"suites": ["primmer"]}}, r"failures: suites: the policy has no 'primmer'"),
    "a name": ({"name": "../up"}, r"name = '../up': .*that of a folder"),
    "a kind of budget": ({"budget": {"dollars": 3}}, r"mine.yaml: budget: nothing is counted in 'dollars'"),
    "no budget": ({"budget": {"usd": 0}}, r"budget: usd: a cap of 0"),
    "less than no budget": ({"budget": {"tokens": -1.0}}, r"budget: tokens: a cap of -1"),
    "a budget that is no number": ({"budget": {"usd": float("nan")}}, r"budget: usd: a cap of nan"),
    "a price of nobody": ({"teachers": {TEACHER: {}}}, r"teachers: no step asks 'openai:big@"),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_what_is_wrong_is_named_with_the_file(folder: Path, case: str) -> None:
    changes, told = NAMES[case]
    error = refused(folder, changes)
    assert re.search(told, error.what), error.what
    assert "mine.yaml" in error.what and error.expected and error.next


def test_a_step_that_is_unknown_tells_the_nearest(folder: Path) -> None:
    error = refused(folder, steps(GENERATE, CLEAN, "improve.finetun", MERGE))
    assert "'improve.finetune'" in error.expected


ORDERS: dict[str, tuple[list[Any], str]] = {
    "rows before there are any": ([VERIFY, GENERATE, CLEAN, TUNE, MERGE], "improve.verify takes a dataset"),
    "an adapter before one was trained": ([GENERATE, CLEAN, MERGE, TUNE], "improve.merge takes a adapter"),
    "no model at the end": ([GENERATE, CLEAN, TUNE], "the last one, improve.finetune, makes a adapter"),
    "no candidate": ([GENERATE, CLEAN], "the last one, improve.decontaminate, makes a dataset"),
    "never decontaminated": ([GENERATE, TUNE, MERGE], "not held against the samples of the benchmarks"),
    "mixed again afterwards": ([GENERATE, CLEAN, MIX, TUNE, MERGE], "not held against the samples"),
    "against some suites alone": (
        [GENERATE, {"improve.decontaminate": {"suites": ["mbpp"]}}, TUNE, MERGE], r"against \['mbpp'\] alone"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDERS)
def test_an_order_that_cannot_work_is_refused(folder: Path, case: str) -> None:
    order, told = ORDERS[case]
    assert re.search(told, refused(folder, {"steps": order}).what)


def test_a_suite_that_the_policy_mistypes_is_found(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text("suites: {primmer: {absolute: {min: 0.5}}}\n")
    error = refused(tmp_path, {})
    assert re.search("mine.yaml: policy: no suite named 'primmer'", error.what) and "'primer'" in error.expected


def test_what_only_drops_rows_may_follow_decontamination(folder: Path) -> None:
    assert load(write(folder, steps=[GENERATE, CLEAN, "improve.dedup", TUNE, MERGE]))


def test_money_is_capped_for_teachers_whose_price_is_known(folder: Path) -> None:
    taught = steps({"improve.generate": {"teacher": TEACHER, "rows": 3}}, CLEAN, TUNE, MERGE)
    assert load(write(folder, **taught)).recipe.teachers == {}, "without a cap a price is nobody's business"
    error = refused(folder, {**taught, "budget": {"usd": 1}})
    assert "nobody said what 'openai:big@" in error.what and "usd_per_token" in error.next
    free = {"teachers": {TEACHER: {"usd_per_token": 0}}, "budget": {"usd": 1}}
    assert load(write(folder, **taught, **free)).recipe.teachers[TEACHER].usd_per_token == 0.0
    local = steps({"improve.generate": {"teacher": "gguf:big.gguf", "rows": 3}}, CLEAN, TUNE, MERGE)
    assert load(write(folder, **local, budget={"usd": 1})), "what runs here costs seconds, not money"


def test_words_of_the_command_line_go_over_the_file(folder: Path) -> None:
    words = [
        "rounds=1", "improve.finetune.steps=50", "improve.finetune.learning_rate=1e-4", "improve.verify.cpu_s=2",
        "budget.usd=2", "accept.margin=0.05", "failures.suites=[primer]", "settings.n_ctx=4096", "name=other",
        "budget.seconds=9", "data=null",
    ]  # fmt: skip
    loaded = load(write(folder), words)
    recipe, stages = loaded.recipe, {one.name: one.parameters for one in loaded.recipe.stages}
    assert (recipe.rounds, recipe.budget, loaded.loop) == (1, {"seconds": 9, "usd": 2}, "other")
    assert stages["improve.finetune"] == {"steps": 50, "learning_rate": 1e-4} and recipe.accept.margin == 0.05
    assert stages["improve.verify"] == {"cpu_s": 2} and recipe.failures.suites == ["primer"]
    assert recipe.settings == {"n_ctx": "4096"} and recipe.data is None
    assert load(write(folder)).recipe.rounds == 2, "the file itself stays as it is"


def test_a_teacher_is_named_by_its_whole_spec(folder: Path) -> None:
    taught = steps({"improve.generate": {"teacher": TEACHER, "rows": 3}}, CLEAN, TUNE, MERGE)
    words = [f"teachers.{TEACHER}.usd_per_token=2e-6", f"teachers.{TEACHER}.settings.concurrency=4", "budget.usd=1"]
    teacher = load(write(folder, **taught), words).recipe.teachers[TEACHER]
    assert teacher.usd_per_token == 2e-6 and teacher.settings == {"concurrency": "4"}


WORDS = {
    "rounds": "is not KEY=VALUE",
    "=3": "is not KEY=VALUE",
    "round=1": "unknown key 'round', nearest: 'rounds'",
    "rounds=two": "rounds = 'two': input should be a valid integer",
    "rounds=[": "not a YAML value",
    "improve.finetune.step=5": "unknown key 'step', nearest: 'steps'",
    "improve.finetun.steps=5": "the recipe has no 'improve.finetun.steps'",
    "improve.dedup.near=0.8": "the recipe has no 'improve.dedup.near'",
    "budget.dollars=5": "nothing is counted in 'dollars'",
    "budget=5": "budget = 5: input should be a valid dictionary",
    "budget.usd.more=5": "the recipe has no 'budget.usd.more'|budget.usd",
    "accept.beta=0.1": "unknown key 'accept.beta'",
    "teachers.x=1": "teachers.x names no key of a teacher",
    "steps.0=1": "the recipe has no 'steps.0'",
    "policy=nowhere.yaml": "policy: no policy file 'nowhere.yaml'",
}


@pytest.mark.parametrize("word", WORDS)
def test_words_that_lead_nowhere_are_refused(folder: Path, word: str) -> None:
    error = refused(folder, {}, (word,))
    assert re.search(WORDS[word], error.what), error.what
    assert error.expected and error.next


def test_a_step_mistyped_on_the_command_line_tells_the_nearest(folder: Path) -> None:
    assert "'improve.finetune'" in refused(folder, {}, ("improve.finetun.steps=5",)).expected


def test_the_same_recipe_elsewhere_is_the_same_loop(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text((folder / "gates.yaml").read_text())
    there = load(write(tmp_path))
    assert there.recipe.digest == load(write(folder)).recipe.digest and there.policy != load(write(folder)).policy


names = st.text("abcdefghijkl-_0123456789", min_size=1, max_size=12)
values = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=5)
"""What YAML 1.1 takes for line breaks, PyYAML writes as they are and reads as spaces."""
shares = st.floats(0.01, 0.4)
specs = st.sampled_from(["tiny", "hf:org/name", "vllm:org/name", "hf:/some/folder"])
teachers = st.dictionaries(
    st.sampled_from([TEACHER, "gguf:a.gguf"]),
    st.fixed_dictionaries(
        {"usd_per_token": st.floats(0, 1e-3)},
        optional={"usd_per_prompt_token": st.floats(0, 1e-3), "settings": st.dictionaries(names, values)},
    ),
)
staged = st.lists(
    st.one_of(
        st.sampled_from(["improve.verify", "improve.merge"]),
        st.dictionaries(
            names, st.none() | st.dictionaries(names, st.none() | st.booleans() | st.integers() | names), min_size=1,
            max_size=1,
        ),
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip
raws = st.fixed_dictionaries(
    {"model": specs, "policy": names, "steps": staged},
    optional={
        "name": names, "rounds": st.integers(1, 9), "patience": st.integers(1, 9), "seed": st.integers(0, 2**31),
        "budget": st.dictionaries(st.sampled_from(KINDS), st.floats(0.001, 1e9)), "teachers": teachers,
        "accept": st.fixed_dictionaries({}, optional={"alpha": shares, "margin": shares}),
        "failures": st.fixed_dictionaries({}, optional={"embedder": names, "suites": st.lists(names, max_size=3)}),
        "settings": st.dictionaries(names, values), "data": st.none() | names,
    },
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(raw=raws)
def test_a_recipe_that_is_written_down_is_read_as_the_same(tmp_path: Path, raw: dict[str, Any]) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    first = read_yaml(path, Recipe)
    path.write_text(yaml.safe_dump(first.model_dump(mode="json"), allow_unicode=True), encoding="utf-8")
    again = read_yaml(path, Recipe)
    assert again == first and again.digest == first.digest
    assert Loaded(again, path).loop == (first.name or "r")
    # What `loops` keeps of it says as much.
    assert Recipe.model_validate(first.model_dump(mode="json")).digest == first.digest


@given(raw=raws, other=raws)
def test_a_digest_is_of_all_but_for_how_long_it_goes_on(raw: dict[str, Any], other: dict[str, Any]) -> None:
    one = Recipe.model_validate(raw)
    longer = {name: other[name] for name in MAY_CHANGE if name in other}
    assert Recipe.model_validate({**raw, **longer}).digest == one.digest
    for name in sorted(set(Recipe.model_fields) - MAY_CHANGE - {"version"}):
        changed = Recipe.model_validate({**raw, **({name: other[name]} if name in other else {})})
        assert (changed.digest == one.digest) is (getattr(changed, name) == getattr(one, name)), name
