"""One evaluation: wanted minus stored, asked and scored, every record stored as it comes, resumable at any moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from harness import registry
from harness.config import EvalConfig
from harness.contracts import Model
from harness.errors import HarnessError, InfrastructureError
from harness.hashing import digest
from harness.models.ledger import Ledger
from harness.runner import plan
from harness.runner.drive import Driver, Job
from harness.runner.log import RunLog
from harness.runner.order import AT_ONCE, Follower, Order, Watch
from harness.runner.place import check_room, host, locked
from harness.runner.progress import Meter
from harness.store import Database, read, write
from harness.types import Fault, Form, Record, Run, Score


class Interrupted(HarnessError):
    """Ctrl-C or SIGTERM: what came in is stored."""

    exit_code = 130


@dataclass(frozen=True)
class Outcome:
    """How an evaluation call ended."""

    run_id: str
    status: str
    asked: int
    """Requests that reached a model in this call."""
    reused: int
    """Requests answered from the store in this call."""
    note: str = ""


class Breaker(Exception):
    """Too many faults in a row: something is broken, and every further request would be wasted."""


def evaluate(
    config: EvalConfig,
    database: Database,
    model: Model | None = None,
    fresh: bool = False,
    meter: Meter | None = None,
    rescores: str = "",
    order: Order | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Evaluate `model` (opened from the config when None) and return how the call ended.

    Calling it again with the same configuration goes on where it stopped and asks nothing that is stored.
    `rescores` names a run whose completions are scored again, so that even a hosted model's are found. `order`: ask in
    that order instead of the official one, and tell `watch` of every record in it; where it returns True the suite is
    stopped, and so is the run at its end. The run is the same run as without.

    Raises:
        UsageError: wrong configuration, found before the model is opened.
        InfrastructureError: database, disk or model broke; what was stored stays.
        Interrupted: by Ctrl-C or SIGTERM.
    """
    check_room(database)
    wanted = plan.parts(config)
    with _opened(config, model) as ready:
        evaluation = Evaluation(config, database, ready, wanted, fresh, meter or Meter(quiet=True), rescores)
        evaluation.order, evaluation.watch = order, watch
        return evaluation.run()


@contextmanager
def _opened(config: EvalConfig, model: Model | None) -> Iterator[Model]:
    if model is not None:
        yield model
        return
    with registry.open_model(config.model, config.settings) as opened:
        yield opened


class Evaluation:
    """One call of `evaluate`."""

    def __init__(
        self,
        config: EvalConfig,
        database: Database,
        model: Model,
        wanted: list[plan.Part],
        fresh: bool,
        meter: Meter,
        rescores: str,
    ) -> None:
        self.config, self.database, self.model, self.wanted, self.meter = config, database, model, wanted, meter
        self.form: Form = plan.form_of(config, model)
        self.frozen = plan.frozen(config, model, self.form, wanted)
        self.identity = digest(self.frozen)
        self.lasting = model.digest is not None or bool(rescores)
        self.run_id, self.first_attempt = self._find(fresh)
        self.folder = database.folder / "runs" / self.run_id
        self.journal = write.Journal(database, self.run_id)
        self.ledger = Ledger(model, database, self.journal, rescores or self.run_id)
        self.models: dict[str, Ledger] = {"model": self.ledger}
        self.faults_in_a_row = 0
        self.order: Order | None = None
        self.watch: Watch | None = None
        self.decided: list[str] = []
        """A line for every suite that the watch stopped."""

    def _find(self, fresh: bool) -> tuple[str, int]:
        """Return (run id, first attempt): the latest run of this identity, or a new one."""
        runs = read.runs_of(self.database, self.identity)
        last = runs[-1] if runs else None
        if last is not None:
            open_still = last["status"] != "done"
            # A hosted model may change behind its name: a finished run of it is not gone on with.
            goes_on = (open_still and last["first_attempt"] > 0) if fresh else (open_still or self.lasting)
            if goes_on:
                return last["run_id"], last["first_attempt"]
        first = last["first_attempt"] + self.config.samples if last is not None else 0
        if fresh:
            first = max(first, read.next_attempt(self.database, str(self.frozen["model"])))
        return plan.run_name(self.config.model or self.model.spec, self.identity, first), first

    def run(self) -> Outcome:
        """Drive all parts; whatever ends it, what came in is stored and the run's status says how it ended."""
        with locked(self.folder, f"run {self.run_id!r}"):
            log = RunLog(self.folder)
            self._begin(log)
            status, note = "done", ""
            try:
                self._open_judges()
                faults = sum(self._part(part, log) for part in self.wanted)
                if faults:
                    status, note = "incomplete", f"{faults} samples have no score; the same command asks them again"
                if self.decided:
                    status, note = "stopped", "; ".join([*self.decided, *([note] if note else [])])
            except Breaker as error:
                status, note = "stopped", str(error)
            except KeyboardInterrupt:
                self._end(log, "interrupted", "by the user")
                raise Interrupted(
                    f"interrupted; what came in is stored as run {self.run_id!r}", "", "the same command goes on"
                ) from None
            except HarnessError as error:
                with suppress(HarnessError, OSError):
                    self._end(log, "stopped", error.what)
                raise
            except Exception as error:
                with suppress(HarnessError, OSError):
                    self._end(log, "stopped", f"{type(error).__name__}: {error}")
                raise InfrastructureError(
                    f"the model {self.model.spec!r} broke: {type(error).__name__}: {str(error)[:300]}",
                    f"what came in before is stored as run {self.run_id!r}",
                    "the same command goes on; --debug shows where it broke",
                ) from error
            finally:
                for name, judge in self.models.items():
                    if name != "model":
                        judge.close()
            self._end(log, status, note)
        return Outcome(self.run_id, status, self.ledger.asked, self.ledger.reused, note)

    def _begin(self, log: RunLog) -> None:
        # Asked under the lock: another process may have made the run since this one began.
        known = any(run["run_id"] == self.run_id for run in read.runs_of(self.database, self.identity))
        if not known:
            started = datetime.now(UTC).replace(tzinfo=None).isoformat()
            spec = self.config.model or self.model.spec
            suites = tuple(part.suite.name for part in self.wanted)
            stored = {**self.frozen, "can": sorted(self.model.can), "data": self.config.data}
            # Part of the digest already; by name, so that a gate finds where the adapter came from.
            stored["adapter"] = self.config.settings.get("adapter", "")
            run = Run(self.run_id, self.config.name, spec, self.model.digest, stored, suites, started)
            for part in self.wanted:
                write.add_samples(self.database, part.samples)
            facts = {"model_facts": self.model.describe(), "engine": self.model.engine, "host": host()}
            write.add_run(
                self.database,
                run,
                self.identity,
                self.first_attempt,
                facts,
                [self._wanted_row(part) for part in self.wanted],
            )
        else:
            write.set_status(self.database, self.run_id, "running")
        log.event("run_started", run_id=self.run_id, model=self.model.spec, resumed=known, config=self.frozen)

    def _wanted_row(self, part: plan.Part) -> Mapping[str, Any]:
        suite = part.suite
        return {
            "suite": suite.name, "version": suite.version, "source": suite.source, "licence": suite.licence,
            "metrics": [asdict(metric) for metric in suite.metrics], "group_tag": suite.group_tag,
            "scorer_key": part.scorer_key, "sandbox": part.sandbox_level,
            "wanted": len(part.samples) * self.config.samples,
        }  # fmt: skip

    def _open_judges(self) -> None:
        for name, spec in self.config.judges.items():
            judge = registry.open_model(spec)
            self.models[name] = Ledger(judge, self.database, self.journal, self.run_id)

    def _part(self, part: plan.Part, log: RunLog) -> int:
        """Drive one suite; return how many of its records are faults."""
        have = read.recorded(self.database, self.run_id, part.suite.name)
        wanted = self._in_order(part)
        jobs = [job for job in wanted if not have.get((job.sample.id, job.attempt), False)]
        follower = Follower(self.watch, part.suite.name, [(job.sample.id, job.attempt) for job in wanted])
        self.meter.start(part.suite.name, len(wanted), len(wanted) - len(jobs))
        if follower.catch_up(self.database, self.run_id) and jobs:
            self.decided.append(follower.note)
            return 0
        if not jobs:
            return 0
        log.event("suite_started", suite=part.suite.name, wanted=len(wanted), owed=len(jobs))

        def stored(keys: list[str]) -> Mapping[str, Score]:
            return read.scores(self.database, keys, part.scorer_key)

        driver = Driver(part.suite, self.models, self._dress, part.scorer_key, stored, AT_ONCE if self.watch else None)
        started, faults = time.monotonic(), 0
        try:
            with closing(driver.drive(jobs)) as driven:
                for job in driven:
                    faults += isinstance(job.outcome, Fault)
                    record = self._record(job, part, driver, log, replaces=(job.sample.id, job.attempt) in have)
                    if follower.tell(record):
                        break
        finally:
            self.meter.finish()
        self.journal.flush()
        if follower.enough and follower.told < len(wanted):
            self.decided.append(follower.note)
        write.add_seconds(self.database, self.run_id, part.suite.name, time.monotonic() - started)
        log.event("suite_done", suite=part.suite.name, faults=faults, seconds=round(time.monotonic() - started, 3))
        return faults

    def _in_order(self, part: plan.Part) -> list[Job]:
        samples = list(zip(part.samples, part.digests, strict=True))
        attempts = range(self.first_attempt, self.first_attempt + self.config.samples)
        ordered = self.order.sort(samples) if self.order else samples
        return [Job(sample, sample_digest, attempt) for sample, sample_digest in ordered for attempt in attempts]

    def _dress(self, request: Any, sample: Any, attempt: int, turn: int) -> Any:
        if request.to == "model" or request.to not in self.models:
            return plan.dress(request, self.form, self.config, sample, attempt, turn, self.model.can)
        can = self.models[request.to].can
        return plan.dress(request, "chat" if "chat" in can else "raw", self.config, sample, attempt, turn, can)

    def _record(self, job: Job, part: plan.Part, driver: Driver, log: RunLog, replaces: bool) -> Record:
        fault = job.outcome if isinstance(job.outcome, Fault) else None
        score = None if isinstance(job.outcome, Fault) else job.outcome
        record = Record(self.run_id, part.suite.name, job.sample.id, job.attempt, tuple(job.keys), score, fault)
        self.journal.add_record(record, job.sample_digest, driver.score_key(job, job.keys), part.scorer_key, replaces)
        if self.journal.due:
            self.journal.flush()
        self.meter.advance(score.values[part.suite.metrics[0].value] if score is not None else None)
        if fault is None:
            self.faults_in_a_row = 0
            return record
        log.event("fault", suite=part.suite.name, sample_id=job.sample.id, **asdict(fault))
        # A recording without a row says nothing about the rows to come.
        self.faults_in_a_row += fault.boundary != "data"
        if self.faults_in_a_row >= self.config.max_faults_in_a_row:
            raise Breaker(f"{self.faults_in_a_row} faults in a row, the last: {fault.kind}: {fault.message[:300]}")
        return record

    def _end(self, log: RunLog, status: str, note: str) -> None:
        self.journal.flush()
        write.set_status(self.database, self.run_id, status, note)
        log.event("run_ended", status=status, note=note, asked=self.ledger.asked, reused=self.ledger.reused)
