"""Every topic manyi reads or writes, in one table: names, partitions and broker settings.

They live here and nowhere else; `streams/topic_plan.py` brings a broker in line with the table.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from schemas import limits
from schemas.common import Channel

CHANNEL_TOPICS: Mapping[Channel, str] = {
    channel: f"interactions.{channel.value}.v1" for channel in Channel
}
COMMANDS = "commands.v1"
INTAKE_TOPICS: tuple[str, ...] = (*CHANNEL_TOPICS.values(), COMMANDS)
CUSTOMER_EVENTS = "customer-events.v1"
COMPLAINTS = "complaints.v1"
SLA_ALERTS = "sla-alerts.v1"
SATISFACTION_SCORES = "satisfaction-scores.v1"
IDENTITY_LINKS = "identity-links.v1"
SLA_POLICIES = "sla-policies.v1"
CONVERSATION_LINKS = "conversation-links.v1"
INTAKE_CHANGELOG = "manyi.intake.changelog.v1"
CUSTOMERS_CHANGELOG = "manyi.customers.changelog.v1"

PARTITIONS = 8
"""Default on a real Kafka: room for eight workers; a setting, to be chosen before data arrives."""

EMBEDDED_PARTITIONS = 4
"""Default partitions of the embedded broker: one machine, one worker, quicker joins."""

CHANGELOG_MESSAGE_BYTES = 16_777_216
"""All rows of a source batch are one record batch, so that they are kept whole or not at all."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FOREVER_MS = -1


class Topic(Struct, frozen=True, kw_only=True):
    """One topic: what is on it and how the broker shall keep it.

    `configs` are Kafka's own topic settings as text; `reasons` says, per setting, why it is what
    it is.
    """

    name: str
    about: str
    key: str
    record: str
    partitions: int
    configs: Mapping[str, str]
    reasons: Mapping[str, str]


def dead_letters_of(topic: str) -> str:
    """The topic that keeps what `topic` could not be read as: original bytes, reason in the
    headers.
    """
    return f"{topic}.dlq"


DEAD_LETTER_TOPICS: tuple[str, ...] = tuple(
    dead_letters_of(name) for name in (*INTAKE_TOPICS, CUSTOMER_EVENTS)
)


def topics(partitions: int = PARTITIONS) -> tuple[Topic, ...]:
    """The whole table. `partitions` holds for every topic but the dead letters and the policies,
    which have one."""
    if partitions < 1:
        raise ValueError(f"partitions must be at least 1, not {partitions}")
    return (
        *_intake(partitions),
        _log(
            CUSTOMER_EVENTS,
            "the one log per customer: interactions, commands, deadlines, merges",
            key="customer_id",
            record="CustomerEvent",
            partitions=partitions,
            days=90,
            why="replay, audit and what-if read it; the state itself is kept in the changelog",
        ),
        _compacted(
            COMPLAINTS,
            "every change of a complaint; the last one per complaint stays",
            key="complaint_id",
            record="Complaint",
            partitions=partitions,
            lag_ms=DAY_MS,
            why="a reader that was away for a day still sees every change, not only the last",
        ),
        _log(
            SLA_ALERTS,
            "announcements about clocks: warned, breached, escalated, retracted, recovered",
            key="complaint_id",
            record="SlaAlert",
            partitions=partitions,
            days=90,
            why="the record of who was to be told what and when, for a quarter's review",
        ),
        _log(
            SATISFACTION_SCORES,
            "every counted answer, its corrections and withdrawals",
            key="customer_id",
            record="SurveyAnswer",
            partitions=partitions,
            days=90,
            why="a warehouse that was away for a quarter still gets every answer",
        ),
        _compacted(
            SLA_POLICIES,
            "every version of the policy file; the latest `published_at` is in force",
            key="digest of the version",
            record="PolicyPublished",
            partitions=1,
            lag_ms=HOUR_MS,
            why="versions judge for as long as a complaint of their time lives",
        ),
        _compacted(
            IDENTITY_LINKS,
            "which handle belongs to which customer: the truth behind the index in Redis",
            key="handle#epoch",
            record="IdentityLink",
            partitions=partitions,
            lag_ms=HOUR_MS,
            why="two owners may overlap for a moment; compaction waits until that is over",
        ),
        _log(
            CONVERSATION_LINKS,
            "which conversation or order belongs to which customer",
            key="handle#epoch",
            record="IdentityLink",
            partitions=partitions,
            days=31,
            why="conversations are forgotten after 30 days, so that none is found too late",
        ),
        _changelog(INTAKE_CHANGELOG, "the rows of the intake stage, for restore", partitions),
        _changelog(CUSTOMERS_CHANGELOG, "the rows of the customer stage, for restore", partitions),
        *(_dead_letters(name) for name in DEAD_LETTER_TOPICS),
    )


def topic(name: str, partitions: int = PARTITIONS) -> Topic:
    """The table's line for `name`; KeyError where there is none."""
    for line in topics(partitions):
        if line.name == name:
            return line
    raise KeyError(name)


def _intake(partitions: int) -> Iterable[Topic]:
    why = "longer than the 8 days for which repeated records are recognised, so a replay is safe"
    for channel, name in CHANNEL_TOPICS.items():
        yield _log(
            name,
            f"what {channel.value} systems publish",
            key="free",
            record=f"{channel.value.capitalize()}Record",
            partitions=partitions,
            days=14,
            why=why,
        )
    yield _log(
        COMMANDS,
        "what staff tell manyi to do, from HTTP, the command line or other systems",
        key="free",
        record="Command",
        partitions=partitions,
        days=14,
        why=why,
    )


_ROOM_FOR_BATCHES = (
    "whole record batches count; and a record over 1 MiB must arrive to be reported, not lost"
)


def _log(
    name: str, about: str, *, key: str, record: str, partitions: int, days: int, why: str
) -> Topic:
    return Topic(
        name=name,
        about=about,
        key=key,
        record=record,
        partitions=partitions,
        configs={
            "cleanup.policy": "delete",
            "retention.ms": str(days * DAY_MS),
            "max.message.bytes": str(limits.TOPIC_MESSAGE_BYTES),
        },
        reasons={"retention.ms": why, "max.message.bytes": _ROOM_FOR_BATCHES},
    )


def _compacted(
    name: str, about: str, *, key: str, record: str, partitions: int, lag_ms: int, why: str
) -> Topic:
    return Topic(
        name=name,
        about=about,
        key=key,
        record=record,
        partitions=partitions,
        configs={
            "cleanup.policy": "compact",
            "retention.ms": str(FOREVER_MS),
            "min.compaction.lag.ms": str(lag_ms),
            "max.message.bytes": str(limits.TOPIC_MESSAGE_BYTES),
        },
        reasons={
            "cleanup.policy": "the last record per key is the truth; deleting by age would lose it",
            "min.compaction.lag.ms": why,
            "max.message.bytes": _ROOM_FOR_BATCHES,
        },
    )


def _changelog(name: str, about: str, partitions: int) -> Topic:
    return Topic(
        name=name,
        about=about,
        key="table + key",
        record="row",
        partitions=partitions,
        configs={
            "cleanup.policy": "compact",
            "retention.ms": str(FOREVER_MS),
            "min.compaction.lag.ms": str(HOUR_MS),
            "segment.bytes": str(128 * 1024 * 1024),
            "max.message.bytes": str(CHANGELOG_MESSAGE_BYTES),
        },
        reasons={
            "cleanup.policy": "deleting by age would delete state",
            "min.compaction.lag.ms": (
                "longer than a paused owner can linger: its late rows must not replace newer ones"
            ),
            "segment.bytes": "only closed segments are compacted; small ones keep restores short",
            "max.message.bytes": "all rows of a source batch are one record batch",
        },
    )


def _dead_letters(name: str) -> Topic:
    return Topic(
        name=name,
        about=f"what {name.removesuffix('.dlq')} could not be read as; original bytes",
        key="as received",
        record="as received",
        partitions=1,
        configs={
            "cleanup.policy": "delete",
            "retention.ms": str(90 * DAY_MS),
            "max.message.bytes": str(limits.DEAD_LETTER_BYTES),
        },
        reasons={
            "retention.ms": "time to find the cause, mend it and replay",
            "max.message.bytes": "the largest original plus its reason headers",
        },
    )
