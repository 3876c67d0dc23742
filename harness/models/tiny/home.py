"""Where trained `tiny`s live: one folder each, complete or not there at all.

    folder()       -> results/models/tiny-3f1c.../     config.json, model.safetensors, tokenizer.json, tiny.gguf, ..
    gguf_path()    -> results/models/tiny-3f1c.../tiny.gguf

The name holds the recipe's key. Training writes to a temporary folder beside it and renames, under a lock, so that a
killed training leaves nothing half done and two processes never train the same model twice. HARNESS_HOME names the
folder to use instead of `results`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from harness import registry
from harness.errors import InfrastructureError, UsageError, nearest
from harness.models import convert
from harness.models.threads import wait_politely

from .recipe import RECIPES, Recipe

GGUF = "tiny.gguf"
ROOT = Path(__file__).resolve().parents[3]


def recipe(seed: int = 0, steps: int | None = None, suite: str = Recipe.suite) -> Recipe:
    """Return the recipe of a `tiny`, the suite's version filled in.

    Raises:
        UsageError: a suite that no recipe is for.
    """
    if suite not in RECIPES:
        raise UsageError(f"tiny has no recipe for the suite {suite!r}", nearest(suite, RECIPES), "check --set suite=")
    found = RECIPES[suite]
    version = registry.suite(suite).version
    return replace(found, seed=seed, suite_version=version, steps=found.steps if steps is None else steps)


def home() -> Path:
    """Return the folder of trained models: `models` under HARNESS_HOME, else under `results`."""
    return Path(os.environ.get("HARNESS_HOME") or "results") / "models"


def gguf_path(seed: int = 0, steps: int | None = None, suite: str = Recipe.suite) -> Path:
    """Return the F16 GGUF of a `tiny`, training it first where needed. See `folder`."""
    return folder(seed, steps, suite) / GGUF


def folder(seed: int = 0, steps: int | None = None, suite: str = Recipe.suite) -> Path:
    """Return the Hugging Face folder of a `tiny` (with `tiny.gguf` in it), training it first where needed.

    Raises:
        UsageError: no steps, no recipe for the suite.
        MissingPackage: a package for training or converting is not installed.
        InfrastructureError: the folder cannot be written, or training broke.
    """
    wanted = recipe(seed, steps, suite)
    if wanted.steps < 1:
        raise UsageError(f"tiny cannot be trained in {wanted.steps} steps", "1 or more", "--set steps=1000")
    target = home() / f"tiny-{wanted.key}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / f".{target.name}.lock"):
            if not target.is_dir():
                _make(wanted, target)
    except OSError as error:
        raise InfrastructureError(
            f"cannot write {str(target)!r}: {error}", "a folder to keep trained models in", "set HARNESS_HOME"
        ) from error
    return target


def _make(wanted: Recipe, target: Path) -> None:
    for leftover in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a killed training; the lock is ours
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with _shown(wanted) as progress:
            _train(wanted, unfinished, progress)
        convert.hf_to_gguf(unfinished, unfinished / GGUF)
        (unfinished / "recipe.json").write_text(json.dumps(asdict(wanted), indent=1) + "\n", encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _train(wanted: Recipe, target: Path, progress: Callable[[int, float], None]) -> None:
    """Run the training process (`__main__.py`) to its end."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    wait_politely(environment)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-m", "harness.models.tiny", str(target.resolve()), json.dumps(asdict(wanted))]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True) as child:
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    progress(*json.loads(line))
            except BaseException:
                child.kill()
                raise
        if child.returncode:
            errors.seek(0)
            last = errors.read().strip().split("\n")[-1]
            raise InfrastructureError(f"training tiny broke (exit code {child.returncode}): {last}")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # released by the system when the process dies
        yield


@contextlib.contextmanager
def _shown(wanted: Recipe) -> Iterator[Callable[[int, float], None]]:
    """Yield what shows progress on stderr: a bar on a terminal, else a line every tenth of the way."""
    console = Console(stderr=True)
    title = f"training tiny on {wanted.suite} (seed {wanted.seed})"
    if not console.is_terminal:
        every = max(1, wanted.steps // 10)

        def say(step: int, loss: float) -> None:
            if step % every == 0 or step == wanted.steps:
                console.print(f"{title}: step {step}/{wanted.steps}, loss {loss:.3f}", highlight=False)

        yield say
        return
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TextColumn("loss {task.fields[loss]:.3f}"), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(title, total=wanted.steps, loss=float("nan"))
        yield lambda step, loss: bar.update(task, completed=step, loss=loss)
