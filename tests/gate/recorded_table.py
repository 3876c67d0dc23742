"""Writes docs/gate-recorded.md: the whole gate on recorded outputs of real models.

python tests/gate/recorded_table.py

Exit code 1 when a verdict is not the expected one; the page is written all the same.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recordings import CASES, OUTPUTS, Case, World, build, held, spoil

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gate-recorded.md"
SPOILED = (
    ("humaneval", "gpt-4"), ("humaneval", "gpt-3.5"), ("humaneval", "claude-1.3"), ("mmlu:generative", "gpt-4"),
    ("bbh", "code-davinci-002"),
)  # fmt: skip
HEAD = """# The gate on recorded outputs of real models

Made by:

    python tests/gate/recorded_table.py

The recordings are those of [reproduction.md](reproduction.md), evaluated by `replay:` and put through the whole gate
(`gather`, `decide`) with one policy a line: `non_inferiority: {margin: ..}` against the reference, and the regression
check that every suite with a reference has; alpha .05. Each expected verdict stands in `tests/gate/recordings.py` with
its reason, and was written down before the pair was gated, from published scores and the number of samples alone. A
copy is the same outputs in another file, which is another model to the harness. MMLU was recorded in nine subjects, BBH
in fourteen tasks. The interval is that of both one-sided bounds at 95%.

"""
COLUMNS = (
    "suite", "reference", "candidate", "n", "wins", "losses", "psi", "difference", "interval", "margin", "expected",
    "verdict", "to settle it",
)  # fmt: skip
SPOILT = """
## Five percent of the answers made wrong

Every right answer of a recording is made wrong with a probability of 5% (200 seeds), the reference is the recording as
it is, the policy has no margin: FAIL is wanted. "Predicted" is `stats.power.power_of_drop` on the right answers, which
enumerates exactly; McNemar's test needs five losses without a win. HumanEval is small: a gate on it alone misses a
twentieth of the answers in one of six cases for a model that is right on 86%, in half of the cases for one that is
right on 57%.

| suite | model | right answers | found | predicted |
|---|---|--:|--:|--:|
"""


def line(world: World, case: Case) -> tuple[str, bool]:
    """Return the table's line of a case, and whether the verdict is the expected one."""
    verdict = held(world, case)
    (check,) = [check for check in verdict.checks if check.rule == "non_inferiority"]
    wins, losses, n, psi = (check.numbers[name] for name in ("wins", "losses", "n", "psi"))
    needed = f"{check.numbers['needed']:,.0f} samples" if "needed" in check.numbers else ""
    interval = f"{check.low:+.4f} to {check.high:+.4f}"
    cells = [
        case.suite, case.reference, case.candidate, f"{n:,.0f}", f"{wins:.0f}", f"{losses:.0f}", f"{psi:.3f}",
        f"{check.observed:+.4f}", interval, f"{case.margin:g}", f"{case.expected}: {case.why}", verdict.outcome, needed,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n", verdict.outcome == case.expected


def main() -> int:
    """Return the exit code."""
    if not OUTPUTS.is_dir():
        print(f"no recorded outputs at {OUTPUTS}", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory() as folder:
        world = build(Path(folder))
        lines = [line(world, case) for case in CASES]
        text = HEAD + f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n" + "".join(text for text, _ in lines)
        text += SPOILT
        for suite, model in SPOILED:
            found = spoil(world, suite, model)
            text += f"| {suite} | {model} | {found.right:,} | {found.found / found.of:.3f} | {found.predicted:.3f} |\n"
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(as_expected for _, as_expected in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
