"""What a verdict looks like to machines and to people: JSON, JUnit, a GitHub summary, annotations, a comment.

    document(verdict, row)["exit_code"]      write_junit(Path("gate.xml"), verdict)      summary(verdict)

Pure functions of a Verdict; only `write_junit` and `github.publish` write. All of them read `status`, so that none can
say FAIL where another says PASS. Names, notes and run ids may come from files or models: `escape` stands before every
form. Cost: microseconds a check.
"""

from harness.gate.outputs.comment import comment
from harness.gate.outputs.document import SCHEMA_VERSION, document
from harness.gate.outputs.github import annotations, muted, publish, summary
from harness.gate.outputs.junit import write_junit
from harness.gate.outputs.status import OnInconclusive, status

__all__ = [
    "SCHEMA_VERSION",
    "OnInconclusive",
    "annotations",
    "comment",
    "document",
    "muted",
    "publish",
    "status",
    "summary",
    "write_junit",
]
