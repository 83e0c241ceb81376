"""Where the engine's time goes, native frames included: `python -m benchmarks.profile`.

The engine contender of the engine job under py-spy; prints, and with `--json` also writes, the
functions with the largest share of samples of their own.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders.job import PARTITIONS, Task, records
from benchmarks.harness.brokers import COMPACT, best_broker, create_topics, publish
from benchmarks.harness.children import ChildFailedError, call
from benchmarks.harness.options import Size, parse, write

RUN_SECONDS = 120.0
SHOWN = 30
SIZES = {
    "records": Size(1_000_000, 20_000, "records"),
    "customers": Size(20_000, 200, "customers"),
    "rate": Size(200, 50, "samples a second"),
}


def top(stacks: Iterable[str], count: int = SHOWN) -> list[tuple[str, float]]:
    """Functions and their own share, from stacks as py-spy writes them (`a;b;c 12`)."""
    own: Counter[str] = Counter()
    for line in stacks:
        stack, _, samples = line.rpartition(" ")
        if samples.isdigit() and stack:
            own[stack.rpartition(";")[2]] += int(samples)
    total = sum(own.values()) or 1
    return [(name, samples / total) for name, samples in own.most_common(count)]


async def measure(options: argparse.Namespace, spy: str, broker: Any) -> list[tuple[str, float]]:
    """One run under py-spy."""
    name = uuid.uuid4().hex[:8]
    task = Task(
        broker.address,
        f"{name}.purchases",
        f"{name}.changelog",
        name,
        options.records,
        broker.idempotent,
    )
    await create_topics(broker.address, {task.source: {}, task.changelog: COMPACT}, PARTITIONS)
    sent = ((key, value, None) for key, value in records(options.records, options.customers))
    await publish(broker.address, task.source, PARTITIONS, sent)
    out = Path(tempfile.mkdtemp(prefix="bench-")) / "stacks"
    command = [
        *(spy, "record", "--native", "--nolineno", "--format", "raw", "--rate", str(options.rate)),
        *("--output", str(out), "--"),
        *(sys.executable, "-m", "benchmarks.contenders.engine", task.encoded()),
    ]
    status, _, err = await asyncio.to_thread(call, command, RUN_SECONDS)
    if not out.exists():
        raise ChildFailedError(f"py-spy ended with {status}: {err[-800:]}")
    return top((await asyncio.to_thread(out.read_text)).splitlines())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    options = parse(__doc__, SIZES, arguments)
    beside = Path(sys.executable).with_name("py-spy")
    spy = str(beside) if beside.exists() else shutil.which("py-spy")
    if spy is None:
        print("SKIPPED: there is no py-spy")
        return
    with best_broker() as broker:
        found = asyncio.run(measure(options, spy, broker))
    lines = [f"{share:6.1%}  {name}" for name, share in found]
    print("\n".join(lines))
    write(options, "profile", {"broker": broker.title, "lines": lines})


if __name__ == "__main__":
    main()
