"""The simulated contact centre: deterministic, plausible, and readable by intake's own decoder."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, pairwise
from random import Random
from typing import Any

import orjson
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.simulation import CHANNELS, EventClass, SimulatedEvent, simulate
from agents.simulation.contacts import Outcome, satisfaction
from agents.simulation.mess import FAULTS, ODDITIES
from agents.simulation.people import MAX_CUSTOMERS, populate
from agents.simulation.world import Matter, World
from schemas.codec import MalformedRecord, decode_channel_record, decode_command
from schemas.common import Channel

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def run(count: int = 3_000, seed: int = 7, **options: Any) -> list[SimulatedEvent]:
    """A small run; fewer customers make for a quicker start."""
    return list(simulate(seed, count, MONDAY, **({"customers": 300} | options)))


@pytest.fixture(scope="module")
def clean() -> list[SimulatedEvent]:
    """A morning of the default centre, nothing broken."""
    return run(12_000)


@pytest.fixture(scope="module")
def messy() -> list[SimulatedEvent]:
    """A run in which a tenth of the records are odd or broken."""
    return run(8_000, messy_share=0.1)


def body(event: SimulatedEvent) -> bytes:
    """The event's bytes on the topic."""
    return event.record if isinstance(event.record, bytes) else orjson.dumps(event.record)


def decode(event: SimulatedEvent) -> None:
    """Read an event as intake does; raises MalformedRecord."""
    if event.channel == "commands":
        decode_command(body(event), event.at)
    else:
        decode_channel_record(Channel(event.channel), body(event), event.at)


def dicts(events: list[SimulatedEvent]) -> list[dict[str, Any]]:
    """The well-formed records."""
    return [event.record for event in events if isinstance(event.record, dict)]


def test_the_same_arguments_give_the_same_bytes() -> None:
    """A seed is a promise: whoever repeats a run sees the very same events."""
    assert run(messy_share=0.05) == run(messy_share=0.05)


def test_another_seed_gives_other_events_with_other_ids() -> None:
    """Runs of different seeds or starts can share topics without colliding."""
    one, two = dicts(run(500, seed=1)), dicts(run(500, seed=2))
    later = dicts(list(simulate(1, 500, MONDAY + timedelta(days=1), customers=300)))
    ids = [{(r["source"], r["id"]) for r in records} for records in (one, two, later)]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]


@settings(max_examples=15)
@given(count=st.integers(0, 400), seed=st.integers(0, 2**64))
def test_the_count_is_exact_and_time_runs_forward(count: int, seed: int) -> None:
    """Exactly as many events as asked for, in order of arrival, none before the start."""
    events = run(count, seed, customers=50)
    assert len(events) == count
    assert all(one.at <= two.at for one, two in pairwise(events))
    assert all(event.at >= MONDAY for event in events)


def test_a_prefix_does_not_depend_on_how_much_is_asked_for() -> None:
    """The first thousand of many are the first thousand of a thousand."""
    assert run(1_000) == list(islice(simulate(7, 10**9, MONDAY, customers=300), 1_000))


def test_every_clean_event_is_readable(clean: list[SimulatedEvent]) -> None:
    """Nothing that is meant to be good is ever refused, by intake's own decoder."""
    for event in clean:
        decode(event)


def test_malformed_events_are_refused_and_all_others_read(messy: list[SimulatedEvent]) -> None:
    """`malformed` says exactly which events become dead letters; odd ones are taken in."""
    refused: Counter[str | None] = Counter()
    for event in messy:
        try:
            decode(event)
        except MalformedRecord:
            assert event.label is EventClass.MALFORMED, event
            refused[event.fault] += 1
        else:
            assert event.label is not EventClass.MALFORMED, event
    assert set(refused) == set(FAULTS)


def test_every_oddity_occurs(messy: list[SimulatedEvent]) -> None:
    """Unknown fields, wrong optional types, NUL and half an emoji are all exercised."""
    odd = {e.fault for e in messy if e.fault and e.label is not EventClass.MALFORMED}
    assert odd == set(ODDITIES)


def test_without_mess_nothing_is_broken(clean: list[SimulatedEvent]) -> None:
    """Broken records come only when asked for; late and doubled ones always do."""
    labels = Counter(event.label for event in clean)
    assert labels[EventClass.MALFORMED] == 0
    assert all(event.fault is None for event in clean)
    assert labels[EventClass.LATE] > 0
    assert labels[EventClass.DUPLICATE] > 0


def test_every_channel_and_class_occurs(clean: list[SimulatedEvent]) -> None:
    """A morning shows everything the centre does."""
    assert {event.channel for event in clean} == set(CHANNELS)
    assert {event.label for event in clean} == set(EventClass) - {EventClass.MALFORMED}


def test_duplicates_repeat_a_record_word_for_word(clean: list[SimulatedEvent]) -> None:
    """A publisher's retry is the same record; at the end few originals are still under way."""
    originals = {body(event) for event in clean if event.label is not EventClass.DUPLICATE}
    doubles = [body(event) for event in clean if event.label is EventClass.DUPLICATE]
    assert sum(double in originals for double in doubles) > 0.9 * len(doubles) > 50


def test_corrections_are_newer_than_what_they_correct(clean: list[SimulatedEvent]) -> None:
    """A record that comes again with other content has a higher revision."""
    newest: dict[tuple[str, str], tuple[int, bytes]] = {}
    corrections = 0
    for event in clean:
        record = event.record
        assert isinstance(record, dict)
        key, revision = (record["source"], record["id"]), record.get("revision", 0)
        known = newest.get(key)
        if known is not None and known[1] != body(event):
            assert known[0] != revision, record
            corrections += 1
        if known is None or revision > known[0]:
            newest[key] = (revision, body(event))
    assert corrections > 50


def test_late_events_arrive_after_younger_ones(clean: list[SimulatedEvent]) -> None:
    """Late means what happened long before it arrives."""
    delays = []
    for event in clean:
        if event.label is EventClass.LATE:
            assert isinstance(event.record, dict)
            occurred = datetime.fromisoformat(event.record["occurred_at"])
            delays.append((event.at - occurred).total_seconds())
    assert max(delays) > 3_600
    assert min(delays) >= 0


def test_longer_waits_make_for_worse_scores(clean: list[SimulatedEvent]) -> None:
    """The satisfaction of a customer falls with the wait, all else being equal."""
    world = World(Random(1), populate(Random(1), 50), "run")
    matter = Matter(world, world.new_order(world.customer("CN")), "delivery", unhappy=True)

    def mean(wait_minutes: int | None, solved: bool) -> float:
        waited_ms = None if wait_minutes is None else wait_minutes * 60_000
        outcome = Outcome(0, waited_ms, solved)
        return sum(satisfaction(matter, outcome, 5) for _ in range(2_000)) / 2_000

    means = [mean(1, True), mean(10, True), mean(240, True), mean(1_440, True)]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1] + 0.8
    assert mean(1, True) > mean(1, False) + 1.0
    assert mean(1, False) > mean(None, False)
    scores = [r["rating"]["score"] for r in dicts(clean) if r.get("kind") == "call_rated"]
    assert set(scores) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert len(set(scores)) >= 4


def test_people_sleep() -> None:
    """Most contacts of a country fall into its day."""
    by_night: Counter[bool] = Counter()
    for event in run(9_000, contacts_per_day=1_000.0):
        record = event.record
        assert isinstance(record, dict)
        profile = record.get("customer_profile")
        if profile and profile["region"] == "CN" and event.at < MONDAY + timedelta(days=1):
            hour = event.at.astimezone(timezone(timedelta(hours=8))).hour
            by_night[hour < 6] += 1
    assert by_night[False] > 8 * by_night[True] > 0


def test_customers_come_back_on_other_channels_about_the_same_order(
    clean: list[SimulatedEvent],
) -> None:
    """Some orders are followed through two channels or more: that is what identity is for."""
    channels: dict[str, set[str]] = defaultdict(set)
    for event in clean:
        assert isinstance(event.record, dict)
        if event.channel != "commands":
            for ref in event.record.get("refs", ()):
                channels[ref["value"]].add(event.channel)
    assert sum(len(found) > 1 for found in channels.values()) > 50


def test_telephone_numbers_are_real_in_form_and_unique() -> None:
    """Every customer has one valid E.164 number, also in the largest population."""
    people = [p for region in populate(Random(1), MAX_CUSTOMERS).by_region.values() for p in region]
    assert len({person.phone for person in people}) == len(people) == MAX_CUSTOMERS
    assert len({person.email for person in people}) == MAX_CUSTOMERS
    for person in people[::97]:
        assert phonenumbers.is_valid_number(phonenumbers.parse(person.phone)), person.phone


def test_only_the_chosen_channels_are_sent() -> None:
    """A filter drops other events and still gives the exact count."""
    events = run(500, channels=("email", "commands"))
    assert {event.channel for event in events} == {"email", "commands"}
    assert len(events) == 500


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start_at": datetime(2026, 3, 2)}, "time zone"),  # noqa: DTZ001  # that is the point
        ({"count": -1}, "negative"),
        ({"messy_share": 1.5}, "between 0 and 1"),
        ({"contacts_per_day": 0.0}, "above 0"),
        ({"channels": ("fax",)}, "fax"),
        ({"customers": 0}, "between 1 and"),
    ],
)
def test_senseless_wishes_are_refused_with_a_reason(options: dict[str, Any], words: str) -> None:
    """Each argument is checked before the first event."""
    arguments: dict[str, Any] = {"seed": 1, "count": 10, "start_at": MONDAY} | options
    with pytest.raises(ValueError, match=words):
        list(simulate(**arguments))
