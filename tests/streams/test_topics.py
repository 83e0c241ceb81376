"""The table of topics keeps its own promises."""

import pytest

from schemas import limits
from streams.topics import (
    CHANGELOG_MESSAGE_BYTES,
    CUSTOMER_EVENTS,
    CUSTOMERS_CHANGELOG,
    DEAD_LETTER_TOPICS,
    INTAKE_CHANGELOG,
    INTAKE_TOPICS,
    dead_letters_of,
    topic,
    topics,
)

DAY_MS = 86_400_000


def test_names_are_unique_and_versioned() -> None:
    """A topic is named once and carries its version, dead letters that of their topic."""
    names = [line.name for line in topics()]
    assert len(names) == len(set(names)) == 20
    assert all(name.removesuffix(".dlq").endswith(".v1") for name in names)


@pytest.mark.parametrize("partitions", [1, 4, 8, 100])
def test_state_and_its_changelog_have_the_same_partitions(partitions: int) -> None:
    """A row is found by the partition of its source, so these must never differ."""
    numbers = {line.name: line.partitions for line in topics(partitions)}
    assert {numbers[name] for name in (*INTAKE_TOPICS, INTAKE_CHANGELOG)} == {partitions}
    assert {numbers[name] for name in (CUSTOMER_EVENTS, CUSTOMERS_CHANGELOG)} == {partitions}


def test_every_intake_topic_and_the_customer_log_have_dead_letters() -> None:
    """What cannot be read has a place to go, wherever it is read."""
    assert set(DEAD_LETTER_TOPICS) == {
        dead_letters_of(name) for name in (*INTAKE_TOPICS, CUSTOMER_EVENTS)
    }


def test_a_dead_letter_has_room_for_the_largest_record_and_its_reason() -> None:
    """Whatever fits on a topic fits on its dead-letter topic, headers included."""
    for name in (*INTAKE_TOPICS, CUSTOMER_EVENTS):
        largest = int(topic(name).configs["max.message.bytes"])
        room = int(topic(dead_letters_of(name)).configs["max.message.bytes"])
        assert room >= largest + 100_000
        assert largest > limits.RECORD_BYTES


def test_changelogs_lose_no_row_by_age_and_take_whole_batches() -> None:
    """State is compacted, never deleted; a batch of rows is one record batch."""
    for name in (INTAKE_CHANGELOG, CUSTOMERS_CHANGELOG):
        configs = topic(name).configs
        assert configs["cleanup.policy"] == "compact"
        assert configs["retention.ms"] == "-1"
        assert int(configs["min.compaction.lag.ms"]) >= 3_600_000
        assert int(configs["max.message.bytes"]) == CHANGELOG_MESSAGE_BYTES


def test_records_are_kept_longer_than_repeats_are_recognised() -> None:
    """Eight days of memory: a replay of anything still on a topic must be told from news."""
    for name in INTAKE_TOPICS:
        assert int(topic(name).configs["retention.ms"]) > 8 * DAY_MS


def test_every_unusual_setting_has_its_reason() -> None:
    """Who reads the plan learns why, not only what."""
    for line in topics():
        for setting in ("max.message.bytes", "min.compaction.lag.ms", "segment.bytes"):
            if setting in line.configs:
                assert line.reasons[setting], (line.name, setting)


def test_fewer_than_one_partition_is_refused() -> None:
    """A mistake in a setting is told before a broker sees it."""
    with pytest.raises(ValueError, match="at least 1"):
        topics(0)
    with pytest.raises(KeyError):
        topic("no.such.topic")
