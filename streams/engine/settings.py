"""Every limit of the engine, with its default and the reason for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from streams.engine.errors import ConfigurationError

__all__ = ["EngineSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How one worker talks to Kafka and how much it takes on. Durations are in seconds.

    Raises `ConfigurationError` when limits contradict each other.
    """

    # --- where -----------------------------------------------------------------------------------
    bootstrap_servers: str
    """`host:port[,host:port…]` of the brokers."""
    group_id: str
    """Consumer group; one group reads all topics of all stages."""
    client_id: str = "engine"
    """Shown in broker logs and quotas."""
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Passed as is to every aiokafka client: `security_protocol`, `ssl_context`, `sasl_…`."""

    # --- membership ------------------------------------------------------------------------------
    group_instance_id: str | None = None
    """Static membership: a restart within the session keeps its partitions. One id per worker."""
    assignor: Literal["by_topic", "sticky", "range", "roundrobin"] = "by_topic"
    """By topic: every worker gets its share of every stage, and lanes stay where their rows are."""
    session_timeout_seconds: float = 30.0
    """Long enough for a starved machine; a dead worker's partitions rest this long."""
    heartbeat_interval_seconds: float = 3.0
    """A tenth of the session: several may be lost."""
    rebalance_timeout_seconds: float = 30.0
    """How long the group waits for members to let go; must exceed `drain_seconds`."""
    drain_seconds: float = 5.0
    """Finish what is in flight on revoke and stop; later work is replayed by the next owner."""
    lease_seconds: float | None = None
    """A worker away longer than this stops itself. None: half the session. 0: never."""

    # --- batches ---------------------------------------------------------------------------------
    max_records: int = 5_000
    """Per batch: about 45 ms of folding, so that other lanes and heartbeats get a turn."""
    depth: int = 2
    """Batches of one lane between fold and acknowledgement; more gains nothing."""
    poll_seconds: float = 0.2
    """Longest wait for records before a lane looks at its other duties."""
    fetch_bytes: int = 4 << 20
    """Per partition and fetch; about 5,000 records of 800 bytes."""
    gather_least_seconds: float = 0.02
    """How long the broker gathers records before it answers a fetch while the worker has little to
    do; a record waits for half of it. All lanes share one fetch: they get what came for any of them
    at the same time, and go through their stages together."""
    gather_most_seconds: float = 0.05
    """The same for a worker that is busy all the time: a batch of two records costs several times
    as much per record as one of fifty, so the busier it is, the larger batches should be."""
    fetch_gather_bytes: int = 256 << 10
    """So much is answered at once: where records wait, nobody waits for more."""
    fetch_hold_seconds: float = 0.02
    """How long a lane that is busy with a batch may hold up the fetch of the others; less gives
    more and smaller fetches."""
    decoded_rows: int = 20_000
    """Decoded rows all lanes remember together (twice that at most); idle keys are bytes only."""

    # --- writing ---------------------------------------------------------------------------------
    idempotent: bool = True
    """Idempotent producer; off only where the broker has none (the embedded one)."""
    exact_end_offsets: bool = True
    """Off where the broker gives the start of the last batch as the end (the embedded one)."""
    compression: str | None = None
    """`gzip`, `lz4`, `zstd` or None; loopback and rows of a few hundred bytes gain nothing."""
    effect_batch_bytes: int = 512 << 10
    """Record batch size for effects: one large batch per partition is the cheapest shape."""
    changelog_soft_bytes: int = 8 << 20
    """Source batches are cut so that the rows they touch stay below this, by estimate."""
    changelog_batch_bytes: int = 15 << 20
    """Hard bound of one changelog record batch; the topic needs `max.message.bytes` above it."""
    max_record_bytes: int = 10 << 20
    """Largest single record that may be published: dead letters carry foreign payloads."""
    max_request_bytes: int = 16 << 20
    """What the producer allows for one batch; above both bounds before it."""
    request_timeout_seconds: float = 30.0
    """A produce request not answered by then fails the batch and stops the worker."""

    ask_seconds: float = 10.0
    """A question about offsets not answered by then is asked again later."""

    # --- offsets and state -----------------------------------------------------------------------
    commit_seconds: float = 0.2
    """How often finished offsets are committed: the replay after a crash is at most this old."""
    audit_seconds: float = 2.0
    """How often changelogs are looked at for foreign writes; far below `min.compaction.lag.ms`."""
    state_store: Literal["memory", "rocksdb"] = "memory"
    """Where rows are kept beside their changelog; RocksDB for state larger than memory."""
    state_dir: str | None = None
    """Directory for RocksDB; workers of one machine may share it."""
    state_keep_seconds: float = 20 * 3600.0
    """Rows on disk not in use for longer are read anew: below `deleted_row_seconds`, after which
    the changelog may have forgotten deletions."""
    accept_missing_rows: bool = False
    """Go on, with a warning, although a changelog has lost rows. Off: the worker says so and stops.
    """
    restoring_lanes: int = 2
    """Changelog partitions read at the same time: more stall the event loop."""
    restore_records: int = 5_000
    """Records per step of a restore, with a yield to the event loop in between."""
    restore_wait_seconds: float = 0.1
    """How long the broker may hold a fetch of a changelog that finds nothing."""
    restore_fetch_bytes: int = 1 << 20
    """Per fetch of a restore: with 16 MiB every byte passed through fresh pages, for half as much
    CPU again. A larger record batch still comes whole."""
    deleted_row_seconds: float = 24 * 3600.0
    """A deleted row keeps its applied offset this long, then a tombstone removes it."""

    # --- life and death --------------------------------------------------------------------------
    start_seconds: float = 30.0
    """How long to wait for a broker that is not up yet."""
    stall_seconds: float = 120.0
    """No progress of a batch or a commit for so long: stop, a fresh worker is better."""
    hard_exit_seconds: float = 15.0
    """After a crash the process ends by force so late, if the orderly stop hangs. 0: never."""
    tune_gc: bool = True
    """Freeze long-lived objects after restore and collect rarely: the collector took a third."""
    gc_threshold: int = 10_000
    """Allocations before a collection of young objects, which then takes some milliseconds."""

    def __post_init__(self) -> None:
        """Refuse limits that contradict each other."""
        if self.drain_seconds >= self.rebalance_timeout_seconds:
            raise ConfigurationError(
                f"drain_seconds ({self.drain_seconds}) must be below rebalance_timeout_seconds "
                f"({self.rebalance_timeout_seconds}), or the group gives up on a draining worker"
            )
        if self.heartbeat_interval_seconds * 3 > self.session_timeout_seconds:
            raise ConfigurationError(
                f"heartbeat_interval_seconds ({self.heartbeat_interval_seconds}) must be at most a "
                f"third of session_timeout_seconds ({self.session_timeout_seconds})"
            )
        largest = max(self.changelog_batch_bytes, self.max_record_bytes, self.effect_batch_bytes)
        if largest > self.max_request_bytes:
            raise ConfigurationError(
                f"max_request_bytes ({self.max_request_bytes}) must hold the largest batch "
                f"({largest} bytes)"
            )
        if self.changelog_soft_bytes > self.changelog_batch_bytes:
            raise ConfigurationError(
                f"changelog_soft_bytes ({self.changelog_soft_bytes}) must not exceed "
                f"changelog_batch_bytes ({self.changelog_batch_bytes})"
            )
        if self.gather_most_seconds < self.gather_least_seconds:
            raise ConfigurationError(
                f"gather_most_seconds ({self.gather_most_seconds}) must not be below "
                f"gather_least_seconds ({self.gather_least_seconds})"
            )
        for name in ("max_records", "depth", "restoring_lanes", "restore_records", "decoded_rows"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1")

        if self.state_store == "rocksdb" and self.state_dir is None:
            raise ConfigurationError("state_store rocksdb needs a state_dir")
        if self.state_keep_seconds >= self.deleted_row_seconds and self.state_store == "rocksdb":
            raise ConfigurationError(
                f"state_keep_seconds ({self.state_keep_seconds}) must be below "
                f"deleted_row_seconds ({self.deleted_row_seconds}), or deleted rows come back"
            )

    @property
    def lease(self) -> float:
        """Seconds a worker may be away before it stops itself; 0 means no lease."""
        return (
            self.session_timeout_seconds / 2 if self.lease_seconds is None else self.lease_seconds
        )
