"""The house keeps its own rules: floors, sizes, lightness, docs that do not lie, packaging."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("harness", "suites", "improve", "compress", "dashboards")
FILES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
HEAVY = (
    "torch",
    "transformers",
    "llama_cpp",
    "datasets",
    "lm_eval",
    "pandas",
    "sklearn",
    "streamlit",
    "ray",
    "duckdb",
    "pyarrow",
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_are_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name} is too long"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_things_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if path.read_text().strip():
        assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_names_of_nowhere() -> None:
    for path in FILES:
        assert path.stem not in ("utils", "helpers", "common", "manager", "misc")


@pytest.mark.parametrize("command", [["--help"], ["list", "suites"], ["list", "models"]])
def test_help_and_list_import_nothing_heavy(command: list[str]) -> None:
    program = (
        "import sys, contextlib, io\n"
        "from harness.cli import app\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    app({command!r}, standalone_mode=False)\n"
        "print(' '.join(m for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & set(HEAVY)


def commands() -> dict[str, object]:
    from harness.cli import app

    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_has_help_and_the_three_options() -> None:
    for name, command in commands().items():
        assert command.help, name
        options = {flag for parameter in command.params for flag in parameter.opts}
        assert {"--db", "--json", "--debug"} <= options, name


def test_readme_names_every_command_and_only_existing_ones() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"harness ([a-z]+)(?=[ `\n])", readme))
    for name in commands():
        assert name in named, f"the README does not show `harness {name}`"
    verbs = set(re.findall(r"^\s*\$ harness ([a-z]+)", readme, re.MULTILINE))
    assert verbs <= set(commands()), verbs - set(commands())


def test_links_in_docs_exist() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "results" / "README.md"]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), (page.name, link)


def test_top_level_and_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert tuple(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
    extras = project["project"]["optional-dependencies"]
    assert {"hf", "train", "compress", "cluster", "dashboard", "ray", "dev", "all"} <= extras.keys()
    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split("\n")
    }
    required = [*project["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    for requirement in required:
        name = re.split(r"[\[<>=!~;]", requirement)[0].strip().lower().replace("_", "-")
        assert name in pinned | {"llm-harness"}, f"{name} is not pinned in constraints.txt"


def test_nothing_of_the_benchmarks_is_in_the_repository() -> None:
    """Canaries and first questions of benchmark files must not be found in what is committed."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    needles = ["26b5c67b-" + "86b8", "has_close_" + "elements", "Find the degree for the " + "given field extension"]
    for name in tracked:
        text = (ROOT / name).read_text(errors="ignore") if (ROOT / name).is_file() else ""
        for needle in needles:
            assert needle not in text, (name, needle)


def test_wheel_holds_five_packages_and_their_files(tmp_path: Path) -> None:
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "No module named 'hatchling'" in done.stderr:
        pytest.skip("hatchling is only in pip's build environment here")
    assert done.returncode == 0, done.stderr
    import zipfile

    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    assert "harness/store/views.sql" in names and "harness/store/migrations/001_first.sql" in names


def test_json_of_list_is_one_document() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "list", "models", "--json"], capture_output=True, text=True, check=True
    )
    assert {"prefix", "what"} == set(json.loads(done.stdout)[0])
