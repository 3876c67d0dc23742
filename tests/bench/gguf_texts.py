"""Sections of `bench_gguf.py`: generation on HumanEval's prompts, and how the cost of scoring grows."""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import gguf_model
import llama_cpp
from gguf_clock import Clock, ask
from gguf_peers import Hf, OneByOne

from harness.bench.tape import recording
from harness.models.gguf import GGUF
from harness.types import Request
from suites.humaneval import HumanEval

N_CTX = gguf_model.CONTEXT
MAIN = Path(__file__).with_name("bench_gguf.py")
LENGTHS = (64, 128, 256)
WIDTHS = (8, 32, 48)
LANE = "1024"
"""Tokens of a lane: prompts are short, and the cache of 32 lanes stays small."""


def generation(kind: str, paths: dict[str, Path], options: argparse.Namespace) -> None:
    """Measure HumanEval prompts."""
    suite, threads = HumanEval(), str(options.threads)
    prompts = [suite.request(sample).prompt for sample in suite.samples(options.data)]
    # All prompts in one call, as an evaluation asks them: the last texts to end are few beside them.
    count = size = 48 if options.quick else len(prompts)
    asked = [Request("generate", p, max_tokens=LENGTHS[i % 3]) for i, p in enumerate(prompts[:count])]
    blocks = [asked[i : i + size] for i in range(0, count, size)]
    models = {w: GGUF.open(str(paths[kind]), {"threads": threads, "width": str(w), "n_ctx": LANE}) for w in WIDTHS}
    single = OneByOne(paths[kind], N_CTX, options.threads)
    hf = Hf(paths["hf"], N_CTX, options.threads, asked[:1]) if options.hf and not options.quick else None
    clock = Clock()
    for number, block in enumerate(blocks):
        total = sum(r.max_tokens for r in block)
        for width, model in models.items():
            with recording(llama_cpp) as tape:
                texts = clock.time(f"ours, width {width}", number, total, ask, model, block)
            clock.time(f"raw, width {width}", number, total, tape.replay)
            if (made := sum(text.completion_tokens for text in texts)) != total:
                print(f"   {made} of {total} tokens", file=sys.stderr)
        clock.time("create_completion", number, total, single.generate, block)
        if hf and number == 0:
            clock.time("hf", number, sum(r.max_tokens for r in block[:12]), hf.generate, block[:12])
    print(f"\n{kind}: HumanEval, {len(asked)} prompts, 64 to 256 tokens, {options.threads} threads")
    for name in clock.wall:
        line = f"{1 / clock.each(name):.0f} tokens/s (CPU {clock.each(name, cpu=True) * 1e3:.2f} ms a token)"
        print(f"  {name:20} {line}")
    for width in WIDTHS:
        ours, raw = f"ours, width {width}", f"raw, width {width}"
        shares = [sum(times[raw]) / sum(times[ours]) for times in (clock.wall, clock.cpu)]
        print(f"  {ours}: one by one takes {clock.ratio('create_completion', ours)};", end="")
        print(f" {shares[0]:.3f} of the raw limit (CPU {shares[1]:.3f}; target 0.85)")
        if hf:
            print(f"    hf takes {clock.ratio('hf', ours)}")


def growth(kind: str, paths: dict[str, Path], options: argparse.Namespace) -> None:
    """Measure growing numbers of short requests, each in a new process."""
    print(f"\n{kind}: growth over short requests (a header and a question of 12 words, four single-token choices)")
    for count in (100, 1000) if options.quick else (100, 1000, 10_000):
        words = [sys.executable, str(MAIN), "--one", f"{count}:{paths[kind]}", "--threads", str(options.threads)]
        print("  " + subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def grow_one(count: int, path: str, threads: int) -> None:
    """Answer `count` requests and print what it took."""
    dice = random.Random(3)
    words = [w for w in Path(statistics.__file__).read_text("utf-8").split() if w.isalpha()]

    def some(n: int) -> str:
        return " ".join(dice.choice(words) for _ in range(n))

    header = some(60)
    letters = (" A", " B", " C", " D")
    asked = [Request("choose", f"{header}\n\n{some(12)}\nAnswer:", choices=letters) for _ in range(count)]
    with GGUF.open(path, {"threads": str(threads)}) as model:
        ask(model, asked[:8])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started, cpu = time.perf_counter(), time.process_time()
        ask(model, asked)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{count:6} requests: {1e3 * wall / count:.2f} ms each (CPU {1e3 * cpu / count:.2f}),"
        f" peak memory {peak >> 10} MB, {(peak - before) >> 10} MB of it since the eighth request"
    )
