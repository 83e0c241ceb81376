"""What an interaction costs with few and with many customers: `python -m benchmarks.scaling`.

A worker restores so many customers, then folds the same number of interactions, each of a customer
chosen at random, through the real customer step. CPU of the worker per interaction. The rows are
genuine (two interactions each), so that decoding and encoding them is part of it.
"""

import argparse
import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

from benchmarks.harness.brokers import best_broker
from benchmarks.harness.customers import Templates
from benchmarks.harness.holding import holder, prepare, seed
from benchmarks.harness.options import Size, parse, write

RUN_SECONDS = 240.0
SIZES = {
    "few": Size(10_000, 500, "customers of the first run"),
    "some": Size(200_000, 1_000, "customers of the second run"),
    "many": Size(2_000_000, 2_000, "customers of the third run"),
    "events": Size(40_000, 1_000, "interactions folded"),
}
SEED = 11


async def cost(customers: int, events: int) -> dict[str, Any]:
    """One size, on a broker of its own."""
    templates, chance = Templates(2), Random(SEED)
    numbers = [chance.randrange(customers) for _ in range(events)]
    with best_broker() as broker:
        changelog = await seed(broker, templates.sealed_rows(customers))
        task = await prepare(broker, changelog, templates.next_events(numbers), events=events)
        async with holder(task, RUN_SECONDS) as held:
            spent = await held.work()
            return {
                "broker": broker.title,
                "customers": customers,
                "cpu_us": round(spent["cpu_seconds"] / events * 1e6, 1),
                "per_core": round(events / spent["cpu_seconds"]),
                "wall": round(events / spent["wall_seconds"]),
                "resident_bytes": round(held.restored["resident_bytes"] / customers),
            }


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All sizes."""
    rows: list[dict[str, Any]] = []
    for customers in (options.few, options.some, options.many):
        row = await cost(customers, options.events)
        row["times_the_first"] = round(row["cpu_us"] / rows[0]["cpu_us"], 2) if rows else 1.0
        rows.append(row)
        print(
            f"{customers:,} customers: {row['cpu_us']} us an interaction, "
            f"{row['times_the_first']} times the first",
            flush=True,
        )
        write(options, "scaling", {"events": options.events, "rows": rows})
    return {"events": options.events, "rows": rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options = parse(__doc__, SIZES, arguments)
    write(options, "scaling", asyncio.run(measure(options)))


if __name__ == "__main__":
    main()
