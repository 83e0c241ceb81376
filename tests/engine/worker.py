"""A small Faust worker on the engine, run as a process of its own by the integration tests.

Two stages in a row: `spread` sends lines on by key, `count` folds them into one row per customer
and publishes every tenth total. Everything is set by environment variables, so that the tests can
kill it, pause it and start it again.
"""

import os
import sys
from pathlib import Path
from typing import Any

import faust
import msgspec
from faust.app.base import BootStrategy

from streams.engine import Engine, EngineSettings, RecordBatch, Stage, Table


class Purchase(msgspec.Struct):
    """One source record."""

    id: str
    amount: int


class Account(msgspec.Struct, array_like=True, frozen=True):
    """State of one customer."""

    count: int = 0
    total: int = 0
    recent: tuple[str, ...] = ()


ACCOUNTS = Table(name="accounts", prefix=b"a", row_type=Account)
decode = msgspec.json.Decoder(Purchase).decode
encode = msgspec.json.Encoder().encode


def fold(batch: RecordBatch, output: str) -> None:
    """Count, add up, remember the last ten ids; publish every tenth total."""
    for record in batch.records:
        assert record.key is not None
        assert record.value is not None
        purchase = decode(record.value)
        account = batch.get(ACCOUNTS, record.key) or Account()
        account = Account(
            account.count + 1,
            account.total + purchase.amount,
            (*account.recent, purchase.id)[-10:],
        )
        batch.put(ACCOUNTS, record.key, account)
        if account.count % 10 == 0:
            body = {"id": f"{record.key.decode()}:{account.count}", "total": account.total}
            batch.emit(output, record.key, encode(body))


def build(prefix: str, settings: EngineSettings, directory: Path) -> tuple[faust.App, Engine]:
    """The app and its engine; topics are named after `prefix`."""

    class Boot(BootStrategy):
        enable_kafka = False

    class App(faust.App):
        BootStrategy = Boot

    app = App(
        settings.group_id,
        broker=f"kafka://{settings.bootstrap_servers}",
        store="memory://",
        web_enabled=False,
        datadir=str(directory),
    )
    lines, purchases = app.channel(maxsize=16), app.channel(maxsize=16)

    @app.agent(lines)
    async def spread(stream: Any) -> None:
        async for batch in stream:
            with batch:
                for record in batch.records:
                    batch.emit(f"{prefix}.purchases", record.key, record.value)

    @app.agent(purchases)
    async def count(stream: Any) -> None:
        async for batch in stream:
            with batch:
                fold(batch, f"{prefix}.totals")

    stages = [
        Stage(name="spread", topics=(f"{prefix}.lines",), channel=lines),
        Stage(
            name="count",
            topics=(f"{prefix}.purchases",),
            channel=purchases,
            changelog=f"{prefix}.log",
            tables=(ACCOUNTS,),
        ),
    ]
    engine = Engine(settings, stages)
    app.service(engine)  # type: ignore[arg-type]  # Faust takes an instance as well as a class
    return app, engine


def main() -> None:
    """Run as a Faust worker until SIGTERM."""
    environ = os.environ
    settings = EngineSettings(
        bootstrap_servers=environ["BROKER"],
        group_id=environ["GROUP"],
        group_instance_id=environ.get("INSTANCE") or None,
        session_timeout_seconds=float(environ.get("SESSION", "10")),
        heartbeat_interval_seconds=float(environ.get("SESSION", "10")) / 5,
        rebalance_timeout_seconds=max(3.0, float(environ.get("SESSION", "10"))),
        drain_seconds=2.0,
        lease_seconds=float(environ["LEASE"]) if environ.get("LEASE") else None,
        idempotent=environ.get("IDEMPOTENT") == "1",
        exact_end_offsets=environ.get("IDEMPOTENT") == "1",
        max_records=int(environ.get("MAX_RECORDS", "500")),
        state_store="rocksdb" if environ.get("STATE_DIR") else "memory",
        state_dir=environ.get("STATE_DIR"),
    )
    if hole := environ.get("HOLE"):
        from tests.engine import holes

        holes.open_hole(hole)
    app, _ = build(environ["PREFIX"], settings, Path(environ["DIRECTORY"]))
    app.main()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
