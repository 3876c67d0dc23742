"""The GGUF engine beside its peers and its limit, in one run, with ratios.

    python tests/bench/bench_gguf.py [--quick] [--kinds Q5_K_M,F16] [--per-subject 20] [--threads N] [--only scoring]

The model is made once in --folder (`gguf_model.py`); the data are MMLU's and HumanEval's in --data. Sections:

scoring     MMLU 5-shot, all 57 subjects, the same number of questions from each. Subjects go in blocks; in each block
            everything is measured one after another, so that all meet the same noise, and a ratio is made of one
            block's times: the table shows the ratio of the sums, and the median and range over blocks. `ours` and
            `raw` (the batches of `ours` replayed, `harness/bench/tape.py`) do all questions; `Llama` with its prefix
            cache does them in every third block; `Llama` without cache and `hf` share nothing between questions, so
            that they do the first --peer-questions of each subject and a time per question is compared.
layouts     the same questions alone, together, shuffled, resumed, in small batches: how far results move.
generation  HumanEval prompts, 64 to 256 tokens, greedy.
growth      100, 1,000, 10,000 short requests, each in a process of its own: time per request, peak memory.

Wall time is what the ratios are made of; CPU time (all threads, spinning included) stands beside it. What was measured
on which machine stands in `docs/gguf-engine.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf_layouts
import gguf_model
import llama_cpp
from gguf_clock import Clock, ask
from gguf_peers import Hf, Logprobs, OneByOne, score_by_server, server
from gguf_texts import generation, grow_one, growth

from harness.bench.tape import recording
from harness.models.gguf import GGUF
from harness.types import Request
from suites.mmlu import Mmlu

N_CTX = gguf_model.CONTEXT
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def subjects(data: Path, each: int) -> list[list[Request]]:
    """Return the first `each` questions of each of the 57 subjects."""
    suite, found = Mmlu(), defaultdict(list)
    for sample in suite.samples(data):
        if len(found[sample.tags["subject"]]) < each:
            found[sample.tags["subject"]].append(suite.request(sample))
    return list(found.values())


def differences(a: Logprobs, b: Logprobs) -> str:
    """Return how far two lists of choice log-probabilities are apart, and how close the choices that changed places."""
    apart = max(abs(x - y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True))
    best = [(p, max(range(4), key=p.__getitem__), max(range(4), key=q.__getitem__)) for p, q in zip(a, b, strict=True)]
    flipped = [p[one] - p[other] for p, one, other in best if one != other]
    said = f"{len(flipped)} of {len(a)} best choices differ" + (f" (by {max(flipped):.3f} at most)" if flipped else "")
    return f"{said}, log-probabilities by {apart:.4f} at most"


def scoring(kind: str, paths: dict[str, Path], options: argparse.Namespace) -> None:
    """Measure MMLU."""
    asked = subjects(options.data, options.per_subject)
    size = 3 if not options.quick else 2
    blocks = [asked[i : i + size] for i in range(0, len(asked), size)][:: 7 if options.quick else 1]
    model = GGUF.open(str(paths[kind]), {"threads": str(options.threads)})
    single = OneByOne(paths[kind], N_CTX, options.threads)
    hf = Hf(paths["hf"], N_CTX, options.threads, asked[0][:4]) if options.hf else None
    clock, tokens, seen = Clock(), defaultdict(float), defaultdict(list)
    ask(model, asked[0][:1])
    for number, block in enumerate(blocks):
        whole = [request for subject in block for request in subject]
        part = [request for subject in block for request in subject[: options.peer_questions]]
        with recording(llama_cpp) as tape:
            answers = clock.time("ours", number, len(whole), ask, model, whole)
        clock.time("raw", number, len(whole), tape.replay)
        tokens["subjects"] += len(block)
        tokens["shared"] += tape.rows
        tokens["separate"] += single.tokens(whole)
        seen["ours"] += [a.choice_logprobs for r, a in zip(whole, answers, strict=True) if any(r is p for p in part)]
        seen["off"] += clock.time("Llama, cache off", number, len(part), single.score, part, False)
        tokens["off"] += single.tokens(part)
        if number % 3 == 0:
            clock.time("Llama, cache on", number, len(whole), single.score, whole, True)
        if hf:
            seen["hf"] += clock.time("hf", number, len(part), hf.score, part)
        print(f"   block {number + 1} of {len(blocks)}", file=sys.stderr, flush=True)
    report(kind, clock, tokens)
    print(f"  against one by one: {differences(seen['ours'], seen['off'])}")
    if hf:
        print(f"  (b) hf in {hf.label} (F16 weights): {differences(seen['ours'], seen['hf'])}")
    model.close()
    if options.server:
        by_server(paths[kind], asked, clock.each("ours"), options)


def layouts(kind: str, paths: dict[str, Path], options: argparse.Namespace) -> None:
    """Compare layouts on two questions of each subject."""
    asked = subjects(options.data, 2)[:: 7 if options.quick else 1]
    gguf_layouts.layouts(kind, paths, [request for subject in asked for request in subject], options)


def report(kind: str, clock: Clock, tokens: dict[str, float]) -> None:
    """Print times, ratios and what they are measured against."""
    sharing = tokens["separate"] / tokens["shared"]
    print(f"\n{kind}: MMLU 5-shot, {sum(clock.work['ours']):.0f} questions of {tokens['subjects']:.0f} subjects")
    for name in clock.wall:
        line = f"{clock.each(name) * 1e3:.1f} ms a question (CPU {clock.each(name, cpu=True) * 1e3:.1f})"
        print(f"  {name:20} {line:40}" + ("" if name == "ours" else f" {clock.ratio(name, 'ours')}"))
    print(f"  tokens: {tokens['separate']:.0f} separately, {tokens['shared']:.0f} shared: {sharing:.2f}x fewer")
    for label, times in (("wall", clock.wall), ("CPU", clock.cpu)):
        mine, alone = sum(times["ours"]), sum(times["Llama, cache off"]) / tokens["off"] * tokens["separate"]
        print(f"  {label}: (a) with the cache off {alone / mine:.2f}x,", end="")
        print(f" {alone / mine / sharing:.3f} of the token ratio (target 0.9);", end="")
        print(f" {sum(times['raw']) / mine:.3f} of the raw limit (target 0.90);", end="")
        print(f" {tokens['shared'] / mine:.0f} distinct tokens/s")


def by_server(path: Path, asked: Sequence[Sequence[Request]], each: float, options: Any) -> None:
    """Ask the shortest question of all by lm-eval's `gguf` over llama-cpp-python's server."""
    with server(path, N_CTX, options.threads) as url:
        request = min((s[0] for s in asked), key=lambda r: len(r.prompt))
        started = time.perf_counter()
        try:
            found = score_by_server(url, [request])
        except Exception as error:
            print(f"  (c) lm-eval's gguf over a server: no answer ({type(error).__name__}: {str(error)[:100]})")
            return
        seconds = time.perf_counter() - started
    with GGUF.open(str(path), {"threads": str(options.threads)}) as model:
        ours = [ask(model, [request])[0].choice_logprobs]
    print(f"  (c) lm-eval's gguf over a server: {seconds:.1f} s for the shortest question, {seconds / each:.0f}x")
    print(f"      {differences(ours, found)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("results") / "bench-gguf", help="where the model is kept")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--kinds", default="Q5_K_M,F16")
    parser.add_argument("--per-subject", type=int, default=20)
    parser.add_argument("--peer-questions", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", choices=("scoring", "layouts", "generation", "growth"))
    parser.add_argument("--quick", action="store_true", help="a few subjects, without server: minutes")
    parser.add_argument("--no-hf", dest="hf", action="store_false")
    parser.add_argument("--no-server", dest="server", action="store_false")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        count, _, path = options.one.partition(":")
        return grow_one(int(count), path, options.threads)
    if options.quick:
        options.server, options.per_subject = False, min(options.per_subject, 8)
    kinds = options.kinds.split(",")
    paths = gguf_model.make(options.folder, options.data, kinds)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(json.dumps(vars(options), default=str))
    for kind in kinds:
        for section in (scoring, layouts, generation, growth):
            if options.only in (None, section.__name__):
                section(kind, paths, options)
    return None


if __name__ == "__main__":
    main()
