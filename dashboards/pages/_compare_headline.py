"""Who is ahead, in one sentence. Part of the page `compare`.

    B is better on primer:large: +0.106 [+0.092, +0.121], 436 wins, 117 losses, p = 1.1e-40

Every figure is one of `harness.compare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dashboards import names
from harness.compare import Comparison, Line, SuiteComparison

SAYS = {"better": ":green[B is better]", "worse": ":red[B is worse]", "": "No difference shown"}


def headline(found: Comparison, one: SuiteComparison | None, of: int) -> None:
    """Say who is ahead on a suite, or on how many of all; `of`: suites that the runs share."""
    lines = [each.whole for each in found.suites if each.whole]
    count = len(found.suites)
    over = "" if count == 1 else f", adjusted for {count} suites (Holm)"
    if one is not None and one.whole is not None:
        _verdict(one, one.whole, over, found.alpha)
        left = [f"{n:,} {what}" for what, n in left_out(one).items() if n]
        st.caption(f"Not compared: {', '.join(left)}." if left else "Every sample of both runs is compared.")
    elif one is not None:
        _unpaired([one])
    elif lines:
        better, worse, none = (_count(lines, verdict) for verdict in ("better", "worse", ""))
        said = f"Of {len(lines)} suites, B is :green[better] on {better}, :red[worse] on {worse}, neither on {none}"
        st.markdown(f"#### {said}" if better + worse else f"#### No difference shown on any of {none} suites")
        st.caption(f"Paired tests, two-sided at {found.alpha:.0%}{over}. {count} of {of} shared suites are compared.")
    else:
        _unpaired(found.suites)


def left_out(suite: SuiteComparison) -> dict[str, int]:
    """Return why samples are not compared -> how many."""
    pairs = suite.pairs
    return {
        "scored in A alone": pairs.unpaired_reference - pairs.changed,
        "scored in B alone": pairs.unpaired_candidate - pairs.changed,
        "with another content or target": pairs.changed, "faults of A": sum(pairs.faults_reference.values()),
        "faults of B": sum(pairs.faults_candidate.values()),
    }  # fmt: skip


def _verdict(one: SuiteComparison, line: Line, over: str, alpha: float) -> None:
    metric = one.pairs.metric
    change = f"{line.delta:+.3f} [{line.low:+.3f}, {line.high:+.3f}]"
    signs = f"{line.wins:,} {_many(line.wins, 'win')}, {line.losses:,} {_many(line.losses, 'loss')}"
    st.markdown(
        f"#### {SAYS[line.verdict]} on {names.plain(one.pairs.suite)}: {change}, {signs}, p = {line.p_adjusted:.2g}"
    )
    groups = "" if line.clusters == line.n else f" ({line.clusters:,} independent ones)"
    less = "" if metric.higher_is_better else ", less is better"
    said = (
        f"{metric.name}{less}: {line.reference:.3f} for A, {line.candidate:.3f} for B, paired over {line.n:,} samples"
        f"{groups}, {line.ties:,} ties. Interval at {1 - alpha:.0%} ({line.method}); p two-sided{over}."
        " A win: B does better."
    )
    st.caption(names.plain(said))


def _unpaired(suites: Sequence[SuiteComparison]) -> None:
    """Say that nothing could be paired, and what to type."""
    total: Counter[str] = Counter()
    for suite in suites:
        total.update(left_out(suite))
    left = ", ".join(f"{n:,} {what}" for what, n in total.items() if n)
    where = names.plain(suites[0].pairs.suite) if len(suites) == 1 else "any shared suite"
    st.warning(f"The two runs have no scored sample of {where} in common: {left or 'nothing is scored yet'}.")
    st.text("Let both answer the same samples. Type: harness eval MODEL, with one --limit and one --split for both")


def _count(lines: Sequence[Line], verdict: str) -> int:
    return sum(line.verdict == verdict for line in lines)


def _many(count: int, word: str) -> str:
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"
