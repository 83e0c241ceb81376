"""Brings a broker in line with the table of topics: `plan` compares, `apply` creates the missing.

Neither ever deletes, shrinks or reconfigures: those are decisions of the people who run the
broker, so a plan says what differs, why it matters and which command mends it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from enum import StrEnum
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from msgspec import Struct

from streams.topics import (
    CUSTOMER_EVENTS,
    CUSTOMERS_CHANGELOG,
    INTAKE_CHANGELOG,
    INTAKE_TOPICS,
    Topic,
)

BROKER_DEFAULT_REPLICATION = -1
"""Ask the broker for its own `default.replication.factor` (KIP-464)."""

SHOWN_SECONDS = 30.0
"""A broker that is busy lists a topic a moment after it has acknowledged its creation."""
LOOK_AGAIN_SECONDS = 0.1

HOLDING_STATE = frozenset((*INTAKE_TOPICS, INTAKE_CHANGELOG, CUSTOMER_EVENTS, CUSTOMERS_CHANGELOG))
"""Topics whose number of partitions decides where state is; elsewhere another number does no harm.
"""


class Fit(StrEnum):
    """How a topic on the broker compares with the table."""

    FITS = "fits"
    MISSING = "missing"
    DIFFERS = "differs"
    CREATED = "created"
    FAILED = "failed"


class Difference(Struct, frozen=True):
    """One setting that is not as the table wants it, why that matters and how to mend it."""

    setting: str
    wanted: str
    found: str
    why: str
    mend: str


class TopicFit(Struct, frozen=True, kw_only=True):
    """One line of a plan. `untold` names the settings this broker does not report."""

    topic: Topic
    fit: Fit
    differences: tuple[Difference, ...] = ()
    untold: tuple[str, ...] = ()
    error: str = ""


async def plan(admin: AIOKafkaAdminClient, table: Sequence[Topic]) -> list[TopicFit]:
    """Compare `table` with what the broker has; reads only. Raises KafkaError where the broker
    cannot be asked.
    """
    present = {
        entry["topic"]: len(entry["partitions"])
        for entry in await admin.describe_topics()
        if entry["error_code"] == 0
    }
    configs = await _configs(admin, [line.name for line in table if line.name in present])
    return [compare(line, present.get(line.name), configs.get(line.name, {})) for line in table]


async def apply(
    admin: AIOKafkaAdminClient,
    table: Sequence[Topic],
    replication: int = BROKER_DEFAULT_REPLICATION,
) -> list[TopicFit]:
    """Create what is missing and return the plan as it stands afterwards; differing topics are
    left alone. What was created can be used: the broker lists it.

    A topic that somebody else creates at the same time counts as present. `replication` -1 leaves
    the factor to the broker; from 3 on, `min.insync.replicas=2` is set, so that an acknowledged
    record survives a broker.
    """
    before = await plan(admin, table)
    missing = [line.topic for line in before if line.fit is Fit.MISSING]
    if not missing:
        return before
    errors = await _create(admin, missing, replication)
    created = {entry.name for entry in missing if entry.name not in errors}
    after = await _plan_with(admin, table, created)
    for entry in missing:
        line = after[entry.name]
        if entry.name in errors:
            after[entry.name] = TopicFit(topic=entry, fit=Fit.FAILED, error=errors[entry.name])
        elif line.fit is not Fit.DIFFERS:
            after[entry.name] = TopicFit(topic=entry, fit=Fit.CREATED, untold=line.untold)
    return [after[line.name] for line in table]


async def _plan_with(
    admin: AIOKafkaAdminClient, table: Sequence[Topic], created: Set[str]
) -> dict[str, TopicFit]:
    """The plan by topic, as soon as the broker lists what it has created; without, after a while:
    its answer is the proof that they exist.
    """
    give_up = time.monotonic() + SHOWN_SECONDS
    while True:
        lines = {line.topic.name: line for line in await plan(admin, table)}
        shown = all(lines[name].fit is not Fit.MISSING for name in created)
        if shown or time.monotonic() > give_up:
            return lines
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _create(
    admin: AIOKafkaAdminClient, missing: Sequence[Topic], replication: int
) -> dict[str, str]:
    response = await admin.create_topics([_new_topic(entry, replication) for entry in missing])
    errors: dict[str, str] = {}
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:
            told = message[0] if message and message[0] else error.description
            errors[name] = f"{error.__name__}: {told}"
    return errors


def _new_topic(entry: Topic, replication: int) -> NewTopic:
    extra = {"min.insync.replicas": "2"} if replication >= 3 else {}
    new = NewTopic(
        name=entry.name,
        num_partitions=entry.partitions,
        replication_factor=1,
        topic_configs={**entry.configs, **extra},
    )
    # The constructor refuses -1, the protocol and the broker do not.
    new.replication_factor = replication
    return new


async def _configs(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, Mapping[str, str]]:
    """What the broker tells about each topic's settings; nothing where it does not answer such
    questions.
    """
    if not names:
        return {}
    try:
        responses = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        )
    except KafkaError:
        return {}
    found: dict[str, Mapping[str, str]] = {}
    for response in responses:
        for resource in response.resources:
            code, _message, _kind, name, entries = resource[:5]
            if code == 0:
                found[name] = {entry[0]: str(entry[1]) for entry in entries}
    return found


def compare(wanted: Topic, partitions: int | None, configs: Mapping[str, str]) -> TopicFit:
    """Compare one topic with its partitions and settings on the broker; None: it is missing."""
    if partitions is None:
        return TopicFit(topic=wanted, fit=Fit.MISSING)
    differences = [
        _config_difference(wanted, setting, value, configs[setting])
        for setting, value in wanted.configs.items()
        if setting in configs and configs[setting] != value
    ]
    if partitions != wanted.partitions:
        differences.insert(0, _partition_difference(wanted, partitions))
    return TopicFit(
        topic=wanted,
        fit=Fit.DIFFERS if differences else Fit.FITS,
        differences=tuple(differences),
        untold=tuple(setting for setting in wanted.configs if setting not in configs),
    )


def _config_difference(wanted: Topic, setting: str, value: str, found: str) -> Difference:
    return Difference(
        setting=setting,
        wanted=value,
        found=found,
        why=wanted.reasons.get(setting, "the table wants it so"),
        mend=(
            f"kafka-configs.sh --alter --entity-type topics --entity-name {wanted.name} "
            f"--add-config {setting}={value}"
        ),
    )


def _partition_difference(wanted: Topic, found: int) -> Difference:
    return Difference(
        setting="partitions",
        wanted=str(wanted.partitions),
        found=str(found),
        why=(
            "a key finds its state by partition: intake topics and the intake changelog "
            "must agree, and so must customer-events.v1 and its changelog"
            if wanted.name in HOLDING_STATE
            else "no harm: only how many readers can share the topic"
        ),
        mend=(
            f"set MANYI_PARTITIONS={found}, or start on new topics; "
            "adding partitions to topics with data moves keys away from their state"
        ),
    )


def faults(fits: Iterable[TopicFit]) -> list[TopicFit]:
    """The lines that keep manyi from running right: missing, or wrong in what state rests on."""
    return [line for line in fits if _is_fault(line)]


def _is_fault(line: TopicFit) -> bool:
    settings = {difference.setting for difference in line.differences}
    return (
        line.fit in (Fit.MISSING, Fit.FAILED)
        or "cleanup.policy" in settings
        or ("partitions" in settings and line.topic.name in HOLDING_STATE)
    )


async def partitions_of(options: Mapping[str, Any], *names: str) -> dict[str, list[int]]:
    """The partition numbers of topics, of those that exist; `options` as for `open_admin`.

    Asked of the broker: a consumer of aiokafka knows only the topics it is assigned to.
    """
    admin = await open_admin(options)
    try:
        found = (
            await admin.describe_topics()
        )  # of all: some brokers make up what they are asked for
    finally:
        await admin.close()
    return {
        topic["topic"]: sorted(part["partition"] for part in topic["partitions"])
        for topic in found
        if topic["topic"] in names and not topic["error_code"]
    }


async def open_admin(options: Mapping[str, Any]) -> AIOKafkaAdminClient:
    """A started admin client; `options` are aiokafka's connection arguments; close it yourself."""
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
    except BaseException:
        await admin.close()
        raise
    return admin
