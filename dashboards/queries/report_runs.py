"""Runs against the baseline, rounds of loops, and how sure models are: what the report says of them.

    against(database, ask).lines[0]    -> {"run_id": "tuned-9c..", "suite": "primer", "delta": .03, "low": .01, ..}
    loops(ask)[0]["rounds"][0]         -> {"number": 1, "accepted": True, "gain": .26, "cost": {"seconds": 80.0}, ..}
    calibrations(ask)[0]               -> {"run_id": .., "score": .04, "low": .03, "high": .06, "bins": [..]}

Sources: `harness.compare`, what a round's decision stored, `harness.gate.calibration`. Cost: 0.1 s for a thousand
pairs, of which `PAIRS` are made at most; 50 ms a calibrated run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.queries import Ask, Rows
from dashboards.queries import calibration as sure
from dashboards.queries import compare as sides
from dashboards.queries import rounds as laps
from harness.errors import UsageError
from harness.store import Database, gates

PAIRS = 20_000
"""Pairs of samples made at most: some two seconds' work."""
OLDEST = """
SELECT run_id FROM run_suites JOIN runs USING (run_id)
WHERE suite IN (SELECT suite FROM run_suites GROUP BY suite HAVING count(DISTINCT run_id) > 1)
ORDER BY started_at, run_id LIMIT 1
"""
LOOPS, CALIBRATED = 20, 12
"""Loops, and runs with choices, that are shown at most, the newest."""
BINS, SIDE = 15, 0.025
"""Bins of a diagram, as of policies that name none; one-sided error of each bound: together a 95% interval."""


@dataclass(frozen=True)
class Against:
    """Runs held against one."""

    name: str
    """Of the baseline; empty where none is named, so that it is the oldest run."""
    reference: Mapping[str, Any]
    """Its run id and model; empty without two runs."""
    lines: Rows
    """A line a run and suite; `refused` says why there are no figures."""
    left: int
    """Runs that were not looked at: `PAIRS` are made."""


def against(database: Database, ask: Ask) -> Against:
    """Return the newest runs against the baseline: `main`, else that set last, else the oldest with partners."""
    runs = ask(sides.RUNS, ())
    named = sorted(gates.baselines(database), key=lambda row: (row["name"] == "main", row["set_at"]))
    first = named[-1]["run_id"] if named else _oldest(ask)
    reference = next((row for row in runs if row["run_id"] == first), None)
    if reference is None or len(runs) < 2:
        return Against("", {}, [], 0)
    lines: Rows = []
    room, left = PAIRS, 0
    for run in runs:
        shared = sides.shared(ask, first, run["run_id"]) if run["run_id"] != first else {}
        chosen = list(_fitting(shared, room))
        room -= sum(shared[suite] for suite in chosen)
        left += bool(shared) and len(chosen) < len(shared)
        lines += _lines(database, first, run, chosen) if chosen else []
    return Against(named[-1]["name"] if named else "", reference, lines, left)


def _oldest(ask: Ask) -> str:
    """Return the oldest run of which another has a suite, too; empty where there is none."""
    found = ask(OLDEST, ())
    return str(found[0]["run_id"]) if found else ""


def _fitting(shared: Mapping[str, int], room: int) -> Iterator[str]:
    for suite, pairs in shared.items():
        if pairs <= room:
            room -= pairs
            yield suite


def _lines(database: Database, reference: str, run: Mapping[str, Any], suites: list[str]) -> Rows:
    from harness.compare import compare
    from harness.gate import seal

    own = {"run_id": run["run_id"], "model": run["model"]}
    split = "test" if seal.why_run(database, run["run_id"]) else "all"
    try:
        found = compare(database, reference, run["run_id"], suites=suites, split=split, by="none")
    except UsageError as error:
        return [{**own, "suite": ", ".join(suites), "split": split, "refused": error.what}]
    return [
        {**own, "split": split, "refused": "", "suite": each.pairs.suite, "metric": each.pairs.metric.name,
         "p": each.whole.p_adjusted, "verdict": each.whole.verdict or "none shown",
         **{name: getattr(each.whole, name) for name in ("delta", "low", "high", "wins", "losses", "ties", "n")}}
        for each in found.suites if each.whole
    ]  # fmt: skip


def loops(ask: Ask) -> Rows:
    """Return the newest loops, each with its `rounds` in their order."""
    return [{**row, "rounds": laps.rounds(ask, row["loop"])} for row in laps.loops(ask)[:LOOPS]]


def calibrations(ask: Ask) -> Rows:
    """Return the newest runs that chose, each with error, interval and bins; scaled as its model says.

    A scaling was fitted on dev: such a run is told on test.
    """
    from harness.gate.calibration import estimate, reliability
    from harness.stats.scaling import Scaling

    found = []
    for run in sure.runs(ask)[:CALIBRATED]:
        answers, scaling = sure.answers(ask, run["run_id"], run["suite"]), run["scaling"]
        split = "test" if scaling and any(row["split"] == "test" for row in answers) else "all"
        held = sure.confidences(answers, scaling or Scaling(), split)
        if held:
            error = estimate(held, BINS, 1.0, SIDE)
            found.append({
                **{name: run[name] for name in ("run_id", "model", "suite")}, "split": split, "n": error.n,
                "scaling": str(scaling) if scaling else "none", "score": error.value, "low": error.low,
                "high": error.high, "right": sum(right for _, right in held) / error.n,
                "said": sum(one for one, _ in held) / error.n, "bins": reliability(held, BINS),
            })  # fmt: skip
    return found
