"""JUnit XML of a verdict: a testsuite is a suite, a testcase is a rule.

    <testsuite name="mmlu" tests="2" failures="1" errors="0" skipped="0">
      <testcase name="non_inferiority" classname="mmlu"><failure type="FAIL" message="..">..</failure></testcase>

Elements and attributes are those that both common schemas know (Jenkins' xunit-plugin, Ant's). FAIL is a failure, ERROR
an error, INCONCLUSIVE and what is not required are skipped (`status`). The note of a passed check is its system-out.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from harness.gate.outputs.escape import line
from harness.gate.outputs.status import OnInconclusive, Status, place, shown, status
from harness.gate.outputs.table import counts, figures
from harness.types import Check, Verdict

ELEMENTS: dict[Status, str] = {"failed": "failure", "skipped": "skipped", "error": "error"}


def write_junit(path: Path | str, verdict: Verdict, on_inconclusive: OnInconclusive = "report") -> None:
    """Write the file, folders included. Suites in the order of their worst check."""
    statuses = [(check, status(check, on_inconclusive)) for check in shown(verdict)]
    root = Xml.Element("testsuites", {"name": "harness gate", **_tally([s for _, s in statuses])})
    for name in dict.fromkeys(place(check) for check, _ in statuses):
        mine = [(check, how) for check, how in statuses if place(check) == name]
        tally = _tally([how for _, how in mine])
        skipped = str(sum(how == "skipped" for _, how in mine))
        suite = Xml.SubElement(root, "testsuite", {"name": line(name), **tally, "skipped": skipped})
        _properties(suite, verdict)
        for check, how in mine:
            _case(suite, check, how)
    Xml.indent(root)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _tally(statuses: list[Status]) -> dict[str, str]:
    found = {"tests": len(statuses), "failures": statuses.count("failed"), "errors": statuses.count("error")}
    return {name: str(count) for name, count in found.items()}


def _properties(suite: Xml.Element, verdict: Verdict) -> None:
    holder = Xml.SubElement(suite, "properties")
    told = {
        "verdict": verdict.outcome,
        "gate": verdict.id,
        "candidate": verdict.candidate,
        "baseline": verdict.baseline,
    }
    for name, value in told.items():
        if value:
            Xml.SubElement(holder, "property", {"name": name, "value": line(value)})


def _case(suite: Xml.Element, check: Check, how: Status) -> None:
    case = Xml.SubElement(suite, "testcase", {"name": line(check.rule), "classname": line(place(check))})
    told = "; ".join(part for part in (check.note, figures(check), counts(check)) if part)
    if how == "passed":
        Xml.SubElement(case, "system-out").text = line(told)
        return
    label = check.outcome if check.required else f"{check.outcome}, not required"
    message = line(f"{label}: {check.note or check.rule}")
    if how == "skipped":
        Xml.SubElement(case, "skipped", {"message": message})
        Xml.SubElement(case, "system-out").text = line(told)
        return
    Xml.SubElement(case, ELEMENTS[how], {"type": check.outcome, "message": message}).text = line(told)
