"""Speeds, times and memory that `harness bench` and compressions measured.

    page(ask, words="tiny")[0]     -> {"bench_id": "4c1d..", "model": "tiny", "busy": False, "generate": 970.2, ..}
    measures(ask, ["4c1d.."])[0]   -> {"measure": "generate", "width": 1, "median": 970.2, "low": 960.5, ..}

Medians and ranges come from the view `speeds`. Cost: milliseconds; measurements are read for one page of benches only.
"""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.queries import Ask, Rows, has

NEWEST = """
SELECT bench_id, model, model_digest, busy, load_average, others_cores, notes, started_at,
       model_facts->>'quantisation' AS quantisation, (model_facts->>'size_bytes')::BIGINT AS size_bytes,
       row_number() OVER (PARTITION BY coalesce(model_digest, model) ORDER BY started_at DESC, bench_id) AS age
FROM bench_runs WHERE NOT ? OR NOT coalesce(busy, false)
"""
FITTING = f"""
FROM ({NEWEST})
WHERE contains(lower(concat_ws(' ', model, model_digest, bench_id)), lower(?)) AND (NOT ? OR age = 1)
"""
COUNT = f"SELECT count(*) AS n {FITTING}"
PAGE = f"SELECT * {FITTING} ORDER BY started_at DESC, bench_id LIMIT ? OFFSET ?"
MEASURES = """
SELECT bench_id, model, measure, width, prompt_tokens, tokens, median, low, high, unit, repeats, raw_share, cpu_share,
       wall_s, cpu_s, busy, layout, note
FROM speeds WHERE list_contains(?::VARCHAR[], bench_id) ORDER BY measure, width, started_at DESC, bench_id
"""
ONE = "SELECT engine, settings, host, model_facts FROM bench_runs WHERE bench_id = ?"


def count(ask: Ask, words: str = "", quiet: bool = False, newest: bool = False) -> int:
    """Return how many benches `page` has."""
    return int(ask(COUNT, [quiet, words, newest])[0]["n"]) if has(ask, "speeds") else 0


def page(
    ask: Ask, words: str = "", quiet: bool = False, newest: bool = False, limit: int = 50, offset: int = 0
) -> Rows:
    """Return benches, newest first, whose model or id contains `words`.

    quiet: only those during which the machine had no other work. newest: only the latest of each model.
    """
    return ask(PAGE, [quiet, words, newest, limit, offset]) if has(ask, "speeds") else []


def measures(ask: Ask, bench_ids: Sequence[str]) -> Rows:
    """Return the measurements of benches: median, lowest and highest of the repeats, in `unit`."""
    return ask(MEASURES, [list(bench_ids)]) if bench_ids and has(ask, "speeds") else []


def conditions(ask: Ask, bench_id: str) -> dict[str, str]:
    """Return the engine, settings, host and model of a bench, each as JSON text."""
    found = ask(ONE, [bench_id]) if has(ask, "bench_runs") else []
    return found[0] if found else {}
