"""Live views: what people read, kept in Redis behind the commit barrier.

`ViewWriter` writes what changed, `ViewReader` answers from it, `keys` names everything.
"""

from streams.views.items import (
    ComplaintItem,
    CountsItem,
    CustomerItem,
    HistoryItem,
    PolicyItem,
    RebuildSource,
    SatisfactionItem,
    ViewItem,
)
from streams.views.observer import FlushOutcome, ViewObserver
from streams.views.reader import ViewReader
from streams.views.writer import ViewWriter

__all__ = [
    "ComplaintItem",
    "CountsItem",
    "CustomerItem",
    "FlushOutcome",
    "HistoryItem",
    "PolicyItem",
    "RebuildSource",
    "SatisfactionItem",
    "ViewItem",
    "ViewObserver",
    "ViewReader",
    "ViewWriter",
]
