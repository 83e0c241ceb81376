"""Reading records in bulk: what the broker sent, without a Python object more per record.

aiokafka decodes record batches in C, and then builds a `ConsumerRecord` of eleven fields around
each record, in Python and one by one; that was a fifth of the engine's time. Here a fetch hands out
the decoded records as they are: they have an offset, a timestamp, a key, a value and headers, which
is all a `SourceRecord` promises.

It reaches into the fetcher of aiokafka 0.14, the version the dependency's bounds allow; wherever
something looks different than expected, records come the usual way.
"""

import logging
import weakref
from collections import OrderedDict
from itertools import chain, islice
from typing import Any, Final

from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from streams.engine.consumer import Consumer

__all__ = ["LeanConsumer"]

HOLD_SECONDS: Final = 0.1
"""aiokafka's own."""

_KNOWN: Final = {"_partition_records", "_topic_partition"}

log = logging.getLogger(__name__)


class LeanConsumer(Consumer):
    """An `AIOKafkaConsumer` whose `getmany` gives records without topic and partition.

    A partition whose records nobody has taken yet holds up the fetch for all others; here for
    `hold_seconds` at most.
    """

    def __init__(self, *, hold_seconds: float = HOLD_SECONDS, **settings: Any) -> None:
        super().__init__(**settings)
        self._hold_seconds = hold_seconds

    async def start(self) -> None:
        """Connect; the fetcher exists afterwards."""
        await super().start()
        found: Any = getattr(self, "_fetcher", None)
        if hasattr(found, "_prefetch_backoff"):
            found._prefetch_backoff = self._hold_seconds
        if type(getattr(found, "_records", None)) is OrderedDict:
            found._records = _Fetched(found._records)
        else:
            log.warning("this aiokafka keeps its records elsewhere: they are read one by one")

    def gather(self, seconds: float) -> None:
        """Let the broker gather records for so long before it answers the next fetches."""
        found: Any = getattr(self, "_fetcher", None)
        if hasattr(found, "_fetch_max_wait_ms"):
            found._fetch_max_wait_ms = round(seconds * 1000)


class _Fetched(OrderedDict[Any, Any]):
    """The fetcher's results by partition; each gets a lean way to be drained as it comes in."""

    def __setitem__(self, tp: Any, found: Any) -> None:
        if type(found) is FetchResult and vars(found).keys() >= _KNOWN:
            records = found._partition_records
            # Only read_committed must look at every batch's producer.
            if type(records) is PartitionRecords and not records._isolation_level:
                found.getall = _Lean(found, records).getall
        super().__setitem__(tp, found)


class _Lean:
    """Drains one fetch result."""

    __slots__ = ("_batch", "_is_broken", "_records", "_result")

    def __init__(self, result: Any, records: Any) -> None:
        # No cycles: what was fetched must go when it is read, not when the collector comes by.
        self._result = weakref.ref(result)
        records._records_iterator = None
        self._records = records  # keeps the offset to go on from, where aiokafka looks for it
        self._batch: Any = None
        self._is_broken = False

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Up to `max_records` records, the consumer's position moved behind them."""
        result: Any = self._result()  # it is being called, so it is there
        records = self._records
        if self._is_broken:  # told the last time; nothing was handed out, so fetch it again
            result._partition_records = None
            return []
        if not result.check_assignment(result._topic_partition) or not result.has_more():
            return []
        taken: list[Any] = []
        self._is_broken = True
        while max_records is None or len(taken) < max_records:
            if self._batch is None and not self._next_batch():
                result._partition_records = None
                break
            self._take(taken, None if max_records is None else max_records - len(taken))
        self._is_broken = False
        # Not `_update_position`: it looks at what may just have been let go.
        state = result._assignment.state_value(result._topic_partition)
        state.consumed_to(records.next_fetch_offset)
        return taken

    def _next_batch(self) -> bool:
        """Open the next record batch; False when there is none left."""
        records = self._records
        source = records._records
        while source.has_next():
            batch = source.next_batch()
            if records._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {records._tp}")
            if not batch.is_control_batch:
                self._batch = batch, chain(batch)  # a batch may be asked for its iterator once
                return True
            records.next_fetch_offset = batch.next_offset
        return False

    def _take(self, taken: list[Any], wanted: int | None) -> None:
        """Move records of the open batch to `taken`; close it when it is used up."""
        records, (batch, each) = self._records, self._batch
        found = list(islice(each, wanted))
        if found:
            used_up = len(found) != wanted
            if found[0].offset < records.next_fetch_offset:
                # A batch is sent whole, also where we asked for its middle.
                found = [one for one in found if one.offset >= records.next_fetch_offset]
            if found:
                records.next_fetch_offset = found[-1].offset + 1
                taken += found
        else:
            used_up = True
        if used_up:
            # Compaction removes records and leaves their batch's last offset.
            records.next_fetch_offset = batch.next_offset
            self._batch = None
