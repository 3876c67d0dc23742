"""The driver with suites of one turn, several turns and judges, and with everything that can go wrong in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.contracts import Episode, Suite
from harness.data import Row, number_samples
from harness.hashing import sample_digest
from harness.models.ledger import Ledger
from harness.models.scripted import Scripted
from harness.runner.drive import Driver, Job
from harness.store import Database
from harness.store.write import Journal
from harness.types import Completion, Fault, Message, Metric, Request, Sample, Score


class Quiz(Suite):
    """One turn: repeat the number."""

    version, source, licence = "1", "here", "none"
    metrics = (Metric("acc", "acc"),)

    def samples(self, data_dir: Path | None) -> Iterable[Sample]:
        return number_samples("quiz", [Row({"n": n}, {"n": n}, n) for n in range(50)])

    def request(self, sample: Sample) -> Request:
        return Request("generate", prompt=f"say {sample.data['n']}")

    def score(self, sample: Sample, completion: Completion) -> Score:
        right = completion.text.strip() == str(sample.target)
        return Score({"acc": float(right)}, "right" if right else "wrong_answer", completion.text)

    def examples(self) -> Iterable[tuple[Sample, Completion, Completion]]:
        return []


class Conversation(Quiz):
    """As many turns as the number says, then a judge."""

    def episode(self, sample: Sample) -> Episode:
        messages: tuple[Message, ...] = ()
        for turn in range(sample.target % 5 + 1):
            messages += (Message("user", f"say {sample.target} turn {turn}"),)
            completion = yield Request("generate", messages=messages)
            messages += (Message("assistant", completion.text),)
        verdict = yield Request("generate", prompt=f"is {completion.text!r} right?", to="umpire")
        return Score({"acc": float(verdict.text == "yes")}, "right")


class Faulty(Quiz):
    """Breaks where its number says."""

    def request(self, sample: Sample) -> Request:
        if sample.target == 1:
            raise KeyError("no such column")
        return super().request(sample)

    def score(self, sample: Sample, completion: Completion) -> Any:
        if sample.target == 2:
            raise ZeroDivisionError("a defect of the scorer")
        if sample.target == 3:
            return 1.0
        if sample.target == 4:
            return Score({"acc": 7.0}, "right")
        if sample.target == 5:
            return Score({"acc": float("nan")}, "right")
        if sample.target == 6:
            return Score({}, "right")
        return super().score(sample, completion)


def say(request: Request) -> Completion | Fault | str:
    text = request.messages[-1].content if request.messages else request.prompt
    number = int(text.split()[1])
    return Fault("model", "http_429", "slow down") if number == 13 else str(number)


def drive(suite: Suite, tmp_path: Path, **judges: Scripted) -> tuple[dict[int, Job], Ledger]:
    database = Database(tmp_path / "h.duckdb")
    journal = Journal(database, "run")
    models = {"model": Ledger(Scripted(say, batch_size=7), database, journal, "run")}
    models |= {name: Ledger(judge, database, journal, "run") for name, judge in judges.items()}
    driver = Driver(suite, models, lambda request, *_: request, "scorer", lambda keys: {})
    jobs = [Job(sample, sample_digest(sample), 0) for sample in suite.samples(None)]
    done = {job.sample.target: job for job in driver.drive(jobs)}
    journal.flush()
    return done, models["model"]


def test_every_job_ends_once(tmp_path: Path) -> None:
    done, _ = drive(Quiz(), tmp_path)
    assert set(done) == set(range(50))
    assert isinstance(done[13].outcome, Fault) and done[13].outcome.kind == "http_429"
    assert all(isinstance(done[n].outcome, Score) for n in done if n != 13)


def test_turns_and_judges_are_the_same_thing(tmp_path: Path) -> None:
    umpire = Scripted(lambda request: "yes" if "'7'" not in request.prompt else "no", digest="umpire")
    done, ledger = drive(Conversation(), tmp_path, umpire=umpire)
    assert len(done[4].keys) == 4 % 5 + 1 + 1
    assert done[8].outcome == Score({"acc": 1.0}, "right") and done[7].outcome == Score({"acc": 0.0}, "right")
    assert done[13].outcome == Fault("model", "http_429", "slow down")
    again, ledger = drive(Conversation(), tmp_path, umpire=umpire)
    assert ledger.asked == 1, "only what was a fault is asked again"
    assert {n: job.outcome for n, job in again.items()} == {n: job.outcome for n, job in done.items()}


def test_a_failing_judge_is_not_booked_against_the_model(tmp_path: Path) -> None:
    done, _ = drive(Conversation(), tmp_path, umpire=Scripted(lambda _: Fault("model", "timeout", "")))
    assert done[0].outcome == Fault("judge", "timeout", "")
    done, _ = drive(Conversation(), tmp_path)
    assert isinstance(done[0].outcome, Fault) and done[0].outcome.kind == "not_configured"


def test_what_breaks_in_a_suite_is_a_fault_with_its_boundary(tmp_path: Path) -> None:
    done, _ = drive(Faulty(), tmp_path)
    found = {n: (job.outcome.boundary, job.outcome.kind) for n, job in done.items() if isinstance(job.outcome, Fault)}
    assert found == {
        1: ("data", "KeyError"),
        2: ("scorer", "ZeroDivisionError"),
        3: ("scorer", "no_score"),
        4: ("scorer", "bad_score"),
        5: ("scorer", "bad_score"),
        6: ("scorer", "bad_score"),
        13: ("model", "http_429"),
    }


def test_equal_requests_are_asked_once(tmp_path: Path) -> None:
    class Same(Quiz):
        def request(self, sample: Sample) -> Request:
            return Request("generate", prompt="say 1")

    done, ledger = drive(Same(), tmp_path)
    assert ledger.asked < 10 and len(done) == 50, "once a batch at most, then from the journal"


def test_a_model_that_raises_ends_the_drive_and_keeps_what_came(tmp_path: Path) -> None:
    def lost(request: Request) -> str:
        if request.prompt == "say 30":
            raise MemoryError("gone")
        return say(request)  # type: ignore[return-value]

    database = Database(tmp_path / "h.duckdb")
    journal = Journal(database, "run")
    model = Ledger(Scripted(lost, batch_size=50), database, journal, "run")
    driver = Driver(Quiz(), {"model": model}, lambda request, *_: request, "scorer", lambda keys: {})
    came = []
    with pytest.raises(MemoryError):
        for job in driver.drive([Job(s, sample_digest(s), 0) for s in Quiz().samples(None)]):
            came.append(job)
    journal.flush()
    assert len(journal.pending) == 0 and model.asked == 30
