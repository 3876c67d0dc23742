"""The run record and the model card of a trained model.

    run.json     what made it: step, time, commit, parameters, digests of model and data, seed, versions, cost
    README.md    the same for people, as a model card of huggingface_hub

Both are no part of what a model answers: `hf:` leaves them out of a model's digest.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "run.json"
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "llm-harness")
ROOT = Path(__file__).resolve().parents[2]


def facts(step: str, version: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every run record begins with."""
    return {
        "step": step,
        "step_version": version,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
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
    card(record).save(folder / "README.md")


def read(folder: Path) -> dict[str, Any]:
    """Return the run record in a folder; {} where there is none that can be read."""
    try:
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def card(record: Mapping[str, Any]) -> Any:
    """Return the model card of a run record: every figure of it, nothing that it does not hold."""
    from huggingface_hub import ModelCard, ModelCardData

    base = record.get("base", {})
    on_hub = base.get("name", "").count("/") == 1 and not base.get("name", "").startswith((".", "/"))
    about = ModelCardData(
        base_model=base["name"] if on_hub else None,
        library_name="peft" if record["step"] == "improve.finetune" else "transformers",
        pipeline_tag="text-generation",
        tags=["lora", "sft"],
    )
    parts = [
        f"---\n{about.to_yaml()}\n---",
        "# Run record",
        "Made by `" + _cell(record["step"]) + "`. All of it is in `run.json`.",
    ]
    plain = {key: value for key, value in record.items() if not isinstance(value, Mapping)}
    parts.append(_table("Run", plain))
    parts += [_table(key, value) for key, value in record.items() if isinstance(value, Mapping) and value]
    return ModelCard("\n\n".join(parts) + "\n", ignore_metadata_errors=True)


def _table(title: str, values: Mapping[str, Any]) -> str:
    rows = [f"| {_cell(key)} | {_cell(value)} |" for key, value in values.items()]
    return "\n".join([f"## {_cell(title.replace('_', ' ').capitalize())}", "", "| what | value |", "|---|---|", *rows])


def _cell(value: Any) -> str:
    """Return a value as text of a Markdown cell that can neither leave it nor become a tag."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    escaped = "".join(f"&#{ord(mark)};" if mark in "|<>&`*[]\\" else mark for mark in text)
    return " ".join(escaped.split())
