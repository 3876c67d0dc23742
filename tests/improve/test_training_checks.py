"""Before and while: rows that teach nothing, rows left out, losses that break, over-fitting, records, curves."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import training_kit as kit

from harness.config import validate
from harness.errors import UsageError
from harness.models.hf.codec import Codec
from harness.store import Database
from harness.store.curves import Curves, points
from improve.training.parameters import Finetune
from improve.training.preflight import preflight
from improve.training.watching import Watch

CODEC = Codec(kit.tokenizer())
ENDS = frozenset({1})


def plan(rows: list[dict], limit: int = 64, held_out: float = 0.1, seed: int = 0):  # type: ignore[no-untyped-def]
    return preflight(rows, CODEC, ENDS, limit, held_out, seed)


def test_rows_without_a_supervised_token_are_named() -> None:
    bad = [{"id": f"empty{i}", "prompt": "Q", "completion": ""} for i in range(5)]
    with pytest.raises(UsageError, match=r"5 of 25 rows .* 'empty0', 'empty1', 'empty2' and 2 more"):
        plan([*kit.rows(20), *bad])


def test_long_rows_are_left_out_and_counted_until_they_are_too_many() -> None:
    long = [{"id": f"long{i}", "prompt": "Q: " + "one " * 80, "completion": " two"} for i in range(3)]
    found = plan([*kit.rows(40), *long])
    assert found.dropped == {f"long{i}": "too_long" for i in range(3)}
    assert found.report()["dropped"] == {"too_long": 3} and len(found.train) + len(found.held) == 40
    assert found.longest <= 64, "left out, never cut"
    with pytest.raises(UsageError, match=r"3 of 23 rows are longer than 64 tokens: 'long0'"):
        plan([*kit.rows(20), *long])


def test_a_tokenizer_that_changes_the_text_is_noticed() -> None:
    from tokenizers import normalizers

    words = kit.tokenizer()
    words.backend_tokenizer.normalizer = normalizers.Lowercase()
    loud = [{"id": "loud", "prompt": "Q:", "completion": " RED"}]
    found = preflight([*kit.rows(40), *loud], Codec(words), ENDS, 64, 0.0, 0)
    # Prompts begin with a capital too, but nobody is taught to say them.
    assert found.dropped == {"loud": "not_spelled"} and len(found.train) == 40
    with pytest.raises(UsageError, match="do not spell"):
        preflight([*kit.rows(5), *loud], Codec(words), ENDS, 64, 0.0, 0)


def test_held_out_rows_are_chosen_by_id_and_repeats_stay_together() -> None:
    rows = kit.rows(300)
    once, again = plan(rows), plan([*rows, *rows])
    held = {row.row_id for row in once.held}
    assert 10 <= len(held) <= 55 and held == {row.row_id for row in again.held}
    assert not held & {row.row_id for row in again.train} and len(again.train) == 2 * len(once.train)
    assert [row.row_id for row in once.train] == [row["id"] for row in rows if row["id"] not in held], "in order"
    assert held != {row.row_id for row in plan(rows, seed=1).held} and not plan(rows, held_out=0.0).held


def test_a_loss_that_is_not_finite_is_an_error_with_the_last_ones() -> None:
    watch = Watch(100, 0.1, "log.jsonl")
    watch.loss(1, 2.0)
    with pytest.raises(UsageError, match=r"loss is nan at step 2 .*2, nan; log: log.jsonl") as error:
        watch.loss(2, math.nan)
    assert "0.02" in error.value.next or "0.03" in error.value.next
    with pytest.raises(UsageError, match="gradient is inf"):
        Watch(100, 0.1, "").loss(1, 2.0, math.inf)


def test_divergence_is_twice_the_first_window_and_a_nat_above_it() -> None:
    watch = Watch(100, 0.1, "")
    assert watch.window == 10
    for step in range(10):
        watch.loss(step, 1.5)
    with pytest.raises(UsageError, match="diverges"):
        for step in range(10, 30):
            watch.loss(step, 4.0)
    calm = Watch(100, 0.1, "")
    for step in range(60):
        calm.loss(step, 0.01 if step < 10 else 0.9), "ninety times more, and still less than a nat above"


def test_the_held_out_loss_tells_over_fitting_staleness_and_divergence() -> None:
    watch = Watch(100, 0.1, "")
    for step, loss in ((0, 2.0), (10, 1.0), (20, 1.05), (30, 1.2)):
        watch.held_out(step, loss)
    assert watch.best == (10, 1.0) and watch.is_stale(2) and not watch.is_stale(3)
    assert watch.over_fitting() == "over-fitting: the held-out loss was 1 at step 10 and is 1.2 at step 30"
    with pytest.raises(UsageError, match="held-out loss is 5"):
        watch.held_out(40, 5.0)
    fine = Watch(100, 0.1, "")
    fine.held_out(0, 2.0)
    fine.held_out(10, 1.0)
    assert fine.over_fitting() is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"learning_rat": 1e-3}, "nearest: 'learning_rate'"),
        ({"steps": 3, "epochs": 1.0}, "which one ends"),
        ({"early_stop": 2, "held_out": 0.0}, "early_stop needs"),
        ({"batch": "8"}, "batch"),
        ({"schedule": "sine"}, "schedule"),
    ],
)
def test_parameters_are_strict(given: dict, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        validate(given, Finetune, where="improve.finetune")


def test_curves_are_live_and_a_second_execution_begins_anew(tmp_path: Path) -> None:
    database = Database(tmp_path / "h.duckdb")
    assert points(database, "key") == {}
    first = Curves(database, "key")
    first.measure(1, {"loss": 2.0, "learning_rate": 0.1})
    assert points(database, "key") == {"learning_rate": [(1, 0.1)], "loss": [(1, 2.0)]}, "the first is seen at once"
    first.measure(2, {"loss": math.nan})
    first.flush()
    assert math.isnan(points(database, "key")["loss"][1][1])
    second = Curves(database, "key")
    second.measure(1, {"loss": 3.0})
    assert points(database, "key") == {"loss": [(1, 3.0)]} and points(database, "other") == {}
