"""In what two runs differ besides their models: what makes their scores incomparable, and what is worth a warning.

    differences(runs, wanted)   ->  (Difference("prompt", "raw", "chat", fatal=True),)
    allowed(found, ["prompt"])  ->  the same, no longer fatal

Cost: nothing but two rows of each run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness import registry
from harness.errors import UsageError, nearest

DECODING = ("temperature", "top_p", "max_tokens", "reasoning_tokens")
"""Keys of a run's configuration that change what is decoded."""
FATAL = ("version", "scorer", "prompt", *DECODING, "judges")
"""What makes scores incomparable unless a person allows it."""
NAMES_OF_THE_MODEL = frozenset({"name", "model", "base_url"})
"""Keys of an engine that say which model it serves, which is meant to differ."""


@dataclass(frozen=True)
class Difference:
    """Something in which two runs differ. `fatal`: their scores do not measure the same thing."""

    what: str
    """One of `FATAL`, or `sandbox`, `engine`, `engine n_ctx`, `seed`, `samples`."""
    reference: str
    candidate: str
    fatal: bool


def differences(runs: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    """Return in what two runs (reference, candidate) of a suite differ besides the model.

    `runs`: their rows; `wanted`: what each wants of the suite (`read.run_suites`).
    """
    found: list[Difference] = []

    def note(what: str, values: Sequence[Any], fatal: bool) -> None:
        if values[0] != values[1]:
            found.append(Difference(what, _shown(values[0]), _shown(values[1]), fatal))

    configs = [run["config"] for run in runs]
    note("version", [w["version"] for w in wanted], True)
    note("sandbox", [w["sandbox"] or "" for w in wanted], False)
    if not found:
        # The key holds version and sandbox level too: where those differ it says nothing new.
        note("scorer", [w["scorer_key"][:12] for w in wanted], True)
    for name in ("prompt", *DECODING):
        note(name, [config.get(name) for config in configs], True)
    judges = [config.get("judges") or {} for config in configs]
    if judges[0] != judges[1]:
        asked = _judges(wanted[1]["suite"], judges)
        note("judges", [{name: judge.get(name) for name in asked} for judge in judges], True)
    for name in ("seed", "samples"):
        note(name, [config.get(name) for config in configs], False)
    engines = [config.get("engine") or {} for config in configs]
    note("engine", [engine.get("name") for engine in engines], False)
    if engines[0].get("name") == engines[1].get("name"):
        for name in sorted(set(engines[0]) | set(engines[1])):
            if name not in NAMES_OF_THE_MODEL:
                note(f"engine {name}", [engine.get(name) for engine in engines], False)
    return tuple(found)


def allowed(found: Sequence[Difference], allow: Collection[str]) -> tuple[Difference, ...]:
    """Return the differences, those of the kinds `allow` no longer fatal.

    Raises:
        UsageError: a kind that never refuses anything; tells the nearest.
    """
    if unknown := [what for what in allow if what not in FATAL]:
        raise UsageError(
            f"--allow {unknown[0]!r}: nothing is refused for that", nearest(unknown[0], FATAL), "type: --allow prompt"
        )
    return tuple(replace(d, fatal=d.fatal and d.what not in allow) for d in found)


def _judges(suite: str, configured: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the names of the judges that a suite asks; all configured ones where it is no longer installed."""
    try:
        return sorted(registry.suite(suite).judges)
    except UsageError:
        return sorted(set(configured[0]) | set(configured[1]))


def _shown(value: Any) -> str:
    return "the suite's own" if value is None else str(value) or "none"
