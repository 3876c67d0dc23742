"""`harness rescore RUN`: score stored completions again, without the model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harness.cli.console import Db, Debug, Json, command


@command
def run(
    named: Annotated[str, typer.Argument(metavar="RUN", help="Run id, start of it, or name.")],
    data: Annotated[
        str | None, typer.Option(help="Folder with <suite>/<official files>. Default: that of the run.")
    ] = None,
    db: Db = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Score the stored completions of a run with today's scorers; the model is not loaded and not asked.

    With the same scorers this is the same run and changes nothing. Where a scorer's version or configuration changed, a
    new run holds the new scores beside the old. A completion that was never stored is a fault, not a zero.
    """
    from harness.cli.evaluate import finish
    from harness.models.ledger import Absent
    from harness.runner import evaluate
    from harness.runner.progress import Meter
    from harness.store import Database, read

    database = Database.at(db)
    row = read.run(database, named)
    can = frozenset(row["config"]["can"])
    model = Absent(row["model"], can, row["model_digest"], row["engine"], row["model_facts"] or {})
    config = config_of(row, data)
    outcome = evaluate(config, database, model=model, meter=Meter(), rescores=row["run_id"])
    return finish(database, outcome, config, as_json)


def config_of(row: dict[str, Any], data: str | None) -> Any:
    """Return the configuration that a stored run was made with."""
    from harness.config import EvalConfig, validate
    from harness.runner.plan import STORED

    stored = row["config"]
    given = {key: stored[key] for key in (*STORED, "prompt", "judges")} | {
        "model": row["model"],
        "suites": list(stored["suites"]),
    }
    return validate(given | {"data": data or stored["data"]}, EvalConfig, f"run {row['run_id']}")
