"""What all contenders share: the task, the records, the fold, and how the result is told."""

import json
import sys
import time
from collections.abc import Iterator
from random import Random

import msgspec

SEED = 7
TEXT = "x" * 180
"""Makes a record about 250 bytes, as a chat message is."""
PARTITIONS = 4


class Task(msgspec.Struct):
    """What a contender is told."""

    broker: str
    source: str
    changelog: str
    group: str
    count: int
    idempotent: bool
    max_records: int = 5_000

    def encoded(self) -> str:
        """As `read_task` wants it."""
        return msgspec.json.encode(self).decode()


class Purchase(msgspec.Struct):
    """One source record."""

    id: str
    amount: int


class Account(msgspec.Struct, array_like=True, frozen=True):
    """State of one customer."""

    count: int = 0
    total: int = 0
    recent: tuple[str, ...] = ()


decode = msgspec.json.Decoder(Purchase).decode


def after(account: Account, purchase: Purchase) -> Account:
    """The fold."""
    return Account(
        account.count + 1,
        account.total + purchase.amount,
        (*account.recent, purchase.id)[-10:],
    )


def records(count: int, customers: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values, the same for everybody."""
    chance = Random(SEED)
    for number in range(count):
        body = {"id": f"p{number}", "amount": chance.randrange(100), "text": TEXT}
        yield b"c%d" % chance.randrange(customers), json.dumps(body).encode()


def read_task() -> Task:
    """The task, from the command line."""
    return msgspec.json.decode(sys.argv[1], type=Task)


class Meter:
    """CPU and wall time from the moment the program has started until its work is done."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def spent(self) -> dict[str, float]:
        """CPU and wall seconds so far."""
        return {
            "cpu_seconds": time.process_time() - self._cpu,
            "wall_seconds": time.perf_counter() - self._wall,
        }

    def tell(self) -> None:
        """Print what it took."""
        # Faust turns `sys.stdout` into a log.
        print(json.dumps(self.spent()), file=sys.__stdout__, flush=True)
