"""What recipes of loops and of compressions share: where one lies, its policy, its budget, and errors that name a key.

path_of("quickstart", Path("improve/recipes"), "harness improve quickstart")     -> improve/recipes/quickstart.yaml
with named("recipe.yaml: budget"):
    check_budget({"euro": 3})      UsageError: recipe.yaml: budget: nothing is counted in 'euro'
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UsageError, nearest

KINDS = ("usd", "tokens", "seconds", "gpu_minutes")
"""What a budget may cap."""


def path_of(name: str, shipped: Path, example: str) -> Path:
    """Return the file of a recipe: a path, or the name of one in the folder `shipped`.

    Raises:
        UsageError: neither; tells the nearest, and `example` to type.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    path = shipped / f"{name}.yaml"
    if not path.is_file():
        known = sorted(one.stem for one in shipped.glob("*.yaml") if not one.stem.endswith("gates"))
        raise UsageError(f"no recipe {name!r}", f"a YAML file, or {nearest(name, known)}", f"type: {example}")
    return path


def policy_of(recipe: Path, policy: str) -> str:
    """Return a recipe's policy as `gate.judge.Terms.read` takes it: a file beside the recipe, else as it stands."""
    beside = recipe.parent / Path(policy).expanduser()
    return str(beside) if beside.is_file() else policy


def check_budget(budget: Mapping[str, float]) -> None:
    """Raise UsageError for a kind that nobody counts, or a cap that is none."""
    for what, cap in budget.items():
        if what not in KINDS:
            raise UsageError(f"nothing is counted in {what!r}", nearest(what, KINDS), "mend the key")
        if not 0 < cap < math.inf:
            raise UsageError(f"{what}: a cap of {cap!r}", "a number above 0; no cap: no key", "mend it")


@contextmanager
def named(where: str) -> Iterator[None]:
    """Let errors name the file and the key."""
    try:
        yield
    except UsageError as error:
        error.what = f"{where}: {error.what}"
        raise
