"""The example workflow, job by job, on a repository of somebody who uses it: a planted regression is blocked."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import yaml
from workflow_runner import Done, Workflow, clone

from harness.store import Database, read

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = "docs/ci/regression-gate.yml"
ENV = {"CANDIDATE": "replay:ci/model.jsonl", "SUITES": "ci/sums.jsonl"}
PUSH = {"event_name": "push", "sha": "1" * 40, "ref": "refs/heads/main", "repository": "o/r", "token": "t"}
N = 400

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a clone needs a git checkout"),
]


def pull_request(head: str = "o/r") -> dict[str, object]:
    request = {"number": 7, "head": {"repo": {"full_name": head}}, "base": {"sha": "1" * 40}}
    return {**PUSH, "event_name": "pull_request", "event": {"pull_request": request}}


def commit(repository: Path, margin: float, wrong: set[int], **defaults: object) -> None:
    """Write what a user of the workflow keeps in the repository: rows, the model, the policy."""
    folder = repository / "ci"
    folder.mkdir(exist_ok=True)
    rows = [{"question": f"What is {i} plus {i * 7 % 50}?", "answer": str(i + i * 7 % 50)} for i in range(N)]
    said = [
        {"prompt": r["question"], "completion": "no idea" if i in wrong else r["answer"]} for i, r in enumerate(rows)
    ]
    for name, lines in (("sums", rows), ("model", said)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    policy = {"reference": {"run": "main"}, "suites": {"ci/sums.jsonl": {"non_inferiority": {"margin": margin}}}}
    (repository / "gates.yaml").write_text(yaml.safe_dump({**policy, **({"defaults": defaults} if defaults else {})}))
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "add", "ci", "gates.yaml"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "change"], check=True)


@pytest.fixture(scope="module")
def ci(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The workflow after a push to main: 80 of 400 sums are wrong, the run is called main, the database is cached."""
    repository, place = tmp_path_factory.mktemp("repository") / "r", tmp_path_factory.mktemp("runner")
    clone(ROOT, repository)
    (place / "bin").mkdir()
    gh = place / "bin" / "gh"
    gh.write_text('#!/bin/bash\nprintf "%s\\n" "$@" >posted-arguments\ncp gate-comment.md posted.md\n')
    gh.chmod(0o755)
    workflow = Workflow(repository, WORKFLOW, place, ENV)
    commit(repository, 0.05, set(range(80)))
    assert workflow.job("gate", PUSH) is None, "a push to main has nothing to be gated against"
    done = workflow.job("baseline", PUSH)
    assert done is not None and done.conclusion == "success", done and done.log
    assert (place / "cache" / "results" / "harness.duckdb").exists()
    return workflow


def gated(ci: Workflow, margin: float, wrong: set[int], **defaults: object) -> Done:
    """Return the job that a pull request runs; the same change is run once for all tests."""
    key = repr((margin, sorted(wrong), defaults))
    if key not in _RUN:
        commit(ci.repository, margin, wrong, **defaults)
        done = ci.job("gate", pull_request())
        assert done is not None
        _RUN[key] = done
    return _RUN[key]


_RUN: dict[str, Done] = {}


def stored(done: Done) -> list[dict[str, object]]:
    """Return the verdict as `harness query` reads it from the job's database."""
    return read.query(Database(done.folder / "results" / "harness.duckdb"), "SELECT * FROM gates ORDER BY decided_at")


def junit(done: Done) -> Xml.Element:
    return Xml.parse(done.folder / "gate-junit.xml").getroot()


def test_planted_regression_is_blocked_and_told_everywhere(ci: Workflow) -> None:
    """40 more sums of 400 go wrong: ten points."""
    done = gated(ci, 0.05, set(range(120)))
    assert done.conclusion == "failure: 1", done.log
    assert done.outputs["gate"] == {"verdict": "FAIL", "exit-code": "1"}
    assert [(row["outcome"], row["exit_code"]) for row in stored(done)] == [("FAIL", 1)]
    assert any(line.startswith("::error title=gate FAIL") for line in done.log.splitlines())
    assert done.summary.startswith("## Gate: FAIL\n") and "lost 40" in done.summary
    assert int(junit(done).attrib["failures"]) >= 1 and junit(done).attrib["errors"] == "0"
    posted = ci.job("comment", pull_request(), {"gate": done})
    assert posted is not None and posted.conclusion == "success", posted and posted.log
    assert "### Gate: FAIL" in (posted.folder / "posted.md").read_text()
    assert (posted.folder / "posted-arguments").read_text().split()[:3] == ["pr", "comment", "7"]


def test_a_runner_is_told_to_obey_nothing_but_our_annotations(ci: Workflow) -> None:
    """From before the candidate is asked until its last note is printed commands are stopped, by a secret word."""
    lines = gated(ci, 0.05, set(range(120))).log.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert token != lines[0] and len(token) == 32
    end = lines.index(f"::{token}::")
    assert any("non_inferiority" in line for line in lines[:end]), "the table lies inside"
    assert len(lines) > end + 1
    assert all(line.startswith(("::error title=gate ", "::warning title=gate ")) for line in lines[end + 1 :])
    again = gated(ci, 0.05, set(range(80))).log.splitlines()
    assert again[0] != lines[0], "a word that can be foreseen can be said"


@pytest.mark.parametrize(("margin", "verdict", "exit_code"), [(0.05, "PASS", 0), (0.001, "INCONCLUSIVE", 3)])
def test_the_same_model_passes_or_is_inconclusive_as_the_margin_allows(
    ci: Workflow, margin: float, verdict: str, exit_code: int
) -> None:
    done = gated(ci, margin, set(range(80)))
    assert done.outputs["gate"] == {"verdict": verdict, "exit-code": str(exit_code)}, done.log
    assert done.conclusion == ("success" if exit_code == 0 else f"failure: {exit_code}")
    assert junit(done).attrib["failures"] == junit(done).attrib["errors"] == "0"
    assert done.summary.startswith(f"## Gate: {verdict}\n")
    assert [(row["outcome"], row["exit_code"]) for row in stored(done)] == [(verdict, exit_code)]


def test_a_model_that_errs_elsewhere_is_inconclusive_and_the_policy_may_block_it(ci: Workflow) -> None:
    """As many right as before, 60 others of them wrong: nothing is worse, and a margin of 2 points is not shown."""
    moved = set(random.Random(1).sample(range(N), 80))
    done = gated(ci, 0.02, moved)
    assert done.outputs["gate"]["exit-code"] == "3" and "::warning title=gate INCONCLUSIVE" in done.log
    blocked = gated(ci, 0.02, moved, on_inconclusive="fail")
    assert blocked.outputs["gate"] == {"verdict": "INCONCLUSIVE", "exit-code": "1"}
    assert int(junit(blocked).attrib["failures"]) >= 1 and "::error title=gate INCONCLUSIVE" in blocked.log


def test_a_policy_that_cannot_be_decided_stops_before_a_token(ci: Workflow) -> None:
    commit(ci.repository, 0.05, set(range(80)))
    text = (ci.repository / "gates.yaml").read_text().replace("non_inferiority", "non_inferiorty")
    (ci.repository / "gates.yaml").write_text(text)
    subprocess.run(
        ["git", "-C", str(ci.repository), "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "typo"],
        check=True,
    )
    done = ci.job("gate", pull_request())
    assert done is not None and done.conclusion == "failure: 2"
    assert "non_inferiority" in done.log and done.outputs["gate"] == {"verdict": "", "exit-code": "2"}
    assert stored(done) == [] and not (done.folder / "gate-comment.md").exists()
    assert ci.job("comment", pull_request(), {"gate": done}) is None


def test_a_fork_gets_no_comment_job(ci: Workflow) -> None:
    done = gated(ci, 0.05, set(range(80)))
    assert ci.job("comment", pull_request("stranger/r"), {"gate": done}) is None


def test_inputs_are_text_and_never_shell(ci: Workflow) -> None:
    commit(ci.repository, 0.05, set(range(80)))
    evil = Workflow(
        ci.repository, WORKFLOW, ci.place, {**ENV, "CANDIDATE": '"; touch owned; $(touch owned) `touch owned`'}
    )
    done = evil.job("gate", pull_request())
    assert done is not None and done.conclusion == "failure: 2", done and done.log
    assert not list(done.folder.rglob("owned"))


def test_harness_is_the_clone(ci: Workflow) -> None:
    done = gated(ci, 0.05, set(range(80)))
    seen = subprocess.run(
        [sys.executable, "-c", "import harness; print(harness.__file__)"],
        cwd="/", text=True, capture_output=True, check=True, env={"PYTHONPATH": str(done.folder)},
    )  # fmt: skip
    assert seen.stdout.startswith(str(done.folder))
