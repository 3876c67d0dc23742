"""Asks and scores: many episodes at once, full batches, each outcome handed on as it comes.

Every live episode waits for one answer. Their requests go to the model in batches; as each answer comes, the episode
goes on in a thread (scoring may run programs while the model generates) and either ends or puts its next request
into the following batch. One-turn suites, tool conversations and judges are the same thing here.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from harness.contracts import Episode, Suite
from harness.errors import InfrastructureError, JudgeError
from harness.hashing import digest
from harness.models.ledger import Ledger
from harness.types import Boundary, Completion, Fault, Request, Sample, Score

Scores = Callable[[list[str]], Mapping[str, Score]]
"""Score keys -> the stored ones among them."""
Dress = Callable[[Request, Sample, int, int], Request]
"""(request, sample, attempt, turn) -> the request as it is sent."""


@dataclass
class Job:
    """One sample x attempt on its way to a record."""

    sample: Sample
    sample_digest: str
    attempt: int
    episode: Episode | None = None
    request: Request | None = None
    keys: list[str] = field(default_factory=list)
    known: Score | None = None
    """The stored score of a one-turn sample, should the model's answer be the stored one."""
    outcome: Score | Fault | None = None


class Driver:
    """Drives the jobs of one suite to their outcomes."""

    def __init__(
        self,
        suite: Suite,
        models: Mapping[str, Ledger],
        dress: Dress,
        scorer_key: str,
        stored: Scores,
        at_once: int | None = None,
    ) -> None:
        """`models`: `model` and the judges by name. `stored`: looks up scores of this scorer, reused where they fit.

        `at_once`: requests handed to the model at a time, where that is to be fewer than its batch.
        """
        self.suite, self.models, self.dress, self.at_once = suite, models, dress, at_once
        self.scorer_key, self.stored = scorer_key, stored

    def drive(self, jobs: Iterable[Job]) -> Generator[Job, None, None]:
        """Yield each job as its outcome is known, in the order of completion."""
        waiting: list[Job] = []
        source = iter(jobs)
        batch_size = min(self.models["model"].batch_size, self.at_once or sys.maxsize)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="episode") as pool:
            moving: set[Future[Job]] = set()
            try:
                while True:
                    while len(waiting) < batch_size and (job := next(source, None)) is not None:
                        self._start(job)
                        if job.outcome is None:
                            waiting.append(job)
                        else:
                            yield job
                    if not waiting:
                        if not moving:
                            return
                        done, moving = wait(moving, return_when=FIRST_COMPLETED)
                        yield from self._settle(done, waiting)
                        continue
                    batch, waiting = waiting[:batch_size], waiting[batch_size:]
                    self._look_up_scores(batch)
                    for job, answer in self._ask(batch):
                        moving.add(pool.submit(self._advance, job, answer))
                        done = {future for future in moving if future.done()}
                        moving -= done
                        yield from self._settle(done, waiting)
            finally:
                for future in moving:
                    future.cancel()

    def _settle(self, done: Iterable[Future[Job]], waiting: list[Job]) -> Iterator[Job]:
        for future in done:
            job = future.result()
            if job.outcome is None:
                waiting.append(job)
            else:
                yield job

    def _ask(self, batch: list[Job]) -> Iterator[tuple[Job, Completion | Fault]]:
        """Yield (job, answer): each addressee gets its own batch."""
        by_name: dict[str, list[Job]] = {}
        for job in batch:
            assert job.request is not None
            by_name.setdefault(job.request.to, []).append(job)
        for name, jobs in by_name.items():
            model = self.models.get(name)
            if model is None:
                fault = Fault(
                    "judge", "not_configured", f"no judge named {name!r}: add it under `judges:` of the config"
                )
                yield from ((job, fault) for job in jobs)
                continue
            requests = [job.request for job in jobs if job.request is not None]
            for index, answer in model.answer(requests):
                yield jobs[index], answer

    def _start(self, job: Job) -> None:
        try:
            job.episode = self.suite.episode(job.sample)
            self._next(job, next(job.episode))
        except StopIteration:
            job.outcome = Fault("scorer", "no_request", f"{self.suite.name} ended before it asked anything")
        except Exception as error:  # noqa: BLE001 - a suite's error is data, never the end of the run
            job.outcome = fault_of(error, "data")

    def _next(self, job: Job, request: Request) -> None:
        job.request = self.dress(request, job.sample, job.attempt, len(job.keys))

    def _advance(self, job: Job, answer: Completion | Fault) -> Job:
        """Hand an answer to its episode; afterwards the job has a new request or an outcome. Runs in a thread."""
        assert job.episode is not None and job.request is not None
        if isinstance(answer, Fault):
            job.episode.close()
            addressee: Boundary = (
                "judge" if job.request.to != "model" and answer.boundary == "model" else answer.boundary
            )
            job.outcome = Fault(addressee, answer.kind, answer.message)
            return job
        job.keys.append(answer.key)
        if job.known is not None:
            job.episode.close()
            job.outcome = job.known
            return job
        try:
            self._next(job, job.episode.send(answer))
        except StopIteration as stop:
            job.outcome = checked(stop.value, self.suite)
        except InfrastructureError as error:
            job.outcome = Fault("sandbox", "sandbox_error", error.what)
        except JudgeError as error:
            job.outcome = Fault("judge", "no_verdict", error.what)
        except Exception as error:  # noqa: BLE001 - booked as a fault of the scorer
            job.outcome = fault_of(error, "scorer")
        return job

    def _look_up_scores(self, batch: list[Job]) -> None:
        """Find stored scores of one-turn samples: the key of the coming completion is known before it is asked."""
        if not self.suite.one_turn:
            return
        ledger = self.models["model"]
        keys = {self.score_key(job, [ledger.key(job.request)]): job for job in batch if job.request is not None}
        for key, score in self.stored(list(keys)).items():
            keys[key].known = score

    def score_key(self, job: Job, completion_keys: list[str]) -> str:
        """Return the key of a job's score: its completions, its sample, the scorer."""
        return digest(self.scorer_key, completion_keys, job.sample_digest)


def fault_of(error: BaseException, boundary: Boundary) -> Fault:
    """Return the fault that books an exception."""
    return Fault(boundary, type(error).__name__, f"{type(error).__name__}: {str(error)[:2000]}")


def checked(score: object, suite: Suite) -> Score | Fault:
    """Return the score when it holds every declared value, finite and in range; a fault of the scorer otherwise."""
    if not isinstance(score, Score):
        return Fault("scorer", "no_score", f"{suite.name} returned {type(score).__name__}, not a Score")
    for metric in suite.metrics:
        value = score.values.get(metric.value, math.nan)
        if not metric.low <= value <= metric.high:
            return Fault("scorer", "bad_score", f"{metric.value} = {value!r} is not in [{metric.low}, {metric.high}]")
    return score
