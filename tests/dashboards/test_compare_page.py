"""The page `compare`: its figures are those of `harness.compare`, its states are addresses, its texts are text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import said_runs
from streamlit.testing.v1 import AppTest

from harness.compare import compare
from harness.store import Database


def _page() -> None:
    import streamlit as st

    from dashboards import view
    from dashboards.pages import compare as page
    from harness.store import Database

    class Shown(view.View):
        def link(self, label: str, page: str, **parameters: str) -> None:
            st.text(f"link {page} {sorted(parameters.items())}")

    shown = Shown(Database.at(), {})
    page.show(shown)
    shown.queries()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("HARNESS_DB", str(tmp_path / "h.duckdb"))
    return Database.at()


@pytest.fixture
def pair(database: Database) -> Database:
    """Two runs of 40 samples: the first eight are lost, the next four won."""
    asked = said_runs.samples(40)
    good = [(sample, [(0.0 if 8 <= n < 12 else 1.0, "the answer is 4")]) for n, sample in enumerate(asked)]
    bad = [(sample, [(0.0 if n < 8 else 1.0, f"the answer is {said_runs.HOSTILE}")]) for n, sample in enumerate(asked)]
    said_runs.store(database, "base-1", good, started="2026-01-01")
    said_runs.store(database, "new-2", bad, started="2026-01-02")
    return database


def _shown(**address: str) -> AppTest:
    at = AppTest.from_function(_page, default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def _texts(at: AppTest) -> str:
    return "\n".join(str(each.value) for each in at.text)


def _address(at: AppTest) -> Mapping[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in at.query_params.items()}


def test_nothing_to_compare_is_said(database: Database) -> None:
    assert "here is none" in _shown().info[0].value
    said_runs.store(database, "base-1", [(sample, [(1.0, "x")]) for sample in said_runs.samples(3)])
    assert "here is one" in _shown().info[0].value


def test_figures_are_those_of_the_comparison(pair: Database) -> None:
    at = _shown()
    assert _address(at) == {}, "drawing is no step of the browser's history"
    whole = compare(pair, "base-1", "new-2").suites[0].whole
    assert whole is not None
    said = at.markdown[0].value.replace("\\", "")
    assert said == (
        f"#### No difference shown on quiz: {whole.delta:+.3f} [{whole.low:+.3f}, {whole.high:+.3f}], 4 wins, 8 losses,"
        f" p = {whole.p_adjusted:.2g}"
    )
    assert "paired over 40 samples, 28 ties" in at.caption[0].value.replace("\\", "")
    assert "Every sample of both runs is compared" in at.caption[1].value
    assert list(at.dataframe[0].value["what"]) == ["model", "weights"]
    assert "harness compare base-1 new-2" in "".join(each.value for each in at.code)


def test_the_winner_is_named(database: Database) -> None:
    asked = said_runs.samples(30)
    for number, right in enumerate((0.0, 1.0)):
        said_runs.store(
            database, f"run-{number}", [(s, [(right, "x")]) for s in asked], started=f"2026-01-0{number + 1}"
        )
    assert "#### :green[B is better] on quiz: \\+1" not in _shown().markdown[0].value
    assert _shown().markdown[0].value.startswith("#### :green[B is better] on quiz: +1.000 [")
    assert _shown(a="run-1", b="run-0").markdown[0].value.startswith("#### :red[B is worse] on quiz: -1.000 [")


def test_tags_can_be_chosen_and_one_value_kept(pair: Database) -> None:
    assert list(_shown().dataframe[1].value["subject"].sort_values()) == ["s0", "s1", "s2", "s3"]
    at = _shown(by="level", group="l1")
    lines = compare(pair, "base-1", "new-2", by="level").suites[0].lines
    assert dict(zip(at.dataframe[1].value["level"], at.dataframe[1].value["B - A"], strict=True)) == {
        line.name: line.delta for line in lines
    }
    assert list(at.dataframe[2].value["flip"]) == ["loss"] * 4 + ["win"] * 2
    assert "('tag', 'level=l1')" in _texts(at)


def test_losses_stand_first_and_can_be_filtered(pair: Database) -> None:
    assert list(_shown().dataframe[2].value["flip"]) == ["loss"] * 8 + ["win"] * 2
    assert list(_shown(page="2").dataframe[2].value["flip"]) == ["win"] * 2
    at = _shown(flips="wins", group="s1")
    assert list(at.dataframe[2].value["flip"]) == ["win"]
    assert at.dataframe[2].value["sample"].iloc[0] == "quiz/9"


def test_a_sample_is_shown_as_a_word_diff_and_never_as_markup(pair: Database) -> None:
    sample = said_runs.samples(40)[0].id
    at = _shown(sample=sample)
    diffs = [each for each in at.code if each.language == "diff"]
    assert [each.value for each in diffs] == [f"  the answer is\n- 4\n+ {said_runs.HOSTILE}"]
    assert {"q", "target 0"} <= {each.value for each in at.code}, "the prompt and what was expected"
    assert f"link samples [('run', 'new-2'), ('sample', '{sample}'), ('suite', 'quiz')]" in _texts(at)
    obeyed = [*at.markdown, *at.caption, *at.subheader, *at.warning, *at.info]
    assert not [each for each in obeyed if "<" in each.value or "**" in each.value]


def test_flips_are_walked_by_buttons(pair: Database) -> None:
    at = _shown()
    listed = list(at.dataframe[2].value["sample"])
    at.query_params["sample"] = next(s.id for s in said_runs.samples(40) if s.name == listed[9])
    at.run()
    at = next(each for each in at.button if each.label == "Next flip").click().run()
    assert not at.exception and _address(at)["page"] == "2"
    at = next(each for each in at.button if each.label == "Previous flip").click().run()
    assert "page" not in _address(at) and "flip 10 of 12" in "".join(each.value for each in at.caption)
    at = next(each for each in at.button if each.label == "Next page").click().run()
    assert _address(at)["page"] == "2" and "sample" in _address(at), "the sample stays while the list is turned"
    at = next(each for each in at.button if each.label == "Close").click().run()
    assert "sample" not in _address(at)


def test_choosing_writes_the_address(pair: Database) -> None:
    at = _shown()
    chosen = next(box for box in at.selectbox if box.label == "Look at a sample")
    sample = said_runs.samples(40)[3].id
    chosen.select(sample).run()
    assert not at.exception and _address(at)["sample"] == sample
    chosen = next(box for box in at.selectbox if box.label == "Look at a sample")
    other = said_runs.samples(40)[4].id
    chosen.select(other).run()
    assert _address(at)["sample"] == other, "a second choice counts as well"
    next(box for box in at.selectbox if box.label.startswith("B,")).select("base-1").run()
    assert not at.exception and "the same run" in at.info[0].value


def test_runs_that_measure_different_things_are_compared_only_if_allowed(database: Database) -> None:
    asked = said_runs.samples(8)
    said_runs.store(database, "base-1", [(sample, [(1.0, "x")]) for sample in asked], started="2026-01-01")
    said_runs.store(
        database, "new-2", [(sample, [(0.0, "x")]) for sample in asked], config={"prompt": "chat"}, started="2026-01-02"
    )
    at = _shown()
    assert "not compared" in at.warning[0].value and len(at.dataframe) == 1
    assert at.dataframe[0].value["kind"].iloc[0] == "not comparable"
    at.multiselect[0].select("prompt").run()
    assert not at.exception and _address(at)["allow"] == "prompt" and "0 wins, 8 losses" in at.markdown[0].value
    assert "0 wins, 8 losses" in _shown(allow="prompt").markdown[0].value


def test_runs_without_a_common_sample_are_told_apart(database: Database) -> None:
    asked = said_runs.samples(9)
    said_runs.store(database, "base-1", [(sample, [(1.0, "x")]) for sample in asked[:4]], started="2026-01-01")
    said_runs.store(database, "new-2", [(sample, [(1.0, "x")]) for sample in asked[4:]], started="2026-01-02")
    at = _shown()
    assert "no scored sample of quiz in common: 4 scored in A alone, 5 scored in B alone" in at.warning[0].value
    assert "harness eval MODEL" in _texts(at)


def test_runs_without_a_common_suite_and_unfinished_ones(database: Database) -> None:
    quiz, other = said_runs.samples(4), said_runs.samples(4, "other")
    said_runs.store(database, "base-1", [(sample, [(1.0, "x")]) for sample in quiz], started="2026-01-01")
    said_runs.store(database, "new-2", [(sample, [(1.0, "x")]) for sample in other], started="2026-01-02")
    assert "no suite in common" in _shown().info[0].value
    said_runs.store(
        database,
        "both-3",
        [(sample, [(1.0, "x")]) for sample in [*quiz, *other]],
        started="2026-01-03",
        status="running",
    )
    at = _shown(a="base-1", b="both-3")
    assert "Run B is running" in at.warning[0].value and "Only B has: other" in _texts(at)
    assert "equally well on each of 4 pairs" in _texts(at)


def test_a_wrong_address_is_said(pair: Database) -> None:
    at = _shown(a="<b>gone</b>", suite="nothing", sample="ffff", page="x", by="none", flips="?")
    assert len(at.warning) == 3 and all(word in _texts(at) for word in ("<b>gone</b>", "nothing", "ffff"))


def test_of_several_attempts_those_that_differ_most_are_shown(database: Database) -> None:
    (one, *_) = asked = said_runs.samples(4)
    said_runs.store(database, "base-1", [(s, [(1.0, "first"), (1.0, "second")]) for s in asked], started="2026-01-01")
    said_runs.store(database, "new-2", [(s, [(1.0, "first"), (0.0, "other")]) for s in asked], started="2026-01-02")
    at = _shown(sample=one.id)
    assert [each.value for each in at.code if each.language == "diff"] == ["- second\n+ other"]


def test_choices_without_text_are_compared_by_what_was_chosen(database: Database) -> None:
    asked = said_runs.samples(4)
    said_runs.store(database, "base-1", [(s, [(1.0, "")]) for s in asked], started="2026-01-01", answer="blue bird")
    said_runs.store(database, "new-2", [(s, [(0.0, "")]) for s in asked], started="2026-01-02", answer="pink bird")
    at = _shown(sample=asked[0].id)
    assert [each.value for each in at.code if each.language == "diff"] == ["- blue\n+ pink\n  bird"]
    assert any("log-probabilities" in each.value for each in at.caption)


def test_many_suites_are_compared_one_at_a_time_unless_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.pages.compare.AT_ONCE", 10)
    asked = [sample for suite in ("one", "three", "two") for sample in said_runs.samples(8, suite)]
    for day in (1, 2):
        said_runs.store(database, f"run-{day}", [(s, [(1.0, "x")]) for s in asked], started=f"2026-01-0{day}")
    at = _shown(suite="three")
    assert "on three:" in at.markdown[0].value and "suite" not in at.dataframe[1].value
    at.toggle[0].set_value(True).run()
    assert not at.exception and list(at.dataframe[1].value["suite"]) == ["one", "three", "two"]
    assert _address(at)["scope"] == "all" and "on three:" in at.markdown[0].value
    next(box for box in at.selectbox if box.label == "Suite").select("all suites").run()
    assert not at.exception and "suite" not in _address(at) and len(at.dataframe) == 2
    assert "No difference shown on any of 3 suites" in at.markdown[0].value


@pytest.mark.slow
def test_a_large_database(database: Database) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
    import large_database

    large_database.make(database, models=4, suites=5, samples=2000)
    at = _shown(a="run-1", b="run-3", suite="suite4", page="3")
    assert "paired over 2,000 samples" in at.caption[0].value.replace("\\", "") and len(at.dataframe[2].value) == 10
