"""A Kafka as production has it: TLS, and a password or a certificate from everybody who comes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from orjson import dumps

from deploy.kafka import LocalKafka, missing_tools
from deploy.kafka.guard import MECHANISMS, Guard
from schemas.common import Channel
from streams import topics
from streams.demo import free_port, until_ready, until_settled
from streams.embedded import EmbeddedServices
from streams.policy_files import require_policy
from streams.settings import load_settings
from streams.views import ViewReader
from streams.worker import running

pytestmark = pytest.mark.kafka

MANYI = (sys.executable, "-m", "streams.cli.main")
REST = {"REDIS_URL": "redis://127.0.0.1:1/0", "NO_COLOR": "1"}
"""These commands only talk to Kafka."""
SECONDS = 60
MAIL = {
    "source": "shop",
    "id": "mail-1",
    "kind": "email_received",
    "from": {"address": "li.lei@example.com"},
    "text": "我要投诉！",
    "time_quality": "arrival",
}


@pytest.fixture(scope="module")
def kafka() -> Iterator[LocalKafka]:
    """One guarded broker."""
    missing = [*missing_tools(), *(() if shutil.which("openssl") else ("openssl",))]
    if missing:
        pytest.skip(f"a guarded Kafka needs {', '.join(missing)}: not installed")
    with LocalKafka(guarded=True) as broker:
        yield broker


def guard_of(kafka: LocalKafka) -> Guard:
    """What its clients need."""
    assert kafka.guard is not None
    return kafka.guard


def manyi(
    kafka: LocalKafka, given: Mapping[str, str], *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command against the listener that fits what the client comes with."""
    servers = kafka.guarded_servers(given["KAFKA_SECURITY_PROTOCOL"])
    clean = {name: value for name, value in os.environ.items() if "KAFKA" not in name}
    return subprocess.run(
        [*MANYI, *arguments],
        env={**clean, **given, **REST, "KAFKA_BOOTSTRAP_SERVERS": servers},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_client_with_the_password_creates_topics_and_publishes(
    kafka: LocalKafka, mechanism: str
) -> None:
    """Every mechanism of the settings page is let in, by admin client and producer alike."""
    given = guard_of(kafka).with_password(mechanism)
    applied = manyi(kafka, given, "topics", "apply")
    assert applied.returncode == 0, applied.stderr
    published = manyi(kafka, given, "publish", "email", stdin=dumps(MAIL).decode())
    assert published.returncode == 0, published.stderr


def test_a_client_with_a_certificate_does_the_same(kafka: LocalKafka) -> None:
    """Mutual TLS, without a password."""
    given = guard_of(kafka).with_certificate()
    assert manyi(kafka, given, "topics", "apply").returncode == 0
    published = manyi(kafka, given, "publish", "email", stdin=dumps(MAIL).decode())
    assert published.returncode == 0, published.stderr


def test_a_wrong_password_is_named_and_never_shown(kafka: LocalKafka) -> None:
    """The error says that the broker did not accept the user; the password is in no line."""
    given = {**guard_of(kafka).with_password("SCRAM-SHA-512"), "KAFKA_SASL_PASSWORD": "open-sesame"}
    refused = manyi(kafka, given, "topics", "plan")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "KAFKA_SASL_" in said
    assert "open-sesame" not in said
    assert "Traceback" not in said


def test_a_certificate_nobody_vouches_for_is_named(kafka: LocalKafka) -> None:
    """Without the CA file the broker's certificate is a stranger's; the error says which setting
    helps."""
    given = dict(guard_of(kafka).with_password("PLAIN"))
    del given["KAFKA_SSL_CAFILE"]
    refused = manyi(kafka, given, "topics", "plan")
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "KAFKA_SSL_CAFILE" in said
    assert "Traceback" not in said


async def test_a_whole_worker_works_behind_tls_and_a_password(kafka: LocalKafka) -> None:
    """Engine, deadlines, policies, identity's log, notifier: all their clients are let in."""
    given = guard_of(kafka).with_password("SCRAM-SHA-512")
    assert manyi(kafka, given, "topics", "apply").returncode == 0
    with EmbeddedServices(broker=False) as valkey:
        settings = load_settings(
            {
                **given,
                "KAFKA_BOOTSTRAP_SERVERS": kafka.guarded_servers("SASL_SSL"),
                "REDIS_URL": valkey.redis_url,
            }
        )
        settings = replace(settings, port=free_port(settings.host, 0))
        async with running(settings, require_policy(None)) as worker:
            await until_ready(worker)
            async with AIOKafkaProducer(**settings.kafka_clients()) as producer:
                mail = {**MAIL, "id": "mail-2", "from": {"address": "han.meimei@example.com"}}
                await producer.send_and_wait(topics.CHANNEL_TOPICS[Channel.EMAIL], dumps(mail))
            assert await until_settled(worker)
            reader = ViewReader(worker.redis, settings.redis_prefix)
            assert (await reader.complaints("open")).complaints
