"""Reasoning is split off, kept and never scored; stop strings count only after it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.models.reasoning import Markers, answer_start, finish_text, first_stop, markers_in

THINK = Markers("<think>", "</think>")


def test_reasoning_is_split_off_and_stops_count_after_it() -> None:
    said = "<think>a\n\nQ: b</think>\n\n4\nQ: next"
    assert finish_text(said, ("\nQ", "\n\n"), THINK, "eos") == ("4", "a\n\nQ: b", "stop")
    assert finish_text("</think>4", (), Markers("<think>", "</think>", open_in_prompt=True), "eos") == ("4", "", "eos")


def test_reasoning_that_never_ends_is_truncated() -> None:
    assert finish_text("<think>on and on", ("\n",), THINK, "length") == ("", "on and on", "truncated")


def test_without_reasoning_the_text_is_left_as_it_is() -> None:
    assert finish_text("  4 \n", (), THINK, "eos") == ("  4 \n", "", "eos")
    assert finish_text("  4 \nQ", ("\nQ",), None, "eos") == ("  4 ", "", "stop")


def test_what_may_yet_be_a_marker_is_waited_for() -> None:
    for beginning in ("", "\n\n", "\n<", "<thin"):
        assert answer_start(beginning, THINK) == -1
    assert answer_start("<thing>", THINK) == 0 and answer_start("4", THINK) == 0
    assert answer_start("<think>x", THINK) == -1 and answer_start("<think>x</think>y", THINK) == 16


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_a_finished_text_holds_no_stop(text: str, stops: list[str]) -> None:
    answer, _, _ = finish_text(text, tuple(stops), THINK, "eos")
    assert first_stop(answer, tuple(stops)) == -1


def test_markers_of_a_template() -> None:
    assert markers_in("{{ '<think>' }} ... '</think>'") == THINK
    assert markers_in("{{ messages }}") is None and markers_in("</think>", "off") is None
    assert markers_in(None, "[A],[B]") == Markers("[A]", "[B]")
