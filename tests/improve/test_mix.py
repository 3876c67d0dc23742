"""Replay beside targeted rows: ratio, caps, order, and none of them silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from curating import done, stored

from harness import registry
from harness.errors import UsageError
from harness.workbench.rows import named


def rows(count: int, cause: str = "c1", word: str = "targeted") -> list[dict[str, Any]]:
    return [dict(named({"prompt": f"{word} {cause} {i}", "completion": " x", "cause": cause})) for i in range(count)]


def parts_of(report: dict[str, Any]) -> tuple[int, ...]:
    """Return targeted, replayed of datasets, replayed of a suite, wanted."""
    parts = report["parts"]
    assert parts["replayed"] == parts["replayed_original"] + parts["replayed_practice"]
    return tuple(parts[key] for key in ("targeted", "replayed_original", "replayed_practice", "replay_wanted"))


def test_replay_of_a_procedural_suite_in_the_ratio_and_spread_evenly(tmp_path: Path) -> None:
    given = [stored(tmp_path / "in", rows(40))]
    mixed, dropped, report, out = done("improve.mix", tmp_path, given, replay="primer", ratio=3.0)
    assert parts_of(report) == (40, 0, 120, 120) and not dropped
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
    assert parts_of(report) == (10, 12, 0, 20)
    assert len({one["id"] for one in mixed}) == 22, "a targeted row is not replayed beside itself"


def test_datasets_come_first_and_the_suite_fills_up(tmp_path: Path) -> None:
    targeted, old = stored(tmp_path / "in", rows(10)), rows(12, "", "old")
    practice = registry.suite("primer").practice(0, 5)
    first = [dict(named({"prompt": one.prompt, "completion": one.target})) for one in practice]
    given = [targeted, stored(tmp_path / "old", old), stored(tmp_path / "older", [*old[:4], *first])]
    mixed, _, report, _ = done("improve.mix", tmp_path, given, ratio=3.0, replay="primer")
    assert parts_of(report) == (10, 17, 13, 30)
    assert len({one["id"] for one in mixed}) == 40, "what a dataset holds is not drawn from the suite again"
    assert sum(one.get("source") == {"replay": "dataset"} for one in mixed) == 17
    report = done("improve.mix", tmp_path, given, ratio=1.0, replay="primer")[2]
    assert parts_of(report) == (10, 10, 0, 10)
    report = done("improve.mix", tmp_path, [targeted, stored(tmp_path / "none", [])], replay="primer")[2]
    assert parts_of(report) == (10, 0, 30, 30)


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


def test_replay_of_a_file_of_ones_own(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello!"}]
    own = [{"prompt": f"say {n}", "completion": f" {n}", "cause": "theirs", "checks": {}} for n in range(5)]
    path = tmp_path / "instruct.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*own, own[0], {"messages": turns, "source": "web"}]))
    target = stored(tmp_path / "in", rows(3))
    kept, _, report, _ = done("improve.mix", tmp_path, [target], ratio=2, replay=str(path))
    replayed = [row for row in kept if row.get("source") == {"replay": "instruct.jsonl"}]
    assert len(replayed) == 6 == len({row["id"] for row in replayed}) and report["parts"]["replay_wanted"] == 6
    assert not any("cause" in row or "checks" in row for row in replayed)
    assert sum("messages" in row for row in replayed) == 1
    fewer, *_ = done("improve.mix", tmp_path, [target], ratio=1, replay=str(path))
    assert len(fewer) == 6 and {row["id"] for row in fewer} < {row["id"] for row in kept}


@pytest.mark.parametrize(
    ("text", "told"), [("", "holds no rows"), ("{}\n", "line 1 is no training row"), (None, "cannot read")]
)
def test_a_file_that_cannot_be_replayed_is_found_by_check(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "instruct.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=told):
        registry.step("improve.mix").check({"replay": str(path)})
