"""A Kafka of one or several brokers on loopback, for as long as somebody needs it."""

import shutil
import signal
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from deploy.kafka.fetching import KafkaUnavailable, fetch_libs, missing_tools
from deploy.kafka.guard import Guard
from deploy.kafka.node import LOOPBACK, Node, free_port

__all__ = ["KafkaUnavailable", "LocalKafka", "missing_tools"]

HEAP = ("-Xmx768m",)
SMALL_HEAP = ("-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Of each broker where there are several: they share the work, and are started again and again."""
REPLICAS = 3
GUARDED = ("SASL_SSL", "SSL")
LOOK_SECONDS = 0.5

_SETTINGS = {
    "auto.create.topics.enable": "false",  # a misspelt topic must be an error
    "offsets.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",  # tests wait for sessions to end
    "message.max.bytes": str(16 << 20),
    "log.cleaner.backoff.ms": "1000",  # compaction can be watched
}
_SEVERAL = {
    "broker.session.timeout.ms": "3000",  # tests wait for a killed broker to be missed
    "broker.heartbeat.interval.ms": "500",
    "replica.fetch.max.bytes": str(16 << 20),
    "leader.imbalance.check.interval.seconds": "5",  # a broker that is back leads again soon
    "leader.imbalance.per.broker.percentage": "0",
}


class LocalKafka:
    """A cluster for as long as the `with` block lasts; its data goes with it.

    With a `directory` the data stays there, and the next start goes on with it. `brokers` above one
    make a KRaft quorum of them all; from three on every topic has three copies and a write needs
    two of them (`min.insync.replicas`), as a production cluster should be set up.

    A `guarded` one asks for TLS and a password at `guarded_servers("SASL_SSL")`, and for TLS and a
    certificate at `guarded_servers("SSL")`; `guard` has what a client needs. It stays open at
    `bootstrap_servers` as well.

    `bounce`, `end` and `begin` are for tests that want to see what happens then. On Linux a broker
    ends with the *thread* that started it, so start it from the main one.
    """

    def __init__(
        self,
        directory: Path | None = None,
        port: int = 0,
        *,
        brokers: int = 1,
        guarded: bool = False,
    ) -> None:
        if brokers < 1:
            raise ValueError(f"brokers must be at least 1, not {brokers}")
        self._given = directory
        self._directory = directory or Path(tempfile.mkdtemp(prefix="manyi-kafka-"))
        self.guard = Guard(self._directory / "guard", LOOPBACK) if guarded else None
        java = HEAP if brokers == 1 else SMALL_HEAP
        self._nodes = {
            number: Node(
                number,
                self._directory if brokers == 1 else self._directory / f"broker-{number}",
                port if number == 1 else 0,
                java,
            )
            for number in range(1, brokers + 1)
        }
        self._guarded_ports = {
            number: {name: free_port() for name in GUARDED} if guarded else {}
            for number in self._nodes
        }

    @property
    def bootstrap_servers(self) -> str:
        """The brokers' addresses, as Kafka clients want them."""
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self._nodes.values())

    def guarded_servers(self, protocol: str) -> str:
        """The brokers' addresses for `SASL_SSL` or `SSL`; KeyError unless guarded."""
        return ",".join(f"{LOOPBACK}:{ports[protocol]}" for ports in self._guarded_ports.values())

    def environment(self) -> dict[str, str]:
        """What a client sets to be let in."""
        if self.guard is None:
            return {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers}
        servers = self.guarded_servers("SASL_SSL")
        return {"KAFKA_BOOTSTRAP_SERVERS": servers, **self.guard.with_password("SCRAM-SHA-512")}

    def address(self, number: int) -> str:
        """The address of one broker."""
        return f"{LOOPBACK}:{self._nodes[number].port}"

    @property
    def running(self) -> list[int]:
        """The numbers of the brokers that run now."""
        return [number for number, node in self._nodes.items() if node.is_running]

    def start(self) -> Self:
        """Start and wait until all answer; raises `KafkaUnavailable` where that cannot be."""
        if missing := missing_tools():
            raise KafkaUnavailable(f"a local Kafka needs {' and '.join(missing)}: not installed")
        fetch_libs()
        cluster_id = self._cluster_id()
        voters = ",".join(
            f"{node.number}@{LOOPBACK}:{node.controller_port}" for node in self._nodes.values()
        )
        if self.guard:
            self.guard.prepare()
        with ThreadPoolExecutor() as pool:  # each waits for a Java program
            for done in [
                pool.submit(
                    node.prepare,
                    cluster_id,
                    voters,
                    self._settings(),
                    listeners=self._guarded_ports[number],
                    users=self.guard.users() if self.guard else (),
                )
                for number, node in self._nodes.items()
            ]:
                done.result()
        try:
            self.begin(*self._nodes)
        except KafkaUnavailable:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all brokers; remove their data unless the directory was given."""
        for node in reversed(self._nodes.values()):
            # Of several the last ones would wait for a quorum that is gone.
            node.end(signal.SIGTERM if len(self._nodes) == 1 else signal.SIGKILL)
        if self._given is None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def end(self, *numbers: int, hard: bool = True) -> None:
        """Kill these brokers, or stop them in order."""
        for number in numbers:
            self._nodes[number].end(signal.SIGKILL if hard else signal.SIGTERM)

    def begin(self, *numbers: int) -> None:
        """Start these brokers, on the same ports and data, and wait until they answer."""
        for number in numbers:
            self._nodes[number].launch()
        for number in numbers:
            self._nodes[number].await_answer()

    def bounce(self, *, hard: bool = False, pause_seconds: float = 0.0) -> None:
        """Stop all brokers (kill them, if `hard`), wait, and start them again."""
        self.end(*self._nodes, hard=hard)
        time.sleep(pause_seconds)
        self.begin(*self._nodes)

    def wait(self) -> int:
        """Wait until a broker ends by itself; its exit status."""
        while True:
            for node in self._nodes.values():
                if (status := node.wait(LOOK_SECONDS)) is not None:
                    return status

    def logs(self) -> Iterable[Path]:
        """Where the brokers write what they complain about."""
        return self._directory.rglob("broker.log")

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _settings(self) -> dict[str, str]:
        brokers = len(self._nodes)
        replicas = min(REPLICAS, brokers)
        in_sync = 2 if replicas >= REPLICAS else 1
        return {
            **_SETTINGS,
            **(_SEVERAL if brokers > 1 else {}),
            **(self.guard.broker() if self.guard else {}),
            "default.replication.factor": str(replicas),
            "offsets.topic.replication.factor": str(replicas),
            "transaction.state.log.replication.factor": str(replicas),
            "transaction.state.log.min.isr": str(in_sync),
            "min.insync.replicas": str(in_sync),
        }

    def _cluster_id(self) -> str:
        """The id in the data that is there already, else a new one."""
        for meta in self._directory.rglob("data/meta.properties"):
            for line in meta.read_text().splitlines():
                if line.startswith("cluster.id="):
                    return line.removeprefix("cluster.id=")
        return _new_cluster_id()


def _new_cluster_id() -> str:
    """As Kafka makes them, and like those never with a dash first: that would be an option."""
    while (found := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return found
