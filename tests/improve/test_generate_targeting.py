"""Do the rows chosen for a cause ask for the skill that failed? Tags say so afterwards; the step never sees them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from harness import registry
from harness.config import EvalConfig
from harness.failures.analysis import Analysis, analyse
from harness.failures.report import document
from harness.failures.reuse import Wanted
from harness.models.scripted import Scripted
from harness.runner import evaluate
from harness.store import Database
from harness.types import Request
from harness.workbench import Workbench, keep
from harness.workbench.shelf import folder_of

ROWS, SEED = 300, 3


def habit(variant: str, target: str) -> str:
    """Return the right answer; for the kept-out variants what a model says that knows the base ones alone."""
    if variant == "facts/two":
        return target.partition(" and ")[0]
    if variant == "ordering/backwards":
        return " ".join(sorted(target.split()))
    if variant in ("json/reversed_keys", "tools/arguments_first"):
        return json.dumps(dict(reversed(json.loads(target).items())))
    if variant == "code/k_op_x":
        first, sign, last = target.rpartition("return ")[2].split()
        return target.removesuffix(f"{first} {sign} {last}") + f"{last} {sign} {first}"
    return target


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Analysis]:
    database = Database.at(tmp_path_factory.mktemp("primer") / "h.duckdb")
    samples = {one.id: one for one in registry.suite("primer").samples(None)}

    def answer(request: Request) -> str:
        sample = samples[request.source["sample_id"]]
        return f" {habit(sample.tags['variant'], sample.target)}"

    ran = evaluate(EvalConfig(model="scripted:habit", suites=["primer"]), database, Scripted(answer, name="habit"))
    return database, analyse(database, ran.run_id, wanted=Wanted(embedder="lsa"), weak=False)


@pytest.mark.slow
@pytest.mark.parametrize(("examples", "least"), [(4, 0.7), (12, 0.75)])
def test_chosen_rows_ask_for_what_failed(
    analysed: tuple[Database, Analysis], examples: int, least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    database, found = analysed
    path = database.folder / f"analysis-{examples}.json"
    path.write_text(json.dumps(document(found, examples)))
    report = keep(database, path, "report", (), {"step": "harness.failures"})
    asked = {"suite": "primer", "rows": ROWS, "seed": SEED}
    made = Workbench(database, "loop").make("improve.generate", [report], asked)
    rows = [json.loads(line) for line in (folder_of(database, made) / "rows.jsonl").read_text().splitlines()]
    # For the eyes of the test alone: what was drawn, with its tags.
    pool = {one.prompt: one.tags["variant"] for one in registry.suite("primer").practice_all(SEED, 20 * ROWS)}
    failed = {cause.id: Counter(m.case.tags["variant"] for m in found.members(cause.id)) for cause in found.causes}
    chosen = {cause: [pool[row["prompt"]] for row in rows if row["cause"] == cause] for cause in failed}
    hits = sum(variant in failed[cause] for cause, variants in chosen.items() for variant in variants)
    near = [row for row in rows if not row["source"]["diverse"]]
    near_hits = sum(pool[row["prompt"]] in failed[row["cause"]] for row in near)
    by_chance = sum(
        len(variants) * sum(v in failed[cause] for v in pool.values()) / len(pool) for cause, variants in chosen.items()
    )
    with capsys.disabled():
        print(
            f"\n{examples} exemplars a cause: {hits / len(rows):.2f} of {len(rows)} rows are of a variant that failed"
        )
        print(f"  the nearest alone {near_hits / len(near):.2f}, rows drawn without aim {by_chance / len(rows):.2f}")
        for cause in found.causes:
            print(
                f"  {cause.label!r}: failed {dict(failed[cause.id])}, chosen {Counter(chosen[cause.id]).most_common(4)}"
            )
    assert len(rows) == ROWS and len(failed) > 1
    assert hits / len(rows) > least and hits > 5 * by_chance
    weak = {variant for counts in failed.values() for variant in counts}
    assert weak <= {variant for variants in chosen.values() for variant in variants}, "every weak kind has rows"
