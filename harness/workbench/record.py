"""The run record and the model card of a model that a step made.

    run.json     what made it: step, time, commit, parameters, digests of model and data, seed, versions, cost
    README.md    the same for people, as a model card of huggingface_hub; `harness export` adds verdict and scores

    record = facts("improve.finetune", "1", {"steps": 300}, library="peft", tags=("lora", "sft")) | {"seed": 0, ..}
    write(folder, record);  read(folder)["parameters"]["steps"]     -> 300

Both are no part of what a model answers: `hf:` leaves them out of a model's digest. The card shows of a path its last
part alone: it is made to be shown around. Format: https://huggingface.co/docs/hub/model-cards. Cost: milliseconds.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage

FILE, CARD = "run.json", "README.md"
PACKAGES = (
    "torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "gguf", "llama-cpp-python", "llmcompressor",
    "compressed-tensors", "llm-harness",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
PLACE = re.compile(r"([a-z_]+:)?(?:~[^/\n]*)?(?:/[^/\n]+)+/([^/\n]+)/?")
"""A path on somebody's machine, as it stands or behind a model's prefix."""
QUOTED = re.compile(r"(['\"])([a-z_]+:)?~?/[^'\"\n]*/([^'\"/\n]+)/?\1")
"""One in a sentence, as messages quote it."""


def facts(
    step: str, version: str, parameters: Mapping[str, Any], library: str = "transformers", tags: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what every run record begins with. `library`, `tags`: of the hub, for what opens and what was done."""
    return {
        "step": step,
        "step_version": version,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "library": library,
        "tags": list(tags),
        "parameters": dict(parameters),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that has a say, those not installed left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Return the commit of the checkout that this code runs from, `-dirty` where it was changed; None elsewhere."""
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `run.json` and the model card of it into a model's folder."""
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    (folder / CARD).write_text(card(record), encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Return the run record in a folder; {} where there is none that can be read."""
    try:
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def card(record: Mapping[str, Any], sections: Iterable[str] = (), **about: Any) -> str:
    """Return the model card of a run record: every figure of it, nothing that it does not hold.

    `sections`: Markdown to stand before the record (`table`). `about`: further fields of `ModelCardData`.

    Raises:
        MissingPackage: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import ModelCardData
    except ImportError as error:
        raise MissingPackage("huggingface_hub", "a model card", "hf") from error
    told = without_places(record)
    own = {
        "base_model": hub_name(record),
        "library_name": told.get("library", "transformers"),
        "pipeline_tag": "text-generation",
        "tags": told.get("tags"),
    }
    head = ModelCardData(**own | about).to_yaml()
    made = f"Made by `{cell(told.get('step', 'nobody says what'))}`. All of it is in `{FILE}`."
    parts = [f"---\n{head}\n---", *sections, *(["# Run record", made] if told else ["There is no run record."])]
    single = {key: value for key, value in told.items() if not isinstance(value, Mapping)}
    parts += [table("Run", ("what", "value"), single.items())] if single else []
    for key, value in told.items():
        if isinstance(value, Mapping) and value:
            parts.append(table(key.replace("_", " ").capitalize(), ("what", "value"), _leaves(value)))
    return "\n\n".join(parts) + "\n"


def base(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a record says of the model it began with: `name`, `digest`; {} where it says nothing."""
    found = record.get("base")
    return found if isinstance(found, Mapping) else {}


def hub_name(record: Mapping[str, Any]) -> str | None:
    """Return the hub's name of the base (`org/name`); None for a base that lies in a folder."""
    name = str(base(record).get("name", ""))
    return name if name.count("/") == 1 and name[0] not in "./~" else None


def without_places(value: Any) -> Any:
    """Return JSON data with of each path on this machine the last part alone: where one works is nobody's business."""
    if isinstance(value, str):
        found = PLACE.fullmatch(value)
        return f"{found[1] or ''}{found[2]}" if found else QUOTED.sub(r"\1\2\3\1", value)
    if isinstance(value, Mapping):
        return {key: without_places(inner) for key, inner in value.items()}
    return [without_places(inner) for inner in value] if isinstance(value, list | tuple) else value


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a heading and a table below it, in Markdown; what the cells hold can do nothing there."""
    lines = [columns, ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "\n".join([f"## {cell(title)}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def cell(value: Any) -> str:
    """Return a value as text of a Markdown cell that can neither leave it nor become a tag."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    escaped = "".join(f"&#{ord(mark)};" if mark in "|<>&`*[]\\" else mark for mark in text)
    return " ".join(escaped.split())


def _leaves(values: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Return a tree as pairs (`parameters.steps`, 300)."""
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        nested = isinstance(value, Mapping) and value
        found += _leaves(value, f"{above}{key}.") if nested else [(f"{above}{key}", value)]
    return found
