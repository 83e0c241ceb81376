"""Why a broker that is there lets nobody in: TLS, certificates, user and password.

aiokafka's clients only say that they cannot bootstrap; the reason is in their log. So one plain
connection is tried with the same settings, and what it fails of is put into words.
"""

import asyncio
import ssl

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streams.settings import Settings

__all__ = ["refusal"]

TRY_SECONDS = 5.0
_SASL = (SaslAuthenticationFailed, UnsupportedSaslMechanismError, IllegalSaslStateError)


async def refusal(settings: Settings) -> tuple[str, str] | None:
    """What the first broker that answers objects to, and what to do; None if nothing, or nobody
    answers."""
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            async with asyncio.timeout(TRY_SECONDS):
                connection = await create_conn(host, int(port), **settings.kafka_security())
        except TimeoutError:
            continue
        except (KafkaError, OSError) as error:
            if worded := _worded(error, server, settings):
                return worded
        else:
            connection.close()
            return None
    return None


def _worded(error: Exception, server: str, settings: Settings) -> tuple[str, str] | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"Kafka at {server} has a certificate that is not trusted: {error.verify_message}",
            "Name the authority that signed it in KAFKA_SSL_CAFILE",
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"Kafka at {server} does not speak TLS as asked for: {error}",
            "Check the port, KAFKA_SECURITY_PROTOCOL, and KAFKA_SSL_CERTFILE if it wants one",
        )
    if isinstance(error, _SASL):
        return (
            f"Kafka at {server} refuses user {settings.sasl_username!r} "
            f"by {settings.sasl_mechanism}",
            "Check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        )
    if isinstance(error, ConnectionRefusedError):
        return None  # nobody is there
    if isinstance(error, KafkaError | ConnectionError):  # it closed instead of answering
        return (
            f"Kafka at {server} answers and hangs up on {settings.security_protocol}",
            "Check the port and KAFKA_SECURITY_PROTOCOL; it may want TLS or a certificate",
        )
    return None
