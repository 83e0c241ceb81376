"""A broker that is there and refuses is told apart from nobody: what it objects to, what to set."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import SaslAuthenticationFailed, UnsupportedSaslMechanismError

from streams.refusals import _worded, refusal
from streams.settings import Settings, load_settings

TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
PASSWORD = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "ann",
    "KAFKA_SASL_PASSWORD": "open sesame",
}


def settings_for(servers: str, **given: str) -> Settings:
    """Settings of a client of these brokers."""
    return load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": servers, "REDIS_URL": "redis://127.0.0.1:1/0", **given}
    )


@contextlib.asynccontextmanager
async def hanging_up() -> AsyncIterator[str]:
    """A server that reads what it is sent and closes, as Kafka does with a wrong protocol."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("given", [PASSWORD, TLS])
async def test_who_hangs_up_is_there(given: dict[str, str]) -> None:
    """Hanging up before the first answer is about the protocol, whichever was spoken."""
    async with hanging_up() as server:
        found = await refusal(settings_for(server, **given))
    assert found is not None
    assert server in found[0]
    assert "KAFKA_SECURITY_PROTOCOL" in found[1]


async def test_nobody_refuses_nothing() -> None:
    """Where no broker listens, the error that was there already says so."""
    async with hanging_up() as server:
        pass
    assert await refusal(settings_for(server)) is None


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (SaslAuthenticationFailed("no"), "KAFKA_SASL_PASSWORD"),
        (UnsupportedSaslMechanismError("no"), "KAFKA_SASL_MECHANISM"),
        (ssl.SSLCertVerificationError("no"), "KAFKA_SSL_CAFILE"),
        (ssl.SSLError("no"), "KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_what_helps_is_named_and_the_password_is_not(error: Exception, helps: str) -> None:
    """The hint names the setting; no line shows a secret."""
    error.verify_message = "self-signed"  # type: ignore[attr-defined]
    found = _worded(error, "kafka:9092", settings_for("kafka:9092", **PASSWORD))
    assert found is not None
    assert helps in found[1]
    assert "open sesame" not in " ".join(found)
