"""What is written of a verdict: the forms agree with one another, hold every figure, and have an end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from xml.etree import ElementTree as Xml

import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate import outputs
from harness.gate.decide import exit_code
from harness.gate.outputs.status import WORST_FIRST
from harness.gate.policy import Defaults, Policy, SuitePolicy
from harness.types import Check, Outcome, Verdict

OUTCOMES: tuple[Outcome, ...] = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")
NUMBERS = {
    "n": 1000.0,
    "wins": 12,
    "losses": 53,
    "psi": 0.065,
    "p": 2e-7,
    "p_holm": 6e-7,
    "alpha": 0.05,
    "margin": 0.01,
}
DROP = Check("mmlu", "non_inferiority", "FAIL", -0.041, -0.01, -0.063, -0.019, "4.1 points worse", NUMBERS)
SIZE = Check("", "size_mib", "PASS", 410.0, 500.0)
ALLOWED = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped"},
    "properties": set(), "property": {"name", "value"}, "testcase": {"name", "classname"},
    "failure": {"type", "message"}, "error": {"type", "message"}, "skipped": {"message"}, "system-out": set(),
}  # fmt: skip
"""Elements and attributes that both the schema of Jenkins' xunit-plugin and that of Ant know."""

checks = st.builds(
    Check, suite=st.sampled_from(["", "mmlu", "bbh"]), rule=st.sampled_from(["regression", "absolute", "items"]),
    outcome=st.sampled_from(OUTCOMES), required=st.booleans(),
)  # fmt: skip


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """The outcome is the worst of the required checks, or worse than all of them (a budget that is spent)."""
    found = tuple(draw(st.lists(checks, max_size=6)))
    worst = min((WORST_FIRST.index(c.outcome) for c in found if c.required), default=3)
    return Verdict(WORST_FIRST[draw(st.sampled_from([worst, min(worst, 1)]))], found, "cand-1", "base-1", "g1")


def junit(path: Path, verdict: Verdict, mapped: outputs.OnInconclusive = "report") -> junitparser.JUnitXml:
    outputs.write_junit(path / "gate.xml", verdict, mapped)
    return junitparser.JUnitXml.fromfile(str(path / "gate.xml"))


@given(verdict=verdicts(), mapped=st.sampled_from(["report", "fail", "pass"]))
def test_all_forms_tell_one_story(tmp_path_factory: pytest.TempPathFactory, verdict: Verdict, mapped: str) -> None:
    found = junit(tmp_path_factory.mktemp("junit"), verdict, mapped)  # type: ignore[arg-type]
    lines = outputs.annotations(verdict, mapped)  # type: ignore[arg-type]
    policy = Policy(suites={"mmlu": SuitePolicy()}, defaults=Defaults(on_inconclusive=mapped))  # type: ignore[arg-type]
    blocked = exit_code(verdict, policy) in (1, 4)
    assert (found.failures + found.errors > 0) == blocked
    assert any(line.startswith("::error ") for line in lines) == blocked
    assert (found.errors > 0) == (verdict.outcome == "ERROR")
    if verdict.outcome == "INCONCLUSIVE":
        assert any("INCONCLUSIVE" in line for line in lines) and (found.failures > 0) == (mapped == "fail")
    assert outputs.summary(verdict).startswith(f"## Gate: {verdict.outcome}\n")
    assert f"### Gate: {verdict.outcome}\n" in outputs.comment(verdict)
    assert outputs.document(verdict, {"outcome": verdict.outcome})["outcome"] == verdict.outcome


@given(verdict=verdicts())
def test_junit_counts_itself_and_keeps_to_the_schemas(
    tmp_path_factory: pytest.TempPathFactory, verdict: Verdict
) -> None:
    folder = tmp_path_factory.mktemp("junit")
    found = junit(folder, verdict)
    told = {"failures": 0, "errors": 0, "tests": 0}
    for suite in found:
        kinds = [type(result).__name__ for case in suite for result in case.result]
        assert (suite.failures, suite.errors, suite.skipped, suite.tests) == (
            kinds.count("Failure"), kinds.count("Error"), kinds.count("Skipped"), len(list(suite)),
        )  # fmt: skip
        told = {name: count + getattr(suite, name) for name, count in told.items()}
    assert told == {name: getattr(found, name) for name in told}
    for element in Xml.parse(folder / "gate.xml").iter():
        assert element.tag in ALLOWED and set(element.attrib) <= ALLOWED[element.tag]


def test_document_holds_every_figure_and_only_json() -> None:
    odd = Check("bbh", "relative", "INCONCLUSIVE", math.nan, 0.95, -math.inf, None, "", {"needed": math.inf})
    row = {"gate_id": "g-1", "exit_code": 1, "policy": "gates.yaml", "split": "test", "sealed": True, "alpha": 0.05}
    shown = outputs.document(Verdict("FAIL", (DROP, odd), "cand-1", "base-1", "g-1", "why"), row)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert shown["schema_version"] == 1 and shown["exit_code"] == 1 and shown["sealed"] is True
    first, second = shown["checks"]
    assert first["numbers"] == NUMBERS and (first["low"], first["high"], first["bound"]) == (-0.063, -0.019, -0.01)
    assert second["observed"] is None and second["low"] is None and second["numbers"] == {"needed": None}


def test_document_refuses_another_stored_outcome() -> None:
    with pytest.raises(ValueError, match="stored verdict says PASS"):
        outputs.document(Verdict("FAIL", (DROP,), "cand-1"), {"outcome": "PASS"})


def test_what_is_not_required_is_shown_and_blocks_nothing(tmp_path: Path) -> None:
    extra = Check("bbh", "absolute", "FAIL", 0.5, 0.7, note="below", required=False)
    verdict = Verdict("PASS", (SIZE, extra), "cand-1")
    found = junit(tmp_path, verdict)
    assert found.failures == 0 and sum(suite.skipped for suite in found) == 1
    (line,) = outputs.annotations(verdict)
    assert line.startswith("::warning ")
    assert "**FAIL** (not required)" in outputs.summary(verdict)


def test_a_verdict_that_no_check_carries_is_told(tmp_path: Path) -> None:
    spent = Verdict("INCONCLUSIVE", (SIZE,), "cand-1", note="10 of 10 looks are spent")
    (line,) = outputs.annotations(spent, "fail")
    assert line.startswith("::error ") and "10 of 10 looks" in line
    assert junit(tmp_path, spent, "fail").failures == 1
    assert "10 of 10 looks" in outputs.summary(spent) and "10 of 10 looks" in outputs.comment(spent)


def test_a_tolerated_drop_passes_with_a_warning(tmp_path: Path) -> None:
    real = Check(
        "mmlu", "regression", "PASS", -0.004, note="real but tolerated", numbers={"p_holm": 0.01, "alpha": 0.05}
    )
    verdict = Verdict("PASS", (real, SIZE), "cand-1", "base-1")
    assert outputs.annotations(verdict)[0].startswith("::warning ") and len(outputs.annotations(verdict)) == 1
    assert junit(tmp_path, verdict).failures == 0
    assert "real but tolerated" in outputs.comment(verdict).split("<details>")[0]


def test_summary_tells_figures_and_where_to_look_and_no_samples() -> None:
    shown = outputs.summary(Verdict("FAIL", (SIZE, DROP), "cand-1", "base-1", "g-1"))
    assert "-0.0410 [-0.0630, -0.0190], required -0.0100" in shown
    assert "n 1000, won 12, lost 53, p (Holm) 6.0e-07" in shown
    assert shown.index("non") < shown.index("size"), "what failed stands first"
    assert "harness compare base-1 cand-1" in shown


def test_at_most_ten_annotations_the_worst_first() -> None:
    many = tuple(Check(f"s{i}", "absolute", "INCONCLUSIVE") for i in range(30))
    lines = outputs.annotations(Verdict("FAIL", (*many, DROP), "cand-1"))
    assert len(lines) == 10
    assert lines[0].startswith("::error title=gate FAIL%3A mmlu non_inferiority::")
    assert lines[-1].endswith("::22 more checks did not pass: see the summary")
    assert len(outputs.annotations(Verdict("INCONCLUSIVE", many[:10], "c"))) == 10


def test_comment_stays_below_the_limit_of_github_and_counts_what_it_leaves_out() -> None:
    loud = tuple(Check("@" * 300, "absolute", "FAIL", note="#" * 900) for _ in range(500))
    quiet = tuple(Check(f"s{i}", "regression", "PASS", note="<" * 900) for i in range(500))
    shown = outputs.comment(Verdict("FAIL", loud + quiet, "cand-1"))
    assert len(shown) < 65_536 and "more checks" in shown and "500 passed" in shown
    assert shown.rstrip().endswith("</details>")


def test_marker_of_a_comment_is_stable_and_cannot_be_left() -> None:
    verdict = Verdict("PASS", (SIZE,), "cand-1", id="g-7")
    assert outputs.comment(verdict, "gates.yaml").startswith("<!-- harness-gate:gates.yaml -->\n")
    assert outputs.comment(verdict).startswith("<!-- harness-gate:g-7 -->\n")
    first = outputs.comment(verdict, "x --><script>--!>").split("\n")[0]
    assert first == "<!-- harness-gate:x-script- -->".replace("script- ", "script ")


def test_publish_appends_and_returns_the_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    (tmp_path / "output").write_text("earlier=1\n")
    verdict = Verdict("FAIL", (DROP,), "cand-1", "base-1", "g-1\nverdict=PASS")
    assert outputs.publish(verdict) == outputs.annotations(verdict)
    assert (tmp_path / "output").read_text() == "earlier=1\nverdict=FAIL\ngate-id=g-1 verdict=PASS\n"
    assert (tmp_path / "summary.md").read_text() == outputs.summary(verdict)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name)
    assert outputs.publish(verdict) == outputs.annotations(verdict), "nowhere to write is no error"
