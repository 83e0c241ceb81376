"""History comes out in the order in which it happened, each happening once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.importing.ordering import TimeOrder
from streams.importing.outgoing import Outgoing

START = datetime(2026, 3, 2, tzinfo=UTC)


def record(minute: int, name: str, revision: int = 0) -> Outgoing:
    """Make a record of a minute."""
    at = START + timedelta(minutes=minute)
    value = f"{name}@{minute}r{revision}".encode()
    return Outgoing("chat", b"k", value, at, ("record", "s", name), revision)


def through(order: TimeOrder, records: list[Outgoing]) -> list[Outgoing]:
    """Send records through an order."""
    out = [ready for one in records for ready in order.add(one)]
    return [*out, *order.drain()]


RECORDS = st.lists(
    st.builds(record, st.integers(0, 30), st.sampled_from("abcdefgh"), st.integers(0, 3)),
    max_size=40,
)


@given(RECORDS)
def test_what_fits_comes_out_sorted_and_once(records: list[Outgoing]) -> None:
    """Within the window the order is complete; a happening is told by its newest revision."""
    order = TimeOrder(100)
    out = through(order, records)
    assert [one.at for one in out] == sorted(one.at for one in out)
    newest: dict[str, Outgoing] = {}
    for one in records:
        name = one.identity[2]
        if name not in newest or one.revision > newest[name].revision:
            newest[name] = one
    assert sorted(one.value for one in out) == sorted(one.value for one in newest.values())
    assert order.folded == len(records) - len(out)
    assert order.is_whole


@given(RECORDS, st.integers(1, 5))
def test_a_window_loses_nothing(records: list[Outgoing], window: int) -> None:
    """However small the window, each happening comes out, with its highest revision last."""
    order = TimeOrder(window)
    out = through(order, records)
    assert {one.identity for one in out} == {one.identity for one in records}
    assert len(out) + order.folded == len(records)
    assert len(order) == 0
    for identity in {one.identity for one in records}:
        told = max(one.revision for one in out if one.identity == identity)
        assert told == max(one.revision for one in records if one.identity == identity)


def test_a_window_sorts_what_is_roughly_in_order() -> None:
    """Records that are at most a window apart come out in order."""
    minutes = [2, 1, 3, 5, 4, 6, 8, 7]
    order = TimeOrder(3)
    out = through(order, [record(minute, str(minute)) for minute in minutes])
    assert [one.value for one in out] == [f"{n}@{n}r0".encode() for n in sorted(minutes)]
    assert not order.is_whole


def test_equal_instants_keep_the_order_of_the_file() -> None:
    """Records of one instant are not shuffled."""
    out = through(TimeOrder(10), [record(1, name) for name in "cab"])
    assert [one.identity[2] for one in out] == ["c", "a", "b"]


def test_a_window_holds_at_least_one() -> None:
    """A window of nothing is a mistake of the caller."""
    with pytest.raises(ValueError, match="holds nothing"):
        TimeOrder(0)
