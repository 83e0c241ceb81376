"""What a user of the engine declares: tables, stages, and the channel to an agent."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from streams.engine.errors import ConfigurationError
from streams.engine.records import LoggedRecord

__all__ = ["BatchChannel", "SourceRecord", "Stage", "Table"]

R = TypeVar("R")

_MAX_TOPIC_BYTES: Final = 249  # Kafka's own bound for topic names; also what a length byte can hold


class SourceRecord(LoggedRecord, Protocol):
    """One record of a source topic."""


class BatchChannel(Protocol):
    """Where batches go: `faust.App.channel()` fits."""

    async def put(self, value: Any) -> None:
        """Hand a batch to the agent; waits while its queue is full."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table(Generic[R]):
    """A keyed set of rows of one type, kept per lane and logged in the stage's changelog."""

    name: str
    """For messages and metrics."""
    prefix: bytes
    """One byte that tells this table's keys from its neighbours' in the changelog."""
    row_type: type[R]
    """A `msgspec.Struct`; encoded as msgpack."""

    def __post_init__(self) -> None:
        """Refuse a prefix that is not one byte."""
        if len(self.prefix) != 1:
            raise ConfigurationError(f"table {self.name}: prefix must be 1 byte: {self.prefix!r}")
        if self.prefix == b"\0":
            raise ConfigurationError(f"table {self.name}: prefix 0 is the engine's own")

    @cached_property
    def decoder(self) -> "msgspec.msgpack.Decoder[R]":
        """Decodes the body of a row."""
        return msgspec.msgpack.Decoder(self.row_type)

    def decode(self, body: bytes | memoryview) -> R:
        """The row from its bytes; raises `msgspec.ValidationError` on bytes of another shape."""
        return self.decoder.decode(body)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """Source topics, the agent that folds them, and the state it keeps."""

    name: str
    topics: tuple[str, ...]
    channel: BatchChannel
    changelog: str | None = None
    """Compacted topic with as many partitions as each source topic; None for a stateless stage."""
    tables: tuple[Table[Any], ...] = ()
    max_records: int | None = None
    """Records per batch; None takes `EngineSettings.max_records`."""

    tables_by_prefix: dict[bytes, Table[Any]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a stage whose parts do not fit together."""
        if not self.topics:
            raise ConfigurationError(f"stage {self.name} has no source topic")
        if len(set(self.topics)) != len(self.topics):
            raise ConfigurationError(f"stage {self.name} names a source topic twice")
        if any(len(topic.encode()) > _MAX_TOPIC_BYTES for topic in self.topics):
            raise ConfigurationError(f"stage {self.name}: topic names end at 249 bytes")
        if bool(self.tables) != bool(self.changelog):
            raise ConfigurationError(
                f"stage {self.name}: tables need a changelog and a changelog needs tables"
            )
        for table in self.tables:
            if table.prefix in self.tables_by_prefix:
                other = self.tables_by_prefix[table.prefix].name
                raise ConfigurationError(
                    f"stage {self.name}: tables {other} and {table.name} share {table.prefix!r}"
                )
            self.tables_by_prefix[table.prefix] = table

    def scope_of(self, topic: str) -> bytes:
        """What comes before every changelog key of lanes of `topic`.

        Stages with several source topics share one changelog partition between lanes; the scope
        keeps their keys apart. Empty for a stage with one topic.
        """
        if len(self.topics) == 1:
            return b""
        name = topic.encode()
        return bytes([len(name)]) + name
