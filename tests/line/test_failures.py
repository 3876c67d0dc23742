"""`harness failures` as people type it: processes, exit codes, what is on stdout, two models one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
import worlds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a model that guesses, a hostile one and a dead one."""
    path = tmp_path_factory.mktemp("failures") / "h.duckdb"
    for model in ("guess", "hostile", "dead"):
        spec, name = f"scripted:worlds:{model}", ("--name", model, "--set", f"digest={model}", "--quiet")
        worlds.harness("eval", spec, "--suite", "primer", "--limit", 120, "--db", path, *name)
    return path


def failures(db: Path, *arguments: object) -> tuple[int, str, str]:
    done = worlds.harness("failures", *arguments, "--db", db, "--embedder", "lsa")
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_two_models_one_taxonomy(db: Path) -> None:
    done = worlds.harness("failures", "guess", "--db", db, "--embedder", "lsa", "--json")
    first = worlds.document(done)
    assert done.returncode == 0 and "diagnosing" in done.stderr
    assert sum(one["size"] for one in first["clusters"]) + len(first["unassigned"]) == first["failures"]
    assert first["taxonomy"]["how"] == "fitted" and first["analysis"] is None
    second = worlds.document(
        worlds.harness("failures", "hostile", "--db", db, "--embedder", "lsa", "--json", "--quiet")
    )
    assert (second["taxonomy_id"], second["taxonomy"]["how"]) == (first["taxonomy_id"], "assigned")
    assert second["before"]["run_id"] == first["run_id"], "the latest earlier run of another model"
    code, shown, _ = failures(db, "hostile", "--quiet")
    assert code == 0 and first["taxonomy_id"] in shown and "\x1b" not in shown and "harness show hostile" not in shown
    line = next(text for text in shown.splitlines() if "harness show" in text)
    opened = worlds.harness(*line[line.index("harness show") :].split()[1:])
    assert opened.returncode == 0 and "asked" not in opened.stderr, "a line of the report can be typed"


def test_names_markdown_and_dev(db: Path, tmp_path: Path) -> None:
    document = worlds.document(
        worlds.harness("failures", "guess", "--db", db, "--split", "dev", "--json", "--quiet", "--embedder", "lsa")
    )
    assert document["analysis"]["failures"] == document["failures"]
    cause = document["clusters"][0]["id"]
    code, shown, _ = failures(db, "guess", "--split", "dev", "--rename", f"{cause[:9]}=guesses | a lot", "--quiet")
    assert code == 0 and "guesses | a lot" in shown and cause in shown
    code, shown, _ = failures(db, "guess", "--split", "dev", "--markdown", "-", "--quiet")
    assert code == 0 and shown.startswith("# Why guess fails") and "guesses | a lot" not in shown
    code, shown, _ = failures(db, "guess", "--markdown", tmp_path / "report.md", "--quiet")
    assert code == 0 and (tmp_path / "report.md").read_text().startswith("# Why") and "cause" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody"], 2, "nobody"),
        (["guess", "--split", "dve"], 2, "--split all"),
        (["guess", "--suite", "prime"], 2, "primer"),
        (["guess", "--json", "--markdown", "-"], 2, "one document"),
        (["guess", "--rename", "3f9a"], 2, "CAUSE=NAME"),
        (["guess", "--rename", "zzzz=name"], 2, "no cause"),
        (["guess", "--taxonomy", "tax-zz"], 2, "no taxonomy"),
        (["guess", "--judge", "nothing:here"], 2, "nothing"),
        (["guess", "--markdown", "/nowhere/report.md"], 4, "cannot be written"),
        (["dead"], 4, "no answer with a score"),
    ],
)
def test_exit_codes_and_three_lines(db: Path, arguments: list[str], code: int, said: str) -> None:
    found, shown, told = failures(db, *arguments, "--quiet")
    assert found == code and said in told and "next" in told, told
    assert "of failures" not in shown or code == 4
