"""What a production Kafka asks of its clients: TLS, a password or a certificate of their own.

`Guard` makes the certificates and the broker's settings, so that a local broker can ask for the
same. Needs `openssl`. The password and the keys live as long as their directory.
"""

import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.kafka.fetching import KafkaUnavailable

__all__ = ["Guard"]

USER = "worker"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OPENSSL_SECONDS = 30.0
DAYS = "30"
_PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "CONTROLLER": "PLAINTEXT",
    "SASL_SSL": "SASL_SSL",
    "SSL": "SSL",
}
"""Kafka knows these by name only as long as no listener has a setting of its own."""
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


class Guard:
    """Certificates, a user and his password, in `directory`; `address` is what both sides call the
    broker."""

    def __init__(self, directory: Path, address: str) -> None:
        self.directory = directory
        self.address = address
        self.password = secrets.token_urlsafe(12)

    def prepare(self) -> None:
        """Make a certificate for the broker and one for a client; each vouches for itself."""
        if shutil.which("openssl") is None:
            raise KafkaUnavailable("certificates are made by openssl: not installed")
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("broker", "client"):
            self._certify(name)
            both = self.key(name).read_text() + self.certificate(name).read_text()
            (self.directory / f"{name}.pem").write_text(both)

    def certificate(self, name: str) -> Path:
        """The certificate of `broker` or `client`, as PEM."""
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Its private key, as PEM without a password."""
        return self.directory / f"{name}.key"

    def users(self) -> list[str]:
        """Options of the storage tool that make the user known for SCRAM."""
        return [
            option
            for mechanism in MECHANISMS
            if mechanism.startswith("SCRAM")
            for option in ("-S", f"{mechanism}=[name={USER},password={self.password}]")
        ]

    def broker(self) -> dict[str, str]:
        """The broker's settings: for a SASL_SSL listener, and for an SSL listener that asks for the
        client's certificate."""
        login = f'username="{USER}" password="{self.password}"'
        jaas = {
            mechanism: f'{_PLAIN} required {login} user_{USER}="{self.password}";'
            if mechanism == "PLAIN"
            else f"{_SCRAM} required {login};"
            for mechanism in MECHANISMS
        }
        return {
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items()
            ),
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            **{
                f"listener.name.sasl_ssl.{mechanism.lower()}.sasl.jaas.config": module
                for mechanism, module in jaas.items()
            },
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.directory / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificate("client")),
        }

    def with_password(self, mechanism: str) -> Mapping[str, str]:
        """The environment of a client that comes with the password."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": self.password,
            "KAFKA_SSL_CAFILE": str(self.certificate("broker")),
        }

    def with_certificate(self) -> Mapping[str, str]:
        """The environment of a client that comes with a certificate."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(self.certificate("broker")),
            "KAFKA_SSL_CERTFILE": str(self.certificate("client")),
            "KAFKA_SSL_KEYFILE": str(self.key("client")),
        }

    def _certify(self, name: str) -> None:
        done = subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-days", DAYS, "-subj", f"/CN={name}"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-addext", f"subjectAltName=IP:{self.address}"),
                *("-keyout", str(self.key(name)), "-out", str(self.certificate(name))),
            ],
            capture_output=True,
            text=True,
            timeout=OPENSSL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailable(f"openssl made no certificate: {done.stderr[-800:]}")
