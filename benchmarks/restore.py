"""How long a worker takes to get its rows back: `python -m benchmarks.restore`.

A changelog of customer rows, one record each (as compaction leaves it), on a broker that has just
written it; a worker joins and restores all partitions. Wall clock from the start of its clients
until it is ready, joining the group included.
"""

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.harness.brokers import Broker, best_broker
from benchmarks.harness.customers import Templates
from benchmarks.harness.holding import holder, prepare, seed
from benchmarks.harness.options import Size, parse, write

RUN_SECONDS = 150.0
SIZES = {
    "customers": Size(1_000_000, 2_000, "rows"),
    "interactions": Size(2, 2, "interactions each customer has had"),
    "rounds": Size(3, 1, "restores"),
}


async def measure(broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """Write the changelog once, restore it several times."""
    changelog = await seed(broker, Templates(options.interactions).sealed_rows(options.customers))
    runs = []
    for _ in range(options.rounds):
        async with holder(await prepare(broker, changelog), RUN_SECONDS) as held:
            runs.append(held.restored)
            print(
                f"{held.restored['rows']:,} rows in {held.restored['wall_seconds']:.1f} s, "
                f"{held.restored['cpu_seconds']:.1f} s of CPU",
                flush=True,
            )
            assert held.restored["rows"] == options.customers
    seconds = statistics.median(run["wall_seconds"] for run in runs)
    return {
        "broker": broker.title,
        "rows": options.customers,
        "row_bytes": round(runs[0]["row_bytes"] / options.customers),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(statistics.median(run["cpu_seconds"] for run in runs), 2),
        "rows_per_second": round(options.customers / seconds),
        "seconds_per_million": round(seconds / options.customers * 1e6, 2),
        "runs": [round(run["wall_seconds"], 2) for run in runs],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options = parse(__doc__, SIZES, arguments)
    with best_broker() as broker:
        found = asyncio.run(measure(broker, options))
    write(options, "restore", found)
    print(
        f"{found['rows']:,} rows of {found['row_bytes']} bytes: median {found['seconds']} s, "
        f"{found['cpu_seconds']} s of CPU, {found['rows_per_second']:,} rows a second"
    )


if __name__ == "__main__":
    main()
