"""A whole loop over teachers behind HTTP that fail: no paid answer is lost, none asked for twice, whatever ends it.

Two models of different size answer, each on llama-cpp-python's own server, behind a proxy that counts what was answered
in full (paid), and puts a fault before it: 429, 500, a cut answer, garbage, silence. Both are poor teachers: asked at
first they write what is no JSON, and the server holds them to a schema when they are asked to mend it.
"""

from __future__ import annotations

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
from faulty_teacher import FAST, Teacher
from looping_world import World, litter, query

from harness.errors import InfrastructureError
from harness.store import artifacts

pytestmark = pytest.mark.slow
FIELDS = {"question": {"type": "string", "maxLength": 16}, "answer": {"type": "string", "maxLength": 3}}
ROW = {"type": "object", "properties": FIELDS, "required": list(FIELDS)}
ROWS = {"type": "array", "items": ROW, "minItems": 2, "maxItems": 2}
SCHEMA = {"type": "object", "properties": {"rows": ROWS}, "required": ["rows"]}
FAULTS = ((), ("429",), ("500",), ("cut", "garbage"), ("500",) * 7, ("hang",), ("empty", "503"))
"""Tries before an answer; seven in a row are more than one start of the loop makes."""
ASKED = {"rows": 6, "rows_per_call": 2, "exemplars_per_call": 1, "max_tokens": 60}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        made = World(tmp_path_factory.mktemp("taught"), tiny_folder.parents[1])
        for name in ("HARNESS_HOME", "PYTHONPATH", "OMP_WAIT_POLICY"):
            patch.setenv(name, made.environment[name])
        for place in made.paths:
            patch.syspath_prepend(place)
        yield made


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[list[str]]:
    """llama-cpp-python's own server over a random Llama, and over `tiny`, six times its size; their URLs."""
    pytest.importorskip("starlette_context", reason="llama-cpp-python's [server] extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "models"))
        from faulty_server import free_port
        from random_llama import save
    from harness.models.convert import hf_to_gguf

    root = tmp_path_factory.mktemp("served")
    hf_to_gguf(save(root / "hf"), root / "small.gguf", "f32")
    served = []
    for model in (str(root / "small.gguf"), world.gguf()):
        port = free_port()
        options = {"model": model, "model_alias": "big", "port": port, "n_ctx": 4096, "n_threads": 1}
        words = [sys.executable, "-m", "llama_cpp.server", "--interrupt_requests", "false"]
        words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with (root / f"log-{port}").open("wb") as log:
            environment = {**os.environ, "HOST": "127.0.0.1"}
            served.append((subprocess.Popen(words, stdout=log, stderr=log, env=environment), port))
    for process, port in served:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=5, trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, (root / f"log-{port}").read_text()
                time.sleep(0.1)
    yield [f"http://127.0.0.1:{port}/v1" for _, port in served]
    for process, _ in served:
        process.terminate()
        process.wait(20)


@pytest.fixture
def teachers(urls: list[str]) -> Iterator[list[Teacher]]:
    def before(url: str) -> Teacher:
        def asked(body: Any) -> Any:
            if len(body["messages"]) > 2:
                body = {**body, "response_format": {"type": "json_object", "schema": SCHEMA}}
            said = httpx.post(f"{url}/chat/completions", json=body, timeout=60, trust_env=False)
            return said.status_code, said.json()

        return Teacher(asked, FAULTS)

    servers = [before(url) for url in urls]
    yield servers
    for one in servers:
        one.end()


def recipe(world: World, name: str, teachers: list[Teacher], **settings: str) -> Path:
    """Return a recipe in which each teacher writes rows."""
    told = {one.spec: {"settings": {**FAST, "timeout_s": "4", "concurrency": "2", **settings}} for one in teachers}
    generate = [{"improve.generate": {"teacher": one.spec, **ASKED}} for one in teachers]
    return world.recipe(name, [*generate, "improve.dedup", *world.quick()[1:]], rounds=1, teachers=told)


def ledger(world: World, loop: str) -> tuple[int, float]:
    """Return how many answers of teachers are stored for a loop, and the tokens booked."""
    stored = query(world.database, "SELECT count(*) AS n FROM completions WHERE run_id = ?", f"loop {loop}")
    return int(stored[0]["n"]), artifacts.spent(world.database, loop).get("tokens", 0.0)


def test_faults_end_a_start_and_cost_nothing(world: World, teachers: list[Teacher]) -> None:
    path, starts = recipe(world, "taught", teachers), 0
    done = world.harness("improve", path, "--json")
    assert done.returncode == 4 and "calls unanswered" in done.stdout, done.stdout + done.stderr
    while True:
        starts += 1
        assert starts < 9
        try:
            ended = world.improve(path)
            break
        except InfrastructureError as error:
            assert error.next == "run the same command again" and "http_500" in error.what
    assert ended.outcome == "rounds" and ended.rounds[0].accepted and 6 < ended.rounds[0].rows <= 12
    met = {name for one in teachers for name in one.injected if name}
    assert met >= {"500", "429"} and len(met) >= 4, met
    assert all(set(one.paid.values()) == {1} for one in teachers), "none is asked for twice"
    paid = sum(one.paid.total() for one in teachers)
    assert ledger(world, "taught")[0] == paid > 12, "none is lost"
    assert litter(world.database.folder) == []


def test_killed_while_a_teacher_answers(world: World, teachers: list[Teacher]) -> None:
    """Charged again is at most what was under way: one call at a time here."""
    for one in teachers:
        one.faults = ((), ("429",))
    path, kills = recipe(world, "cut-off", teachers, concurrency="1"), 3
    for more in range(1, kills + 1):
        child, before = world.start("improve", path), sum(one.paid.total() for one in teachers)
        while child.poll() is None and sum(one.paid.total() for one in teachers) < before + more:
            time.sleep(0.003)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    ended = world.improve(path)
    assert ended.outcome == "rounds" and ended.rounds[0].accepted
    distinct, paid = sum(len(one.paid) for one in teachers), sum(one.paid.total() for one in teachers)
    assert ledger(world, "cut-off")[0] == distinct and paid <= distinct + kills
