"""A small database with verdicts, choices and benches, some of it hostile, for the pages gates, calibration, bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gate"))

from gate_runs import samples, store

from harness.store import Database, benches, gates
from harness.types import Check, Verdict

HOSTILE = "<script>alert(1)</script> **bold** [x](https://e.example) :red[y] $z$"
COUNTS = {"n": 1000.0, "wins": 12.0, "losses": 53.0, "p": 0.0002, "p_holm": 0.0004, "alpha": 0.05, "needed": 4100.0}
DROP = Check("mmlu", "non_inferiority", "FAIL", -0.041, -0.01, -0.063, -0.019, HOSTILE, COUNTS)
SIZE = Check("", "size_mib", "PASS", 410.0, 500.0)
LATER = Check("bbh", "absolute", "INCONCLUSIVE", 0.7, 0.7, 0.6, 0.8, "more", {"n": 50.0, "needed": float("inf")})
POLICY = f"# {HOSTILE}\nversion: 1\n"


def make(path: Path) -> Database:
    """Return a database of two runs (one calibrated), a verdict of each outcome and two benches (one busy)."""
    database = Database(path)
    asked = samples(40)
    sums = [(-0.05, -3.0 - n % 3) if n % 4 else (-0.3, -1.4) for n in range(40)]
    right = [float(n % 5 > 0) for n in range(40)]
    platt = {"calibration": {"method": "platt", "slope": 0.5, "intercept": 0.2}}
    store(database, "plain-1", asked, right, logprobs=sums)
    store(database, "scaled-1", asked, right, logprobs=sums, facts=platt, name=HOSTILE)
    for outcome, checks in (("ERROR", ()), ("PASS", (SIZE,)), ("INCONCLUSIVE", (SIZE, LATER)), ("FAIL", (SIZE, DROP))):
        _gate(database, outcome, checks)
    for number, busy in enumerate((False, True)):
        _bench(database, f"b{number}", busy)
    return database


def _gate(database: Database, outcome: Any, checks: tuple[Check, ...]) -> None:
    verdict = Verdict(outcome, checks, "scaled-1", "plain-1" if checks else None, note=HOSTILE)
    code = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "ERROR": 4}[outcome]
    loop = "repair" if outcome == "FAIL" else None
    gates.add(
        database, verdict, model=HOSTILE, policy=f"/some/{HOSTILE}.yaml", policy_digest="5e", policy_text=POLICY,
        exit_code=code, split="test", sealed=True, way="fixed", alpha=0.05, loop=loop,
    )  # fmt: skip


def _bench(database: Database, name: str, busy: bool) -> None:
    row = {
        "bench_id": name, "model": f"{HOSTILE}.gguf", "model_digest": "d", "model_facts": {"size_bytes": 2**20 * 310},
        "engine": {"name": "gguf"}, "settings": {"width": "8"}, "host": {"cores": 2}, "load_average": 1.0,
        "others_cores": 0.0, "busy": busy, "notes": [f"busy {HOSTILE}"] if busy else [],
        "started_at": f"2026-01-0{1 + busy}", "finished_at": f"2026-01-0{1 + busy}",
    }  # fmt: skip
    rows = [
        {"measure": "generate", "unit": "tokens/s", "width": wide, "measured": [10.0 * wide, 12.0 * wide], "raw": [],
         "note": HOSTILE}
        for wide in (1, 4)
    ] + [
        {"measure": "memory", "unit": "bytes", "width": 1, "measured": [2.0**30], "raw": []},
        {"measure": "ttft", "unit": "s", "width": 1, "measured": [0.25], "raw": []},
    ]  # fmt: skip
    benches.add(database, row, rows)


def opened(page: str, database: Database, /, **address: str) -> AppTest:
    """Return a page shown in a state of the address."""
    test = AppTest.from_function(_draw, kwargs={"page": page, "path": str(database.path)}, default_timeout=60)
    for name, value in address.items():
        test.query_params[name] = value
    return test.run()


def _draw(page: str, path: str) -> None:
    import importlib
    from pathlib import Path

    import streamlit as st

    from dashboards.view import View
    from harness.errors import HarnessError
    from harness.store import Database

    view = View(Database(Path(path)), {})
    try:
        importlib.import_module(f"dashboards.pages.{page}").show(view)
    except HarnessError as error:
        st.error(error.what)
    view.queries()


def told(test: AppTest) -> str:
    """Return all that the page says where markup counts: none of it may come from a model or a file."""
    kinds = ("markdown", "caption", "success", "info", "warning", "error", "subheader")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(test, kind))
