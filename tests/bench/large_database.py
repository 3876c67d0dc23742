"""A database of many models and suites, as large as asked, made by SQL in seconds: what dashboards are timed on.

    make(Database(path))        50 models x 20 suites x 2,000 samples: 2 million records
    make(Database(path), models=8, suites=5, samples=400, gates=50, loops=3, people=10)

Every page has its load: causes for the failures of all runs, gates with a check a suite, loops with steps and curves,
compressions, a bench a model, choices in every tenth suite, reviews by many people. A completion's text holds markup,
which no page may obey. The rows themselves are made in `large_database.sql`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from harness.store import Database

SIZES = {
    "models": 50, "suites": 20, "samples": 2000, "gates": 1000, "loops": 20, "rounds": 10, "compressions": 10,
    "people": 100,
}  # fmt: skip


def make(database: Database, **sizes: int) -> None:
    """Fill an empty database; sizes that are not named are those of `SIZES`."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    with database.write() as connection:
        for name, value in {**SIZES, **sizes}.items():
            connection.execute(f"SET VARIABLE {name} = {value}")
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)


if __name__ == "__main__":
    began = time.monotonic()
    make(Database(Path(sys.argv[1])))
    print(f"{sys.argv[1]}: {time.monotonic() - began:.0f} s")
