"""Every setting of manyi: its variable, its default, what it is for. Read once, checked at start.

All come from the environment; a secret may come from a file instead (`NAME_FILE`). A running demo
on this machine is found by itself, so its commands need no settings. `python -m streams.settings`
prints docs/settings.md.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from streams import environment as env
from streams.embedded import find_running
from streams.environment import variable
from streams.errors import ExitCode, UserError
from streams.topics import EMBEDDED_PARTITIONS, PARTITIONS

KAFKA, REDIS, WORKER, HTTP, RULES, ALERTS = "Kafka", "Redis", "Worker", "HTTP", "Rules", "Alerts"
NAME = env.matching(r"[A-Za-z0-9._-]{1,200}", "1 to 200 letters, digits, dots, dashes")
BROKER_DEFAULT = -1
"""How Kafka is asked for its own replication factor (KIP-464)."""
NO_REDIS = "redis://not-needed.invalid:6379/0"
"""Stands where nobody needs one; `.invalid` leads nowhere (RFC 2606)."""

OTHER_VARIABLES = {
    "MANYI_DEBUG": "`1` shows the traceback of an error.",
    "MANYI_RUNTIME_DIR": "Where a running demo notes its addresses, for the other commands.",
    "NO_COLOR": "Any value turns colours off; they are off anyway where no terminal is.",
}
"""Variables that are read where they are used, before or beside the settings."""


class Servers(Protocol):
    """Whatever knows where a broker and a Redis are, such as `EmbeddedServices`."""

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of the broker."""
        ...

    @property
    def redis_url(self) -> str:
        """URL of the Redis."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process. Secrets are left out of its repr; `shown` masks them."""

    # A table: name, reader, default and section in one row, the words in the next.
    # fmt: off
    # --- where ---------------------------------------------------------------------------------
    bootstrap_servers: str = variable(
        "KAFKA_BOOTSTRAP_SERVERS", env.servers, env.REQUIRED, KAFKA,
        "Brokers, as `host:port`, several separated by commas.", shown_default="a running demo"
    )
    security_protocol: str = variable(
        "KAFKA_SECURITY_PROTOCOL", env.one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "PLAINTEXT", KAFKA, "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."
    )
    sasl_mechanism: str | None = variable(
        "KAFKA_SASL_MECHANISM", env.one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), None, KAFKA,
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`."
    )
    sasl_username: str | None = variable(
        "KAFKA_SASL_USERNAME", env.text, None, KAFKA, "User for SASL."
    )
    sasl_password: str | None = variable(
        "KAFKA_SASL_PASSWORD", env.text, None, KAFKA, "Password for SASL.", secret=True
    )
    ssl_cafile: Path | None = variable(
        "KAFKA_SSL_CAFILE", env.existing_file, None, KAFKA,
        "Certificates of the authorities that vouch for the brokers (PEM).",
        shown_default="those of the system"
    )
    ssl_certfile: Path | None = variable(
        "KAFKA_SSL_CERTFILE", env.existing_file, None, KAFKA,
        "Our own certificate, where brokers ask for one (PEM)."
    )
    ssl_keyfile: Path | None = variable(
        "KAFKA_SSL_KEYFILE", env.existing_file, None, KAFKA, "Its private key (PEM)."
    )
    ssl_key_password: str | None = variable(
        "KAFKA_SSL_KEY_PASSWORD", env.text, None, KAFKA, "Password of that key.", secret=True
    )
    ssl_check_hostname: bool = variable(
        "KAFKA_SSL_CHECK_HOSTNAME", env.switch, True, KAFKA,
        "`off` accepts a valid certificate of another host."
    )
    redis_url: str = variable(
        "REDIS_URL", env.url("redis", "rediss", "unix"), env.REQUIRED, REDIS,
        "Redis or Valkey, such as `rediss://user:password@host:6379/0`.",
        shown_default="a running demo", secret=True
    )
    redis_prefix: str = variable(
        "MANYI_REDIS_PREFIX", env.matching(r"[!-~]{1,64}", "1 to 64 visible ASCII characters"),
        "manyi:", REDIS, "Begins every key, so that several installations can share one Redis."
    )

    # --- the worker ----------------------------------------------------------------------------
    group: str = variable(
        "MANYI_GROUP", NAME, "manyi", WORKER,
        "Consumer group; all workers of an installation share it."
    )
    instance_id: str | None = variable(
        "MANYI_INSTANCE_ID", NAME, None, WORKER,
        "Name of this worker, unique in the group: with one, a restart keeps its partitions."
    )
    partitions: int = variable(
        "MANYI_PARTITIONS", env.whole_number(1, 1_000), PARTITIONS, WORKER,
        "Partitions of new topics: the largest number of workers that have something to do. "
        f"Choose it before data arrives. The demo takes {EMBEDDED_PARTITIONS}."
    )
    replication: int = variable(
        "MANYI_REPLICATION", env.whole_number(1, 100), BROKER_DEFAULT, WORKER,
        "Copies of each partition of new topics.", shown_default="the broker's"
    )
    max_records: int = variable(
        "MANYI_MAX_RECORDS", env.whole_number(1, 100_000), 5_000, WORKER,
        "Records per batch: more is faster, and keeps other partitions waiting longer."
    )
    data_dir: Path | None = variable(
        "MANYI_DATA_DIR", env.directory, None, WORKER,
        "Where a worker may write files. It keeps no state there.",
        shown_default="a temporary directory"
    )
    state_store: str = variable(
        "MANYI_STATE_STORE", env.one_of("memory", "rocksdb"), "memory", WORKER,
        "Where rows are kept beside Kafka: `memory`, or `rocksdb` for state larger than memory."
    )
    state_dir: Path | None = variable(
        "MANYI_STATE_DIR", env.directory, None, WORKER,
        "Directory for RocksDB, best on a fast disk that outlives a restart."
    )
    accept_missing_rows: bool = variable(
        "MANYI_ACCEPT_MISSING_ROWS", env.switch, False, WORKER,
        "`on` starts although a changelog has lost rows, and says so. See operations."
    )
    log_level: str = variable(
        "MANYI_LOG_LEVEL", env.one_of("debug", "info", "warning", "error"), "info", WORKER,
        "`debug`, `info`, `warning` or `error`."
    )
    host: str = variable(
        "MANYI_HOST", env.text, "127.0.0.1", HTTP,
        "Address the worker listens on; `0.0.0.0` in a container."
    )
    port: int = variable(
        "MANYI_PORT", env.port, 6066, HTTP, "Port of the API, the wallboard and /metrics."
    )
    public_url: str | None = variable(
        "MANYI_PUBLIC_URL", env.url("http", "https"), None, HTTP,
        "Address under which staff reach a worker's pages; alerts then link to their complaint.",
        shown_default="none: alerts carry no link"
    )

    # --- the rules -----------------------------------------------------------------------------
    policy: Path | None = variable(
        "MANYI_POLICY", env.existing_file, None, RULES,
        "The policy file: calendars, promises, escalations.",
        shown_default="the one that is built in"
    )
    policy_poll_seconds: int = variable(
        "MANYI_POLICY_POLL", env.whole_number(1, 86_400), 5, RULES,
        "How often the policy file is looked at, in seconds; a change is taken over while running."
    )
    default_region: str | None = variable(
        "MANYI_REGION", env.region, None, RULES,
        "Region of telephone numbers without a country code, such as `CN`.",
        shown_default="none: such numbers name nobody"
    )
    timezone: ZoneInfo = variable(
        "MANYI_TIMEZONE", env.time_zone, ZoneInfo("UTC"), RULES,
        "Time zone of what people read, such as `Asia/Shanghai`."
    )
    alerts: bool = variable(
        "MANYI_ALERTS", env.switch, True, ALERTS,
        "`off` computes and publishes alerts, but wakes nobody: for trials and replays."
    )
    alertmanager_urls: tuple[str, ...] = variable(
        "MANYI_ALERTMANAGER_URLS", env.urls, (), ALERTS,
        "Alertmanagers, separated by commas; each gets every alert."
    )
    webhook_url: str | None = variable(
        "MANYI_WEBHOOK_URL", env.url("http", "https"), None, ALERTS,
        "Where every alert is posted as JSON.", secret=True
    )
    webhook_secret: str | None = variable(
        "MANYI_WEBHOOK_SECRET", env.text, None, ALERTS, "Signs what is posted there.", secret=True
    )

    # fmt: on

    embedded: bool = False
    """Whether the broker is the embedded one, which knows no transactions and no compaction."""

    def kafka_security(self) -> dict[str, Any]:
        """Return what aiokafka clients need to be let in: protocol, SSL context, SASL.

        Raises UserError where the certificate files do not fit together.
        """
        arguments: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.endswith("SSL"):
            arguments["ssl_context"] = self._ssl_context()
        if self.security_protocol.startswith("SASL"):
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return arguments

    def kafka_clients(self) -> dict[str, Any]:
        """Return what any aiokafka client needs to connect: the brokers and `kafka_security`."""
        return {"bootstrap_servers": self.bootstrap_servers, **self.kafka_security()}

    def shown(self) -> dict[str, str]:
        """Return every variable with its value in force, secrets masked: for people and logs."""
        shown = {}
        for field, about in env.variables(Settings).items():
            value = getattr(self, field)
            if field == "redis_url":
                value = _without_password(self.redis_url)
            elif about.secret and value:
                value = "***"
            elif value in (None, BROKER_DEFAULT):
                value = about.shown_default
            shown[about.name] = env.as_text(value) or "-"
        return shown

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            if self.ssl_certfile:
                context.load_cert_chain(
                    self.ssl_certfile, self.ssl_keyfile, self.ssl_key_password or ""
                )
        except (ssl.SSLError, OSError) as error:
            raise UserError(
                f"The certificates for Kafka cannot be used: {error}",
                "Check KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE and its password",
                ExitCode.USAGE,
            ) from error
        context.check_hostname = self.ssl_check_hostname
        return context


def load_settings(
    environ: Mapping[str, str] = os.environ,
    *,
    servers: Servers | None = None,
    only_kafka: bool = False,
) -> Settings:
    """Read and check the settings; raises one UserError that names every mistake.

    `servers` are embedded ones that the caller has started. Without them and without
    KAFKA_BOOTSTRAP_SERVERS and REDIS_URL, the running demo of this machine is taken. Who needs
    `only_kafka` is not asked for a Redis; where none is set, `redis_url` leads nowhere.
    """
    values, problems = env.read_all(Settings, environ)
    problems += env.slips(known_variables(), environ, "MANYI_")
    if servers is None and not {"bootstrap_servers", "redis_url"} & set(values):
        servers = demo = find_running()
        if demo is not None:
            values.setdefault("port", demo.http_port)
    if servers is not None:
        # What the environment says about another Kafka, such as TLS, does not hold for this one.
        kafka = {name for name, about in env.variables(Settings).items() if about.section == KAFKA}
        values = {name: value for name, value in values.items() if name not in kafka}
        values |= {
            "bootstrap_servers": servers.bootstrap_servers,
            "redis_url": servers.redis_url,
            "embedded": True,
        }
        values.setdefault("partitions", EMBEDDED_PARTITIONS)
    if only_kafka:
        values.setdefault("redis_url", NO_REDIS)
    problems += _disagreements(values, environ)
    if problems:
        raise UserError(
            "\n       ".join(problems),
            "docs/settings.md lists every setting; `manyi demo` needs none",
            ExitCode.USAGE,
        )
    return Settings(**values)


def known_variables() -> set[str]:
    """Return the names of all variables that mean something here."""
    known = set(OTHER_VARIABLES)
    for about in env.variables(Settings).values():
        known |= {about.name, f"{about.name}_FILE"} if about.secret else {about.name}
    return known


def describe() -> str:
    """Return the page that documents every setting, as Markdown."""
    return env.page(Settings, OTHER_VARIABLES)


def _disagreements(values: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for every pair of settings that does not fit together."""
    problems = []
    for field, name in (
        ("bootstrap_servers", "KAFKA_BOOTSTRAP_SERVERS"),
        ("redis_url", "REDIS_URL"),
    ):
        if field not in values and not (environ.get(name) or environ.get(f"{name}_FILE")):
            problems.append(f"{name} is not set, and no demo is running on this machine")
    protocol = values.get("security_protocol", "PLAINTEXT")
    if protocol.startswith("SASL"):
        problems += [
            f"KAFKA_{field.upper()} is not set, but {protocol} needs it"
            for field in ("sasl_mechanism", "sasl_username", "sasl_password")
            if field not in values
        ]
    elif any(field.startswith("sasl_") for field in values):
        problems.append(f"KAFKA_SASL_… is set, but {protocol} ignores it; choose SASL_SSL")
    ssl_fields = {field for field in values if field.startswith("ssl_")}
    if not protocol.endswith("SSL") and ssl_fields:
        problems.append(f"KAFKA_SSL_… is set, but {protocol} ignores it; choose SSL or SASL_SSL")
    if "ssl_keyfile" in values and "ssl_certfile" not in values:
        problems.append("KAFKA_SSL_KEYFILE is set without KAFKA_SSL_CERTFILE")
    if ("state_dir" in values) != (values.get("state_store") == "rocksdb"):
        problems.append("MANYI_STATE_STORE=rocksdb and MANYI_STATE_DIR go together")
    if "webhook_secret" in values and "webhook_url" not in values:
        problems.append("MANYI_WEBHOOK_SECRET is set without MANYI_WEBHOOK_URL")
    return problems


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not (parts.password or parts.query):
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"***@{place}", parts.path, "", ""))


if __name__ == "__main__":
    print(describe(), end="")
