"""`python -m harness.gate.selftest > docs/gate-selftest.md`: the whole self-test as a page."""

from __future__ import annotations

import sys

from harness.gate import selftest

sys.stdout.write(selftest.page(selftest.run()))
