"""The child: opens one model, reads the rows, and compares with what is kept of others. `measuring` starts it.

python -m compress.measures FOLDER        FOLDER/job.json in, FOLDER/answer.json out
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compress.measures.divergence import NotFinite, kl, log_softmax, perplexity, summary
from compress.measures.kept import Kept, Writer
from compress.measures.reading import Place, Reader, opened
from harness.errors import HarnessError, UsageError
from harness.hashing import fraction


def main() -> int:
    """Do the job; exit code 0 when the answer was written, refusals included."""
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    told: dict[str, Any]
    try:
        told = {"found": _timed(job) if "bench" in job else _read(job)}
    except HarnessError as error:
        told = {"refused": [error.what, error.expected, error.next], "usage": isinstance(error, UsageError)}
    except NotFinite as error:
        told = {"found": {"broken": str(error)}}
    except OSError as error:
        what = f"measuring broke: {type(error).__name__}: {error}"
        told = {"refused": [what, "room on the disk, files that can be read", "type: df -h"], "usage": False}
    (folder / "answer.json").write_text(json.dumps(told), encoding="utf-8")
    return 0


def drawn(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file in an order that their content decides: any first so many are a fair draw.

    Raises:
        UsageError: no file, or a line that is no row.
    """
    found = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                row = json.loads(line) if line.strip() else None
                if row is not None and not (isinstance(row, dict) and {"messages", "prompt", "completion"} & set(row)):
                    raise ValueError(f"line {number} has neither a prompt nor messages")
                found += [row] if row is not None else []
    except (OSError, ValueError) as error:
        what = f"cannot read rows from {str(path)!r}: {error}"
        raise UsageError(what, '{"prompt": .., "completion": ..} a line', f"type: head {path}") from error
    told = [(row.get("prompt"), row.get("completion"), row.get("messages")) for row in found]
    order = sorted(range(len(found)), key=lambda place: (fraction("measures", told[place]), place))
    return [found[place] for place in order]


def _encoded(reader: Reader, rows: Sequence[Mapping[str, Any]], positions: int) -> list[list[int]]:
    """Return token ids of as many rows as have `positions` tokens that follow another, the last row cut."""
    found: list[list[int]] = []
    left = positions
    for row in rows:
        ids = reader.encode(row)[: left + 1]
        if len(ids) > 1:
            found.append(ids)
            left -= len(ids) - 1
        if not left:
            break
    if not found:
        raise UsageError("the rows hold no text of two tokens", "rows of training text", "look at the dataset")
    return found


def _same(name: str, reference: Kept, ids: Sequence[Sequence[int]], vocabulary: int) -> None:
    """Refuse a reference of another vocabulary."""
    if reference.vocabulary != vocabulary:
        what = f"{name} has {reference.vocabulary} tokens in its vocabulary, this model {vocabulary}"
    elif reference.ids != ids:
        different = sum(one != other for one, other in zip(reference.ids, ids, strict=False))
        what = f"{name} makes other token ids of {different} of {len(ids)} rows"
    else:
        return
    raise UsageError(
        what, "models of one tokenizer: distributions over other tokens have no divergence", "leave it out"
    )


def _read(job: Mapping[str, Any]) -> dict[str, Any]:
    references = {name: Kept(Path(one)) for name, one in job["against"].items()}
    rows = drawn(Path(job["rows"]))
    with opened(Place(**job["read"])) as reader:
        ids = _encoded(reader, rows, job["positions"])
        for name, reference in references.items():
            _same(name, reference, ids, reader.vocabulary)
        return _compared(reader, ids, references, Path(job["into"]))


def _compared(
    reader: Reader, ids: Sequence[Sequence[int]], references: Mapping[str, Kept], into: Path
) -> dict[str, Any]:
    """Read all rows once: write what the model says, and compare it with the references position by position."""
    numbers = np.repeat(np.arange(len(ids)), [len(row) - 1 for row in ids])
    own: list[Any] = []
    kls: dict[str, list[Any]] = {name: [] for name in references}
    agree: dict[str, list[Any]] = {name: [] for name in references}
    start = 0
    with Writer(into, ids, reader.vocabulary) as writer:
        for row in ids:
            targets = np.array(row[1:])
            for logits in reader.logits(list(row[:-1])):
                logprobs = log_softmax(logits)
                stop = start + len(logprobs)
                here, targets = targets[: len(logprobs)], targets[len(logprobs) :]
                own.append(-np.take_along_axis(logprobs, here[:, None], axis=1)[:, 0].astype(np.float64))
                writer.add(logprobs, own[-1])
                for name, reference in references.items():
                    before, tokens = reference.piece(start, stop)
                    after = logprobs if tokens is None else np.take_along_axis(logprobs, tokens, axis=1)
                    first = before.argmax(axis=1) if tokens is None else tokens[:, 0]
                    kls[name].append(kl(before, after, tokens is None))
                    agree[name].append(first == logprobs.argmax(axis=1))
                start = stop
    nll = np.concatenate(own)
    return {
        **perplexity(nll, numbers),
        "against": {
            name: summary(np.concatenate(kls[name]), np.concatenate(agree[name]), reference.nll, nll, numbers)
            for name, reference in references.items()
        },
    }


def _timed(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return rates and memory of a small bench; it is stored like one of `harness bench`."""
    from harness import bench
    from harness.bench.measures import Plan
    from harness.store import Database

    found = bench.run(job["bench"], job["settings"], Plan(widths=(1, 8), prompt_tokens=64, tokens=32, repeats=2))
    bench.store(Database(Path(job["db"])), found)
    by_name = {(one.measure, one.width): one for one in found.measures}
    alone, wide = by_name["generate", 1], by_name["generate", 8]
    return {
        "generate_tokens_s": alone.median,
        "generate_wide_tokens_s": wide.median,
        "prompt_tokens_s": by_name["prompt", 8].median,
        "memory_bytes": by_name["memory", 1].median,
        "raw_share": wide.raw_share,
        "cpu_share": wide.cpu_share,
        "busy": found.busy,
        "bench_id": found.id,
    }


if __name__ == "__main__":
    sys.exit(main())
