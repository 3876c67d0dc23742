"""How much of what a cut broke does recovery mend, and does it matter which rows it trains on?

    python tests/bench/bench_recover.py [--seeds 1 2 3 5] [--out results/bench/recover] [--write]

For each seed: `tiny` of that seed (trained on first use), half of its feed-forward channels cut by `compress.prune`,
three arms (`recover_lab`) of equal rows and equal training, scored on the sealed half of `primer:large`. Prints the
table; `--write` puts it into docs/compression.md. Killed, it goes on where it was; done, it only prints.

A sample is broken where the base is right and the cut model wrong, mended where the recovered model is right again;
broken anew is what the cut model had right and the recovered one has not. Both intervals are 95%: over samples,
clustered by origin, the seeds as they are; and Student's t over the seeds' own figures. Cost on two cores that are not
quite idle: four minutes a seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "proof")]

from proof_numbers import Column, Figure, difference, mean, ratio  # noqa: E402
from recover_lab import ARMS, Lab, Settings  # noqa: E402

PAGE = HERE.parents[1] / "docs" / "compression.md"
BEGIN, END = "<!-- RECOVERY -->", "<!-- /RECOVERY -->"
SETTINGS = Settings()
"""With the defaults of `compress.recover`, looked for on seed 0, which is not reported."""
Scores = dict[str, dict[str, float]]
"""Model -> sample id -> score."""


def main() -> int:
    """Return the exit code: 0 when all arms of all seeds were scored, whatever they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 5])
    parser.add_argument("--out", type=Path, default=Path("results/bench/recover"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    scored = {seed: _scored(options.out, seed) for seed in options.seeds}
    origins = Lab(options.out / f"seed-{options.seeds[0]}", options.seeds[0], SETTINGS).origins
    text = "\n".join(lines(scored, origins))
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


def _scored(out: Path, seed: int) -> Scores:
    lab, found = Lab(out / f"seed-{seed}", seed, SETTINGS), {}
    for name in ("base", "cut", *ARMS):
        started = time.monotonic()
        found[name] = lab.scores(name)
        print(f"seed {seed}, {name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return found


def lines(scored: dict[int, Scores], origin_of: dict[str, str]) -> list[str]:
    """Return the tables."""
    ids = sorted(next(iter(scored.values()))["base"])
    seeds = list(scored)
    every = [origin_of[one] for _ in seeds for one in ids]

    def column(make: object) -> Column:
        return Column(tuple(tuple(float(make(scored[seed], one)) for one in ids) for seed in seeds))  # type: ignore[operator]

    broken = column(lambda s, i: s["base"][i] > s["cut"][i])
    acc = {name: column(lambda s, i, n=name: s[n][i]) for name in ("base", "cut", *ARMS)}
    mended = {a: column(lambda s, i, a=a: s["base"][i] > s["cut"][i] and s[a][i] > s["cut"][i]) for a in ARMS}
    anew = {a: column(lambda s, i, a=a: s["cut"][i] > s[a][i]) for a in ARMS}
    counts = ", ".join(f"{int(sum(one))}" for one in broken.values)
    found = [
        f"Seeds {', '.join(map(str, seeds))}; {len(ids)} sealed samples each; broken by the cut: {counts}.",
        "",
        "| model | accuracy | of the broken mended | broken anew to one mended |",
        "| --- | --- | --- | --- |",
    ]
    found += [f"| {name} | {_shown(mean(acc[name], every))} | | |" for name in ("base", "cut")]
    for arm in ARMS:
        cells = mean(acc[arm], every), ratio(broken, mended[arm], every), ratio(mended[arm], anew[arm], every)
        found.append(f"| recovered, {arm} rows | {' | '.join(map(_shown, cells))} |")
    found += ["", "| against `drawn` | accuracy | of the broken mended |", "| --- | --- | --- |"]
    for arm in ARMS[1:]:
        more = _minus(mended[arm], mended[ARMS[0]])
        cells = difference(acc[ARMS[0]], acc[arm], every), ratio(broken, more, every)
        found.append(f"| {arm} | {' | '.join(_shown(one, '+') for one in cells)} |")
    return found


def _minus(one: Column, other: Column) -> Column:
    pairs = zip(one.values, other.values, strict=True)
    return Column(tuple(tuple(x - y for x, y in zip(a, b, strict=True)) for a, b in pairs))


def _shown(one: Figure, sign: str = "") -> str:
    """Return the figure, its interval over samples, and that over seeds."""
    return (
        f"{one.value:{sign}.3f} [{one.low:{sign}.3f}, {one.high:{sign}.3f}] "
        f"*[{one.seeds_low:{sign}.3f}, {one.seeds_high:{sign}.3f}]*"
    )


if __name__ == "__main__":
    sys.exit(main())
