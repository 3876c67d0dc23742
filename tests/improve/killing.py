"""Kills a loop at moments of another one's story: at a line that it said, so long after as it was then."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from looping_world import WEAK_STEPS, World, alive

from harness.store import Database

Key = tuple[int, str]
"""Round, and what was done last in it."""
LINE = re.compile(r"(?:round (\d+): the gate)|  ([\w.]+): |(base): ")


def real_steps(world: World) -> list[Any]:
    """Return a round of real steps, each kind of process in it; what it trains is exchanged for a model that is good
    in the first round and bad in the second, so that a round is accepted and one is not."""
    tuned = {"r": 4, "alpha": 4, "steps": 8, "batch": 4, "learning_rate": 1e-3}
    picked = {"gguf": [world.gguf(), world.gguf(WEAK_STEPS)]}
    return [
        {"improve.generate": {"suite": "primer", "rows": 48}}, "improve.verify", "improve.dedup",
        {"improve.mix": {"replay": "primer", "ratio": 1}}, {"improve.decontaminate": {"embedder": "words"}},
        {"improve.finetune": tuned}, {"improve.merge": {"prompts": 2, "max_tokens": 4}}, "compress.gguf",
        {"guest.pick": picked},
    ]  # fmt: skip


def said(stream: IO[str]) -> Iterator[Key]:
    """Yield how far a loop is, as it says so."""
    number = 0
    for line in stream:
        if found := LINE.match(line):
            number = int(found[1] or number)
            yield number, found[2] or found[3] or "begins"


@dataclass(frozen=True)
class Story:
    """How an undisturbed loop went: when it said what, in seconds, and how it ended."""

    moments: tuple[tuple[Key, float], ...]
    seconds: float
    code: int

    @classmethod
    def of(cls, world: World, recipe: Path) -> Story:
        """Run a loop undisturbed."""
        child = world.start("improve", recipe)
        started, moments = time.monotonic(), []
        assert child.stdout is not None
        threading.Thread(target=child.stderr.read, daemon=True).start()  # type: ignore[union-attr]
        for key in said(child.stdout):
            moments.append((key, time.monotonic() - started))
        code = child.wait()
        return cls(tuple(moments), time.monotonic() - started, code)

    def moment(self, at: float) -> tuple[int, float]:
        """Return which line was the last by then (-1: none), and how long ago it was."""
        place = sum(when <= at for _, when in self.moments) - 1
        return place, at - (self.moments[place][1] if place >= 0 else 0.0)


def killed(
    world: World, recipe: Path, database: Database, calm: Story, kills: int, seed: int
) -> list[tuple[Key, float]]:
    """Run a loop to its end in spite of kills; return after what each of them came, and how many seconds after."""
    dice = random.Random(seed)
    hits: list[tuple[Key, float]] = []
    for at in sorted(dice.uniform(0.0, calm.seconds) for _ in range(kills)):
        place, delay = calm.moment(at)
        if (hit := _kill(world, recipe, database, calm, place, delay)) is not None:
            hits.append((hit, delay))
            # Whatever it started dies with it, at once but for the time that dying takes.
            until = time.monotonic() + 10.0
            while alive(str(database.folder)) and time.monotonic() < until:
                time.sleep(0.01)
            assert alive(str(database.folder)) == [], f"orphans after {hit}"
    done = world.harness("improve", recipe, database=database)
    assert done.returncode == calm.code, done.stderr
    return hits


def _kill(world: World, recipe: Path, database: Database, calm: Story, place: int, delay: float) -> Key | None:
    """Start a loop, kill it so long after that line; return the line, None where it ended before."""
    child = world.start("improve", recipe, database=database)
    assert child.stdout is not None
    threading.Thread(target=child.stderr.read, daemon=True).start()  # type: ignore[union-attr]
    places = {key: number for number, (key, _) in enumerate(calm.moments)}
    last: Key = (0, "")
    if place >= 0:
        for last in said(child.stdout):
            if places.get(last, -1) >= place:
                break
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    child.stdout.read()
    return last if child.wait() == -signal.SIGKILL else None
