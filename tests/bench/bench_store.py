"""How the store grows: the same accesses on databases of 10,000, 1,000,000 and 10,000,000 records, in one run.

    python tests/bench/bench_store.py [--sizes 10000,1000000,10000000]

Prints milliseconds (median of five) for a journal flush of 512 records, for the resume question of a run of 15,000
records, for its report, and for the list of runs; the ratio to the smallest size says how cost grows.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness import report
from harness.data import Row, number_samples
from harness.hashing import sample_digest
from harness.store import Database, read, write
from harness.types import Completion, Record, Request, Run, Score

PER_RUN = 15_000

FILL = """
INSERT INTO completions BY NAME
SELECT md5('c' || i) AS key, 'model' || (i // {per}) AS model_digest, 'run' || (i // {per}) AS run_id, 's' AS suite,
       md5('s' || (i % {per})) AS sample_id, 0 AS attempt, 'generate' AS kind, 'raw' AS form, NULL AS head_key,
       'question number ' || i AS tail, '{{}}' AS asked, 'the answer is ' || (i % 7) AS text, '' AS reasoning,
       'stop' AS finish, 10 AS prompt_tokens, 5 AS completion_tokens, 0 AS cut_tokens, 0.1 AS seconds, '' AS layout
FROM range({start}, {stop}) t(i);
INSERT INTO scores BY NAME
SELECT md5('k' || i) AS key, 's' AS suite, 'scorer' AS scorer_key, MAP {{'acc': (i % 2)::DOUBLE}} AS measures,
       CASE WHEN i % 2 = 1 THEN 'right' ELSE 'wrong_answer' END AS mode, (i % 7)::VARCHAR AS answer, '{{}}' AS detail
FROM range({start}, {stop}) t(i);
INSERT INTO records BY NAME
SELECT 'run' || (i // {per}) AS run_id, 's' AS suite, md5('s' || (i % {per})) AS sample_id,
       md5('d' || (i % {per})) AS sample_digest, 0 AS attempt, [md5('c' || i)] AS completion_keys,
       md5('k' || i) AS score_key
FROM range({start}, {stop}) t(i);
INSERT INTO runs BY NAME
SELECT 'run' || j AS run_id, '' AS name, 'model' || j AS model, 'model' || j AS model_digest, '{{}}' AS model_facts,
       '{{}}' AS engine, '{{"prompt": "raw", "samples": 1}}' AS config, 'identity' || j AS identity, 0 AS first_attempt,
       '{{}}' AS host, now()::TIMESTAMP AS started_at, 'done' AS status
FROM range({start} // {per}, {stop} // {per}) t(j);
INSERT INTO run_suites BY NAME
SELECT 'run' || j AS run_id, 's' AS suite, '1' AS version, '' AS source, '' AS licence,
       '[{{"name": "acc", "value": "acc"}}]' AS metrics, 'subject' AS group_tag, 'scorer' AS scorer_key, '' AS sandbox,
       {per} AS wanted, 1.0 AS seconds
FROM range({start} // {per}, {stop} // {per}) t(j);
"""


def fill(database: Database, start: int, stop: int) -> None:
    """Add records `start` to `stop`, as runs of PER_RUN records each."""
    with database.write() as connection:
        if start == 0:
            connection.execute(
                "INSERT INTO samples BY NAME SELECT 's' AS suite, md5('s' || i) AS sample_id, md5('d' || i) AS digest,"
                " md5('o' || i) AS origin, 'dev' AS split, 'q' || i AS name, MAP {'subject': (i % 57)::VARCHAR} AS tags"
                f" FROM range(0, {PER_RUN}) t(i)"
            )
        for statement in FILL.format(per=PER_RUN, start=start, stop=stop).split(";\n"):
            if statement.strip():
                connection.execute(statement)


def flush_512(database: Database, number: int) -> None:
    """Journal 512 new records of one run, as an evaluation does."""
    run = f"new{number}-{time.monotonic_ns()}"
    journal = write.Journal(database, run)
    for sample in number_samples("s", [Row({"q": i}, {"q": i}) for i in range(512)]):
        request = Request("generate", prompt="q", source={"suite": "s", "sample_id": sample.id})
        journal.add_completion(run + sample.id, request, Completion("x"), f"model{number}")
        record = Record(run, "s", sample.id, 0, (run + sample.id,), Score({"acc": 1.0}, "right"))
        journal.add_record(record, sample_digest(sample), run + sample.id, f"scorer{number}", replaces=False)
    journal.flush()


def milliseconds(action: Callable[[], object]) -> float:
    """Return the median of five."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,1000000,10000000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "harness.duckdb")
        write.add_run(database, Run("r", "", "m", "d", {}, ("s",), "2026-01-01"), "i", 0, FACTS, [])
        done, first = 0, None
        print(f"{'records':>12} {'flush 512':>10} {'resume':>8} {'asked keys':>10} {'report':>8} {'runs':>8}  ms; size")
        for size in sizes:
            fill(database, done, size)
            done = size
            last = max(0, size // PER_RUN - 1)
            with database.read() as connection:
                keys = [
                    r[0]
                    for r in connection.execute(
                        f"SELECT key FROM completions WHERE run_id = 'run{last}' LIMIT 512"
                    ).fetchall()
                ]
            row = [
                milliseconds(lambda: flush_512(database, 0)),
                milliseconds(lambda n=last: read.recorded(database, f"run{n}", "s")),
                milliseconds(lambda n=last, k=keys: read.completions(database, k, f"model{n}")),
                milliseconds(lambda n=last: report.reports(database, f"run{n}")),
                milliseconds(lambda: read.runs(database)),
            ]
            first = first or row
            times = f"{row[0]:>10.0f} {row[1]:>8.0f} {row[2]:>10.0f} {row[3]:>8.0f} {row[4]:>8.0f}"
            print(f"{size:>12,} {times}  {database.path.stat().st_size >> 20} MiB")
        print("growth      ", " ".join(f"{b / a:>9.1f}x" for a, b in zip(first or [], row, strict=True)))


FACTS = {"model_facts": {}, "engine": {}, "host": {}}

if __name__ == "__main__":
    main()
