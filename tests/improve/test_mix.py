"""Replay beside targeted rows: ratio, caps, order, and none of them silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from curating import done, stored

from harness import registry
from harness.errors import UsageError
from improve.curation.rows import named


def rows(count: int, cause: str = "c1", word: str = "targeted") -> list[dict[str, Any]]:
    return [dict(named({"prompt": f"{word} {cause} {i}", "completion": " x", "cause": cause})) for i in range(count)]


def test_replay_of_a_procedural_suite_in_the_ratio_and_spread_evenly(tmp_path: Path) -> None:
    given = [stored(tmp_path / "in", rows(40))]
    mixed, dropped, report, out = done("improve.mix", tmp_path, given, replay="primer", ratio=3.0)
    assert report["parts"] == {"targeted": 40, "replayed": 120, "replay_wanted": 120} and not dropped
    assert report["in"] == 160 == report["out"]
    aimed = ["cause" in one for one in mixed]
    for start in range(0, 160, 40):
        assert 9 <= sum(aimed[start : start + 40]) <= 11
    assert all(one["source"]["replay"] == "primer" and "tags" not in one for one in mixed if "cause" not in one)
    asked = {one.data["prompt"] for one in registry.suite("primer:large").samples(None)}
    assert not asked & {one["prompt"] for one in mixed}
    assert len({one["id"] for one in mixed}) == 160
    again = done("improve.mix", tmp_path, given, replay="primer", ratio=3.0)[3]
    assert (again / "rows.jsonl").read_bytes() == (out / "rows.jsonl").read_bytes()
    other = done("improve.mix", tmp_path, given, replay="primer", ratio=3.0, seed=1)[3]
    assert (other / "rows.jsonl").read_bytes() != (out / "rows.jsonl").read_bytes()


def test_replay_from_a_dataset_that_is_too_small_is_told(tmp_path: Path) -> None:
    given = [stored(tmp_path / "in", rows(10)), stored(tmp_path / "old", rows(12, "", "old") + rows(3))]
    mixed, _, report, _ = done("improve.mix", tmp_path, given, ratio=2.0)
    assert report["parts"] == {"targeted": 10, "replayed": 12, "replay_wanted": 20}
    assert len({one["id"] for one in mixed}) == 22, "a targeted row is not replayed beside itself"


def test_cap_of_a_cause(tmp_path: Path) -> None:
    given = [stored(tmp_path / "in", rows(30, "many") + rows(5, "few"))]
    mixed, dropped, report, _ = done("improve.mix", tmp_path, given, per_cause=8, ratio=0.0)
    assert report["causes"] == {"few": 5, "many": 8} and report["dropped"] == {"over_cap": 22}
    assert len(mixed) == 13 and {one["dropped"]["cause"] for one in dropped} == {"many"}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({}, "nothing to replay"), ({"replay": "gsm8k"}, "no practice"), ({"replay": "primmer"}, "nearest: 'primer'")],
)
def test_nothing_to_replay_is_an_error(tmp_path: Path, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        done("improve.mix", tmp_path, [stored(tmp_path / "in", rows(4))], **parameters)
    assert said in str(caught.value)
