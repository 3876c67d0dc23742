"""The verbs: all that anybody implements. A new suite, model or step is one file that holds one such class.

The file name is the registration (`registry.py`): `suites/mmlu.py` is the suite `mmlu`, and `mmlu:generative` is its
variant. Constructors only store parameters; no file is read and no model loaded before the verb is called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from harness.types import Artifact, ArtifactKind, Completion, Fault, Metric, Request, Sample, Score

Episode = Generator[Request, Completion, Score]
"""Yields requests, receives completions, returns a score."""


@dataclass(frozen=True)
class Practice:
    """One training row of a procedural suite: never one of its samples (checked by canonical form)."""

    prompt: str
    target: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Canonical:
    """What no training row may repeat of a sample. Texts as they stand: who compares them folds them."""

    questions: tuple[str, ...]
    """The question without few-shot examples, choices may be among it; further wordings of the very same question."""
    choices: tuple[str, ...] = ()
    """Options that stand apart from the question; their order does not matter."""
    answers: tuple[str, ...] = ()
    """Right answer, reference solution, tests."""
    exact: bool = False
    """Whether only the very same question is a copy. So it is for procedural questions: a program draws thousands of
    them from one template, and a near one is another question. Else near copies are copies."""


_LETTERS = "ABCDEFGHIJ"
QUESTIONS = ("question", "input", "prompt", "text", "query", "problem", "sentence", "instruction", "goal")
CONTEXTS = ("facts", "passage", "premise", "hypothesis", "second")
ANSWERS = ("canonical_solution", "code", "solution", "test", "test_list", "tests", "reference", "answer", "answers")
"""Fields of official rows, as `Suite.canonical` looks for them."""


class Suite(ABC):
    """Yields samples and scores what a model says to them.

    Most suites yield one request per sample: they implement `request` and `score`, and `score` is pure (same sample
    and completion, same score; no clock, no network, no model). Suites with turns, tools or a judge override
    `episode`. Scoring raises plain Python errors for what it cannot judge; the runner books them as faults. Text
    that merely is wrong, empty or garbage is a score of 0 with a mode, never an exception.
    """

    variants: ClassVar[Mapping[str, str]] = {"": ""}
    """Variant -> one line of what it is; the key `""` is the suite as its plain name calls it."""
    version: str
    """Raised whenever prompts, samples or scoring change: scores of different versions are never compared."""
    source: str
    """Where the questions come from: paper and URL."""
    licence: str
    metrics: tuple[Metric, ...]
    """The first is the primary one."""
    group_tag: str = ""
    """The tag by which results are listed and `--limit` spreads its samples (`subject`, `task`, `skill`)."""
    runs_code: bool = False
    """Whether scoring executes text of the model (then the sandbox level is stored with the score)."""
    wording: str = ""
    """Key in `Sample.data` of the question's prose: what `reword` changes. Empty: the suite cannot be reworded so."""
    judges: tuple[str, ...] = ()
    """Names of the judges that its episodes ask (`Request.to`): a run without them is refused before it begins."""
    size: int = 0
    """Samples of the official data, both splits together; 0 where that depends on the data given."""
    files: tuple[str, ...] = ()
    """Official files under the data folder, `mmlu/test/*.csv`: one that lies there says that the rows do."""
    package: str = ""
    """Module of a package that ships the rows."""
    hub: str = ""
    """Hub data set that has the rows. Neither files, package nor hub: the rows are made by the suite itself."""
    exemplars: ClassVar[tuple[str, ...]] = ()
    """Variants that stand for the open variant `*` in the contract tests."""

    def __init__(self, variant: str = "") -> None:
        self.variant = variant

    @classmethod
    def open(cls, variant: str) -> Suite:
        """Return the suite of a variant; overridden where a family of suites shares one name (`toolbench:bfcl`).

        Raises:
            errors.UsageError: an open variant (`*`) that names nothing; tells the nearest.
        """
        return cls(variant)

    @property
    def name(self) -> str:
        """`file` or `file:variant`."""
        base = type(self).__module__.rpartition("suites.")[2].partition(".")[0]
        return f"{base}:{self.variant}" if self.variant else base

    @abstractmethod
    def samples(self, data_dir: Path | None) -> Iterable[Sample]:
        """Yield all samples, in the official order, both splits.

        Args:
            data_dir: a folder laid out as `<suite>/<official file names>`, or None (then packages and the hub).

        Raises:
            errors.MissingData: when no source has the rows; the message names the three ways.
        """

    def request(self, sample: Sample) -> Request:
        """Return the one request of a one-turn suite: `prompt` for raw form, `messages` too where chat differs."""
        raise NotImplementedError(f"{self.name} has neither `request` nor `episode`")

    def score(self, sample: Sample, completion: Completion) -> Score:
        """Return the score of the one completion of a one-turn suite. Pure."""
        raise NotImplementedError(f"{self.name} has neither `score` nor `episode`")

    def episode(self, sample: Sample) -> Episode:
        """Ask and score one sample; overridden by suites with several turns."""
        completion = yield self.request(sample)
        return self.score(sample, completion)

    def reword(self, sample: Sample, change: Callable[[str], str]) -> Sample:
        """Return the sample with the prose of its question run through `change`, everything else as it is.

        Raises:
            NotImplementedError: the suite has no such prose.
        """
        if not self.wording:
            raise NotImplementedError(f"{self.name} declares no `wording`: its questions cannot be reworded")
        return replace(sample, data={**sample.data, self.wording: change(sample.data[self.wording])})

    def canonical(self, sample: Sample) -> Canonical:
        """Return what no training row may repeat of a sample; a suite that has `practice` rows is procedural."""
        row: Mapping[str, Any] = sample.data.get("document") or sample.data
        named = [self.wording, *QUESTIONS] if self.wording else QUESTIONS
        told = next((name for name in named if _texts(row.get(name))), "")
        question = [text for name in (*CONTEXTS, told) if name in row for text in _texts(row[name])]
        choices = next((found for name in ("choices", "options") if len(found := _texts(row.get(name))) > 1), [])
        target = sample.target
        if choices and isinstance(target, str) and target in _LETTERS[: len(choices)]:
            target = _LETTERS.index(target)
        if choices and isinstance(target, int):
            target = choices[target]
        answers = [text for value in (*(row.get(name) for name in ANSWERS), target) for text in _texts(value)]
        procedural = type(self).practice is not Suite.practice
        return Canonical(("\n".join(question),), tuple(choices), tuple(answers), exact=procedural)

    @property
    def one_turn(self) -> bool:
        """Whether `request` and `score` are all there is, so that a stored score can stand for scoring again."""
        return type(self).episode is Suite.episode

    def scorer(self) -> Mapping[str, Any]:
        """Return everything but the version that changes a score: time limits, judge. Part of the score's key."""
        return {}

    @abstractmethod
    def examples(self) -> Iterable[tuple[Sample, Completion, Completion]]:
        """Yield (sample, a right completion, a wrong completion), written for this project: the suite's own test."""

    def practice(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield `count` training rows that are no samples of this suite. Procedural suites only."""
        raise NotImplementedError(f"{self.name} is not procedural: it has no training rows")

    def practice_all(self, seed: int, count: int) -> Iterator[Practice]:
        """Yield practice rows of every kind of question that the suite asks, each alike often: what rows for a weak
        kind are chosen from. By default `practice`, which may leave kinds out."""
        return self.practice(seed, count)


def _texts(value: Any) -> list[str]:
    """Return the texts in a JSON value that are not blank."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for one in value for text in _texts(one)] if isinstance(value, list | tuple) else []


class Model(ABC):
    """Answers batches of requests.

    Not thread-safe unless it says so; one process, one caller.
    """

    spec: str
    """`prefix:locator`, as typed."""
    can: frozenset[str]
    """Of `generate`, `choose`, `read`, `tools`, `chat` (has a template), `schema`, `reasoning` (thinks before it
    answers: the runner grants it tokens for that)."""
    digest: str | None
    """Digest of all that determines answers besides request and engine: weights, adapter, tokenizer, template.
    None for hosted models: their answers are reused within a run only."""
    engine: Mapping[str, Any]
    """Engine name, version and the settings that can change an answer: part of every completion's key."""
    batch_size: int = 512
    """How many requests it likes to be handed at once; more only costs memory."""

    @classmethod
    @abstractmethod
    def open(cls, locator: str, settings: Mapping[str, str]) -> Model:
        """Load the model named by `locator`; `settings` are the strings of `--set key=value`.

        Raises:
            errors.UsageError: file missing or unreadable, unknown setting, missing package.
        """

    @abstractmethod
    def answer(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion | Fault]]:
        """Yield (index, completion or fault) as each request *finishes*, every index exactly once, in any order.

        A request that this model cannot answer yields a Fault; an exception means that the model itself is lost.
        """

    def describe(self) -> Mapping[str, Any]:
        """Return facts for reports: parameters, size_bytes, quantisation, context length. JSON data."""
        return {}

    def close(self) -> None:
        """Free memory, processes and connections. Idempotent."""

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StepContext(ABC):
    """What a step may use besides its inputs."""

    scratch: Path
    """An empty folder, removed afterwards."""
    cache: Path | None = None
    """A folder for what is dear to build and can be built again; None: the step finds one or goes without."""

    @abstractmethod
    def ask(self, model: str, requests: Sequence[Request]) -> list[Completion | Fault]:
        """Ask a model by name, through the ledger."""

    @abstractmethod
    def spend(self, what: str, amount: float) -> None:
        """Book a cost; raises when the budget is used up."""

    @abstractmethod
    def progress(self, done: float, note: str = "") -> None:
        """Report progress in [0, 1]."""

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """Put a point on every curve named (`loss`), live. Kept where the context has a database."""


class Step(ABC):
    """Artifacts in, one artifact out. The same inputs, parameters and version give the same key and run once."""

    version: ClassVar[str]
    kind: ClassVar[ArtifactKind] = "dataset"
    """What it makes."""
    takes: ClassVar[tuple[ArtifactKind, ...]] = ("dataset",)
    """What a recipe hands it: the newest artifact of each kind, of datasets all that are at hand."""
    works_on: ClassVar[tuple[str, ...]] = ("float",)
    """Forms of a model that it takes (`workbench.candidate.form_of`): `float`, `int4`, `gguf`, `archive`."""
    seeded: ClassVar[bool] = False
    """Whether `seed` is among its parameters: every round of a loop draws anew."""
    alone: ClassVar[bool] = False
    """Whether it runs in a process of its own: whatever trains or holds an accelerator. It cannot ask a model then."""

    @abstractmethod
    def run(self, inputs: Sequence[Artifact], parameters: Mapping[str, Any], context: StepContext) -> Path:
        """Write the output into `context.scratch` and return the file or folder to keep."""

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Raise UsageError for parameters that cannot be right, before anything is paid for."""

    def foresee(
        self, config: Mapping[str, Any], folder: Path | None, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the config.json of what it would make of a model with this one (its `folder`, where that is known),
        or raise UsageError where it cannot work on such a model."""
        return config

    def estimate(self, parameters: Mapping[str, Any]) -> Mapping[str, float]:
        """Return what it will take at most, by kind (`calls`, `tokens` with `prompt_tokens` of them, `steps`, `rows`
        made); `.._a_row` for each row that it is handed. Nothing where nobody can say."""
        return {}
