"""The forest plot: order, colours, bounds that are not known, and that it can be drawn."""

from __future__ import annotations

import io
import math
from typing import Any

from dashboards import charts_compare


def _row(name: str, delta: float, verdict: str = "", low: float | None = None) -> dict[str, Any]:
    return {"name": name, "delta": delta, "low": delta - 0.1 if low is None else low, "high": delta + 0.1, "n": 9,
            "verdict": verdict}  # fmt: skip


def _values(drawn: dict[str, Any]) -> list[dict[str, Any]]:
    return next(rows for rows in drawn["datasets"].values() if "name" in rows[0])


def test_the_lowest_stands_on_top() -> None:
    drawn = charts_compare.forest(
        [_row("good", 0.2, "better"), _row("bad", -0.3, "worse"), _row("even", 0.0)]
    ).to_dict()
    assert drawn["layer"][0]["encoding"]["y"]["sort"] == ["bad", "even", "good"]
    verdicts = {row["name"]: row["verdict"] for row in _values(drawn)}
    assert verdicts == {"good": "better", "bad": "worse", "even": "no difference shown"}


def test_the_whole_stands_last_and_a_click_names_a_line() -> None:
    drawn = charts_compare.forest([_row("good", 0.2, "better")], whole=_row("all", -0.3, "worse"), click=True).to_dict()
    assert drawn["layer"][0]["encoding"]["y"]["sort"] == ["good", "all"]
    (picked,) = drawn["params"]
    assert picked["name"] == charts_compare.PICKED and picked["select"]["fields"] == ["name"]
    assert "params" not in charts_compare.forest([_row("good", 0.2)]).to_dict()


def test_infinite_bounds_are_left_out() -> None:
    drawn = charts_compare.forest([_row("one", 0.2, low=-math.inf)]).to_dict()
    assert _values(drawn)[0]["low"] is None


def test_it_can_be_drawn() -> None:
    out = io.StringIO()
    charts_compare.forest([_row("<b>x</b>", 0.2), _row("y", -0.1, "worse", low=-math.inf)], "B - A").save(
        out, format="svg"
    )
    assert "<svg" in out.getvalue() and "<b>" not in out.getvalue()
