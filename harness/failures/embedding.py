"""Texts to unit vectors: offline TF-IDF + SVD, or a sentence model that lies on this machine. Never a download.

    fitted = embedder("auto").fit(texts, seed=0)
    fitted.transform(["other number, near; text stop"])     -> float32 (1, d), rows of length 1 (or 0: nothing known)
    f"{fitted.name}:{fitted.digest[:12]}"                   -> "minilm:51cc0a..", "lsa:9f3a77.."

`lsa` is latent semantic analysis (Deerwester et al. 1990): TF-IDF of words, pairs of words and character 3- to 5-grams
within words, then a truncated SVD. `minilm` (`sentences.py`) is a sentence model out of an installed package or folder;
`auto` takes it where it is there.

Cost: 11,000 distinct sentences are fitted by `lsa` in 4 s and transformed in 1 s on a busy core; a sentence model does
about 90 a second. Equal texts are embedded once; a text's vector never depends on what stands beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import MissingPackage, UsageError, nearest
from harness.hashing import digest

DIMENSIONS = 64
WORDS, PIECES = 4000, 8000
"""At most so many words and pairs of words, and pieces of words: the most frequent ones. It bounds the frozen state."""
Progress = Callable[[str, float], None]
"""Called with what is being done and the share in [0, 1] that is."""


class Embedder(ABC):
    """Makes unit vectors of texts."""

    name: str

    @property
    @abstractmethod
    def digest(self) -> str:
        """Digest of the vocabulary or the model: the same digest, the same vectors."""

    @property
    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Arrays and JSON data that `restored` makes the embedder from again."""

    @abstractmethod
    def fit(self, texts: Sequence[str], seed: int = 0) -> Embedder:
        """Return the embedder fitted on `texts` (with their repetitions); a ready model returns itself."""

    @abstractmethod
    def transform(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """Return float32 (len(texts), d): rows of length 1, or of zeros where nothing in a text is known."""


def embedder(named: str = "auto") -> Embedder:
    """Return the embedder `lsa`, `minilm`, that of a folder with a sentence model, or for `auto` the best there is.

    Raises:
        UsageError: none of these; tells the nearest. MissingPackage: what it needs is not installed.
    """
    from harness.failures import sentences

    if named == "auto":
        return sentences.packaged() if sentences.available() else Lsa()
    if named == "lsa":
        return Lsa()
    if named == "minilm":
        return sentences.packaged()
    if (Path(named).expanduser() / "config.json").is_file():
        return sentences.of_folder(Path(named).expanduser())
    raise UsageError(
        f"no embedder {named!r}",
        f"a folder with a sentence model, or {nearest(named, ('auto', 'lsa', 'minilm'))}",
        "type: --embedder lsa",
    )


def restored(state: Mapping[str, Any]) -> Embedder:
    """Return the embedder that left `state`.

    Raises:
        UsageError: the sentence model is gone, or another one lies in its place.
    """
    from harness.failures import sentences

    if state["kind"] == "lsa":
        return Lsa(state["words"], state["pieces"], state["idf"], state["components"])
    return sentences.again(state)


@dataclass(frozen=True)
class Lsa(Embedder):
    """TF-IDF + truncated SVD; without arguments not yet fitted."""

    words: Sequence[str] = ()
    pieces: Sequence[str] = ()
    idf: Any = field(default=None, compare=False)
    """float32 (words + pieces,)."""
    components: Any = field(default=None, compare=False)
    """float32 (d, words + pieces), d <= 64."""
    name = "lsa"

    @cached_property
    def digest(self) -> str:
        """Digest of vocabulary, weights and components."""
        import hashlib

        arrays = [hashlib.sha256(a.tobytes()).hexdigest() for a in (self.idf, self.components) if a is not None]
        return digest(list(self.words), list(self.pieces), arrays)

    @property
    def state(self) -> dict[str, Any]:
        """Return vocabulary, weights and components."""
        words, pieces = list(self.words), list(self.pieces)
        return {"kind": "lsa", "words": words, "pieces": pieces, "idf": self.idf, "components": self.components}

    def fit(self, texts: Sequence[str], seed: int = 0) -> Lsa:
        """Return vocabulary and components of `texts`; their order does not matter."""
        with one_thread():
            return self._fit(texts, seed)

    def _fit(self, texts: Sequence[str], seed: int) -> Lsa:
        import numpy as np

        distinct, counts = np.unique(np.array([encodable(t) for t in texts], dtype=object), return_counts=True)
        words = _vocabulary(distinct, "word", WORDS)
        pieces = _vocabulary(distinct, "char_wb", PIECES)
        found = _counted(distinct, words, pieces)
        documents = counts @ (found > 0)
        idf = np.log((1 + counts.sum()) / (1 + documents)) + 1
        rows = _unit(found @ _diagonal(idf))
        components = _components(_diagonal(np.sqrt(counts)) @ rows, seed)
        return Lsa(words, pieces, idf.astype(np.float32), components)

    def transform(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """Return the texts' places among the components, scaled to length 1."""
        import numpy as np

        if self.components is None:
            raise ValueError("fit before transform")
        distinct, places = np.unique(np.array([encodable(t) for t in texts], dtype=object), return_inverse=True)
        if not len(distinct):
            return np.zeros((0, len(self.components)), np.float32)
        rows = _unit(_counted(distinct, self.words, self.pieces) @ _diagonal(self.idf))
        vectors = np.asarray(rows @ self.components.T, dtype=np.float32)
        if progress is not None:
            progress("embedding", 1.0)
        return unit(vectors)[places.ravel()]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: sums in another order differ in their last bits, and a bit can move a border."""
    try:
        import sklearn.cluster  # noqa: F401  only libraries that are loaded already are held
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingPackage("scikit-learn", "clustering failures", "cluster") from error
    with threadpool_limits(1):
        yield


def unit(vectors: Any) -> Any:
    """Return the rows of a dense float array scaled to length 1; rows of (nearly) nothing stay zero."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-6)


def encodable(text: str) -> str:
    """Return `text` without lone surrogates, which no encoder takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _vectorizer(analyzer: str, vocabulary: Sequence[str] | None, most: int | None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    lengths = (1, 2) if analyzer == "word" else (3, 5)
    pattern = r"(?u)\b\w+\b" if analyzer == "word" else None  # one-letter words count: "a sign", "n of m"
    return CountVectorizer(
        analyzer=analyzer, ngram_range=lengths, token_pattern=pattern, vocabulary=vocabulary, max_features=most
    )


def _vocabulary(texts: Any, analyzer: str, most: int) -> list[str]:
    if not any(len(text.split()) for text in texts):
        return []
    try:
        return list(_vectorizer(analyzer, None, most).fit(texts).get_feature_names_out())
    except ValueError:  # scikit-learn's "empty vocabulary": punctuation alone
        return []


def _counted(texts: Any, words: Sequence[str], pieces: Sequence[str]) -> Any:
    """Return sparse (len(texts), words + pieces): 1 + log of how often each occurs."""
    import numpy as np
    from scipy import sparse

    blocks = [sparse.csr_matrix((len(texts), 1))] if not (words or pieces) else []
    for analyzer, vocabulary in (("word", words), ("char_wb", pieces)):
        if len(vocabulary):
            blocks.append(_vectorizer(analyzer, list(vocabulary), None).transform(texts))
    found = sparse.hstack(blocks).tocsr().astype(np.float64)
    found.data = 1 + np.log(found.data)
    return found


def _unit(rows: Any) -> Any:
    import numpy as np

    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (_diagonal(1 / np.where(lengths > 0, lengths, 1)) @ rows).tocsr()


def _diagonal(values: Any) -> Any:
    from scipy import sparse

    return sparse.diags_array(values)


def _components(rows: Any, seed: int) -> Any:
    """Return right singular vectors of sparse `rows`, float32 (d, columns), the largest entry of each positive."""
    import numpy as np
    from scipy.sparse.linalg import svds

    wanted = min(DIMENSIONS, max(rows.shape[0] - 1, 1))
    if min(rows.shape) <= 4 * DIMENSIONS:
        _, strengths, found = np.linalg.svd(rows.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(seed).uniform(-1, 1, min(rows.shape))
        _, strengths, found = svds(rows, k=wanted, v0=start)
        strengths, found = strengths[::-1], found[::-1]
    # Directions of no strength are arbitrary: they would differ from machine to machine.
    found = found[:wanted][strengths[:wanted] > 1e-6 * max(strengths[0], 1e-300)]
    largest = np.argmax(np.abs(np.round(found, 6)), axis=1)
    signs = np.sign(found[np.arange(len(found)), largest])
    return (found * signs[:, None]).astype(np.float32)
