"""Marks of the Pareto-optimal points: never none, never a dominated one, whatever the order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from compress.frontier import Point, dominates, mark

# Few values, so that ties are common.
points = st.lists(
    st.builds(
        Point,
        name=st.sampled_from("abcdefgh"),
        run_id=st.just("r"),
        model=st.just("m"),
        quality=st.integers(0, 4).map(lambda q: q / 4),
        low=st.just(0.0),
        high=st.just(1.0),
        n=st.just(100),
        size_bytes=st.integers(1, 4),
        speed=st.none() | st.integers(1, 3).map(float),
        kept=st.sampled_from([True, True, True, False]),
    ),
    max_size=12,
)


def worse(one: Point, other: Point) -> bool:
    """Return whether nobody would take `one` where `other` is there, written as the sentence has it."""
    axes = [(one.quality, other.quality), (-one.size_bytes, -other.size_bytes)]
    if one.speed is not None and other.speed is not None:
        axes.append((one.speed, other.speed))
    return all(theirs >= own for own, theirs in axes) and any(theirs > own for own, theirs in axes)


@given(points)
def test_optimal_is_what_no_kept_one_dominates(drawn: list[Point]) -> None:
    choices = [one for one in drawn if one.kept]
    for one in mark(drawn):
        assert one.optimal == (one.point.kept and not any(worse(one.point, other) for other in choices))
    assert sorted(map(repr, drawn)) == sorted(repr(one.point) for one in mark(drawn)), "every point, once"


@given(points)
def test_there_is_an_optimal_one_where_there_is_a_choice(drawn: list[Point]) -> None:
    assert any(one.optimal for one in mark(drawn)) == any(one.kept for one in drawn)


@given(points, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(drawn: list[Point], random: object) -> None:
    shuffled = list(drawn)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert mark(shuffled) == mark(drawn)


@given(points)
def test_domination_is_an_order_of_those_that_were_all_timed(drawn: list[Point]) -> None:
    timed = [one for one in drawn if one.speed is not None]
    for one in timed:
        assert not dominates(one, one)
        for other in timed:
            assert not (dominates(one, other) and dominates(other, one))


def test_less_can_be_better() -> None:
    """Nats and edit distances: the marks are those of the mirrored scores."""
    one, other = (
        Point(name, "r", "m", quality, quality - 0.01, quality + 0.01, 100, size, upwards=False)
        for name, quality, size in (("big", 1.0, 10), ("small", 2.0, 5))
    )
    assert [each.optimal for each in mark([one, other])] == [True, True]
    assert [each.optimal for each in mark([replace(one, quality=3.0), other])] == [False, True]


def test_some_bytes_and_the_wobble_of_a_clock_make_no_choice() -> None:
    one = Point("one", "r", "m", 0.8, 0.7, 0.9, 100, 3_180_032, 228.0)
    assert [each.optimal for each in mark([one, replace(one, size_bytes=3_180_000, quality=0.7)])] == [True, False]
    assert [each.optimal for each in mark([one, replace(one, speed=231.0, quality=0.7)])] == [True, False]
    assert [each.optimal for each in mark([one, replace(one, size_bytes=3_100_000, quality=0.7)])] == [True, True]


def test_overlapping_intervals_prove_nothing() -> None:
    def point(name: str, quality: float, size: int, half: float, **told: object) -> Point:
        return Point(name, "r", "m", quality, quality - half, quality + half, 100, size, **told)  # type: ignore[arg-type]

    big, middle, small = point("big", 0.90, 9, 0.03), point("middle", 0.88, 5, 0.03), point("small", 0.80, 2, 0.03)
    assert [one.unproven for one in mark([big, middle, small])] == ["middle", "", ""]
    tiny = point("tiny", 0.79, 1, 0.2)
    assert [one.unproven for one in mark([big, middle, small, tiny])] == ["tiny"] * 3 + [""], "the smallest is named"
    rolled_back = replace(tiny, kept=False)
    assert [one.unproven for one in mark([big, middle, small, rolled_back])] == ["middle", "", "", ""]
    fast = replace(big, speed=90.0)
    slow = replace(middle, speed=40.0)
    assert mark([fast, slow])[0].unproven == "", "its speed is proven all the same"
