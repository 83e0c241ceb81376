"""Which customers a retroactive version must reach: found in a lane's rows, a slice at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from agents.complaints.matter import is_open
from schemas.customer import CustomerState, PolicyEntry
from streams.engine import Lane
from streams.pipeline.tables import CUSTOMERS

SLICE_SECONDS = 0.01
"""How long rows are looked through at a stretch: a tenth of what the loop's watchdog minds."""


async def customers_to_reach(lane: Lane, entry: PolicyEntry) -> AsyncIterator[bytes]:
    """Keys of the customers with a complaint that is open and still judged by another version.

    Rows that change meanwhile have seen an event after the version, and so had their turn.
    """
    until = time.monotonic() + SLICE_SECONDS
    for key, row in lane.rows(CUSTOMERS):
        if must_be_reached(row, entry):
            yield key
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE_SECONDS


def must_be_reached(row: CustomerState, entry: PolicyEntry) -> bool:
    """Whether nothing that came after the version has touched this row, and it would change."""
    if row.policy_at is not None and row.policy_at >= entry.published_at:
        return False
    return any(is_open(one) and one.policy != entry.version for one in row.complaints)
