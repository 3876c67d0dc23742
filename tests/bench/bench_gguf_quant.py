"""What each GGUF quantisation costs on models that were really trained: writes a table of docs/compression.md.

    python tests/bench/bench_gguf_quant.py [--seeds 5] [--rows 80] [--samples 240] [--write]

The models are `tiny` of several seeds (trained on first use). Each is quantised without and with an importance matrix
from practice rows; KL divergence and top-1 agreement are measured on other practice rows, none of which is among the
first, against the source in float32 (`compress.gguf.agreement`; the line F16 says how far the reference itself is from
that). `answers` counts the positions that predict a token of an answer, which are what the models were trained for; the
others are text of questions. Accuracy is `primer`'s, dev samples, spread over the skills, paired with F16's on the same
samples. Standard errors are clustered by model: five models are five observations, not 12,000.
Cost: five minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from compress import oneshot
from compress.gguf import agreement, imatrix, kinds, reference
from harness import registry
from harness.models import convert, tiny
from harness.models.hf.loading import HFSettings, Loaded, load
from harness.runner.plan import choose_samples
from harness.types import Completion, Fault

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compression.md"
MARK = "GGUF"
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q5_0", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K", "IQ2_XS")
WEIGHED = frozenset({"Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K", "IQ2_XS"})
"""Also made with an importance matrix; IQ2_XS only so."""
CALIBRATION, MEASURED = 11, 12
"""Seeds of the practice rows."""


@dataclass(frozen=True)
class Measured:
    """One file of one model."""

    name: str
    size_bytes: int
    rows: Any
    """As of `agreement.positions`, and a last column: 1 where an answer's token is predicted."""
    right: Any
    """(samples,) 1 where the answer was right."""


def main() -> None:
    parser = argparse.ArgumentParser()
    for option, value in (("--seeds", 5), ("--rows", 80), ("--samples", 240)):
        parser.add_argument(option, type=int, default=value)
    parser.add_argument("--write", action="store_true", help="replace the table in docs/compression.md")
    given = parser.parse_args()
    found = [one for seed in range(given.seeds) for one in measured(seed, given.rows, given.samples)]
    table = shown(found, given.seeds, given.rows, given.samples)
    print(table)
    if given.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(f"<!-- {MARK} -->")
        PAGE.write_text(f"{before}<!-- {MARK} -->\n{table}\n<!-- /{MARK} -->{rest.partition(f'<!-- /{MARK} -->')[2]}")


def measured(seed: int, rows: int, samples: int) -> list[Measured]:
    """Return every file of one model."""
    folder = tiny.folder(seed)
    loaded = load(str(folder), HFSettings(dtype="float32"))
    first, held = drawn(rows)
    ids = oneshot.token_ids(first, loaded.tokenizer, len(first), loaded.n_ctx)
    weighed, lost = imatrix.named(loaded, folder, imatrix.gather(loaded, ids))
    assert not lost, lost
    said, answers = along(loaded, held)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        f16 = convert.hf_to_gguf(folder, Path(scratch) / "f16.gguf")
        files = [("F16", f16)]
        for quant in QUANTS:
            if quant not in kinds.NEEDS_IMATRIX:
                files.append((quant, convert.quantize(f16, f16.with_name(f"{quant}.gguf"), quant, 2)))
            if quant in WEIGHED:
                target = f16.with_name(f"{quant}-imatrix.gguf")
                files.append((f"{quant} + imatrix", convert.quantize(f16, target, quant, 2, weighed)))
        for name, path in files:
            positions = agreement.positions(path, said)
            assert len(positions) == sum(map(len, said.sequences))
            asked = np.array([depth + 1 >= answers[int(text)] for text, depth in positions[:, :2]], dtype=np.float64)
            right = accuracy(path, samples)
            found.append(Measured(name, path.stat().st_size, np.column_stack([positions, asked]), right))
            print(f"seed {seed}: {name}", flush=True)
    return found


def drawn(count: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return (rows to weigh columns by, other rows to measure on)."""
    suite = registry.suite("primer")
    first = [{"prompt": one.prompt, "completion": one.target} for one in suite.practice(CALIBRATION, count)]
    known = {row["prompt"] for row in first}
    others = ({"prompt": one.prompt, "completion": one.target} for one in suite.practice(MEASURED, 20 * count))
    return first, list(islice((row for row in others if row["prompt"] not in known), count))


def along(loaded: Loaded, rows: list[dict[str, str]]) -> tuple[reference.Reference, list[int]]:
    """Return (what the source says along the rows, where each row's answer begins)."""
    sequences = tuple(tuple(ids) for ids in oneshot.token_ids(rows, loaded.tokenizer, len(rows), loaded.n_ctx))
    before = oneshot.token_ids(
        [{"prompt": row["prompt"], "completion": ""} for row in rows], loaded.tokenizer, len(rows), loaded.n_ctx
    )
    return reference.Reference({}, sequences, reference.along(loaded, sequences)), [len(ids) for ids in before]


def accuracy(path: Path, count: int) -> Any:
    """Return for each sample of primer whether the answer was right."""
    suite = registry.suite("primer")
    samples = choose_samples(suite.samples(None), count, "dev", 0, suite.group_tag)
    with registry.open_model(f"gguf:{path}") as model:
        answers: dict[int, Completion | Fault] = dict(model.answer([suite.request(one) for one in samples]))
    primary = suite.metrics[0].value
    right = []
    for index, sample in enumerate(samples):
        answer = answers[index]
        assert isinstance(answer, Completion), answer
        right.append(suite.score(sample, answer).values[primary])
    return np.array(right)


def shown(found: list[Measured], seeds: int, rows: int, samples: int) -> str:
    """Return the table in Markdown."""
    names = list(dict.fromkeys(one.name for one in found))
    by_name = {name: [one for one in found if one.name == name] for name in names}
    count = sum(len(one.rows) for one in by_name["F16"])
    lines = [
        f"{seeds} models (`tiny`, seeds 0 to {seeds - 1}), {rows} rows each to calibrate and {rows} others to measure "
        f"({count} positions in all), {samples} samples of primer each. Mean +- standard error over the models.",
        "",
        "| file | KiB | mean KL, nats | p99 KL | top-1, % | top-1 on answers, % | primer, % | primer - F16, points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in by_name.items():
        stacked = np.vstack([one.rows for one in each])
        model = np.repeat(np.arange(len(each), dtype=np.float64), [len(one.rows) for one in each])
        kl, same, answer = stacked[:, 2], stacked[:, 3], stacked[:, 5] == 1
        right = np.array([one.right.mean() for one in each])
        lost = right - np.array([one.right.mean() for one in by_name["F16"]])
        cells = [
            name, f"{np.mean([one.size_bytes for one in each]) / 1024:.0f}", pair(*agreement.clustered(kl, model), 5),
            f"{np.quantile(kl, 0.99):.4f}", pair(*scaled(same, model), 2),
            pair(*scaled(same[answer], model[answer]), 2), f"{right.mean() * 100:.1f}",
            pair(lost.mean() * 100, lost.std(ddof=1) / len(lost) ** 0.5 * 100 if len(lost) > 1 else float("nan"), 2),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def scaled(values: Any, owner: Any) -> tuple[float, float]:
    mean, error = agreement.clustered(values, owner)
    return mean * 100, error * 100


def pair(mean: float, error: float, digits: int) -> str:
    return f"{mean:.{digits}f} +- {error:.{digits}f}"


if __name__ == "__main__":
    main()
