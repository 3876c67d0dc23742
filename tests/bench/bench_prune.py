"""Is a model cut gradually, with recovery between, better than one cut at once and recovered for as many steps?

    python tests/bench/bench_prune.py [--seeds 1 2 3] [--out results/bench/prune] [--write]

First table: `tiny`s (trained on first use) cut from 512 feed-forward channels to 128, arms of `prune_lab`, scored on
the sealed half of `primer:large`. Differences with two 95% intervals: over samples of all seeds, clustered by sample,
and Student's t over the seeds.

Second table: half of the weights of ordinary `tiny`s set to zero, by magnitude alone in each row, by Wanda and by
SparseGPT; negative log-likelihood of rows that nothing was calibrated on, paired by row.

`--write` puts both into docs/compression.md. Killed, it goes on where it was. Cost, the models trained: about five
minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "proof")]

from harness.models.threads import wait_politely  # noqa: E402

wait_politely(os.environ)

from proof_numbers import Column, Figure, difference  # noqa: E402
from prune_lab import ARMS, Lab, Settings  # noqa: E402

from compress import oneshot  # noqa: E402
from compress.pruning import sparse  # noqa: E402
from harness import registry  # noqa: E402
from harness.models import tiny  # noqa: E402
from harness.models.hf.loading import HFSettings, load  # noqa: E402
from harness.stats import contrast  # noqa: E402

PAGE = HERE.parents[1] / "docs" / "compression.md"
BEGIN, END = "<!-- PRUNING -->", "<!-- /PRUNING -->"
PAIRS = (("cut", "at once"), ("cut", "gradual"), ("at once", "gradual"))
SPARSE = (
    ("magnitude", "unstructured"), ("wanda", "unstructured"), ("sparsegpt", "unstructured"),
    ("wanda", "2:4"), ("sparsegpt", "2:4"),
)  # fmt: skip
CALIBRATION, HELD = 128, 200
"""Rows."""


def main() -> int:
    """Return 0 when all arms of all seeds were scored, whatever they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path("results/bench/prune"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = "\n".join([*gradual(options.out, options.seeds), "", *zeros(options.out, options.seeds)])
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


def gradual(out: Path, seeds: Sequence[int]) -> list[str]:
    """Return the table of the arms, and that of their differences."""
    found = {arm: [] for arm in ARMS}  # type: dict[str, list[dict[str, float]]]
    for seed in seeds:
        lab = Lab(out / f"seed-{seed}", seed, Settings())
        for arm in ARMS:
            started = time.monotonic()
            found[arm].append(lab.scores(arm))
            print(f"seed {seed}, {arm}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    names = sorted(found["whole"][0])
    columns = {arm: Column(tuple(tuple(one[name] for name in names) for one in all_)) for arm, all_ in found.items()}
    given = Settings()
    told = {"steps": given.steps, "increments": given.increments, "each": given.steps // given.increments}
    lines = [
        f"512 feed-forward channels to 128, {len(seeds)} seeds, {len(names)} sealed samples each:",
        "",
        f"| arm | {' | '.join(f'seed {seed}' for seed in seeds)} | mean |",
        f"|---|{'---:|' * (len(seeds) + 1)}",
    ]
    for arm, what in ARMS.items():
        means = columns[arm].means
        cells = " | ".join(f"{one:.3f}" for one in (*means, sum(means) / len(means)))
        lines.append(f"| {arm}: {what.format(**told)} | {cells} |")
    lines += ["", "| difference | value | 95%, samples | 95%, seeds |", "|---|---:|---:|---:|"]
    origins = names * len(seeds)
    for reference, candidate in PAIRS:
        lines.append(_told(f"{candidate} - {reference}", difference(columns[reference], columns[candidate], origins)))
    return lines


def _told(what: str, found: Figure) -> str:
    cells = [f"{found.value:+.3f}", f"{found.low:+.3f} .. {found.high:+.3f}"]
    return f"| {what} | {' | '.join(cells)} | {found.seeds_low:+.3f} .. {found.seeds_high:+.3f} |"


def zeros(out: Path, seeds: Sequence[int]) -> list[str]:
    """Return the table of unstructured pruning."""
    told = [json.loads(_kept(out / f"zeros-{seed}.json", seed).read_text()) for seed in seeds]
    flat = {key: [value for one in told for value in one[key]] for key in told[0]}
    rows = [f"{seed}-{row}" for seed, one in zip(seeds, told, strict=True) for row in range(len(one["dense"]))]
    lines = [
        f"Half of the weights inside the blocks zero, {len(seeds)} seeds, {len(told[0]['dense'])} held-out rows each:",
        "",
        "| method | perplexity | nats a token above magnitude | 95%, rows |",
        "|---|---:|---:|---:|",
    ]
    for key, values in flat.items():
        cells = f"{math.exp(sum(values) / len(values)):.2f}"
        if key in ("dense", "magnitude"):
            lines.append(f"| {key} | {cells} | | |")
            continue
        found = contrast(flat["magnitude"], values, rows, 0.025)
        lines.append(f"| {key} | {cells} | {found.delta:+.3f} | {found.low:+.3f} .. {found.high:+.3f} |")
    return lines


def _kept(path: Path, seed: int) -> Path:
    """Return the file of losses: method -> one for each held-out row; made where it is missing."""
    if path.is_file():
        return path
    drawn = list(registry.suite("primer").practice(8_000_000 + seed, CALIBRATION + HELD))
    rows = [{"prompt": one.prompt, "completion": one.target} for one in drawn]
    found: dict[str, list[float]] = {}
    for method, pattern in (("dense", ""), *SPARSE):
        one = load(str(tiny.folder(seed)), HFSettings(dtype="float32", device="cpu"))
        ids = oneshot.token_ids(rows, one.tokenizer, len(rows), 256)
        if method == "magnitude":
            _smallest(one.model)
        elif method != "dense":
            sparse.sparsify(one.model, one.tokenizer, ids[:CALIBRATION], method, 0.5, pattern)  # type: ignore[arg-type]
        assert method == "dense" or abs(sparse.sparsity(one.model).share - 0.5) < 0.01
        name = method if pattern != "2:4" else f"{method} 2:4"
        found[name] = [_loss(one.model, row) for row in ids[CALIBRATION:]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
    return path


def _smallest(model: Any) -> None:
    """Zero the smaller half of each row: Wanda's rows without Wanda's inputs."""
    import torch

    for module in model.model.layers.modules():
        if isinstance(module, torch.nn.Linear):
            half = module.weight.abs().topk(module.weight.shape[1] // 2, dim=1, largest=False).indices
            module.weight.data.scatter_(1, half, 0.0)


def _loss(model: Any, row: Sequence[int]) -> float:
    """Return the mean negative log-likelihood of a row's tokens, in nats."""
    import torch

    with torch.inference_mode():
        ids = torch.tensor([list(row)])
        return float(torch.nn.functional.cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:]))


if __name__ == "__main__":
    sys.exit(main())
