"""The Markdown of a pull-request comment that is replaced at every push.

The first line is a comment of HTML, `<!-- harness-gate:NAME -->`, by which a tool finds the comment to replace. What
did not pass is open, the rest folded. The harness writes the text only; `docs/ci/regression-gate.yml` posts it.
"""

from __future__ import annotations

from harness.gate.outputs.escape import code, markdown, marker
from harness.gate.outputs.status import shown, tolerated
from harness.gate.outputs.table import rows
from harness.types import Verdict

SAID = {
    "PASS": "Every required promise holds.",
    "FAIL": "A required promise is broken.",
    "INCONCLUSIVE": "Nothing is broken, and the samples are too few to promise what the policy asks.",
    "ERROR": "Something broke that says nothing about the model.",
}


def comment(verdict: Verdict, name: str = "") -> str:
    """Return the text. `name`: what stays the same from push to push (the policy); without it the gate's id."""
    against = f" against {code(verdict.baseline)}" if verdict.baseline else ""
    head = f"### Gate: {verdict.outcome}"
    parts = [f"<!-- harness-gate:{marker(name or verdict.id)} -->\n{head}", f"{code(verdict.candidate)}{against}"]
    parts.append(f"{SAID[verdict.outcome]} {markdown(verdict.note)}".strip())
    loud = [check for check in shown(verdict) if check.outcome != "PASS" or tolerated(check)]
    quiet = [check for check in shown(verdict) if check not in loud]
    if loud:
        parts.append(rows(loud))
    if quiet:
        label = f"{len(quiet)} passed" if len(quiet) > 1 else "1 passed"
        parts.append(f"<details><summary>{label}</summary>\n\n{rows(quiet)}\n\n</details>")
    return "\n\n".join(parts) + "\n"
