"""Negative controls of the whole worker: defects that the judge must find, each by its name."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import uuid4
from zlib import crc32

from streams import topics
from streams.engine import RecordBatch
from streams.engine.lane import Lane
from streams.identity import IdentityIndex
from streams.pipeline import customers, identities
from streams.pipeline.tables import CUSTOMERS
from tests.engine import holes as engine_holes

EVERY = 40
"""One in so many goes wrong: rare enough that the worker looks well."""

LOST_HANDLES = 10
"""One handle in so many; there are some two hundred in the traffic of a control."""


def lost_table_row() -> None:
    """A change of the satisfaction tables is not kept, now and then."""
    rows: Any = customers._Rows
    proper, passed = rows.put_row, count(1)

    def put_row(self: Any, key: bytes, row: Any) -> None:
        if next(passed) % EVERY:
            proper(self, key, row)

    rows.put_row = put_row


def lost_customer() -> None:
    """What an event changed of a customer is not kept, now and then."""
    batch: Any = RecordBatch
    proper, passed = batch.put, count(1)

    def put(self: Any, table: Any, *arguments: Any, **more: Any) -> None:
        if table is not CUSTOMERS or next(passed) % EVERY:
            proper(self, table, *arguments, **more)

    batch.put = put


def lost_link() -> None:
    """The links of some handles to their customers are never published.

    Chosen by handle: every record of a round tells the links it rests on, and one told by several
    would still go out if one of them kept silent.
    """
    module: Any = identities
    proper = module.identity_links

    def identity_links(*arguments: Any) -> Any:
        return [link for link in proper(*arguments) if crc32(link.handle.encode()) % LOST_HANDLES]

    module.identity_links = identity_links


def second_identity() -> None:
    """A known customer is taken for a new one, now and then."""
    index: Any = IdentityIndex
    proper, passed = index.resolve, count(1)

    async def resolve(self: IdentityIndex, *arguments: Any) -> Any:
        answer = await proper(self, *arguments)
        found = [_or_another(one, next(passed)) for one in answer.resolutions]
        return answer._replace(resolutions=found)

    index.resolve = resolve


def _or_another(found: Any, number: int) -> Any:
    return type(found)(str(uuid4())) if number % EVERY == 0 else found


def lost_alert() -> None:
    """An alert is not published, now and then."""
    batch: Any = RecordBatch
    proper, passed = batch.emit, count(1)

    def emit(self: Any, topic: str, *arguments: Any, **more: Any) -> None:
        if topic != topics.SLA_ALERTS or next(passed) % 5:
            proper(self, topic, *arguments, **more)

    batch.emit = emit


def commit_first() -> None:
    """Offsets are committed before anything is acknowledged, and nobody looks back at a start."""
    engine_holes.commit_first()

    async def _go_back(self: Lane, committed: int) -> None:
        """Not."""

    lane: Any = Lane
    lane._go_back = _go_back


HOLES: dict[str, Callable[[], None]] = {
    **engine_holes.HOLES,
    "commit_first": commit_first,
    "lost_table_row": lost_table_row,
    "lost_customer": lost_customer,
    "lost_link": lost_link,
    "second_identity": second_identity,
    "lost_alert": lost_alert,
}


def open_hole(name: str) -> None:
    """Open one; a misspelt name is an error, or the control would prove nothing."""
    HOLES[name]()
