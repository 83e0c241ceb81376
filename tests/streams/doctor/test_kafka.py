"""What the doctor says about a broker, its topics and who publishes there."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from streams import topic_plan
from streams.doctor import Health
from streams.doctor import kafka as checks
from streams.embedded import EmbeddedServices
from streams.settings import Settings, load_settings
from streams.topics import topics

pytestmark = pytest.mark.integration

PHONE = "interactions.phone.v1"


@pytest.fixture(scope="module")
def services() -> Iterator[EmbeddedServices]:
    """Servers of one's own: what other tests publish would be found, too."""
    with EmbeddedServices() as it:
        yield it


@pytest.fixture
def settings(services: EmbeddedServices) -> Settings:
    """Settings for them."""
    return load_settings({}, servers=services)


@pytest.fixture
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    it = await topic_plan.open_admin(settings.kafka_clients())
    yield it
    await it.close()


@pytest.fixture
async def consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that may ask for the group's offsets."""
    it = AIOKafkaConsumer(**settings.kafka_clients(), group_id=settings.group, fetch_max_wait_ms=50)
    await it.start()
    yield it
    await it.stop()


def now_ms() -> int:
    """Now."""
    return int(datetime.now(UTC).timestamp() * 1000)


def a_call(number: int, **fields: Any) -> bytes:
    """A phone record."""
    record = {
        "source": "test",
        "id": f"call-{number}",
        "kind": "call_started",
        "occurred_at": "2026-03-02T09:00:00Z",
        "from_number": "+12025550100",
    }
    return orjson.dumps(record | fields)


async def test_a_new_installation_grows_fit_step_by_step(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, settings: Settings
) -> None:
    """Missing topics, then none missing, then waiting records, odd publishers, dead letters."""
    count = len(topics(settings.partitions))
    (missing,) = await checks.check_topics(admin, settings)
    assert missing.health is Health.BROKEN
    assert missing.says.startswith(f"{count} of {count} are missing")
    assert "manyi topics apply" in missing.mend
    assert (
        await checks.check_lag(consumer, await checks.partitions_of(admin), settings)
    ).health is Health.UNKNOWN

    await topic_plan.apply(admin, topics(settings.partitions), 1)
    (fit,) = await checks.check_topics(admin, settings)
    assert fit.health is Health.FINE
    (quiet,) = await checks.check_publishers(consumer, await checks.partitions_of(admin), now_ms())
    assert quiet.health is Health.FINE
    assert (
        await checks.check_dead_letters(consumer, await checks.partitions_of(admin), now_ms())
    ).health is Health.FINE

    producer = AIOKafkaProducer(**settings.kafka_clients())
    await producer.start()
    try:
        for number in range(5):
            await producer.send_and_wait(PHONE, a_call(number), partition=0)
        waiting = await checks.check_lag(consumer, await checks.partitions_of(admin), settings)
        assert waiting.health is Health.DOUBTFUL
        assert waiting.says.startswith("5 records wait, and no worker")
        (good,) = await checks.check_publishers(
            consumer, await checks.partitions_of(admin), now_ms()
        )
        assert good.health is Health.FINE

        await producer.send_and_wait(PHONE, a_call(6, form_number="+12025550100"), partition=1)
        await producer.send_and_wait(PHONE, b"{", partition=1)
        ahead = datetime.now(UTC) + timedelta(hours=2)
        await producer.send_and_wait(
            PHONE, a_call(7), partition=1, timestamp_ms=int(ahead.timestamp() * 1000)
        )
        await producer.send_and_wait(f"{PHONE}.dlq", b"{")
    finally:
        await producer.stop()
    told = {
        f.check + ": " + f.says
        for f in await checks.check_publishers(
            consumer, await checks.partitions_of(admin), now_ms()
        )
    }
    assert any("phone.form_number" in line for line in told)
    assert any("phone: not_json (1)" in line for line in told)
    assert any(line.startswith("clocks: ") for line in told)
    letters = await checks.check_dead_letters(consumer, await checks.partitions_of(admin), now_ms())
    assert letters.health is Health.DOUBTFUL
    assert f"1 of {PHONE}" in letters.says


async def test_other_partitions_are_broken(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """A setting that does not fit the topics that exist would lose state, so it is told."""
    await topic_plan.apply(admin, topics(settings.partitions), 1)
    findings = await checks.check_topics(admin, replace(settings, partitions=9))
    assert {finding.health for finding in findings} >= {Health.BROKEN}
    assert f"MANYI_PARTITIONS={settings.partitions}" in findings[0].mend


async def test_open_wires_are_told_only_beyond_this_machine(
    admin: AIOKafkaAdminClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback nobody listens; between machines records of customers need encryption."""
    assert (await checks.check_broker(admin, settings)).health is Health.FINE

    async def far_away() -> dict[str, Any]:
        return {"brokers": [{"host": "kafka.example", "port": 9092}], "cluster_id": "c"}

    monkeypatch.setattr(admin, "describe_cluster", far_away)
    assert (await checks.check_broker(admin, settings)).health is Health.DOUBTFUL
    safe = replace(settings, security_protocol="SASL_SSL")
    assert (await checks.check_broker(admin, safe)).health is Health.FINE
