"""A delivery engine for Kafka beside Faust: batches in, effects and rows out, offsets last.

What it promises: after any crash, pause or rebalance the rows of a lane equal a fold of its source
partition, and every effect of that fold was published at least once with the same bytes.

- `Stage`: source topics, an agent's channel, tables and their changelog.
- `RecordBatch`: what the agent folds. Everything it does goes through the batch.
- `Engine`: the service. One consumer group member, one producer, one `Lane` per owned partition.
- `EngineSettings`: every limit with its reason. `EngineObserver`, `LaneListener`: what to count and
  when rows come and go.

The package knows Kafka (aiokafka), `mode.Service` and msgspec, and nothing of what it carries. How
it works is told where it happens: the barrier in `lane.py`, restore and foreign writers in
`changelog.py`, rows on disk in `rocks.py` and `kept.py`, taking and letting go of lanes in
`ownership.py`, life and death in `engine.py`.
"""

from streams.engine.batch import Effect, RecordBatch
from streams.engine.clients import TopicPartition
from streams.engine.consumer import Consumer
from streams.engine.engine import Engine
from streams.engine.errors import (
    BatchAbandonedError,
    ChangelogStalledError,
    ConfigurationError,
    EngineError,
    LaneStalledError,
    RecordTooLargeError,
    RowsMissingError,
    RowTooLargeError,
    SourceRewoundError,
)
from streams.engine.lane import Lane
from streams.engine.observer import EngineObserver, LaneListener
from streams.engine.partitioning import partition_of
from streams.engine.progress import Progress
from streams.engine.rocks import require_rocksdb
from streams.engine.rounds import Asked, Rounds
from streams.engine.settings import EngineSettings
from streams.engine.stage import BatchChannel, SourceRecord, Stage, Table
from streams.engine.wakeups import Wakeups
from streams.engine.writer import Rows

__all__ = [
    "Asked",
    "BatchAbandonedError",
    "BatchChannel",
    "ChangelogStalledError",
    "ConfigurationError",
    "Consumer",
    "Effect",
    "Engine",
    "EngineError",
    "EngineObserver",
    "EngineSettings",
    "Lane",
    "LaneListener",
    "LaneStalledError",
    "Progress",
    "RecordBatch",
    "RecordTooLargeError",
    "Rounds",
    "RowTooLargeError",
    "Rows",
    "RowsMissingError",
    "SourceRecord",
    "SourceRewoundError",
    "Stage",
    "Table",
    "TopicPartition",
    "Wakeups",
    "partition_of",
    "require_rocksdb",
]
