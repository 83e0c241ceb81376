"""Tallies become rows: in any order, in any split, and taking back leaves nothing behind."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.effects import Measure, Tally
from agents.satisfaction.board import TallyBoard, TallyReason, apply
from agents.satisfaction.rollup import (
    OTHER,
    UNKNOWN,
    RowKey,
    decode_row_key,
    encode_row_key,
    hour_of,
    merge_rows,
    row_key,
)
from agents.satisfaction.sketch import bucket_of, merge_sketches, quantile, sketch_of
from agents.satisfaction.state import MemoryRows
from schemas.customer import Labels
from schemas.satisfaction import Dimension, DurationSketch, SatisfactionRow, Window

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LABELS = Labels(channel="chat", team="billing", category="refund", region="DE", tier="vip")

labels = st.builds(
    Labels,
    **{
        "channel": st.sampled_from(["phone", "email"]),
        "team": st.sampled_from(["", " ", "a", "b", "other", "unknown", "x" * 80]),
        "tier": st.sampled_from(["vip", "minor"]),
    },
)
instants = st.integers(0, 60 * 72).map(lambda minutes: START + timedelta(minutes=minutes))


def tallies() -> st.SearchStrategy[Tally]:
    """Any tally that can be counted."""
    values = st.one_of(
        st.tuples(st.just(Measure.CSAT), st.integers(1, 5)),
        st.tuples(st.just(Measure.NPS), st.integers(0, 10)),
        st.tuples(st.just(Measure.CES), st.integers(1, 7)),
        st.tuples(st.just(Measure.SERVQUAL), st.floats(-6, 6)),
        st.tuples(st.just(Measure.FIRST_RESPONSE), st.floats(0, 1e7)),
        st.tuples(st.just(Measure.RESOLUTION), st.floats(0, 1e7)),
        st.tuples(st.just(Measure.MET), st.sampled_from(["first_response", "update"])),
        st.tuples(st.just(Measure.BREACHED), st.sampled_from(["first_response", "update"])),
        st.tuples(
            st.sampled_from([Measure.CONTACTS, Measure.INTERACTIONS, Measure.COMPLAINTS_OPENED]),
            st.none(),
        ),
    )
    return st.builds(
        lambda what, at, named: Tally(what[0], at, named, what[1]), values, instants, labels
    )


def counted(given_tallies: Iterable[Tally], batch: int = 10_000) -> MemoryRows:
    """The rows after some tallies, flushed every `batch`."""
    state, board = MemoryRows(), TallyBoard()
    for number, tally in enumerate(given_tallies, 1):
        assert board.add(tally) is TallyReason.COUNTED
        if number % batch == 0:
            board.flush(state)
    board.flush(state)
    return state


def negated(tally: Tally) -> Tally:
    """The tally that takes `tally` back."""
    return Tally(tally.measure, tally.at, tally.labels, tally.value, -tally.count)


def test_one_tally_reaches_every_window_and_dimension() -> None:
    """A score is counted in the hour, the day and for ever, in total and under each label."""
    state = MemoryRows()
    apply(Tally(Measure.CSAT, START, LABELS, 4), state)
    expected = {
        row_key(window, START, dimension, getattr(LABELS, dimension, ""))
        for window in Window
        for dimension in Dimension
    }
    assert set(state.rows) == expected
    assert all(row == SatisfactionRow(csat={4: 1}) for row in state.rows.values())


def test_windows_are_half_open_and_utc() -> None:
    """The last moment of an hour belongs to it, the next one to the next; days are UTC days."""
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    state = counted(
        Tally(Measure.CONTACTS, at, Labels())
        for at in (midnight - timedelta(microseconds=1), midnight)
    )
    starts = {
        (key.window, key.start_at, key.end_at)
        for key in map(decode_row_key, state.rows)
        if key.dimension is Dimension.ALL
    }
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert starts == {
        (Window.HOUR, midnight - hour, midnight),
        (Window.HOUR, midnight, midnight + hour),
        (Window.DAY, midnight - day, midnight),
        (Window.DAY, midnight, midnight + day),
        (Window.ALL, None, None),
    }


@given(st.lists(tallies(), max_size=30), st.randoms(use_true_random=False), st.integers(1, 31))
@settings(max_examples=30)
def test_order_and_batches_make_no_difference(
    given_tallies: list[Tally], random: object, batch: int
) -> None:
    """The rows depend on what was counted, not on its order or on how it was cut into batches."""
    shuffled = list(given_tallies)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' own Random
    one_by_one = MemoryRows()
    for tally in shuffled:
        apply(tally, one_by_one)
    assert counted(given_tallies, batch).rows == one_by_one.rows


@given(st.lists(tallies(), max_size=20), st.lists(tallies(), max_size=20))
@settings(max_examples=30)
def test_taking_back_leaves_nothing_behind(kept: list[Tally], taken: list[Tally]) -> None:
    """What is counted and taken back again leaves exactly the rows of what was kept."""
    state = counted([*taken, *kept, *map(negated, taken)])
    expected = counted(kept).rows
    found = {key: row for key, row in state.rows.items() if row != SatisfactionRow()}
    assert found == {key: row for key, row in expected.items() if row != SatisfactionRow()}


@given(st.lists(st.lists(tallies(), max_size=8), min_size=3, max_size=3))
@settings(max_examples=30)
def test_partitions_add_up_in_any_order(partitions: list[list[Tally]]) -> None:
    """Rows of partitions add up to the rows of everything, associatively and commutatively."""
    key = row_key(Window.ALL, None, Dimension.ALL, "")
    a, b, c = (counted(part).rows.get(key, SatisfactionRow()) for part in partitions)
    together = counted(t for part in partitions for t in part).rows.get(key, SatisfactionRow())
    assert merge_rows(merge_rows(a, b), c) == together
    assert merge_rows(a, merge_rows(b, c)) == together
    assert merge_rows(c, merge_rows(b, a)) == together


@given(st.lists(tallies(), min_size=1, max_size=20))
@settings(max_examples=20)
def test_groups_add_up_to_the_total(given_tallies: list[Tally]) -> None:
    """Nothing is lost to a missing label: the keys of every dimension add up to the total."""
    sums: dict[tuple[Window, int, Dimension], SatisfactionRow] = {}
    for encoded, row in counted(given_tallies).rows.items():
        key = decode_row_key(encoded)
        group = (key.window, key.hour, key.dimension)
        sums[group] = merge_rows(sums.get(group, SatisfactionRow()), row)
    for (window, hour, _), row in sums.items():
        assert row == sums[window, hour, Dimension.ALL]


def test_rows_are_never_changed_in_place() -> None:
    """A flush writes new rows, so that a reader of the old ones is not surprised."""
    state = counted(
        [Tally(Measure.FIRST_RESPONSE, START, LABELS, 7), Tally(Measure.CSAT, START, LABELS, 2)]
    )
    before = {key: repr(row) for key, row in state.rows.items()}
    held = dict(state.rows)
    apply(Tally(Measure.FIRST_RESPONSE, START, LABELS, 9), state)
    apply(Tally(Measure.CSAT, START, LABELS, 2), state)
    assert {key: repr(row) for key, row in held.items()} == before


def test_keys_beyond_the_limit_are_counted_together() -> None:
    """A dimension keeps a bounded number of keys; the rest is `other`, and stays there."""
    state, board = MemoryRows(), TallyBoard(keys_per_dimension=2)
    for team in ("a", "b", "c", "d", "c", ""):
        board.add(Tally(Measure.CONTACTS, START, Labels(team=team)))
        board.flush(state)

    def contacts(team: str) -> int:
        row = state.rows.get(row_key(Window.ALL, None, Dimension.TEAM, team))
        return 0 if row is None else row.contacts

    assert [contacts(t) for t in ("a", "b", "c", OTHER, UNKNOWN)] == [1, 1, 0, 3, 1]
    board.add(Tally(Measure.CONTACTS, START, Labels(team="d"), count=-1))
    board.flush(state)
    assert contacts(OTHER) == 2


@pytest.mark.parametrize(
    ("measure", "value", "reason"),
    [
        (Measure.CSAT, 6, TallyReason.OFF_SCALE),
        (Measure.CSAT, 2.5, TallyReason.OFF_SCALE),
        (Measure.CSAT, None, TallyReason.NO_VALUE),
        (Measure.CSAT, "5", TallyReason.NO_VALUE),
        (Measure.NPS, -1, TallyReason.OFF_SCALE),
        (Measure.SERVQUAL, None, TallyReason.NO_VALUE),
        (Measure.SERVQUAL, float("nan"), TallyReason.NO_VALUE),
        (Measure.FIRST_RESPONSE, -0.5, TallyReason.NEGATIVE_DURATION),
        (Measure.FIRST_RESPONSE, float("nan"), TallyReason.NO_VALUE),
        (Measure.RESOLUTION, 1e12, TallyReason.TOO_LONG),
        (Measure.MET, None, TallyReason.NO_VALUE),
        (Measure.MET, 3.0, TallyReason.NO_VALUE),
        (Measure.BREACHED, "", TallyReason.NO_VALUE),
    ],
)
def test_what_cannot_be_counted_says_why(
    measure: Measure, value: float | str | None, reason: TallyReason
) -> None:
    """A tally without a countable value changes no row and is itself counted by its reason."""
    state, board = MemoryRows(), TallyBoard()
    assert board.add(Tally(measure, START, LABELS, value)) is reason
    assert board.flush(state) == []
    assert (state.rows, board.reasons[reason], board.counted) == ({}, 1, 0)


def test_old_windows_are_removed_and_stay_away() -> None:
    """Hours beyond their keep are removed as time goes on; a straggler does not bring them back."""
    state, board = MemoryRows(), TallyBoard(kept_starts={Window.HOUR: 2, Window.DAY: 400})
    for hours in range(5):
        board.add(Tally(Measure.CONTACTS, START + timedelta(hours=hours), LABELS))
        board.flush(state)
    board.add(Tally(Measure.CONTACTS, START, LABELS))
    board.flush(state)
    hours_left = sorted(
        {k.hour for k in map(decode_row_key, state.rows) if k.window is Window.HOUR}
    )
    assert hours_left == [hour_of(START) + 3, hour_of(START) + 4]
    assert board.reasons[TallyReason.WINDOW_GONE] == 6
    everything = state.rows[row_key(Window.ALL, None, Dimension.ALL, "")]
    today = state.rows[row_key(Window.DAY, START, Dimension.ALL, "")]
    assert everything.contacts == today.contacts == 6


def test_a_flush_removes_a_bounded_number_of_starts() -> None:
    """After a long silence the old hours go a few at a time, until only the kept ones are left."""
    state, board = MemoryRows(), TallyBoard(kept_starts={Window.HOUR: 1, Window.DAY: 400})
    for hours in range(40):
        apply(Tally(Measure.CONTACTS, START + timedelta(hours=hours), Labels()), state)
    later = START + timedelta(hours=100)
    left = []
    for _ in range(4):
        board.add(Tally(Measure.CONTACTS, later, Labels()))
        board.flush(state)
        left.append(
            len({k.hour for k in map(decode_row_key, state.rows) if k.window is Window.HOUR})
        )
    assert left == [25, 9, 1, 1]
    catalogue_hours = [key for key in state.catalogue if key[:1] == b"h"]
    assert len(catalogue_hours) == 1


@given(
    st.sampled_from(list(Window)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(list(Dimension)),
    st.text(),
)
def test_row_keys_can_be_read_back(
    window: Window, hour: int, dimension: Dimension, key: str
) -> None:
    """The bytes of a row's key hold its parts."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return
    parts = RowKey(window, hour, dimension, key)
    assert decode_row_key(encode_row_key(parts)) == parts


@pytest.mark.parametrize("wrong", [b"", b"h", b"x\x00\x00\x00\x01*", b"h\x00\x00\x00\x01c\xff"])
def test_other_bytes_are_no_row_key(wrong: bytes) -> None:
    """Bytes that are no row key are refused with the bytes in the message."""
    with pytest.raises(ValueError, match="not the key of a satisfaction row"):
        decode_row_key(wrong)


durations = st.lists(st.floats(0, 1e8, allow_nan=False), min_size=1, max_size=60)


@given(durations, st.floats(0.01, 1))
def test_quantiles_are_close(values: list[float], share: float) -> None:
    """A quantile is within 9.1 % of a duration of that rank, or below a second as it is."""
    true = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    found = quantile(sketch_of(values), share)
    assert found is not None
    assert bucket_of(found) == bucket_of(true)
    assert true < 1 or abs(found / true - 1) <= 0.0906


@given(durations, durations)
def test_sketches_add_up(left: list[float], right: list[float]) -> None:
    """The sketch of two lists is the sum of their sketches, to the last bit."""
    assert merge_sketches(sketch_of(left), sketch_of(right)) == sketch_of([*right, *left])


def test_an_empty_sketch_has_no_quantile() -> None:
    """Where nothing was measured there is no figure."""
    assert quantile(DurationSketch(), 0.5) is None
