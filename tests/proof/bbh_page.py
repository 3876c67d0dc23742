"""The page of the second proof in Markdown: every number in it is made here, a null result reads as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from bbh_figures import DRAWS, Told, blind, pretrained
from proof_numbers import Column, Figure, difference

from harness.types import Sample

WEAK = 2 / 3
"""Accuracy of the base on `dev` under which a task is weak: fixed before any sealed answer was looked at."""
INTRODUCTION = """\
# Does the loop lift a benchmark that nobody here wrote?

    HARNESS_DATA=../data make proof

**Base.** `tiny` pretrained on practice rows for tasks of BIG-Bench Hard (`tiny --set suite=bbh:small`: a Llama of 1.6
million parameters; `suites/bbh/practice`). Boolean expressions, Dyck languages and navigate it saw as the official
questions ask them; of object counting and web of lies it knows what they ask, but in other words and with other answers
("Count the fruits: a plum, and three pears." "four"; "Is Kim honest?" "True"). The rows are our own, drawn and solved
by programs; the solvers give all official targets (`tests/suites/test_bbh_practice.py`), and no row is an official
question.

**Loop.** `tests/proof/bbh.yaml`, one round by the product's own `improve`, once for each seed of all that it draws and
trains: the failures of the base on the `dev` half of the official questions, their causes, rows that look like them,
curation, LoRA, merging. No task name is seen by it. What it may never see, the sealed `test` half, is asked before and
after. This page is made by `tests/proof/bbh.py --write`.

**Weak tasks** are those that the base answers rightly in less than two thirds of the `dev` half: no sealed sample
decides what is counted where. **Constant** is the share of the commonest target: what an answer that never changes
gets at best. **Intervals** (95%): over samples (seeds pooled, clustered by question) and over seeds (Student's t). A
claim holds where both exclude what it denies."""


SETTINGS = """\
## What was tried before

The settings were looked for on the `dev` half with the rows of seed 1 (4,800 rows, half of them replayed, LoRA with r =
alpha = 128, batches of 16; accuracy on `dev`):

| passes, learning rate | boolean_expressions | dyck_languages | navigate | object_counting | web_of_lies |
|---|---|---|---|---|---|
| base | .862 | .746 | .565 | .000 | .000 |
| 1, 7e-4 | .862 | .678 | .435 | .040 | .943 |
| 1, 1.5e-3 | .821 | .712 | .500 | .145 | .992 |
| **2, 1e-3** | .846 | .712 | .427 | .339 | .992 |

The whole proof was first run with the third line: the weak tasks rose on the sealed half by .354 (.300 to .407), web
of lies by .951, object counting by .143, and the loop rejected all three rounds. What costs rounds is navigate: a
model of this size only learns its commoner answer, and which answer it gives beyond that changes with every training.
One design gave nothing before that: a base that saw web of lies in 6% and object counting in 11% of its rows stood at
.475 and .379 on `dev`; 3,000 aimed rows twice took them to .525 and .395: what a model of this size lacks as a skill,
a LoRA does not give it in minutes. Word sorting stayed at nothing from 8% of the rows."""


def lines(found: Sequence[Told], samples: Mapping[str, Sample]) -> Iterator[str]:
    """Yield the page."""
    yield INTRODUCTION
    yield ""
    yield from _scores(found, samples)
    yield from _loop(found)
    yield from _decontamination(found, samples)
    yield from _cost(found)
    yield ""
    yield SETTINGS


def weak_tasks(found: Told, samples: Mapping[str, Sample]) -> list[str]:
    """Return the tasks that are weak on `dev`, in their order."""
    names = list(dict.fromkeys(one.tags["task"] for one in samples.values()))
    return [name for name in names if _accuracy(found.before["dev"], samples, name) < WEAK]


def _accuracy(scores: Mapping[str, float], samples: Mapping[str, Sample], task: str) -> float:
    chosen = [score for one, score in scores.items() if samples[one].tags["task"] == task]
    return sum(chosen) / len(chosen)


def gained(found: Sequence[Told], samples: Mapping[str, Sample], tasks: Collection[str]) -> Figure:
    """Return what the sealed samples of some tasks gained."""
    chosen = sorted(one for one in found[0].before["test"] if samples[one].tags["task"] in tasks)
    before, after = (
        Column(tuple(tuple(side[one] for one in chosen) for side in sides))
        for sides in ([one.before["test"] for one in found], [one.after["test"] for one in found])
    )
    return difference(before, after, [samples[one].origin for _ in found for one in chosen])


def _scores(found: Sequence[Told], samples: Mapping[str, Sample]) -> Iterator[str]:
    names = list(dict.fromkeys(one.tags["task"] for one in samples.values()))
    weak = weak_tasks(found[0], samples)
    others = [name for name in names if name not in weak]
    yield "## The sealed half, before and after"
    yield ""
    head = ("task", "base on `dev`", "targeted rows", "sealed: n", "constant", "base", f"after ({len(found)} seeds)")
    yield f"| {' | '.join(head)} | difference, over samples | over seeds |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in names:
        yield _line(f"**{name}**" if name in weak else name, found, samples, [name])
    yield _line("**all weak tasks**", found, samples, weak)
    yield _line("all other tasks", found, samples, others)
    yield ""
    yield f"Weak on `dev`, in bold: {', '.join(weak)}."
    yield ""
    gain, rest = gained(found, samples, weak), gained(found, samples, others)
    yield f"- The weak tasks rise on the sealed half: {_verdict(gain.above(0.0), gain)}"
    risen = [name for name in weak if gained(found, samples, [name]).above(0.0)]
    yield f"- Weak tasks that rise each by itself, by both intervals: {', '.join(risen) or 'none'}."
    yield f"- The other tasks lose less than three points: {_verdict(rest.above(-0.03), rest)}"
    yield ""


def _verdict(holds: bool, figure: Figure) -> str:
    word = "**holds, by both intervals**" if holds else "**not shown**"
    over_samples = f"{_interval(figure.low, figure.high)} over samples"
    return f"{word} ({figure.value:+.3f}; {over_samples}, {_seeds(figure)} over seeds)."


def _line(called: str, found: Sequence[Told], samples: Mapping[str, Sample], tasks: Collection[str]) -> str:
    def mean(sides: Sequence[Mapping[str, float]]) -> float:
        values = [score for side in sides for one, score in side.items() if samples[one].tags["task"] in tasks]
        return sum(values) / len(values)

    figure = gained(found, samples, tasks)
    rows = sum(one.aimed[name] for one in found for name in tasks) / len(found)
    targets = [samples[one].target for one in found[0].before["test"] if samples[one].tags["task"] in tasks]
    constant = f"{Counter(targets).most_common(1)[0][1] / len(targets):.3f}" if len(tasks) == 1 else "-"
    cells = [
        called, f"{mean([found[0].before['dev']]):.3f}", f"{rows:,.0f}", str(len(targets)), constant,
        f"{mean([one.before['test'] for one in found]):.3f}", f"{mean([one.after['test'] for one in found]):.3f}",
        f"{figure.value:+.3f} ({_interval(figure.low, figure.high)})", _seeds(figure),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _interval(low: float, high: float) -> str:
    return f"{low:+.3f} to {high:+.3f}"


def _seeds(figure: Figure) -> str:
    return _interval(figure.seeds_low, figure.seeds_high) if len(figure.by_seed) > 1 else "one seed"


def _loop(found: Sequence[Told]) -> Iterator[str]:
    yield "## What the loop found and decided"
    yield ""
    yield (
        "Causes of the failures on `dev`, as the loop named them: "
        + "; ".join(f"*{one['label']}* ({one['failures']})" for one in found[0].round["causes"].values())
        + "."
    )
    yield ""
    yield "| seed | rows trained on | sealed samples aimed at | superiority on these | others | decision |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        checks = {check["rule"]: check for check in one.round["decision"]["checks"]}
        cells = [
            f"{check['outcome']} ({check['observed']:+.3f}, {_interval(check['low'], check['high'])})"
            for check in (checks["superiority"], checks["non_inferiority"])
        ]
        decision = "accepted" if one.round["accepted"] else f"rejected: {one.round['why']}"
        yield f"| {one.seed} | {one.trained:,} | {one.round['aimed']} | {' | '.join(cells)} | {decision} |"
    yield ""


def _decontamination(found: Sequence[Told], samples: Mapping[str, Sample]) -> Iterator[str]:
    held = found[0].decontaminated["against"]["samples"]
    yield "## Decontamination"
    yield ""
    yield (
        f"Every row that trained was held against {sum(held.values()):,} samples of {len(held)} suites and variants, of"
        " both splits (`improve.decontaminate`; procedural questions by exact canonical match, prose by n-grams,"
        " MinHash and meaning too)."
    )
    yield ""
    yield "| seed | rows in | dropped, by measure | near to | rows trained on | official among these, counted anew |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        told = one.decontaminated
        dropped = ", ".join(f"{measure} {count}" for measure, count in told["dropped"].items()) or "none"
        near = ", ".join(f"{suite} {count}" for suite, count in told["near"].items()) or "-"
        yield f"| {one.seed} | {told['in']:,} | {dropped} | {near} | {one.trained:,} | {one.official} |"
    yield ""
    shares = ", ".join(f"{name} {share:.2%}" for name, share in blind(samples).items())
    rows, official = pretrained(samples)
    yield (
        "Few are left to find because the generator itself draws official questions again. Drawn blindly,"
        f" {DRAWS:,} of each task, this share would be official: {shares}. Of the first {rows:,} rows of the stream"
        f" that the base is pretrained from (more than it takes), {official} are official questions."
    )
    yield ""


def _cost(found: Sequence[Told]) -> Iterator[str]:
    steps = list(dict.fromkeys(step for one in found for step in one.seconds))
    yield "## Cost"
    yield ""
    yield (
        "Seconds by step, measured beside whatever else ran; evaluating 1,250 questions takes ten more. A step whose"
        " inputs seeds share was done once."
    )
    yield ""
    yield f"| seed | {' | '.join(step.removeprefix('improve.') for step in steps)} | sum |"
    yield f"|---{'|---' * len(steps)}|---|"
    for one in found:
        cells = [f"{one.seconds[step]:.0f}" if step in one.seconds else "-" for step in steps]
        yield f"| {one.seed} | {' | '.join(cells)} | {sum(one.seconds.values()):.0f} |"
