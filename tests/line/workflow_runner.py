"""Runs jobs of a GitHub workflow here: every `run` by bash as a runner would, `uses` of ours from the checkout.

    ci = Workflow(repository, "docs/ci/regression-gate.yml", tmp_path, env={"CANDIDATE": "replay:m.jsonl"})
    done = ci.job("gate", {"event_name": "pull_request"})
    done.conclusion, done.log, done.outputs["gate"]["verdict"], done.summary

Actions of GitHub are replaced: a checkout is a clean clone, caches and artifacts are folders. Steps named Install are
left out: the interpreter of the tests has everything, and the clone's code goes first on its path. Expressions are
those that the workflow uses: names, `==`, `!=`, `&&`, `cancelled()`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

NAME = re.compile(r"\b(?:github|env|inputs|steps|needs)(?:\.[A-Za-z_][A-Za-z0-9_-]*)+")


@dataclass
class Done:
    """A job that has run."""

    folder: Path
    context: dict[str, Any]
    conclusion: str = "success"
    log: str = ""
    summary: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)


def lookup(context: Mapping[str, Any], name: str) -> str:
    """Return a value of a context (`steps.gate.outputs.verdict`); empty where there is none."""
    found: Any = context
    for part in name.split("."):
        found = found.get(part, "") if isinstance(found, Mapping) else ""
    return str(found)


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """Return the value of an expression without its braces."""
    python = NAME.sub(lambda name: repr(lookup(context, name[0])), expression.strip())
    python = python.replace("!cancelled()", "True").replace("&&", " and ").replace("||", " or ")
    return eval(" ".join(python.split()), {"__builtins__": {}}, {})


def filled(text: object, context: Mapping[str, Any]) -> str:
    """Return a text with its `${{ .. }}` evaluated."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(evaluate(found[1], context)), str(text), flags=re.DOTALL)


@dataclass
class Workflow:
    """A workflow of a repository; `place` keeps its caches and artifacts from job to job."""

    repository: Path
    path: str
    place: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """What a person would change under `env`."""

    def job(self, name: str, event: Mapping[str, Any], needs: Mapping[str, Done] | None = None) -> Done | None:
        """Run a job in a folder of its own; None where its `if` says no."""
        told = yaml.safe_load((self.repository / self.path).read_text())
        job = told["jobs"][name]
        context: dict[str, Any] = {"github": dict(event), "steps": {}, "env": {**told.get("env", {}), **self.env}}
        context["needs"] = {key: {"outputs": self._job_outputs(told, key, of)} for key, of in (needs or {}).items()}
        condition = str(job.get("if", "True")).strip().removeprefix("${{").removesuffix("}}")
        if not evaluate(condition, context):
            return None
        folder = self.place / f"{name}-{len(list(self.place.iterdir()))}"
        folder.mkdir()
        done = Done(folder, context)
        self._steps(job["steps"], context, done)
        done.outputs = {key: step["outputs"] for key, step in context["steps"].items()}
        return done

    def _job_outputs(self, told: Mapping[str, Any], name: str, done: Done) -> dict[str, str]:
        return {key: filled(value, done.context) for key, value in told["jobs"][name].get("outputs", {}).items()}

    def _steps(self, steps: list[dict[str, Any]], context: dict[str, Any], done: Done) -> None:
        for step in steps:
            if "if" in step:
                wanted = bool(evaluate(step["if"].strip().removeprefix("${{").removesuffix("}}"), context))
            else:
                wanted = done.conclusion == "success"
            if not wanted or step.get("name") == "Install":
                continue
            given = {key: filled(value, context) for key, value in step.get("with", {}).items()}
            if "uses" not in step:
                outputs = self._run(step, context, done)
            elif step["uses"].startswith("./"):
                outputs = self._composite(done.folder / step["uses"], given, context, done)
            else:
                outputs = self._replaced(step["uses"].split("@")[0], given, done)
            context["steps"][step.get("id", f"_{len(context['steps'])}")] = {"outputs": outputs}

    def _composite(
        self, action: Path, given: Mapping[str, str], context: Mapping[str, Any], done: Done
    ) -> dict[str, str]:
        told = yaml.safe_load((action / "action.yml").read_text())
        assert set(given) <= set(told["inputs"]), "an input that the action does not have"
        inputs = {name: given.get(name, str(spec.get("default", ""))) for name, spec in told["inputs"].items()}
        github = {**context["github"], "action_path": str(action)}
        inner = {"github": github, "inputs": inputs, "steps": {}, "env": context["env"]}
        self._steps(told["runs"]["steps"], inner, done)
        return {name: filled(spec["value"], inner) for name, spec in told["outputs"].items()}

    def _replaced(self, action: str, given: Mapping[str, str], done: Done) -> dict[str, str]:
        artifact, cache = self.place / f"artifact-{given.get('name')}", self.place / "cache"
        if action == "actions/checkout":
            clone(self.repository, done.folder)
        elif action == "actions/cache/restore":
            if cache.exists():
                shutil.copytree(cache, done.folder, dirs_exist_ok=True)
        elif action == "actions/cache/save":
            (cache / given["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(done.folder / given["path"], cache / given["path"])
        elif action == "actions/upload-artifact":
            artifact.mkdir(exist_ok=True)
            for path in given["path"].split():
                shutil.copy(done.folder / path, artifact)
        elif action == "actions/download-artifact":
            shutil.copytree(artifact, done.folder, dirs_exist_ok=True)
        else:
            assert action == "actions/setup-python", f"what does {action} do?"
        return {}

    def _run(self, step: Mapping[str, Any], context: Mapping[str, Any], done: Done) -> dict[str, str]:
        files = {name: done.folder / f".{name}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        env = {**context["env"], **{key: filled(value, context) for key, value in step.get("env", {}).items()}}
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") == "bash" else ["bash", "-e"]
        ran = subprocess.run(
            [*shell, "-c", step["run"]], cwd=done.folder, text=True, check=False, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment(env, files, done.folder),
        )  # fmt: skip
        done.log += ran.stdout
        done.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        if ran.returncode:
            done.conclusion = f"failure: {ran.returncode}"
        return dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())

    def _environment(self, env: Mapping[str, str], files: Mapping[str, Path], folder: Path) -> dict[str, str]:
        path = os.pathsep.join([str(self.place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        own = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        own |= {"PATH": path, "PYTHONPATH": str(folder), "CI": "true", "GITHUB_ACTIONS": "true", "HF_HUB_OFFLINE": "1"}
        return own | {name: str(file) for name, file in files.items()} | dict(env)


def clone(repository: Path, folder: Path) -> None:
    """Clone what is committed."""
    subprocess.run(["git", "clone", "--quiet", str(repository), str(folder)], check=True, timeout=120)
