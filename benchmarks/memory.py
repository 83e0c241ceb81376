"""What an idle customer costs in memory: `python -m benchmarks.memory`.

A worker restores many customers who have said something and are quiet now. Counted is what its
resident memory grew by: rows, their index, the wake-ups.
"""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks.harness.brokers import Broker, best_broker
from benchmarks.harness.customers import Templates
from benchmarks.harness.holding import holder, prepare, seed
from benchmarks.harness.options import Size, parse, write

RUN_SECONDS = 120.0
SIZES = {
    "customers": Size(250_000, 2_000, "customers"),
}
SHAPES = (1, 2, 5)
"""Interactions each customer has had."""


async def in_the_worker(broker: Broker, interactions: int, customers: int) -> dict[str, Any]:
    """Bytes per customer of the worker's resident memory."""
    changelog = await seed(broker, Templates(interactions).sealed_rows(customers))
    async with holder(await prepare(broker, changelog), RUN_SECONDS) as held:
        found = held.restored
    return {
        "interactions": interactions,
        "row_bytes": round(found["row_bytes"] / found["rows"]),
        "resident_bytes": round(found["resident_bytes"] / found["rows"]),
    }


async def measure(broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """All shapes."""
    shapes = []
    for interactions in SHAPES:
        shapes.append(await in_the_worker(broker, interactions, options.customers))
        print(
            f"{interactions} interactions: row {shapes[-1]['row_bytes']} bytes, "
            f"resident {shapes[-1]['resident_bytes']} bytes a customer",
            flush=True,
        )
    return {
        "broker": broker.title,
        "customers": options.customers,
        "shapes": shapes,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options = parse(__doc__, SIZES, arguments)
    with best_broker() as broker:
        found = asyncio.run(measure(broker, options))
    write(options, "memory", found)


if __name__ == "__main__":
    main()
