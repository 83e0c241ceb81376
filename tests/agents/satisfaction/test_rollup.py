"""Keys of satisfaction rows: the hour an instant lies in."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from agents.satisfaction.rollup import hour_of, instant_of

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 (the strategy wants naive bounds)
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC) | OFFSETS,
)


@given(INSTANTS)
def test_the_hour_of_an_instant_is_the_same_in_every_zone(at: datetime) -> None:
    """What is read off a UTC instant is what its distance from 1970 says, and any zone's too."""
    hour = hour_of(at)
    assert hour == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)
    assert instant_of(hour) <= at < instant_of(hour + 1)
