"""Two evaluations write while every page is opened again and again: no page fails, no record is lost, and what they
write is what they write alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import page_drawn
import pytest
from page_states import states

from dashboards.app import modules
from harness.store import Database, read

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "line"))
import worlds

pytestmark = pytest.mark.slow
NAMES = ("one", "two")
ARGS = ("scripted:worlds:guess", "--suite", "primer", "--limit", "150", "--quiet", "--json")
ANSWERS = """
SELECT r.suite, r.sample_id, r.attempt, c.text, s.measures, s.mode FROM records r JOIN runs u USING (run_id)
JOIN completions c ON c.key = r.completion_keys[1] JOIN scores s ON s.key = r.score_key AND s.suite = r.suite
WHERE u.name = ? ORDER BY ALL
"""


def arguments(database: Path, name: str, delay_s: float) -> tuple[object, ...]:
    """Return the words of an evaluation of its own model."""
    own = ("--name", name, "--set", f"digest={name}", "--set", f"delay_s={delay_s}", "--db", database)
    return "eval", *ARGS, *own


def test_pages_are_opened_while_two_evaluations_write(tmp_path: Path) -> None:
    shared, alone = Database(tmp_path / "shared.duckdb"), Database(tmp_path / "alone.duckdb")
    worlds.harness("eval", "scripted:worlds:guess", "--suite", "primer", "--limit", "5", "--quiet", "--db", shared.path)
    children = [
        subprocess.Popen(
            worlds.command(*arguments(shared.path, name, 0.2)), env=worlds.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for name in NAMES
    ]  # fmt: skip
    seen = set()
    while any(child.poll() is None for child in children):
        found = states(shared)
        for name in modules():
            test = page_drawn.page(shared, name, found[name][-1])
            assert not page_drawn.complaints(test), name
            seen.add(read.query(shared, "SELECT count(*) AS n FROM records")[0]["n"])
    for child in children:
        _, stderr = child.communicate(timeout=240)
        assert child.returncode == 0, stderr
    assert len(seen) > 1, "pages must have been opened while they wrote"
    for name in NAMES:
        assert worlds.harness(*arguments(alone.path, name, 0.0)).returncode == 0
        together, by_itself = (read.query(one, ANSWERS, [name]) for one in (shared, alone))
        assert len(together) == 150 and together == by_itself
    runs = page_drawn.page(shared, "samples", {}).selectbox[0].options
    assert all(any(name in run for run in runs) for name in NAMES), "new runs show up without a restart"
