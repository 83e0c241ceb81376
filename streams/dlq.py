"""Dead letters: reading them, and sending them again once their cause is mended.

A dead letter is the original record with its reason in headers (schemas/rejection.py). Sending it
again means the same bytes, key and headers to the topic it came from; intake reads it as if it
arrived now and, should it refuse again, counts the attempt.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from msgspec import Struct

from schemas import limits
from schemas.rejection import DeadLetterHeader
from streams.errors import ExitCode, UserError
from streams.reading import ends_of, open_reader
from streams.reading import read as read_partition
from streams.topic_plan import partitions_of
from streams.topics import CUSTOMER_EVENTS, DEAD_LETTER_TOPICS, dead_letters_of

OURS = frozenset(header.value for header in DeadLetterHeader)
"""Headers a refusal adds; a letter that is sent again leaves them behind, but for the attempts."""

BATCH = 500
"""Letters in memory and unacknowledged at a time."""

MAX_LETTERS = 1_000_000
"""Letters one replay sends at most: about as many hashes as 100 MB hold."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record of a dead-letter topic. `at` is when it was refused, UTC; the bytes are as
    received.
    """

    topic: str
    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> str:
        """Where it stands, as `manyi dlq show` takes it."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def reason(self) -> str:
        """Why it was refused, a word of `RejectReason` or of the customer stage."""
        return self.about(DeadLetterHeader.REASON)

    @property
    def original_topic(self) -> str:
        """The topic it came from and goes back to, whatever its headers say."""
        return self.topic.removesuffix(".dlq")

    @property
    def attempt(self) -> int:
        """How often it was refused so far."""
        text = self.about(DeadLetterHeader.ATTEMPT)
        return int(text) if text.isdigit() else 1

    def about(self, header: DeadLetterHeader) -> str:
        """The text of a header a refusal adds, the last one counts; empty where it is absent."""
        for name, value in reversed(self.headers):
            if name == header.value:
                return value.decode("utf-8", "replace")
        return ""


class Selection(Struct, frozen=True, kw_only=True):
    """Which letters are meant: all conditions hold together, an empty one holds for all."""

    topics: tuple[str, ...] = DEAD_LETTER_TOPICS
    reasons: tuple[str, ...] = ()
    from_offset: int = 0
    to_offset: int | None = None
    since: datetime | None = None

    def holds(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and letter.offset >= self.from_offset
            and (self.to_offset is None or letter.offset <= self.to_offset)
            and (self.since is None or letter.at >= self.since)
        )


class Replayed(Struct, kw_only=True):
    """What a replay did, or would do: letters by topic they go to, and what was left alone."""

    by_topic: Counter[str]
    repeated: int = 0
    over_limit: int = 0
    sent: bool = False


def topics_named(names: Iterable[str]) -> tuple[str, ...]:
    """Dead-letter topics by their own name or that of the topic they belong to; all for none."""
    known = {topic.removesuffix(".dlq"): topic for topic in DEAD_LETTER_TOPICS}
    found = []
    for name in names:
        topic = known.get(name.removesuffix(".dlq"))
        if topic is None:
            raise UserError(
                f"{name} has no dead letters", f"Choose from {', '.join(known)}", ExitCode.USAGE
            )
        found.append(topic)
    return tuple(dict.fromkeys(found)) or DEAD_LETTER_TOPICS


async def read(kafka: Mapping[str, Any], selection: Selection) -> AsyncIterator[DeadLetter]:
    """The letters that stand there now and are meant, partition by partition in order of offset.

    Those that arrive while reading are left out. A topic that does not exist has none.
    """
    found = await partitions_of(kafka, *selection.topics)
    tps = [
        TopicPartition(topic, number)
        for topic in selection.topics
        for number in found.get(topic, ())
    ]
    async with open_reader(kafka, "manyi-dlq") as reader:
        begins, ends = await reader.beginning_offsets(tps), await ends_of(reader, tps)
        for tp in tps:
            begin, end = max(begins[tp], selection.from_offset), ends[tp]
            if selection.to_offset is not None:
                end = min(end, selection.to_offset + 1)
            async for records in read_partition(reader, tp, begin, end):
                for letter in map(_letter, records):
                    if selection.holds(letter):
                        yield letter


def _letter(record: Any) -> DeadLetter:
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers),
    )


def headers_for_replay(letter: DeadLetter, attempt: int | None = None) -> list[tuple[str, bytes]]:
    """The original's headers, and how often it was refused: intake adds one if it does so again."""
    kept = [(name, value) for name, value in letter.headers if name not in OURS]
    count = letter.attempt if attempt is None else attempt
    return [*kept, (DeadLetterHeader.ATTEMPT.value, str(count).encode())]


async def replay(
    kafka: Mapping[str, Any], selection: Selection, *, limit: int | None = None, send: bool
) -> Replayed:
    """Send the letters that are meant to where they came from; with `send` false only count them.

    The letters stay where they are. A letter that was sent and refused before stands there several
    times; it is sent once, with the highest count of its attempts. An event of the customer log
    goes to the partition it came from, because that is where its customer's state is.
    """
    most = MAX_LETTERS if limit is None else min(limit, MAX_LETTERS)
    result = Replayed(by_topic=Counter())
    attempts: dict[bytes, int] = {}
    async for letter in read(kafka, selection):
        mark = _mark(letter)
        if mark in attempts:
            result.repeated += 1
            attempts[mark] = max(attempts[mark], letter.attempt)
        elif len(attempts) >= most:
            result.over_limit += 1
        else:
            attempts[mark] = letter.attempt
            result.by_topic[letter.original_topic] += 1
    if send and attempts:
        await _send_all(kafka, selection, attempts)
        result.sent = True
    return result


async def _send_all(
    kafka: Mapping[str, Any], selection: Selection, attempts: dict[bytes, int]
) -> None:
    """Send the first letter of every mark; reading a second time keeps only marks in memory."""
    producer = _producer(kafka)
    try:
        await producer.start()
        batch: list[tuple[DeadLetter, int]] = []
        async for letter in read(kafka, selection):
            attempt = attempts.pop(_mark(letter), None)
            if attempt is None:
                continue
            batch.append((letter, attempt))
            if len(batch) >= BATCH:
                await _send(producer, batch)
                batch = []
        await _send(producer, batch)
    finally:
        await producer.stop()


def _producer(kafka: Mapping[str, Any]) -> AIOKafkaProducer:
    return AIOKafkaProducer(**kafka, acks="all", max_request_size=limits.DEAD_LETTER_BYTES)


async def _send(producer: AIOKafkaProducer, letters: Sequence[tuple[DeadLetter, int]]) -> None:
    """Send some letters and wait until the broker has them all; the first failure is raised."""
    waiting = [
        await producer.send(
            letter.original_topic,
            letter.value,
            letter.key,
            partition=_partition_of(letter),
            headers=headers_for_replay(letter, attempt),
        )
        for letter, attempt in letters
    ]
    for future in waiting:
        await future


def _partition_of(letter: DeadLetter) -> int | None:
    if letter.topic != dead_letters_of(CUSTOMER_EVENTS):
        return None
    text = letter.about(DeadLetterHeader.ORIGINAL_PARTITION)
    return int(text) if text.isdigit() else None


def _mark(letter: DeadLetter) -> bytes:
    digest = blake2b(digest_size=16)
    for part in (letter.original_topic.encode(), letter.key or b"", letter.value or b""):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
