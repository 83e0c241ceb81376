"""The engine job as Faust's documentation writes it: a topic of records, an agent, a table."""

from typing import Any

import faust

from benchmarks.contenders.faust_app import end, faust_app
from benchmarks.contenders.job import PARTITIONS, Meter, read_task

task = read_task()


class Purchase(faust.Record):
    """One source record."""

    id: str
    amount: int


class Account(faust.Record):
    """State of one customer."""

    count: int = 0
    total: int = 0
    recent: list[str] = []  # noqa: RUF012  # how Faust declares a default


app = faust_app(task.broker, task.group)
purchases = app.topic(task.source, key_type=str, key_serializer="raw", value_type=Purchase)
accounts = app.Table("accounts", default=Account, key_type=str, partitions=PARTITIONS)
meter = Meter()
left = task.count


@app.agent(purchases)
async def count(stream: Any) -> None:
    """Fold one record after another."""
    global left
    async for key, purchase in stream.items():
        account = accounts[key]
        accounts[key] = Account(
            count=account.count + 1,
            total=account.total + purchase.amount,
            recent=[*account.recent, purchase.id][-10:],
        )
        left -= 1
        if left == 0:
            await end(app, meter)


if __name__ == "__main__":
    app.main()
