"""What a run wants: which samples, asked in which form, and the identity that says when two runs are the same."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import data, registry, sandbox
from harness.config import EvalConfig
from harness.contracts import Model, Suite
from harness.errors import InfrastructureError, MissingData, UsageError
from harness.hashing import digest, fraction, sample_digest
from harness.types import Form, Message, Request, Sample

STORED = ("limit", "split", "samples", "seed", "temperature", "top_p", "max_tokens", "reasoning_tokens", "name")
"""What of the configuration is frozen with a run as it is."""


@dataclass(frozen=True)
class Part:
    """A suite of a run with the samples it wants, in the order they are asked."""

    suite: Suite
    samples: tuple[Sample, ...]
    digests: tuple[str, ...]
    """`hashing.sample_digest` of each sample."""
    scorer_key: str
    sandbox_level: str


def parts(config: EvalConfig) -> list[Part]:
    """Return the parts of a run: every cheap check happens here, before a model is opened.

    Raises:
        UsageError: unknown suite, missing data, nothing to do, sandbox below what the configuration asks for.
        InfrastructureError: programs are to be run, and no level of the sandbox works.
    """
    suites = [registry.suite(name) for name in dict.fromkeys(config.suites)]
    if not suites:
        raise UsageError("no suite to run", "one or more of `--suite NAME`", "type: harness list suites")
    folder = data.folder(config.data)
    level = _sandbox_level(config.min_sandbox) if any(s.runs_code for s in suites) else "none"
    for suite in suites:
        for judge in suite.judges:
            if judge not in config.judges:
                what = f"the suite {suite.name!r} asks a judge named {judge!r}, and none is configured"
                raise UsageError(what, "a model that judges", f"type: --judge {judge}=MODEL")
    return [_part(suite, config, folder, level) for suite in suites]


def _sandbox_level(least: sandbox.Level) -> sandbox.Level:
    """Return this machine's level of isolation: asked for only where a suite runs programs.

    Raises:
        UsageError: it is below `least`.
        InfrastructureError: there is none.
    """
    try:
        level = sandbox.level()
    except OSError as error:
        what = f"no level of the sandbox works here: {error}"
        raise InfrastructureError(what, "one, to run programs in", "type: harness doctor") from error
    if sandbox.LEVELS.index(level) < sandbox.LEVELS.index(least):
        raise UsageError(
            f"the sandbox of this machine is {level!r}, the configuration asks for {least!r}",
            "a level at least as strong",
            "type: harness doctor",
        )
    return level


def _part(suite: Suite, config: EvalConfig, folder: Path | None, level: str) -> Part:
    chosen = choose_samples(suite.samples(folder), config.limit, config.split, config.seed, suite.group_tag)
    if not chosen:
        raise MissingData(
            f"the suite {suite.name!r} has no sample in split {config.split!r}",
            "at least one",
            "check --split and --data",
        )
    scorer = {**suite.scorer(), **({"sandbox": level} if suite.runs_code else {})}
    return Part(
        suite=suite,
        samples=tuple(chosen),
        digests=tuple(sample_digest(sample) for sample in chosen),
        scorer_key=digest(suite.name, suite.version, scorer),
        sandbox_level=level if suite.runs_code else "",
    )


def choose_samples(samples: Iterable[Sample], limit: int | None, split: str, seed: int, group_tag: str) -> list[Sample]:
    """Return the samples of a split, at most `limit` of them, in official order.

    A limit takes the same number from every group (subject, task, skill), by a seeded order: limit 40 is spread over
    40 of MMLU's 57 subjects instead of being 40 questions of the first, and lies inside limit 100. The order is that of
    origins, so that variants and perturbations of a suite are asked about the same questions.
    """
    kept = [s for s in samples if split == "all" or s.split == split]
    if limit is None or limit >= len(kept):
        return kept
    groups: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for place, sample in enumerate(kept):
        groups[sample.tags.get(group_tag, "")].append((fraction(seed, sample.origin), place))
    ranked = [
        (rank, fraction(seed, "group", group), place)
        for group, members in groups.items()
        for rank, (_, place) in enumerate(sorted(members))
    ]
    return [kept[place] for place in sorted(place for _, _, place in sorted(ranked)[:limit])]


def form_of(config: EvalConfig, model: Model) -> Form:
    """Return the prompt form: `auto` is chat when the model carries a template.

    Raises:
        UsageError: chat is asked of a model without a template.
    """
    if config.prompt == "chat" and "chat" not in model.can:
        raise UsageError(f"{model.spec!r} has no chat template", "--prompt raw or auto", "type: --prompt raw")
    if config.prompt == "auto":
        return "chat" if "chat" in model.can else "raw"
    return config.prompt


def dress(
    request: Request,
    form: Form,
    config: EvalConfig,
    sample: Sample,
    attempt: int,
    turn: int,
    can: frozenset[str] = frozenset(),
) -> Request:
    """Return the request as it is sent: one of prompt and messages, decoding overrides, seed, attempt, source.

    In chat form a suite without messages of its own sends its raw prompt as one user message, and choices lose the
    blank that separates them from a raw context (as lm-eval does with a chat template). A request that names its
    source (a perturbed sample asks its clean sibling's question too) keeps it: its seed and its completion are that
    sample's.
    """
    source = request.source or _source(sample)
    changes: dict[str, Any] = {"attempt": attempt, "source": source}
    if form == "chat" and request.kind != "read":
        # A template that knows no tools would drop them: the raw prompt spells them out.
        spelled = bool(request.tools) and "tools" not in can and bool(request.prompt)
        changes["messages"] = (
            (Message("user", request.prompt),) if spelled or not request.messages else request.messages
        )
        changes["tools"] = () if spelled else request.tools
        changes["prompt"] = ""
        changes["choices"] = tuple(choice.removeprefix(" ") for choice in request.choices)
    elif request.prompt:
        changes |= {"messages": (), "tools": ()}
    if request.kind == "generate" and request.to == "model":
        overrides = ("temperature", "top_p", "max_tokens")
        changes |= {name: value for name in overrides if (value := getattr(config, name)) is not None}
        if "reasoning" in can:
            changes["max_tokens"] = changes.get("max_tokens", request.max_tokens) + config.reasoning_tokens
    if changes.get("temperature", request.temperature) > 0:
        changes["seed"] = int(digest(config.seed, source["sample_id"], attempt, turn)[:8], 16)
    return replace(request, **changes)


def _source(sample: Sample) -> Mapping[str, str]:
    question = sample.data.get("input") or sample.data.get("question") or ""
    return {"suite": sample.suite, "sample_id": sample.id, "name": sample.name, "question": str(question)}


def frozen(config: EvalConfig, model: Model, form: Form, wanted: list[Part]) -> dict[str, Any]:
    """Return everything that could change a record of the run, or what is made of it: two runs with equal values are
    the same run. A calibrated model has the weights, and so the completions, of the one that it was; what a gate makes
    of them differs."""
    calibration = model.describe().get("calibration")
    return {
        **({"calibration": calibration} if calibration else {}),
        "model": model.digest or model.spec,
        "engine": dict(model.engine),
        "prompt": form,
        "suites": {
            part.suite.name: {
                "version": part.suite.version,
                "scorer": part.scorer_key,
                "samples": digest(part.digests),
                "count": len(part.samples),
            }
            for part in wanted
        },
        **{name: getattr(config, name) for name in STORED},
        "judges": dict(config.judges),
    }


def run_name(spec: str, identity: str, first_attempt: int) -> str:
    """Return the id of a run: the model's last name part and ten hex digits."""
    _, _, locator = spec.rstrip("/").rpartition("/")
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", locator.split("@")[0]).strip("-.")[:40] or "model"
    return f"{slug}-{digest(identity, first_attempt)[:10]}"
