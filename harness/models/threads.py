"""How OpenMP threads wait for one another: decided before a library that brings OpenMP is loaded."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def wait_politely(environment: MutableMapping[str, str]) -> None:
    """Ask OpenMP in `environment` to sleep instead of spin, where others want the cores too.

    On a busy machine spinning threads took three times as long; on an idle one sleeping threads take half as long
    again, so nothing is asked for there. A value that somebody set stays.
    """
    if os.getloadavg()[0] > (os.cpu_count() or 1) / 2:
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
