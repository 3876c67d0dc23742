"""Which files of a model may leave this machine.

    chosen = choose(folder)
    chosen.kept        {"model.gguf": Path(..), ..}          names that models are made of, and nothing else
    chosen.left        {"dropped.jsonl": "not a file of a model", ".env": "hidden", ..}

What is sent is listed by name, so that rows, logs, keys and optimiser states stay without anybody thinking of them.
Weights are looked into: a pickle under a safe name is no safetensors file. Paths in JSON files are cut to their last
part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness.errors import UsageError
from harness.models import calibration
from harness.workbench import record

KEPT = (
    "*.safetensors", "*.safetensors.index.json", "*.gguf", "*config.json", "tokenizer.json", "tokenizer.model",
    "spiece.model", "vocab.json", "vocab.txt", "merges.txt", "added_tokens.json", "special_tokens_map.json",
    "chat_template.*", "*.jinja", "*.tiktoken", "LICENSE*", "LICENCE*", "NOTICE*", "artifact.json", record.FILE,
    calibration.FILE, calibration.DIAGRAM,
)  # fmt: skip
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")
LARGE_BYTES = 4 << 20
"""JSON files from here on (vocabularies) hold no paths of ours, and are sent as they are."""


@dataclass(frozen=True)
class Chosen:
    """The files of a folder, by name."""

    kept: dict[str, Path]
    left: dict[str, str]
    """Name -> why it stays."""

    def content(self, name: str) -> bytes | Path:
        """Return what is sent of a file: itself, or its text without paths of this machine."""
        path = self.kept[name]
        if path.suffix != ".json" or path.stat().st_size >= LARGE_BYTES:
            return path
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return path
        short = record.without_places(told)
        return path if short == told else json.dumps(short, indent=1, ensure_ascii=False).encode()

    def size_bytes(self, name: str) -> int:
        """Return how much is sent of a file."""
        sent = self.content(name)
        return len(sent) if isinstance(sent, bytes) else sent.stat().st_size


def choose(folder: Path) -> Chosen:
    """Return what may be published of a model's folder; its card is made anew, and no file here.

    Raises:
        UsageError: there are no weights that may; a file of weights is none.
    """
    kept, left = {}, {}
    for path in sorted(folder.iterdir()):
        if path.name == record.CARD:
            continue
        if why := _stays(path):
            left[path.name] = why
        else:
            kept[path.name] = path
    weights = [path for name, path in kept.items() if path.suffix in (".safetensors", ".gguf")]
    if not weights:
        pickles = [name for name in left if Path(name).suffix.lower() in PICKLES]
        what = f"no weights to publish in {str(folder)!r}" + (f": {pickles[0]!r} is a pickle" if pickles else "")
        raise UsageError(what, "*.safetensors or *.gguf", "save it with safetensors")
    for path in weights:
        _look_into(path)
    return Chosen(kept, left)


def _stays(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    if path.is_symlink():
        return "a link"
    if not path.is_file():
        return "a folder"
    if path.suffix.lower() in PICKLES:
        return "a pickle: loading it runs what it says"
    return "" if any(fnmatch(path.name, pattern) for pattern in KEPT) else "not a file of a model"


def _look_into(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(9)
    whole = head[:4] == b"GGUF" if path.suffix == ".gguf" else head[8:9] == b"{"
    if not whole:
        what = f"{path.name!r} is no {path.suffix[1:]} file: it begins with {head[:4]!r}"
        raise UsageError(what, "weights as the name says", "make it again")
