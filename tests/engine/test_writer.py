"""Publishing: order, batch sizes and what happens when the broker says no."""

import asyncio

import pytest

from streams.engine import ConfigurationError, EngineSettings, RowTooLargeError, partition_of
from streams.engine.batch import Effect
from streams.engine.lease import Lease
from streams.engine.writer import Rows, Writer
from tests.engine.fakes import Producer


def writer_on(producer: Producer, **settings: int) -> Writer:
    """A writer that knows two topics."""
    base = EngineSettings(bootstrap_servers="none", group_id="g", **settings)  # type: ignore[arg-type]
    return Writer(producer, base, Lease(0), {"out": 4, "side": 2})


async def test_order_is_kept_per_topic_and_partition() -> None:
    """Effects of one key arrive as they were emitted, at the partition every client expects."""
    producer = Producer()
    effects = [
        Effect("out", None, b"k%d" % (number % 7), b"%d" % number, ()) for number in range(100)
    ]
    await writer_on(producer).publish(effects)
    for number in range(7):
        key = b"k%d" % number
        log = producer.logs["out", partition_of(key, 4)]
        values = [int(record.value or b"") for record in log.records if record.key == key]
        assert values == list(range(number, 100, 7))


async def test_large_groups_become_several_batches() -> None:
    """No batch beyond the limit, except one that is a single record."""
    producer = Producer()
    effects = [Effect("out", 1, b"k", b"x" * size, ()) for size in (50, 50, 500, 50, 50)]
    await writer_on(producer, effect_batch_bytes=200).publish(effects)
    counts = [batch.record_count() for _, _, batch in producer.sent]
    assert counts == [2, 1, 2]
    assert all(batch.closed for _, _, batch in producer.sent)


async def test_headers_and_given_partitions_are_kept() -> None:
    """A dead letter goes where it is told, with its reasons."""
    producer = Producer()
    await writer_on(producer).publish([Effect("side", 1, None, b"v", (("reason", b"bad"),))])
    ((topic, partition, batch),) = producer.sent
    assert (topic, partition) == ("side", 1)
    assert batch.records == [(None, b"v", [("reason", b"bad")])]


async def test_records_without_a_key_stay_beside_their_source() -> None:
    """Without key and partition the source partition decides, so that replays are identical."""
    producer = Producer()
    await writer_on(producer).publish([Effect("side", None, None, b"v", ())], default_partition=5)
    assert producer.sent[0][1] == 1


async def test_an_error_of_the_broker_is_raised() -> None:
    """A batch that was not acknowledged fails the publication."""
    producer = Producer()
    producer.fail = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await writer_on(producer).publish([Effect("out", 0, b"k", b"v", ())])


async def test_an_unknown_topic_is_named() -> None:
    """A topic that does not exist stops with its name."""
    with pytest.raises(ConfigurationError, match="nowhere"):
        await writer_on(Producer()).publish([Effect("nowhere", 0, b"k", b"v", ())])


async def test_a_topic_learnt_later_gets_its_own_partition_count() -> None:
    """Partition counts are asked once per topic."""
    producer = Producer()
    producer.partitions["late"] = 3
    await writer_on(producer).publish([Effect("late", None, b"k", b"v", ())])
    assert producer.sent[0][1] == partition_of(b"k", 3)


async def test_rows_are_one_record_batch_or_nothing() -> None:
    """Kafka appends a batch whole or not at all, so rows are never split over two."""
    producer = Producer()
    writer = writer_on(
        producer, changelog_batch_bytes=300, changelog_soft_bytes=300, max_record_bytes=300
    )
    assert await writer.log_rows("log", 0, Rows([(b"a", b"1"), (b"b", b"2")])) == (0, 2)
    assert await writer.log_rows("log", 0, Rows([(b"c", b"3")])) == (2, 1)
    with pytest.raises(RowTooLargeError):
        await writer.log_rows("log", 0, Rows([(b"a", b"x" * 100)] * 4))
    assert len(producer.sent) == 2


async def test_lanes_that_publish_at_the_same_time_share_record_batches() -> None:
    """One batch per partition for all of them, each lane's effects in its order."""
    producer = Producer()
    writer = writer_on(producer)
    lanes = [
        [Effect("out", 1, b"k", b"%d" % (10 * lane + n), ()) for n in (0, 1)] for lane in (1, 2)
    ]
    await asyncio.gather(*(writer.publish(effects) for effects in lanes))
    assert [batch.record_count() for _, _, batch in producer.sent] == [4]
    assert [record.value for record in producer.logs["out", 1].records] == [
        b"10",
        b"11",
        b"20",
        b"21",
    ]


async def test_giving_up_waiting_does_not_take_the_answer_from_others() -> None:
    """Of two lanes in one record batch one is let go: the other is still told."""
    producer = Producer()
    producer.hold = asyncio.Event()
    writer = writer_on(producer)
    gone, stays = (
        asyncio.create_task(writer.publish([Effect("out", 1, b"k", value, ())]))
        for value in (b"a", b"b")
    )
    await producer.has_sent.wait()
    gone.cancel()
    await asyncio.sleep(0)
    producer.hold.set()
    await stays
    assert gone.cancelled()
