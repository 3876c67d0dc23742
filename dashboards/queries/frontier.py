"""Compressions: their stages with size, closeness and verdict, which are worth their size, and what each stage broke.

    found = stages(ask, ["quickstart"])     -> [{"name": "quickstart/0 before", "size_bytes": 3180000, ..}, ..]
    optimal([(0.71, 3.1e6, 380.0), (0.70, 9e5, 920.0), (0.69, 1e6, 900.0)])     -> [True, True, False]
    damage(found)[0]                        -> {"stage": "1 halved", "capability": "skill json", "loss": 0.08, ..}

The model before all stages is number 0. Closeness (`kl`, nats a token; `top1`, share of tokens) is to that model,
`kl_step` to the one right before. What each stage broke was tested and adjusted when it was made (`stages.damage`:
paired, sealed samples); nothing is tested here. Sources: the tables `compressions` and `stages`. Cost: milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.queries import Ask, Rows, has

COMPRESSIONS = """
SELECT * EXCLUDE (recipe), count(*) OVER (PARTITION BY compression)::INTEGER AS starts FROM compressions
QUALIFY row_number() OVER (PARTITION BY compression ORDER BY started_at DESC) = 1
ORDER BY started_at DESC, compression LIMIT 500
"""
STAGES = """
SELECT * FROM stages WHERE list_contains(?::VARCHAR[], compression) ORDER BY compression, number LIMIT 1000
"""
JSON_COLUMNS = ("measures", "damage", "parameters")
STATES = {True: "kept", False: "rolled back"}
WORSE = ("worse", "grew", "new")
"""Verdicts of a significant loss: of capabilities, and of causes of failure."""
Point = tuple[float, float, float | None]
"""Quality (more is better), bytes, tokens generated a second (None: not timed)."""


def compressions(ask: Ask) -> Rows:
    """Return the latest start of every compression, the newest first."""
    return list(map(_parsed, ask(COMPRESSIONS, ()))) if has(ask, "stages") else []


def stages(ask: Ask, names: Sequence[str]) -> Rows:
    """Return the model before and the stages of some compressions, in their order."""
    known = [row for row in compressions(ask) if row["compression"] in names]
    rows = list(map(_parsed, ask(STAGES, (list(names),)))) if known else []
    found = []
    for start in known:
        own = {"number": 0, "step": "before", "run_id": start["run_base"], "gate_id": start["gate_base"], "kept": True,
               "artifact_id": start["base"]}  # fmt: skip
        over = start["outcome"] is not None
        found.append(_stage({**own, "compression": start["compression"], "measures": start["measures"]}, over))
        found += [_stage(row, over) for row in rows if row["compression"] == start["compression"]]
    return found


def _stage(row: Mapping[str, Any], over: bool) -> dict[str, Any]:
    """Return what is shown of a stage; one that is not decided has broken where its compression is over."""
    measures = row.get("measures") or {}
    against, speed = measures.get("against") or {}, measures.get("speed") or {}
    base, before = against.get("base") or {}, against.get("before") or {}
    return {
        "name": f"{row['compression']}/{row['number']} {row['step']}", "compression": row["compression"],
        "number": row["number"], "step": row["step"], "run_id": row["run_id"], "gate_id": row["gate_id"],
        "verdict": row.get("verdict"), "kept": row["kept"], "why": row.get("why"), "seconds": row.get("seconds"),
        "artifact_id": row.get("artifact_id"), "run_before": row.get("run_before"), "damage": row.get("damage") or {},
        "size_bytes": measures.get("size_bytes"), "bits": measures.get("bits_per_weight"),
        "kl": base.get("kl_mean"), "kl_step": before.get("kl_mean"), "top1": base.get("top1_agreement"),
        "perplexity": measures.get("perplexity"), "tokens_per_s": speed.get("generate_tokens_s"),
        "busy": speed.get("busy"), "state": STATES.get(row["kept"]) or ("broke" if over else "open"),
    }  # fmt: skip


def optimal(points: Sequence[Point]) -> list[bool]:
    """Return of each point whether no other is at least as good in all that both have, and better in one.

    Sizes are held against each other at three significant digits, speeds at two: the length of a header and the wobble
    of a clock make no model a better one. Where one of two was not timed, speed is left out between them.
    """
    return [not any(_dominates(other, one) for other in points) for one in points]


def _dominates(one: Point, other: Point) -> bool:
    pairs = [(one[0], other[0]), (-_round(one[1], 3), -_round(other[1], 3))]
    if one[2] is not None and other[2] is not None:
        pairs.append((_round(one[2], 2), _round(other[2], 2)))
    return all(mine >= its for mine, its in pairs) and any(mine > its for mine, its in pairs)


def _round(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def damage(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Return a cell a stage and capability or cause of failure that some stage broke, the hardest hit first.

    `loss`: broken less mended, a share of the samples; `significant`: after adjusting over all of the stage.
    """
    cells = [cell for row in rows for cell in _cells(row)]
    worst: dict[str, float] = {}
    for cell in cells:
        if cell["broken"]:
            worst[cell["capability"]] = max(worst.get(cell["capability"], -1.0), cell["loss"])
    kept = [cell for cell in cells if cell["capability"] in worst]
    return sorted(kept, key=lambda cell: (-worst[cell["capability"]], cell["capability"], cell["number"]))


def _cells(row: Mapping[str, Any]) -> Rows:
    told = row["damage"]
    lines = [(f"{one['suite']}: {one['tag']} {one['capability']}", one) for one in told.get("capabilities") or ()]
    lines += [(f"cause {one['label']}", one) for one in told.get("clusters") or ()]
    return [
        {
            "number": row["number"], "stage": f"{row['number']} {row['step']}", "capability": name, "n": one["n"],
            "broken": one["broken"], "mended": one["mended"],
            "loss": (one["broken"] - one["mended"]) / max(1, one["n"]),
            "delta": one["delta"], "low": one["low"], "high": one["high"], "p adjusted": one.get("p_adjusted"),
            "significant": one.get("verdict") in WORSE,
        }
        for name, one in lines
    ]  # fmt: skip


def _parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json.loads(value) if key in JSON_COLUMNS and value else value for key, value in row.items()}
