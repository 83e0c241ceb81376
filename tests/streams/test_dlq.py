"""Dead letters on the embedded broker: read, selected, and sent again byte for byte."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.intake.dead_letters import dead_letter_headers
from agents.intake.outcomes import Rejected
from schemas.interaction import Origin
from schemas.rejection import DeadLetterHeader, RejectReason
from streams import dlq, topic_plan
from streams.dlq import DeadLetter, Selection
from streams.embedded import EmbeddedServices
from streams.errors import UserError
from streams.topics import (
    CUSTOMER_EVENTS,
    DEAD_LETTER_TOPICS,
    EMBEDDED_PARTITIONS,
    dead_letters_of,
    topics,
)
from tests.topic_records import records_of

pytestmark = pytest.mark.integration

CHAT = "interactions.chat.v1"
CHAT_DLQ = dead_letters_of(CHAT)
Bury = Callable[..., Awaitable[None]]


@pytest.fixture
def kafka(embedded: EmbeddedServices) -> dict[str, Any]:
    """Connection arguments."""
    return {"bootstrap_servers": embedded.bootstrap_servers}


@pytest.fixture
async def bury(kafka: dict[str, Any]) -> AsyncIterator[Bury]:
    """Puts a record on a dead-letter topic as intake does, under a mark of the test's own."""
    admin = await topic_plan.open_admin(kafka)
    await topic_plan.apply(admin, topics(EMBEDDED_PARTITIONS), 1)
    await admin.close()
    producer = AIOKafkaProducer(**kafka)
    await producer.start()

    async def send(
        mark: str,
        value: bytes | None,
        *,
        key: bytes | None = b"k",
        headers: tuple[tuple[str, bytes], ...] = (),
        topic: str = CHAT,
        partition: int = 0,
    ) -> None:
        rejected = Rejected(RejectReason.NOT_JSON, "", "broken")
        added = dead_letter_headers(rejected, headers, Origin(topic, partition, 7), 0)
        named = [
            (name, mark.encode() if name == DeadLetterHeader.REASON else text)
            for name, text in added
        ]
        await producer.send_and_wait(dead_letters_of(topic), value, key, headers=named)

    yield send
    await producer.stop()


@pytest.fixture
def mark() -> str:
    """A reason that only this test's letters have: tests share the topics."""
    return f"reason-{uuid.uuid4().hex[:8]}"


async def letters(kafka: dict[str, Any], **selection: Any) -> list[DeadLetter]:
    """The letters of a selection."""
    return [letter async for letter in dlq.read(kafka, Selection(**selection))]


async def arrived(kafka: dict[str, Any], topic: str, keys: set[bytes]) -> list[Any]:
    """What stands on a topic under these keys."""
    return [record for record in await records_of(kafka, topic) if record.key in keys]


def a_letter(*headers: tuple[str, bytes], topic: str = CHAT_DLQ, offset: int = 0) -> DeadLetter:
    """A letter with these headers."""
    from datetime import UTC, datetime

    return DeadLetter(
        topic=topic,
        partition=0,
        offset=offset,
        at=datetime(2026, 3, 2, tzinfo=UTC),
        key=None,
        value=b"x",
        headers=headers,
    )


async def test_letters_are_read_with_their_reason(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """Bytes, key and own headers are as received, the reason is beside them."""
    await bury(mark, b"\x00\xff{", key=None, headers=(("trace", b"1"),))
    (letter,) = await letters(kafka, reasons=(mark,))
    assert (letter.value, letter.key) == (b"\x00\xff{", None)
    assert (letter.topic, letter.original_topic, letter.attempt) == (CHAT_DLQ, CHAT, 1)
    assert ("trace", b"1") in letter.headers


async def test_a_replay_sends_the_same_bytes_without_our_headers(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """Key, value and the headers of the publisher are unchanged; of ours only the count stays."""
    key = mark.encode()
    await bury(mark, b'{"half": ', key=key, headers=(("trace", b"1"), ("trace", b"2")))
    done = await dlq.replay(kafka, Selection(reasons=(mark,)), send=True)
    assert done.by_topic == {CHAT: 1}
    (record,) = await arrived(kafka, CHAT, {key})
    assert record.value == b'{"half": '
    assert list(record.headers) == [
        ("trace", b"1"),
        ("trace", b"2"),
        ("x-error-attempt", b"1"),
    ]


async def test_a_second_refusal_counts_one_attempt_more(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """What is sent again and refused again stands there with attempt 2."""
    again = f"{mark}-again"
    await bury(mark, b"{", key=mark.encode())
    (letter,) = await letters(kafka, reasons=(mark,))
    await bury(again, b"{", headers=tuple(dlq.headers_for_replay(letter)))
    (second,) = await letters(kafka, reasons=(again,))
    assert second.attempt == 2


async def test_a_dry_run_sends_nothing(kafka: dict[str, Any], bury: Bury, mark: str) -> None:
    """Without `send` the same counts come back and nothing moves."""
    await bury(mark, b"{", key=mark.encode())
    done = await dlq.replay(kafka, Selection(reasons=(mark,)), send=False)
    assert (done.by_topic, done.sent) == ({CHAT: 1}, False)
    assert await arrived(kafka, CHAT, {mark.encode()}) == []


async def test_the_same_record_is_sent_once(kafka: dict[str, Any], bury: Bury, mark: str) -> None:
    """A letter that was sent and refused before does not multiply with every replay."""
    for _ in range(3):
        await bury(mark, b"{", key=mark.encode())
    await bury(mark, b"[", key=mark.encode())
    done = await dlq.replay(kafka, Selection(reasons=(mark,)), send=True)
    assert (done.by_topic, done.repeated) == ({CHAT: 2}, 2)
    assert len(await arrived(kafka, CHAT, {mark.encode()})) == 2


async def test_the_highest_attempt_goes_with_it(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """Of several copies the count of the last refusal is carried on, not that of the first."""
    for attempt in (b"0", b"2", b"1"):
        await bury(mark, b"{", key=mark.encode(), headers=(("x-error-attempt", attempt),))
    await dlq.replay(kafka, Selection(reasons=(mark,)), send=True)
    (record,) = await arrived(kafka, CHAT, {mark.encode()})
    assert ("x-error-attempt", b"3") in record.headers


async def test_a_limit_leaves_the_rest(kafka: dict[str, Any], bury: Bury, mark: str) -> None:
    """The oldest go first; how many stay is told."""
    for number in range(5):
        await bury(mark, b"{%d" % number, key=mark.encode())
    done = await dlq.replay(kafka, Selection(reasons=(mark,)), limit=2, send=True)
    assert (done.by_topic, done.over_limit) == ({CHAT: 2}, 3)
    values = {record.value for record in await arrived(kafka, CHAT, {mark.encode()})}
    assert values == {b"{0", b"{1"}


async def test_letters_of_one_batch_are_all_read(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """The last batch counts whole, whatever the broker tells as its end."""
    await asyncio.gather(*(bury(mark, b"{%d" % number) for number in range(50)))
    found = await letters(kafka, reasons=(mark,), topics=(CHAT_DLQ,))
    assert sorted(letter.value or b"" for letter in found) == sorted(b"{%d" % n for n in range(50))


async def test_a_tombstone_is_sent_again_as_one(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """A record without a value stays without one."""
    await bury(mark, None, key=mark.encode())
    await dlq.replay(kafka, Selection(reasons=(mark,)), send=True)
    (record,) = await arrived(kafka, CHAT, {mark.encode()})
    assert record.value is None


async def test_customer_events_go_back_to_their_partition(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """A customer's state is in one partition, so that is where the event must be read again."""
    for partition in range(EMBEDDED_PARTITIONS):
        key = f"{mark}-{partition}".encode()
        await bury(mark, b"{", key=key, topic=CUSTOMER_EVENTS, partition=partition)
    await dlq.replay(kafka, Selection(reasons=(mark,)), send=True)
    keys = {f"{mark}-{n}".encode() for n in range(EMBEDDED_PARTITIONS)}
    found = {record.key: record.partition for record in await arrived(kafka, CUSTOMER_EVENTS, keys)}
    assert found == {f"{mark}-{n}".encode(): n for n in range(EMBEDDED_PARTITIONS)}


async def test_offsets_and_topics_narrow_the_selection(
    kafka: dict[str, Any], bury: Bury, mark: str
) -> None:
    """A range of offsets includes both ends; another topic has none of it."""
    for number in range(4):
        await bury(mark, b"{%d" % number)
    offsets = [letter.offset for letter in await letters(kafka, reasons=(mark,))]
    some = await letters(kafka, reasons=(mark,), from_offset=offsets[1], to_offset=offsets[2])
    assert [letter.value for letter in some] == [b"{1", b"{2"]
    others = tuple(topic for topic in DEAD_LETTER_TOPICS if topic != CHAT_DLQ)
    assert await letters(kafka, reasons=(mark,), topics=others) == []


def test_a_letter_goes_where_it_stands_not_where_a_header_says() -> None:
    """Nobody can have a record published to another topic by naming it in a header."""
    forged = a_letter((DeadLetterHeader.ORIGINAL_TOPIC.value, b"customer-events.v1"))
    assert forged.original_topic == CHAT


@pytest.mark.parametrize("text", [b"", b"-1", b"many", b"\xff"])
def test_an_odd_attempt_counts_as_the_first(text: bytes) -> None:
    """Headers are foreign too."""
    assert a_letter((DeadLetterHeader.ATTEMPT.value, text)).attempt == 1


def test_topics_are_named_either_way() -> None:
    """By their own name or by that of the topic they belong to; an unknown one is refused."""
    assert dlq.topics_named([CHAT, CHAT_DLQ]) == (CHAT_DLQ,)
    assert dlq.topics_named([]) == DEAD_LETTER_TOPICS
    with pytest.raises(UserError, match="no dead letters"):
        dlq.topics_named(["complaints.v1"])
