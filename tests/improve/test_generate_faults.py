"""Rows of a teacher behind a real HTTP server that fails: none that was paid for is lost, none is asked for twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from faulty_teacher import EVERY, FAST, Teacher, sums

from harness.errors import InfrastructureError
from harness.store import Database, artifacts, read
from harness.types import Artifact
from harness.workbench import BudgetSpent, Workbench, keep
from harness.workbench.shelf import folder_of

ASKED: dict[str, Any] = {"rows": 80, "rows_per_call": 4, "exemplars_per_call": 2, "temperature": 0.5, "max_tokens": 60}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "results" / "h.duckdb")


@pytest.fixture
def teacher() -> Iterator[Teacher]:
    server = Teacher(sums)
    yield server
    server.end()


def report(database: Database) -> Artifact:
    """Keep an analysis of two causes."""
    shown = [
        {"sample_id": f"s{n}", "split": "dev", "question": f"Ben has {n} figs and eats 1.", "target": str(n - 1),
         "answer": str(n)}
        for n in range(2, 8)
    ]  # fmt: skip
    causes = [
        {"id": f"c{n}", "label": "off by one", "size": size, "exemplars": shown} for n, size in ((1, 30), (2, 10))
    ]
    path = database.folder / "analysis.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"split": "dev", "analysis": {"causes": causes}}))
    return keep(database, path, "report", (), {"step": "test"})


def bench(database: Database, server: Teacher, **budget: float) -> Workbench:
    return Workbench(database, "loop", budget, settings={server.spec: FAST})


def lines(database: Database, made: Artifact, name: str = "rows.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder_of(database, made) / name).read_text().splitlines()]


def lineage(database: Database, made: Artifact) -> set[str]:
    """Return the keys of all completions that rows, kept and dropped, name."""
    rows = lines(database, made) + lines(database, made, "dropped.jsonl")
    return {key for row in rows for key in row["source"]["completions"]}


def stored(database: Database) -> set[str]:
    return {row["key"] for row in read.query(database, "SELECT key FROM completions")}


@pytest.mark.slow
def test_faults_cost_nothing_and_lose_nothing(database: Database, teacher: Teacher) -> None:
    made = bench(database, teacher).make("improve.generate", [report(database)], {"teacher": teacher.spec, **ASKED})
    rows = lines(database, made)
    met = {name for name in teacher.injected if name}
    assert met >= {"429", "500", "cut", "garbage", "hang"}, met
    assert len(rows) == 80 == len({row["id"] for row in rows})
    assert set(teacher.paid.values()) == {1}, "none is asked for twice"
    assert lineage(database, made) == stored(database) and len(stored(database)) == len(teacher.paid)
    assert artifacts.spent(database, "loop")["tokens"] == 150 * len(teacher.paid)
    told = json.loads((folder_of(database, made) / "report.json").read_text())
    assert told["calls"]["repairs"] > 0 and told["dropped"]["repeat"] > 0 and told["calls"]["faults"] == 0


@pytest.mark.slow
def test_a_teacher_that_is_down_for_long_is_asked_for_the_rest_only(database: Database, teacher: Teacher) -> None:
    document, asked = report(database), {"teacher": teacher.spec, **ASKED}
    teacher.faults = [(), (), ("503",) * 5, ()]
    with pytest.raises(InfrastructureError, match="http_503"):
        bench(database, teacher).make("improve.generate", [document], asked)
    paid, teacher.faults = dict(teacher.paid), EVERY[:8]
    assert paid and len(stored(database)) == len(paid)
    made = bench(database, teacher).make("improve.generate", [document], asked)
    assert set(teacher.paid.values()) == {1} and len(teacher.paid) > len(paid)
    assert len(lines(database, made)) == 80 and lineage(database, made) == stored(database)


@pytest.mark.parametrize("cap", [150.0, 999.0])
def test_the_budget_is_passed_by_one_call_at_most(database: Database, teacher: Teacher, cap: float) -> None:
    document, asked = report(database), {"teacher": teacher.spec, **ASKED, "rows": 40}
    teacher.faults = EVERY[:8]
    with pytest.raises(BudgetSpent, match="tokens are spent"):
        bench(database, teacher, tokens=cap).make("improve.generate", [document], asked)
    spent = artifacts.spent(database, "loop")["tokens"]
    assert cap <= spent < cap + 150 and spent == 150 * sum(teacher.paid.values()) == 150 * len(stored(database))
    # With more budget it goes on: what was paid for is not asked for again.
    bench(database, teacher).make("improve.generate", [document], asked)
    assert set(teacher.paid.values()) == {1}


@pytest.mark.slow
def test_killed_and_started_again_gives_the_same_rows(database: Database, teacher: Teacher, tmp_path: Path) -> None:
    """SIGKILL five times. Charged again is at most what was under way at that moment: one call at a time here."""
    teacher.faults = [*EVERY[:8], (), ()]
    teacher.reply = lambda body: (time.sleep(0.02), sums(body))[1]
    document = report(database)
    script = (
        "import json, sys\nfrom harness.store import Database\nfrom harness.workbench import Workbench\n"
        "from harness.types import Artifact\n"
        "path, spec, document, asked, settings = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])\n"
        "bench = Workbench(Database.at(path), 'loop', settings={spec: settings})\n"
        "document = Artifact(**{**document, 'parents': ()})\n"
        "print(bench.make('improve.generate', [document], {'teacher': spec, **asked}).id)\n"
    )
    told = [json.dumps(one) for one in (vars(document), ASKED, {**FAST, "concurrency": "1"})]
    words = [sys.executable, "-c", script, str(database.path), teacher.spec, *told]
    for count in (1, 6, 11, 15, 19):
        child = subprocess.Popen(words, stdout=subprocess.PIPE)
        while child.poll() is None and len(teacher.paid) < count:
            time.sleep(0.003)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    made = artifacts.artifact(database, ended.stdout.strip())
    assert made is not None and lineage(database, made) == stored(database)
    assert len(stored(database)) == len(teacher.paid) and sum(teacher.paid.values()) <= len(teacher.paid) + 5
    # The same without a kill, in another place.
    other = Database.at(tmp_path / "other" / "h.duckdb")
    unhurt = bench(other, teacher).make("improve.generate", [report(other)], {"teacher": teacher.spec, **ASKED})
    assert [{**row, "source": 0} for row in lines(other, unhurt)] == [{**r, "source": 0} for r in lines(database, made)]
    assert made.digest == unhurt.digest


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's own server over a random Llama; its URL."""
    pytest.importorskip("starlette_context", reason="llama-cpp-python's [server] extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "models"))
        from faulty_server import free_port
        from random_llama import save
    from harness.models.convert import hf_to_gguf

    root, port = tmp_path_factory.mktemp("served"), free_port()
    hf_to_gguf(save(root / "hf"), root / "m.gguf", "f32")
    options = {"model": root / "m.gguf", "model_alias": "big", "port": port, "n_ctx": 4096, "n_threads": 1}
    words = [sys.executable, "-m", "llama_cpp.server", "--interrupt_requests", "false"]
    words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "HOST": "127.0.0.1"})
    url = f"http://127.0.0.1:{port}/v1"
    for _ in range(600):
        try:
            httpx.get(f"{url}/models", timeout=5, trust_env=False)
            break
        except httpx.TransportError:
            assert process.poll() is None, (root / "log").read_text()
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)


@pytest.mark.slow
def test_a_real_server_behind_faults(database: Database, llama: str) -> None:
    """The model is random: held to a small schema of the server's own form it gives rows, without it garbage that is
    asked for again once. Ours the server refuses, which costs nothing."""
    fields = {"question": {"type": "string", "maxLength": 12}, "answer": {"type": "string", "maxLength": 3}}
    row = {"type": "object", "properties": fields, "required": list(fields)}
    rows = {"type": "array", "items": row, "minItems": 2, "maxItems": 2}
    schema = {"type": "object", "properties": {"rows": rows}, "required": ["rows"]}

    def asked(body: Any) -> Any:
        repaired = len(body["messages"]) > 2
        if repaired:
            body = {**body, "response_format": {"type": "json_object", "schema": schema}}
        said = httpx.post(f"{llama}/chat/completions", json=body, timeout=60, trust_env=False)
        return said.status_code, said.json()

    server = Teacher(asked)
    settings = {server.spec: {**FAST, "timeout_s": "8", "concurrency": "2"}}
    try:
        made = Workbench(database, "loop", settings=settings).make(
            "improve.generate", [report(database)], {"teacher": server.spec, **ASKED, "rows": 8, "rows_per_call": 2}
        )
        told = json.loads((folder_of(database, made) / "report.json").read_text())
        assert told["out"] == len(lines(database, made)) > 0 and told["calls"]["schema"] is False
        assert told["calls"]["repairs"] > 0 and sum(bool(name) for name in server.injected.elements()) > 0
        assert set(server.paid.values()) == {1} and lineage(database, made) == stored(database)
        assert len(stored(database)) == len(server.paid)
    finally:
        server.end()
