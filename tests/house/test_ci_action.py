"""The action and the example workflow: nothing of theirs can be talked into running a stranger's text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "gate" / "action.yml"
WORKFLOW = ROOT / "docs" / "ci" / "regression-gate.yml"
FILES = [ACTION, WORKFLOW]


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return {("on" if key is True else key): value for key, value in yaml.safe_load(path.read_text()).items()}


def steps(path: Path) -> list[dict[str, Any]]:
    told = read(path)
    return [step for part in (told.get("jobs") or {"": told["runs"]}).values() for step in part["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_scripts_are_bash_and_hold_no_expression(path: Path) -> None:
    scripts = [step["run"] for step in steps(path) if "run" in step]
    assert scripts
    for script in scripts:
        assert "${{" not in script, "an expression in a script is text of a stranger that the shell runs"
        assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0, script


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_variable_of_a_script_is_quoted_and_given(path: Path) -> None:
    told = read(path)
    for step in steps(path):
        script = step.get("run", "")
        inside = set(re.findall(r"(?:^|[;\s])([A-Za-z_]+)=|read -r ([a-z]+)|for ([a-z]+) in", script))
        own = {name for names in inside for name in names} | {"GITHUB_OUTPUT"}
        given = {*told.get("env", {}), *step.get("env", {})}
        assert set(re.findall(r"\$\{?([A-Za-z_]+)", script)) <= given | own
        unquoted = re.sub(r'"[^"]*"', "", re.sub(r"in \$SUITES; do|=\$\?", "", script))
        assert "$" not in unquoted.replace("<<<", ""), unquoted


def test_actions_of_others_are_pinned_to_a_commit() -> None:
    for path in FILES:
        for used in re.findall(r"uses: (.*)", path.read_text()):
            assert used.startswith("./") or re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40} # v[0-9.]+", used), used


def test_permissions_are_the_least() -> None:
    told = read(WORKFLOW)
    assert told["permissions"] == {"contents": "read"}
    writers = {name: job["permissions"] for name, job in told["jobs"].items() if "permissions" in job}
    assert writers == {"comment": {"pull-requests": "write"}}
    comment = told["jobs"]["comment"]
    assert "head.repo.full_name == github.repository" in comment["if"]
    used = [step.get("uses", "") for step in comment["steps"]]
    assert not any("checkout" in name or name.startswith("./") for name in used), "it runs nothing of the pull request"
    assert "pull_request_target" not in told["on"]
    for step in steps(WORKFLOW):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_inputs_are_described_used_and_known() -> None:
    told = read(ACTION)
    text = ACTION.read_text()
    for name, spec in told["inputs"].items():
        assert spec["description"] and f"inputs.{name} }}}}" in text
        assert spec.get("required") is True or "default" in spec
    for step in steps(WORKFLOW):
        if step.get("uses") == "./.github/actions/gate":
            assert set(step["with"]) <= set(told["inputs"])


def test_what_the_scripts_name_is_there() -> None:
    from harness.cli import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for path in FILES:
        for step in steps(path):
            script = step.get("run", "")
            verbs = re.findall(r"harness ([a-z]+) ", script)
            known = {flag for verb in verbs for parameter in commands[verb].params for flag in parameter.opts}
            if verbs:
                assert set(re.findall(r"(?<![\w-])--[a-z-]+", script)) <= known
    source = (ACTION.parent / ".." / ".." / "..").resolve()
    assert source == ROOT and (source / "constraints.txt").exists() and (source / "pyproject.toml").exists()
