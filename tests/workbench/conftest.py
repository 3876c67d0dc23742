"""A guest distribution with three steps, seen by this process and by those it starts."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from harness.store import Database

STEPS = (
    "[harness.steps]\nguest.write = guest_steps:Write\nguest.ask = guest_steps:Ask\nguest.train = guest_steps:Train\n"
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "results" / "h.duckdb")


@pytest.fixture(autouse=True)
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "site" / "guest_steps-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-steps\nVersion: 1\n")
    (about / "entry_points.txt").write_text(STEPS)
    here = Path(__file__).parent
    for place in (here, tmp_path / "site"):
        monkeypatch.syspath_prepend(str(place))
    older = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path / "site"), str(here), older])))
    monkeypatch.setenv("HARNESS_ALLOW_SCRIPTED", "1")
    importlib.invalidate_caches()
