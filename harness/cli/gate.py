"""`harness gate CANDIDATE --policy gates.yaml`: may this checkpoint ship?"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from harness.cli.console import Db, Debug, Json, command, emit, people, printable
from harness.cli.evaluate import parse_settings
from harness.cli.verdict import plan_document, print_plan, print_verdict
from harness.errors import Inconclusive, UsageError

if TYPE_CHECKING:
    from harness.config import EvalConfig
    from harness.gate import foresight
    from harness.gate.judge import Judged, Terms
    from harness.store import Database


@command
def run(
    candidate: Annotated[str | None, typer.Argument(help="A stored run (id, name, baseline), or a model.")] = None,
    policy: Annotated[str | None, typer.Option("--policy", "-p", help="YAML file, or classic.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Reference in place of the policy's: a baseline or run.")] = None,
    split: Annotated[str | None, typer.Option(help="dev, test or all. Default: the policy's.")] = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="Count test samples only.")] = False,
    loop: Annotated[str, typer.Option(help="Name of the improvement loop that looks; spends its budget.")] = "",
    sequential: Annotated[bool, typer.Option("--sequential", help="Stop asking once the answer is known.")] = False,
    data: Annotated[
        str | None, typer.Option(help="Folder with <suite>/<official files>. Default: HARNESS_DATA.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value for the model.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Samples per suite, for a model.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what could be told, ask nothing, decide nothing.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML there.")] = None,
    comment: Annotated[Path | None, typer.Option(help="Write Markdown for a pull-request comment there.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Step summary, outputs and annotations.")] = False,
    selftest: Annotated[bool, typer.Option("--selftest", help="Measure the gate's own error rates and power.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="With --selftest: fewer settings.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Hold a policy's promises against a run, or a model (evaluated first), with known error rates.

    Exit codes: 0 PASS, 1 FAIL, 2 wrong usage or policy, 3 INCONCLUSIVE (the policy may map it), 4 ERROR.
    """
    if selftest:
        return _selftest(policy, quick, quiet, as_json)
    if candidate is None or policy is None:
        missing = "CANDIDATE" if candidate is None else "--policy"
        what = f"{missing} is missing"
        raise UsageError(what, "a run or model, and a policy", "type: harness gate MODEL --policy classic")
    from harness.gate.judge import Terms
    from harness.store import Database

    terms, database = Terms.read(policy, baseline, sequential), Database.at(db)
    asked = Asked(data, parse_settings(settings or []), limit, _split(split), sealed, loop, quiet)
    with _quiet(github, as_json):
        run_id, config = asked.prepare(database, terms, candidate, people(as_json))
        rows = asked.foresee(database, terms, run_id, config)
        if plan or config is not None:
            print_plan(people(as_json), rows, terms.policy.defaults.power)
        if plan:
            return _emit_plan(rows) if as_json else 0
        judged = asked.judge(database, terms, run_id or asked.evaluate(database, terms, config))
        print_verdict(people(as_json), judged)
    _publish(judged, terms, junit, comment, github, as_json)
    return int(judged.row["exit_code"])


def _split(split: str | None) -> str | None:
    if split not in (None, "dev", "test", "all"):
        raise UsageError(f"--split {split!r}", "dev, test or all", "type: --split test")
    return split


@dataclass(frozen=True)
class Asked:
    """What the command line says about a candidate."""

    data: str | None
    settings: Mapping[str, str]
    limit: int | None
    split: str | None
    sealed: bool
    loop: str
    quiet: bool

    def prepare(
        self, database: Database, terms: Terms, candidate: str, console: Any
    ) -> tuple[str | None, EvalConfig | None]:
        """Return the stored run, or how the model is to be evaluated, after every cheap check.

        Raises:
            UsageError: policy, references or candidate are wrong; found before the first token.
            Inconclusive: the loop has spent its budget, so that asking a model would be in vain.
        """
        from harness.gate import budget
        from harness.gate.check import check
        from harness.gate.judge import candidate_run, evaluation

        run_id = candidate_run(database, candidate)
        said = f"the run {run_id}" if run_id else f"the model {candidate}, evaluated first"
        if not self.quiet:
            console.print(f"[dim]candidate:[/] {escape(printable(said))}")
        if run_id is not None and (self.settings or self.limit is not None):
            what = f"{candidate!r} is a stored run: --set and --limit say nothing about it"
            raise UsageError(what, "a model, or no such option", "type: harness list runs")
        check(terms.policy, terms.named, database, terms.folder, run_id, self.data)
        if (
            run_id is None
            and self.loop
            and budget.looks(database, terms.policy, self.loop) >= terms.policy.budget.looks
        ):
            spent = budget.check(terms.policy, self.loop, terms.policy.budget.looks).note
            raise Inconclusive(spent, "a budget with looks left, before a model is asked", "type: harness gate --help")
        split = "test" if self.sealed else self.split
        made = evaluation(terms.policy, candidate, self.settings, self.data, self.limit, split)
        return (run_id, None) if run_id is not None else (None, made)

    def foresee(
        self, database: Database, terms: Terms, run_id: str | None, config: EvalConfig | None
    ) -> list[foresight.Row]:
        """Return what the gate will be able to tell; of a stored run, what it could."""
        from harness.gate import foresight

        wanted = foresight.asked(config) if config is not None else foresight.recorded(database, run_id or "")
        return foresight.lines(terms.policy, database, wanted, self.loop)

    def evaluate(self, database: Database, terms: Terms, config: EvalConfig | None) -> str:
        """Return the run of the model after asking it: all of the samples, or until the answers are known."""
        from harness.gate import sequential
        from harness.runner import evaluate
        from harness.runner.progress import Meter

        assert config is not None
        meter = Meter(quiet=self.quiet)
        if terms.policy.sequential.enabled:
            return sequential.ask(terms.policy, config, database, self.loop, self.sealed, meter=meter).run_id
        return evaluate(config, database, meter=meter).run_id

    def judge(self, database: Database, terms: Terms, run_id: str) -> Judged:
        """Return the stored verdict on a run."""
        from harness.gate.judge import judge

        return judge(database, terms, run_id, self.split, self.sealed, self.loop)


def _quiet(github: bool, as_json: bool) -> AbstractContextManager[None]:
    """A workflow obeys lines of its log: with `--github` none but our annotations, whatever a model or server says."""
    from harness.gate import outputs

    return outputs.muted(partial(_line, as_json)) if github else nullcontext()


def _line(as_json: bool, text: str) -> None:
    print(text, file=sys.stderr if as_json else sys.stdout, flush=True)


def _publish(
    judged: Judged, terms: Terms, junit: Path | None, comment: Path | None, github: bool, as_json: bool
) -> None:
    """Write the files asked for, then annotations and the document."""
    from harness.gate import outputs

    mapped = terms.policy.defaults.on_inconclusive
    if junit is not None:
        outputs.write_junit(junit, judged.verdict, mapped)
    if comment is not None:
        comment.parent.mkdir(parents=True, exist_ok=True)
        comment.write_text(outputs.comment(judged.verdict, terms.named), encoding="utf-8")
    if github:
        for annotation in outputs.publish(judged.verdict, mapped):
            _line(as_json, annotation)
    if as_json:
        emit(outputs.document(judged.verdict, judged.row))


def _emit_plan(rows: Sequence[foresight.Row]) -> int:
    emit(plan_document(rows))
    return 0


def _selftest(policy: str | None, quick: bool, quiet: bool, as_json: bool) -> int:
    from harness.gate import selftest
    from harness.gate.policy import Defaults, load

    alpha = (load(policy).defaults if policy else Defaults()).alpha

    def tell(what: str) -> None:
        if not quiet:
            people(True).print(f"[dim]{escape(what)}[/]")

    report = selftest.run(quick, alpha=alpha, tell=tell)
    for row in selftest.table(report):
        people(as_json).print(escape(row))
    if as_json:
        emit(selftest.document(report))
    return report.exit_code
