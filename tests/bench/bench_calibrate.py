"""Is a model after calibration as often right as it says, on sealed samples?

    python tests/bench/bench_calibrate.py [--seeds 0 1 2 3 4] [--write]

For each seed: the GGUF of `tiny` (trained on first use) answers primer:choices, at Q4_K_M and at TQ2_0, which breaks
it; both scalings are fitted to the `dev` half, as `compress.calibrate` fits them, and judged on the `test` half. Then,
on the first seed: two bits that do not break it; log-likelihoods tripled (planted over-confidence) and divided by
three; and primer's weak variants among the questions, which `tiny` never saw and answers wrong at a thousand to one.

Prints the table; `--write` puts it into docs/compression.md. Intervals are the 95% bounds of `gate.calibration`. Cost:
three minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compress.steps.calibrate import METHODS, confidences, figures, fitted
from harness import registry
from harness.models import convert, tiny
from harness.stats.scaling import Scaling
from harness.types import Completion, Request, Sample
from suites import primer
from suites.primer.skills import of_role

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compression.md"
BEGIN, END = "<!-- CALIBRATION -->", "<!-- /CALIBRATION -->"
SUITE = "primer:choices"
QUANTS = ("Q4_K_M", "TQ2_0")
"""What is shipped, and three values a weight, which a model must be trained for: half of the answers go wrong."""
HEAD = (
    "| model | T | Platt's line | right | ECE as it stands | after T | after Platt | NLL | after T | after Platt |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
)
Lines = list[dict[str, Any]]


def main() -> int:
    """Return the exit code: 0 when every model was judged, whatever comes out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = "\n".join([*HEAD, *table(options.seeds)])
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


def table(seeds: Sequence[int]) -> list[str]:
    """Return the rows of the table."""
    asked, first = list(registry.suite(SUITE).samples(None)), seeds[0]
    found = {(seed, quant): answered(seed, quant, asked) for quant in QUANTS for seed in seeds}
    rows = [row(f"seed {seed}, {quant}", lines) for (seed, quant), lines in found.items()]
    lines = found[first, QUANTS[0]]
    return [
        *rows,
        row(f"seed {first}, Q2_K", answered(first, "Q2_K", asked)),
        row(f"seed {first}, log-likelihoods x 3", scaled(lines, 3.0)),
        row(f"seed {first}, log-likelihoods / 3", scaled(lines, 1 / 3)),
        row(f"seed {first}, weak variants too", [*lines, *answered(first, QUANTS[0], weak())]),
    ]


def row(name: str, lines: Lines) -> str:
    """Return a row: fitted to `dev`, judged on `test`."""
    dev, test = ([line for line in lines if line["split"] == split] for split in ("dev", "test"))
    fits = [Scaling(), *(fitted(dev, method) for method in METHODS)]
    found = [figures(confidences(test, [one] * len(test))) for one in fits]
    print(f"{name}: {len(dev)} dev, {len(test)} test", file=sys.stderr, flush=True)
    errors = [f"{one['ece']['value']:.3f} ({one['ece']['low']:.3f} to {one['ece']['high']:.3f})" for one in found]
    losses = [f"{one['nll']['value']:.3f}" for one in found]
    shown = f"{fits[1].temperature:.2f} | {fits[2].slope:.2f}, {fits[2].intercept:+.2f}"
    return f"| {name} | {shown} | {found[0]['accuracy']['value']:.3f} | {' | '.join([*errors, *losses])} |"


def answered(seed: int, quant: str, asked: Sequence[Sample]) -> Lines:
    """Return what a quantised `tiny` says of the choices of these samples, as `gate.choices` writes it."""
    suite = registry.suite(SUITE)
    with tempfile.TemporaryDirectory() as folder:
        path = convert.quantize(tiny.gguf_path(seed), Path(folder) / "model.gguf", quant, 2)
        with registry.open_model(f"gguf:{path}", {"threads": "2"}) as model:
            requests: list[Request] = [suite.request(sample) for sample in asked]
            found = dict(model.answer(requests))
    lines = []
    for place, sample in enumerate(asked):
        completion = found[place]
        assert isinstance(completion, Completion), completion
        target = sample.data["choices"].index(sample.target)
        about = {"suite": SUITE, "sample": sample.id, "origin": sample.origin, "split": sample.split}
        lines.append({**about, "logprobs": list(completion.choice_logprobs), "target": target})
    return lines


def scaled(lines: Lines, by: float) -> Lines:
    """Return answers of a model that is surer by a factor."""
    return [{**line, "logprobs": [by * x for x in line["logprobs"]]} for line in lines]


def weak() -> list[Sample]:
    """Return questions of the weak variants with choices, which the suite leaves out."""
    samples = registry.suite("primer:large").samples(None)
    rows = {row.prompt: row for name in of_role("weak") for row in primer._evaluation(name, primer.COUNTS["large"])}
    chosen = [sample for sample in samples if sample.data["prompt"] in rows]
    return [
        replace(one, data={**one.data, "choices": list(primer.options(rows[one.data["prompt"]]))}) for one in chosen
    ]


if __name__ == "__main__":
    raise SystemExit(main())
