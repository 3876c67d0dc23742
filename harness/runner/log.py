"""The structured log beside a run: one JSON object a line, times in UTC. It holds facts of the run, never a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import InfrastructureError


class RunLog:
    """Appends events to `<folder>/log.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"

    def event(self, name: str, **fields: Any) -> None:
        """Append one event; whole lines only, so a killed process tears at most the last."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": name, **fields}
        try:
            with self.path.open("a", encoding="utf-8", errors="replace") as stream:
                stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        except OSError as error:
            raise InfrastructureError(
                f"cannot write the log {str(self.path)!r}: {(error.strerror or str(error)).lower()}",
                "a folder that you may write in, with room",
                "make room, then run the same command",
            ) from error
