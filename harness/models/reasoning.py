"""Splits reasoning (`<think>...</think>` and the like) off a generated text, and applies stop strings after it.

Every engine that generates text uses these two, so that one rule holds everywhere: reasoning is kept and never
scored; stop strings count only after it; a text whose reasoning never ended is `truncated`.

    finish_text("<think>2+2</think>\\n\\n4\\nQ: next", ("\\nQ",), Markers("<think>", "</think>"), "eos")
      -> ("4", "2+2", "stop")
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.types import Finish

KNOWN = (("<think>", "</think>"), ("<|channel|>analysis<|message|>", "<|end|>"), ("[THINK]", "[/THINK]"))
"""Marker pairs recognised in chat templates."""


@dataclass(frozen=True)
class Markers:
    """The strings that open and close reasoning. `open_in_prompt`: the template itself wrote the opening one."""

    start: str
    end: str
    open_in_prompt: bool = False


def markers_in(template: str | None, declared: str = "auto") -> Markers | None:
    """Return the markers to use: `declared` as `START,END`, `off`, or `auto` (a known pair found in the template)."""
    if declared == "off":
        return None
    if declared != "auto":
        start, _, end = declared.partition(",")
        return Markers(start, end)
    for start, end in KNOWN:
        if template and end in template:
            return Markers(start, end)
    return None


def first_stop(text: str, stops: tuple[str, ...], start: int = 0) -> int:
    """Return where the earliest of `stops` begins at or after `start`, or -1."""
    found = [place for stop in stops if stop and (place := text.find(stop, start)) >= 0]
    return min(found, default=-1)


def answer_start(text: str, markers: Markers | None) -> int:
    """Return where the answer begins: 0 without reasoning, -1 while reasoning is open."""
    if markers is None:
        return 0
    opened = markers.open_in_prompt or text.lstrip().startswith(markers.start)
    if not opened:
        # What is still blank, or the beginning of the marker, may yet turn out to be reasoning.
        return -1 if markers.start.startswith(text.lstrip()) else 0
    end = text.find(markers.end)
    return -1 if end < 0 else end + len(markers.end)


def finish_text(
    text: str, stops: tuple[str, ...], markers: Markers | None, ended_by: Finish
) -> tuple[str, str, Finish]:
    """Return (answer, reasoning, finish) of a raw generated text; `ended_by` is why the engine stopped.

    The white space between reasoning and answer is dropped; without reasoning the text is left as it is.
    """
    opened = markers is not None and (markers.open_in_prompt or text.lstrip().startswith(markers.start))
    reasoning = ""
    if opened and markers is not None:
        end = text.find(markers.end)
        body = text.lstrip().removeprefix(markers.start) if not markers.open_in_prompt else text
        if end < 0:
            return "", body.strip(), "truncated"
        reasoning = body[: body.find(markers.end)].strip()
        text = text[end + len(markers.end) :].lstrip()
    cut = first_stop(text, stops)
    return (text[:cut], reasoning, "stop") if cut >= 0 else (text, reasoning, ended_by)
