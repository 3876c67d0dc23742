"""The process that trains: `python -m harness.models.tiny FOLDER RECIPE_JSON`; one JSON line a step on stdout.

A process of its own, because an OpenMP that waits without spinning (a third of the time on a busy machine) must be
asked for before torch is loaded, and because threads, seeds and memory then stay out of the caller's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness import registry

from .recipe import Recipe
from .train import train


def main(folder: str, recipe_json: str) -> None:
    """Train into `folder`, telling the parent how far it is; ends when the parent no longer listens."""
    recipe = Recipe(**json.loads(recipe_json))

    def tell(step: int, loss: float) -> None:
        sys.stdout.write(json.dumps([step, loss]) + "\n")
        sys.stdout.flush()

    train(recipe, registry.suite(recipe.suite).practice, Path(folder), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
