"""A database of many models and suites, as large as asked, made by SQL in seconds: what dashboards are timed on.

    make(Database(path), models=50, suites=20, samples=2000)        2 million records

Answers are drawn by hashes: model m is right in a share of the samples that grows with m, alike in all suites, so that
ranks, flips and failures are plausible. A completion's text holds markup, which no page may obey.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.store import Database

METRICS = '[{"name": "acc", "value": "acc", "aggregate": "micro", "higher_is_better": true, "low": 0.0, "high": 1.0}]'
SAMPLES = """
INSERT INTO samples BY NAME
SELECT 'suite' || s AS suite, md5('s' || s || '/' || i) AS sample_id, md5('d' || s || '/' || i) AS digest,
       md5('o' || s || '/' || i) AS origin, CASE WHEN i % 2 = 0 THEN 'dev' ELSE 'test' END AS split,
       'suite' || s || '/' || i AS name, to_json('target ' || (i % 7)) AS target,
       MAP {{'subject': 'subject ' || (i % 12)}} AS tags, '{{}}' AS data
FROM range({suites}) a(s), range({samples}) b(i)
"""
RUNS = """
INSERT INTO runs BY NAME
SELECT 'run-' || m AS run_id, 'run ' || m AS name, 'gguf:models/model-' || m || '.gguf' AS model,
       md5('m' || m) AS model_digest,
       json_object('size_bytes', 400000000 + 90000000 * m, 'quantisation', 'Q5_K_M') AS model_facts, '{{}}' AS engine,
       '{{"prompt": "raw", "samples": 1, "split": "all"}}' AS config, md5('i' || m) AS identity, 0 AS first_attempt,
       '{{}}' AS host, TIMESTAMP '2026-01-01' + INTERVAL (m) HOUR AS started_at,
       TIMESTAMP '2026-01-01' + INTERVAL (m) HOUR AS finished_at, 'done' AS status
FROM range({models}) t(m);
INSERT INTO run_suites BY NAME
SELECT 'run-' || m AS run_id, 'suite' || s AS suite, '1' AS version, 'made up' AS source, 'none' AS licence,
       '{metrics}' AS metrics, 'subject' AS group_tag, 'scorer' || s AS scorer_key, '' AS sandbox,
       {samples} AS wanted, 10.0 AS seconds
FROM range({models}) a(m), range({suites}) b(s)
"""
RECORDS = """
CREATE OR REPLACE TEMP TABLE drawn AS
SELECT m, s, i, md5(m || '/' || s || '/' || i) AS key,
       (hash(m || 'x' || s || 'x' || i) % 1000) < 300 + 10 * m AS good
FROM range({models}) a(m), range({suites}) b(s), range({samples}) c(i);
INSERT INTO completions BY NAME
SELECT key, md5('m' || m) AS model_digest, 'run-' || m AS run_id, 'suite' || s AS suite,
       md5('s' || s || '/' || i) AS sample_id, 0 AS attempt, 'generate' AS kind, 'raw' AS form, NULL AS head_key,
       'Question ' || i || ' of suite ' || s AS tail, '{{}}' AS asked,
       'I say <b onclick="x()">answer</b> ' || (i % 7) AS text, '' AS reasoning, 'stop' AS finish, 40 AS prompt_tokens,
       9 AS completion_tokens, 0 AS cut_tokens, 0.05 + (i % 10) / 100 AS seconds, '' AS layout
FROM drawn;
INSERT INTO scores BY NAME
SELECT key, 'suite' || s AS suite, 'scorer' || s AS scorer_key, MAP {{'acc': good::INTEGER::DOUBLE}} AS measures,
       CASE WHEN good THEN 'right' ELSE 'wrong_answer' END AS mode, (i % 7)::VARCHAR AS answer, '{{}}' AS detail
FROM drawn;
INSERT INTO records BY NAME
SELECT 'run-' || m AS run_id, 'suite' || s AS suite, md5('s' || s || '/' || i) AS sample_id,
       md5('d' || s || '/' || i) AS sample_digest, 0 AS attempt, [key] AS completion_keys, key AS score_key,
       TIMESTAMP '2026-01-01' AS recorded_at
FROM drawn
"""


def make(database: Database, models: int = 50, suites: int = 20, samples: int = 2000) -> None:
    """Fill an empty database."""
    sizes = {"models": models, "suites": suites, "samples": samples, "metrics": METRICS}
    with database.write() as connection:
        for statement in ";\n".join((SAMPLES, RUNS, RECORDS)).format(**sizes).split(";\n"):
            connection.execute(statement)


if __name__ == "__main__":
    make(Database(Path(sys.argv[1])))
