"""The analysis of a run: causes that stay over runs, what it says when there is little to say, hostile text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import storing
from rich.console import Console

from harness.cli import causes
from harness.errors import InfrastructureError, UsageError
from harness.failures.analysis import Analysis, analyse
from harness.failures.report import document
from harness.failures.reuse import Wanted
from harness.failures.taxonomy import UNASSIGNED
from harness.store import Database, failures
from harness.types import Fault, Sample, Score

LSA = Wanted(embedder="lsa")
HOSTILE = "<script>alert(1)</script> | [x](http://evil) \x1b[2J\x1b]0;owned\x07 @all `code` [bold]\u202e\ud800"
KINDS = ("sign", "truncated", "refused", "near")


def sample(number: int, name: str = "") -> Sample:
    return storing.sample(
        number, target=str(-number - 50), name=name or f"made/{number}",
        data={"question": f"What is {number} minus {2 * number + 50}?"},
    )  # fmt: skip


def wrong(number: int, kind: str) -> storing.Row:
    said, mode, finish = {
        "sign": (str(number + 50), "wrong_answer", "eos"),
        "near": (str(-number - 49), "wrong_answer", "eos"),
        "truncated": ("Let me see: first we", "truncated", "length"),
        "refused": ("I cannot help with that.", "refused", "eos"),
    }[kind]
    answer = said if mode == "wrong_answer" else None
    return storing.row(sample(number), said, Score({"acc": 0.0}, mode, answer), finish=finish)


def right(number: int) -> storing.Row:
    return storing.row(sample(number), str(-number - 50), Score({"acc": 1.0}, "right", str(-number - 50)))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return two runs: 40 failures of each of four kinds; then no refusals any more, and 20 of the cut ones fixed."""
    first = [wrong(n, KINDS[n % 4]) for n in range(160)] + [right(n) for n in range(160, 240)]
    kept = [n for n in range(160) if KINDS[n % 4] != "refused" and not (KINDS[n % 4] == "truncated" and n < 80)]
    second = [wrong(n, KINDS[n % 4]) for n in kept] + [right(n) for n in range(240) if n not in kept]
    storing.run(tmp_path / "h.duckdb", first, run_id="run-1")
    return storing.run(tmp_path / "h.duckdb", second, run_id="run-2")


def test_a_later_run_is_assigned_and_what_changed_is_told(database: Database) -> None:
    fitted, later = (
        analyse(database, run, "all", wanted=LSA, against=a) for run, a in (("run-1", None), ("run-2", "run-1"))
    )
    assert fitted.taxonomy is not None and later.taxonomy is not None
    assert (fitted.found.how, later.found.how, later.taxonomy.id) == ("fitted", "assigned", fitted.taxonomy.id)
    told = document(later)
    assert json.loads(json.dumps(told)) == told
    assert sum(one["size"] for one in told["clusters"]) + len(told["unassigned"]) == told["failures"] == 100
    kinds = {one["id"]: {KINDS[int(i) % 4] for i in one["sample_ids"]} for one in document(fitted)["clusters"]}
    refused, cut = (
        next(cause for cause, found in kinds.items() if found == {kind}) for kind in ("refused", "truncated")
    )
    changes = {one["id"]: one["change"] for one in told["clusters"]}
    assert (changes[refused]["verdict"], changes[refused]["after"]) == ("gone", 0)
    assert changes[cut]["verdict"] == "shrank" and changes[cut]["before"] >= 38 > 22 >= changes[cut]["after"]
    assert all(0 <= one["low"] <= one["share"] <= one["high"] <= 1 for one in told["clusters"])
    assert {flow["to"] for flow in told["flows"] if flow["origin"] == refused} <= {"right"}


def test_the_same_run_again_says_the_same(database: Database) -> None:
    first, again = (document(analyse(database, "run-1", "all", wanted=LSA)) for _ in range(2))
    assert first["clusters"] == again["clusters"] and first["weak"] == again["weak"]
    assert (first["taxonomy"]["how"], again["taxonomy"]["how"]) == ("fitted", "assigned")


def test_a_refit_tells_what_became_of_each_cause(database: Database) -> None:
    old = analyse(database, "run-1", "all", wanted=LSA).taxonomy
    found = analyse(database, "run-2", "all", wanted=Wanted(embedder="lsa", refit=True))
    assert old is not None and found.taxonomy is not None and found.taxonomy.parent == old.id
    told = document(found)["lineage"]
    assert {one["old"] for one in told} - {""} == {cause.id for cause in old.causes}
    assert any("same: " in text for text in causes.opening(found))


def test_a_persons_name_wins_and_the_id_stays(database: Database) -> None:
    found = analyse(database, "run-1", "all", wanted=LSA)
    failures.set_name(database, found.causes[0].id, "my name")
    again = analyse(database, "run-2", "all", wanted=LSA)
    named = {cause.id: (cause.label, cause.label_source) for cause in again.causes}
    assert named[found.causes[0].id] == ("my name", "person")


def test_few_failures_are_grouped_by_signature_and_it_says_so(tmp_path: Path) -> None:
    rows = [wrong(n, KINDS[n % 2]) for n in range(12)] + [right(n) for n in range(12, 40)]
    found = analyse(storing.run(tmp_path / "h.duckdb", rows), "run-1", "all")
    assert len(found.causes) == 2 and any("signature classes" in note for note in document(found)["notes"])


def test_no_failures_and_nothing_but_faults(tmp_path: Path) -> None:
    good = analyse(storing.run(tmp_path / "a.duckdb", [right(n) for n in range(5)]), "run-1", "all")
    told = document(good)
    assert (told["clusters"], told["unassigned"], told["taxonomy_id"]) == ([], [], None)
    assert "no failures" in causes.opening(good) and "no failures" in shown(good)
    rows = [storing.row(sample(n), "", Fault("model", "http_500", "down")) for n in range(5)]
    with pytest.raises(InfrastructureError, match="5 faults"):
        analyse(storing.run(tmp_path / "b.duckdb", rows), "run-1", "all")


@pytest.mark.parametrize(
    ("wish", "match"),
    [
        ({"split": "dave"}, "no split 'dave'"),
        ({"suites": ["mode"]}, "no suite 'mode'"),
        ({"against": "run-1"}, "same run twice"),
        ({"against": "run-9"}, "run-9"),
        ({"wanted": Wanted(taxonomy="tax-0")}, "no taxonomy 'tax-0'"),
        ({"wanted": Wanted(embedder="lsb")}, "no embedder 'lsb'"),
    ],
)
def test_wrong_wishes_are_told_in_three_parts(database: Database, wish: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        analyse(database, "run-1", **wish)  # type: ignore[arg-type]
    assert caught.value.expected and caught.value.next


def shown(found: Analysis) -> str:
    stream = io.StringIO()
    causes.show(Console(file=stream, width=200, force_terminal=False), found, 3, "")
    return stream.getvalue()


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    rows = [
        storing.row(sample(n, f"{n} {HOSTILE}"), HOSTILE, Score({"acc": 0.0}, "wrong_answer", HOSTILE))
        for n in range(8)
    ]
    database = storing.run(tmp_path / "h.duckdb", rows)
    cause = analyse(database, "run-1", "all").causes[0]
    failures.set_name(database, cause.id, HOSTILE)
    found = analyse(database, "run-1", "all")
    page, screen = causes.markdown(found, 3, ""), shown(found)
    for raw in ("<script>", "\x1b", "\u202e", "\ud800", "@all", "](http"):
        assert raw not in page, raw
    assert all(raw not in screen for raw in ("\x1b", "\x07", "\u202e", "\ud800")) and "[bold]" in screen
    table = [text for text in page.splitlines() if text.startswith("|")]
    assert {text.count("|") for text in table} == {len(causes.CAUSES) + 1}
    page.encode(), screen.encode()


def test_what_is_like_no_cause_has_a_row(database: Database) -> None:
    found = analyse(database, "run-1", "all", wanted=LSA)
    rows = causes.cause_rows(found)
    assert sum(int(row[1]) for row in rows) == 160
    assert len(found.members(UNASSIGNED)) == sum(int(row[1]) for row in rows if row[0] == "unassigned")
