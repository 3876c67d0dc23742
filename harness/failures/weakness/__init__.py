"""Which kinds of question are weak: the second view, over all scored samples, not over failures alone.

    for weak in weaknesses(database, "base-1f0c9a77d2"):
        weak.label, weak.n, weak.accuracy, weak.high, weak.overall
          -> "mmlu > category=other > subject=virology", 166, 0.54, 0.61, 0.71

A slice of the tree (`slices`) is weak when the upper bound of its accuracy lies below the suite's, or below `tau`,
after control of false discoveries over all slices (`scan`): scores dealt out anew by chance give any weakness at all in
at most 5% of repeats (`tests/failures/test_weakness_null.py`). How much of planted weaknesses is found again:
`tests/bench/bench_weakness.py`, docs/failure-weakness.md.

Cost: the tree's; tests, cover and keywords of 14,042 questions take some two seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness import stats
from harness.errors import UsageError
from harness.failures.asked import Question, questions
from harness.failures.ctfidf import ctfidf
from harness.failures.embedding import Progress
from harness.failures.weakness.scan import ALPHA, Tested, bounds, cover, held
from harness.failures.weakness.slices import Slice, tree
from harness.store import Database

EXEMPLARS, WORDS = 3, 5


@dataclass(frozen=True)
class Weakness:
    """A kind of question that the model is worse at."""

    path: tuple[str, ...]
    """Suite, tags, kind."""
    n: int
    accuracy: float
    """Mean value, in [0, 1]."""
    low: float
    high: float
    """One-sided bounds, each at 1 - alpha."""
    overall: float
    """The suite's accuracy, or tau."""
    p: float
    """Adjusted for all slices that were tested."""
    keywords: tuple[str, ...]
    """What tells its questions from the rest of the suite (hostile text)."""
    exemplars: tuple[Question, ...]
    """Failed ones, the most typical words first."""
    sample_ids: tuple[str, ...]

    @property
    def label(self) -> str:
        """The path in words; a slice of embedded prompts by its keywords."""
        *above, last = self.path
        return " > ".join([*above, f"{last}: {', '.join(self.keywords)}" if last.startswith("kind ") else last])


def weaknesses(
    database: Database,
    run_id: str,
    split: str = "all",
    suites: Sequence[str] | None = None,
    *,
    embedder: str = "lsa",
    tau: float | None = None,
    alpha: float = ALPHA,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Weakness]:
    """Return the weak kinds of question of a run, the clearest first.

    Raises:
        UsageError: a suite that the run lacks, or an unknown embedder.
    """
    if tau is not None and not 0.0 < tau < 1.0:
        raise UsageError(f"a threshold of {tau:g}", "an accuracy between 0 and 1", "leave it out: the suite's accuracy")
    found = questions(database, run_id, split, suites)
    return weak(found, tree(found, embedder, seed, progress), tau=tau, alpha=alpha)


def weak(
    questions: Sequence[Question], slices: Sequence[Slice], *, tau: float | None = None, alpha: float = ALPHA
) -> list[Weakness]:
    """Return the slices that are weak, none that another one says already, the clearest first."""
    import numpy as np

    values = np.array([question.value for question in questions])
    tested = held(slices, values, tau)
    adjusted = stats.benjamini_hochberg({place: test.p for place, test in enumerate(tested)})
    kept = cover(slices, tested, values, alpha)
    words = _telling(questions, slices, kept)
    return [_weakness(questions, slices[place], tested[place], adjusted[place], words[place], alpha) for place in kept]


def _telling(
    questions: Sequence[Question], slices: Sequence[Slice], wanted: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    """Return place -> words that tell a slice from its siblings, at most five, by `ctfidf` over its questions."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{3,}\b", binary=True)
    texts = [question.text for question in questions]
    try:
        counts = counter.fit_transform(texts).tocsr() if wanted else None
    except ValueError:  # scikit-learn's "empty vocabulary": no words at all
        counts = None
    if counts is None:
        return dict.fromkeys(wanted, ())
    names, found = counter.get_feature_names_out(), {}
    for place in wanted:
        family = [place, *_siblings(slices, place)]
        each = np.array([np.asarray(counts[slices[one].members].sum(axis=0)).ravel() for one in family], dtype=float)
        weights = ctfidf(each)[0]
        best = [at for at in np.argsort(-weights, kind="stable")[:WORDS] if weights[at] > 0]
        found[place] = tuple(str(names[at]) for at in best)
    return found


def _siblings(slices: Sequence[Slice], place: int) -> list[int]:
    """Return the places of the other slices below the same parent, by the same tag."""
    own = slices[place].path
    kin = [at for at, one in enumerate(slices) if len(one.path) == len(own) and at != place]
    same = _family(own)
    return [at for at in kin if _family(slices[at].path) == same]


def _family(path: tuple[str, ...]) -> tuple[str, ...]:
    last = path[-1]
    return (*path[:-1], last.rpartition(".")[0] if last.startswith("kind ") else last.partition("=")[0])


def _weakness(
    questions: Sequence[Question], one: Slice, test: Tested, p: float, words: tuple[str, ...], alpha: float
) -> Weakness:
    import numpy as np

    own = [questions[member] for member in one.members]
    low, high = bounds(np.array([question.value for question in own]), test.spread, alpha)
    typical = {question.sample_id: sum(word in question.text.lower() for word in words) for question in own}
    failed = sorted((q for q in own if q.value < 1.0), key=lambda q: (-typical[q.sample_id], q.value, q.sample_id))
    ids = tuple(question.sample_id for question in own)
    shown = tuple(failed[:EXEMPLARS])
    return Weakness(one.path, test.n, test.mean, low, high, test.overall, p, words, shown, ids)
