"""`harness compare` and `harness baseline` as a person or a script meets them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import worlds
from typer.testing import CliRunner

from harness.cli import app

ARGS = ("--suite", "primer", "--limit", "40", "--quiet", "--json")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the ids of five runs by name, the database under `db`; the run `heart` is the baseline `main`."""
    folder = tmp_path_factory.mktemp("compare")
    db = folder / "harness.duckdb"
    (folder / "mood").write_text("bad")
    found: dict[str, Any] = {"db": db}
    models = {"heart": "by_heart", "guess": "guess", "hostile": "hostile", "moody": "moody", "chat": "guess"}
    for name, function in models.items():
        more = ("--prompt", "chat", "--set", "can=generate,choose,read,chat") if name == "chat" else ()
        done = worlds.harness(
            "eval", f"scripted:worlds:{function}", *ARGS, "--db", db, "--name", name, "--set", f"digest={name}", *more,
            MOOD=str(folder / "mood"),
        )  # fmt: skip
        assert done.returncode == (4 if name == "moody" else 0), done.stderr
        found[name] = worlds.document(done)["run_id"]
    assert worlds.harness("baseline", "set", "heart", "--name", "main", "--db", db).returncode == 0
    return found


def compare(runs: dict[str, Any], *arguments: str):
    return worlds.harness("compare", *arguments, "--db", runs["db"])


@pytest.mark.slow
def test_the_document_says_who_is_better_and_opens_what_flipped(runs: dict[str, Any]) -> None:
    done = compare(runs, "main", "guess", "--json", "--flips", "3")
    assert done.returncode == 0, done.stderr
    shown = worlds.document(done)
    part = shown["suites"]["primer"]
    assert (shown["reference"]["run_id"], shown["candidate"]["run_id"]) == (runs["heart"], runs["guess"])
    assert part["n"] == 40 and part["reference"] == 1.0 and part["verdict"] == "worse"
    assert part["delta"] == pytest.approx(part["candidate"] - 1.0) and part["low"] < part["delta"] < part["high"] < 0
    assert part["losses"] + part["ties"] == 40 and part["wins"] == 0 and part["method"] == "tango"
    assert part["by"]["tag"] == "skill" and sum(group["n"] for group in part["by"]["groups"].values()) == 40
    assert len(part["flips"]["listed"]) == 3 and part["flips"]["losses"] == part["losses"]
    flip = part["flips"]["listed"][0]
    for side in ("reference", "candidate"):
        opened = worlds.harness(*shlex.split(flip["open"][side])[1:], "--json")
        assert opened.returncode == 0, opened.stderr
        (sample,) = worlds.document(opened)["samples"]
        assert (sample["sample_id"], sample["score"]) == (flip["sample_id"], flip[side]["score"])


def test_the_other_way_round_is_the_mirror_image(runs: dict[str, Any]) -> None:
    here, there = (
        worlds.document(compare(runs, *pair, "--json"))["suites"]["primer"]
        for pair in (("heart", "guess"), ("guess", "heart"))
    )
    assert (here["delta"], here["p"], here["wins"]) == (-there["delta"], there["p"], there["losses"])
    assert (here["low"], here["high"]) == pytest.approx((-there["high"], -there["low"]))
    assert (here["verdict"], there["verdict"]) == ("worse", "better")


def test_what_a_hostile_model_said_is_shown_harmless(runs: dict[str, Any]) -> None:
    text = compare(runs, "main", "hostile", "--flips", "2").stdout
    assert "owned" in text and "loss" in text and "exploratory" in text and "harness show" in text
    assert "\x1b" not in text and "\u202e" not in text and "A" * 200 not in text
    markdown = compare(runs, "main", "hostile", "--flips", "2", "--markdown").stdout
    assert "owned" in markdown and "<script" not in markdown and "\x1b" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| loss")]
    assert len(rows) == 2 and all(row.count("|") == 6 for row in rows), "no text parts a cell"


def test_faults_are_said_and_left_out(runs: dict[str, Any]) -> None:
    part = worlds.document(compare(runs, "guess", "moody", "--json"))["suites"]["primer"]
    faults = part["faults"]["candidate"]["model/http_500"]
    assert 0 < faults < 20 and part["n"] == 40 - faults == part["ties"], "where it answers, it answers the same"
    assert part["unpaired"] == {"reference": faults, "candidate": 0}
    text = compare(runs, "guess", "moody").stdout
    assert f"faults in B: model/http_500 {faults}" in text and "incomplete" in text


def test_another_prompt_form_is_refused_unless_allowed(runs: dict[str, Any]) -> None:
    done = compare(runs, "guess", "chat", "--json")
    assert done.returncode == 2
    error = worlds.document(done)["error"]
    assert "prompt: raw against chat" in error["what"]
    allowed = worlds.harness(*shlex.split(error["next"].removeprefix("type: "))[1:], "--db", runs["db"])
    assert allowed.returncode == 0, allowed.stderr
    assert "warning: prompt: raw against chat (primer)" in allowed.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("main", "heart"), "the same run twice"),
        (("main", "nobody"), "baselines, known: 'main'"),
        (("main", "guess", "--suite", "mmlu"), "has no suite 'mmlu'"),
        (("main", "guess", "--metric", "primer=f1"), "no metric 'f1'"),
        (("main", "guess", "--metric", "acc"), "not SUITE=NAME"),
        (("main", "guess", "--by", "colour"), "'skill'"),
        (("main", "guess", "--split", "train"), "dev, test or all"),
        (("main", "guess", "--alpha", "1"), "between 0 and 0.5"),
        (("main", "guess", "--allow", "all"), "nothing is refused for that"),
        (("main", "guess", "--json", "--markdown"), "one of the two"),
    ],
)
def test_wrong_usage(runs: dict[str, Any], arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, ["compare", *arguments, "--db", str(runs["db"])])
    assert done.exit_code == 2 and said in done.stderr, done.stderr
    assert "next" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_baselines_are_set_listed_moved_and_shown(tmp_path: Path) -> None:
    db = tmp_path / "harness.duckdb"

    def baseline(*arguments: str):
        return worlds.harness("baseline", *arguments, "--db", db)

    assert "no baselines yet" in baseline("list").stdout
    assert baseline("set", "a", "--name", "main").returncode == 2, "there is no database"
    for name in "ab":
        assert worlds.harness("eval", "scripted:worlds:guess", *ARGS, "--db", db, "--name", name, "--set",
                              f"digest={name}").returncode == 0  # fmt: skip
    assert baseline("set", "a", "--name", "main", "--note", "[red]first[/]").returncode == 0
    moved = baseline("set", "b", "--name", "main", "--json")
    assert [row["name"] for row in json.loads(moved.stdout)] == ["main"]
    assert len(json.loads(baseline("list", "--json").stdout)) == 1
    shown = baseline("show", "main").stdout
    assert shown.count("main") == 2 and "[red]first[/]" in shown
    for wrong, said in (
        (("show", "man"), "nearest: 'main'"), (("set", "c", "--name", "x"), "no run 'c'"), (("set", "a"), "--name"),
        (("set",), "a run or a name"), (("drop", "main"), "'set'"),
    ):  # fmt: skip
        done = baseline(*wrong)
        assert done.returncode == 2 and said in done.stderr, done.stderr
