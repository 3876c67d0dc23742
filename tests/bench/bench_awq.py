"""Is AWQ better than rounding to the nearest at the same bits? On weights with loud channels, and on those as trained.

    python tests/bench/bench_awq.py [--seeds 6] [--rows 64] [--samples 240] [--write]

Both ways round the same weights to 4 bits in groups of 128, asymmetric, through the same llm-compressor; AWQ first
folds its scales in, calibrated on practice rows of primer. Divergence is measured along other ones, accuracy on
dev samples of primer. `tiny` has no loud channels of its own, as large models have; they are planted so that the
function stays the same: in each of the four pairs of layers that AWQ scales, some channels of what feeds a layer are
made louder and the weights that read them quieter by the same factor. The unit of every interval is the model (t over
seeds, 95%). `--write` puts the table into docs/compression.md. Cost: some three minutes on two quiet cores.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.models.threads import wait_politely

wait_politely(os.environ)  # before torch is loaded

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compress"))

from awq_kit import plant  # noqa: E402

from compress.awq import checking, rounding  # noqa: E402
from compress.oneshot import oneshot, quiet, token_ids  # noqa: E402
from harness import registry  # noqa: E402
from harness.models import tiny  # noqa: E402
from harness.models.hf import HF  # noqa: E402
from harness.models.hf.loading import HFSettings, Loaded, load  # noqa: E402
from harness.runner.plan import choose_samples  # noqa: E402
from harness.types import Completion  # noqa: E402

PAGE, MARK = Path(__file__).resolve().parents[2] / "docs" / "compression.md", "AWQ"
CALIBRATION, HELD = 11_000, 12_000
"""Seeds of the practice rows."""
CHANNELS, FACTOR = 4, 32.0
"""Loud channels in each pair of layers, and how much louder they are."""
WEIGHTS = ("as trained", f"{CHANNELS} channels of each pair {FACTOR:g} times louder")
WAYS = ("round to nearest", "AWQ")


@dataclass(frozen=True)
class Found:
    """One model, rounded one way."""

    seed: int
    weights: str
    way: str
    nats: float
    top1: float
    right: float


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--samples", type=int, default=240)
    parser.add_argument("--write", action="store_true", help="replace the table in docs/compression.md")
    given = parser.parse_args()
    found = [one for seed in range(given.seeds) for one in measured(seed, given.rows, given.samples)]
    table = shown(found, given.rows, given.samples)
    print(table)
    if given.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(f"<!-- {MARK} -->")
        after = rest.partition(f"<!-- /{MARK} -->")[2]
        PAGE.write_text(f"{before}<!-- {MARK} -->\n{table}\n<!-- /{MARK} -->{after}", encoding="utf-8")


def measured(seed: int, rows: int, samples: int) -> list[Found]:
    """Return a model as it is, and rounded both ways with its weights as they are and with loud channels."""
    calibrating, held = drawn(rows)
    source = opened(seed)
    ids = token_ids(calibrating, source.tokenizer, rows, source.n_ctx)
    probes = token_ids(held, source.tokenizer, len(held), source.n_ctx)
    said = checking.log_probabilities(source.model, probes)
    found = [Found(seed, WEIGHTS[0], "float", 0.0, 1.0, accuracy(source, samples))]
    ways: dict[str, Callable[[Loaded, Path], None]] = {
        WAYS[0]: nearest, WAYS[1]: lambda model, folder: void(rounding.quantize(model, ids, folder)),
    }  # fmt: skip
    for weights, (way, rounded) in itertools.product(WEIGHTS, ways.items()):
        with tempfile.TemporaryDirectory() as place:
            model = opened(seed)
            if weights != WEIGHTS[0]:
                plant(model.model, seed, CHANNELS, FACTOR)
                apart, _ = against(said, checking.log_probabilities(model.model, probes))
                assert apart < 1e-6, f"planting changed the function: {apart} nats"
            rounded(model, Path(place))
            packed = load(str(Path(place) / "int4"), HFSettings(device="cpu"))
            nats, top1 = against(said, checking.log_probabilities(packed.model, probes))
            found.append(Found(seed, weights, way, nats, top1, accuracy(packed, samples)))
        print(found[-1], flush=True)
    return found


def drawn(count: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return (rows that calibrate, twice as many others to measure on)."""
    suite = registry.suite("primer")
    first = [{"prompt": one.prompt, "completion": one.target} for one in suite.practice(CALIBRATION, count)]
    known = {row["prompt"] for row in first}
    others = ({"prompt": one.prompt, "completion": one.target} for one in suite.practice(HELD, 20 * count))
    return first, list(itertools.islice((row for row in others if row["prompt"] not in known), 2 * count))


def opened(seed: int) -> Loaded:
    return load(str(tiny.folder(seed)), HFSettings(device="cpu"))


def nearest(model: Loaded, folder: Path) -> None:
    """Round to nearest in the same format."""
    with quiet():
        from llmcompressor.modifiers.quantization import QuantizationModifier

        plain = QuantizationModifier(targets=["Linear"], ignore=[rounding.IGNORED], scheme=rounding.SCHEME)
    oneshot(model.model, model.tokenizer, [plain], [[0, 1, 2]])
    with quiet():
        model.model.save_pretrained(folder / "int4", save_compressed=True)
    model.tokenizer.save_pretrained(folder / "int4")


def void(_: object) -> None:
    """Return nothing."""


def against(said: Sequence[Any], says: Sequence[Any]) -> tuple[float, float]:
    """Return (mean Kullback-Leibler divergence in nats, share of positions with the same likeliest token)."""
    import torch

    p, q = torch.cat(list(said)).double(), torch.cat(list(says)).double()
    same = (p.argmax(-1) == q.argmax(-1)).double().mean()
    return float((p.exp() * (p - q)).sum(-1).mean()), float(same)


def accuracy(loaded: Loaded, count: int) -> float:
    """Return the share of primer's dev samples that are answered right."""
    suite = registry.suite("primer")
    samples = choose_samples(suite.samples(None), count, "dev", 0, suite.group_tag)
    model = HF("hf:here", loaded, HFSettings(batch_size=32, device="cpu"))
    answers = dict(model.answer([suite.request(one) for one in samples]))
    right = 0.0
    for index, sample in enumerate(samples):
        answer = answers[index]
        assert isinstance(answer, Completion), answer
        right += suite.score(sample, answer).values[suite.metrics[0].value]
    return right / len(samples)


def shown(found: list[Found], rows: int, samples: int) -> str:
    """Return the table in Markdown."""
    seeds = sorted({one.seed for one in found})
    lines = [
        f"{len(seeds)} models (`tiny`, seeds {seeds[0]} to {seeds[-1]}), {rows} practice rows to calibrate, {2 * rows} "
        f"others to measure, {samples} dev samples of primer. Mean and 95% interval over the models; primer: against"
        " the float model.",
        "",
        "| weights | rounding | KL to float, nats | top-1, % | primer, points |",
        "|---|---|---|---|---|",
    ]
    floats = {one.seed: one.right for one in found if one.way == "float"}
    ratios = []
    for weights in WEIGHTS:
        arms = {way: [one for one in found if (one.weights, one.way) == (weights, way)] for way in WAYS}
        for way, each in arms.items():
            cells = [
                weights, way, interval([one.nats for one in each], 4), interval([100 * one.top1 for one in each], 1),
                interval([100 * (one.right - floats[one.seed]) for one in each], 1, sign=True),
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
        logs = [math.log(awq.nats / plain.nats) for plain, awq in zip(*arms.values(), strict=True)]
        middle, half = spread(logs)
        low, high = math.exp(middle - half), math.exp(middle + half)
        less = sum(one < 0 for one in logs)
        ratios.append(
            f"- Weights {weights}: AWQ has {math.exp(middle):.3f} (95% interval {low:.3f} to {high:.3f}) times the "
            f"divergence of rounding to nearest; it has less in {less} of {len(logs)} models."
        )
    mean = 100 * sum(floats.values()) / len(floats)
    return "\n".join([*lines, "", *ratios, f"- Accuracy of the float models on these samples: {mean:.1f}%."])


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return (mean, half of the 95% t interval)."""
    from scipy.stats import t

    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, float("nan")
    error = (sum((one - mean) ** 2 for one in values) / (len(values) - 1) / len(values)) ** 0.5
    return mean, float(t.ppf(0.975, len(values) - 1)) * error


def interval(values: Sequence[float], digits: int, sign: bool = False) -> str:
    mean, half = spread(values)
    plus = "+" if sign else ""
    return f"{mean:{plus}.{digits}f} ({mean - half:{plus}.{digits}f} to {mean + half:{plus}.{digits}f})"


if __name__ == "__main__":
    main()
