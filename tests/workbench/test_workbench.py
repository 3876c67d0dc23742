"""Steps are done once, inside a budget, with a lineage; what breaks leaves a fault, a log, and nothing half-made."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import InfrastructureError, UsageError
from harness.gate import seal
from harness.store import Database, artifacts, read
from harness.types import Artifact
from harness.workbench import BudgetSpent, Workbench, keep
from harness.workbench.shelf import folder_of

HERE = Path(__file__).parent
TEACHER = "scripted:teachers:sure"


def content(database: Database, artifact: Artifact) -> str:
    return (folder_of(database, artifact) / "rows.txt").read_text("utf-8")


def test_a_step_is_done_once_and_its_lineage_kept(database: Database, tmp_path: Path) -> None:
    count = tmp_path / "count"
    bench = Workbench(database, "first")
    one = bench.make("guest.write", [], {"text": "a", "count": str(count)})
    two = bench.make("guest.write", [one], {"text": "b", "count": str(count)})
    again = Workbench(database, "second").make("guest.write", [one], {"text": "b", "count": str(count)})
    assert again == two and count.read_text() == "xx"
    assert content(database, two) == "ab" and two.parents == (one.id,) and two.made_by["step"] == "guest.write"
    note = json.loads((folder_of(database, two) / "artifact.json").read_text())
    assert (note["id"], note["parents"], note["digest"]) == (two.id, [one.id], two.digest)
    assert artifacts.artifact(database, two.id) == two
    assert not list(database.folder.glob("steps/*/scratch-*"))
    # Other parameters are another artifact, and so are other inputs.
    assert bench.make("guest.write", [two], {"text": "b", "count": str(count)}) != two


def test_an_artifact_that_was_removed_is_made_again(database: Database, tmp_path: Path) -> None:
    bench, asked = Workbench(database, "loop"), {"text": "a", "count": str(tmp_path / "count")}
    made = bench.make("guest.write", [], asked)
    (folder_of(database, made) / "artifact.json").unlink()
    with pytest.raises(InfrastructureError, match="is not at"):
        folder_of(database, made)
    assert bench.make("guest.write", [], asked) == made and content(database, made) == "a"


def test_what_breaks_leaves_a_fault_and_a_log(database: Database) -> None:
    bench = Workbench(database, "loop")
    asked = {"model": TEACHER, "prompts": 5, "then": "break"}
    with pytest.raises(InfrastructureError, match=r"guest\.ask.*broke after it asked"):
        bench.make("guest.ask", [], asked)
    (row,) = artifacts.executions(database)
    assert row["artifact_id"] is None and "broke after it asked" in row["fault"]
    assert "Traceback" in (database.folder / row["log"]).read_text()
    assert artifacts.spent(database, "loop")["tokens"] == 5 * 14
    # What was answered is not asked again.
    bench.make("guest.ask", [], {**asked, "then": ""})
    assert artifacts.spent(database, "loop")["tokens"] == 5 * 14


@pytest.mark.slow
def test_two_processes_do_a_step_once_and_clear_what_killed_ones_left(database: Database, tmp_path: Path) -> None:
    script = (
        "from harness.store import Database; from harness.workbench import Workbench; import sys\n"
        "asked = {'text': 'a', 'count': sys.argv[2], 'pause_s': 1.0}\n"
        "print(Workbench(Database.at(sys.argv[1]), sys.argv[3]).make('guest.write', [], asked).id)\n"
    )
    words = [sys.executable, "-c", script, str(database.path), str(tmp_path / "count")]
    children = [subprocess.Popen([*words, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")]
    first, second = (child.communicate()[0] for child in children)
    assert first == second != "" and (tmp_path / "count").read_text() == "x"
    (row,) = artifacts.executions(database)
    left = database.folder / "steps" / row["step_key"] / "scratch-left"
    left.mkdir()
    shutil.rmtree(database.folder / "artifacts")  # so that it is done again
    subprocess.run([*words, "one"], check=True, capture_output=True)
    assert (tmp_path / "count").read_text() == "xx" and not left.exists()


def test_a_step_of_the_loop_seals_what_comes_of_it(database: Database, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("w")
    tuned = keep(database, tmp_path / "weights", "adapter", (), {"step": "improve.finetune"})
    (tmp_path / "merged").write_text("m")
    merged = keep(database, tmp_path / "merged", "model", (tuned.id,), {"step": "compress.gguf"})
    assert "improve.finetune" in seal.why(database, None, folder_of(database, merged))


@pytest.mark.parametrize(("how", "said"), [("killed", "SIGKILL"), ("raises", "exit code 1")])
def test_a_crash_in_a_process_of_its_own_is_a_fault(database: Database, how: str, said: str) -> None:
    with pytest.raises(InfrastructureError, match=said):
        Workbench(database, "loop").make("guest.train", [], {"how": how})
    (row,) = artifacts.executions(database)
    assert said in row["fault"] and "noise on stdout" in (database.folder / row["log"]).read_text()
    assert artifacts.spent(database, "loop") == {"seconds": 1.0}


def test_a_process_of_its_own_gives_an_artifact(database: Database) -> None:
    made = Workbench(database, "loop").make("guest.train", [], {})
    assert made.kind == "adapter" and int((folder_of(database, made) / "pid").read_text()) != os.getpid()
    with pytest.raises(UsageError, match="r = -1"):
        Workbench(database, "loop").make("guest.train", [], {"how": "refuses"})


def test_the_budget_ends_a_training(database: Database) -> None:
    with pytest.raises(BudgetSpent, match="seconds are spent"):
        Workbench(database, "loop", {"seconds": 5.0}).make("guest.train", [], {"how": "spends"})
    assert artifacts.spent(database, "loop")["seconds"] == 6.0
    # The sums are the store's: another process goes on counting where this one stopped.
    with pytest.raises(BudgetSpent):
        Workbench(database, "loop", {"seconds": 5.0}).budget.check("seconds")


@pytest.mark.parametrize("cap", [14.0, 30.0, 100.0, 101.0])
def test_a_budget_of_tokens_is_passed_by_one_call_at_most(database: Database, cap: float) -> None:
    bench = Workbench(database, "loop", {"tokens": cap})
    with pytest.raises(BudgetSpent, match="tokens are spent"):
        bench.make("guest.ask", [], {"model": TEACHER, "prompts": 50})
    assert cap <= artifacts.spent(database, "loop")["tokens"] < cap + 14
    paid = read.query(database, "SELECT count(*) AS n FROM completions")[0]["n"]
    assert paid == artifacts.spent(database, "loop")["tokens"] / 14, "every paid answer is stored"


def test_prices_become_money(database: Database) -> None:
    price = {TEACHER: {"usd_per_prompt_token": 0.01, "usd_per_token": 0.1}}
    bench = Workbench(database, "loop", {"usd": 2.0}, price)
    with pytest.raises(BudgetSpent, match="usd are spent"):
        bench.make("guest.ask", [], {"model": TEACHER, "prompts": 50})
    assert 2.0 <= artifacts.spent(database, "loop")["usd"] < 2.0 + 10 * 0.1 + 4 * 0.01 + 1e-9


@pytest.mark.slow
def test_killed_anywhere_no_paid_answer_is_lost(database: Database, tmp_path: Path) -> None:
    """SIGKILL again and again, while a hosted teacher answers: each question is paid for once, but for the one asked
    at that very moment."""
    log, teacher = tmp_path / "asked", "scripted:teachers:slow"
    script = (
        "from harness.store import Database; from harness.workbench import Workbench; import sys\n"
        f"bench = Workbench(Database.at(sys.argv[1]), 'loop', settings={{{teacher!r}: {{'digest': ''}}}})\n"
        f"print(bench.make('guest.ask', [], {{'model': {teacher!r}, 'prompts': 40}}).id)\n"
    )
    extra = {**os.environ, "TEACHER_LOG": str(log)}
    words = [sys.executable, "-c", script, str(database.path)]
    for lines in (1, 7, 12, 20, 29, 33):
        child = subprocess.Popen(words, env=extra, stdout=subprocess.PIPE, text=True)
        while child.poll() is None and (not log.exists() or len(log.read_text().splitlines()) < lines):
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    ended = subprocess.run(words, env=extra, capture_output=True, text=True, check=True)
    stored = read.query(database, "SELECT key, count(*) AS n FROM completions GROUP BY key")
    assert len(stored) == 40 and {row["n"] for row in stored} == {1}
    asked = log.read_text().splitlines()
    assert len(set(asked)) == 40 and len(asked) <= 40 + 6
    made = artifacts.artifact(database, ended.stdout.strip())
    assert made is not None and content(database, made).count("\n") == 39
    assert len(artifacts.executions(database)) == 1 and not list(database.folder.glob("artifacts/*/.part-*"))
