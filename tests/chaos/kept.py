"""What the workers keep: rows, accounting, committed offsets, and clocks nobody may forget."""

from collections import Counter
from typing import Any

from agents.customer.oracle import Oracle, differences
from schemas.customer import IntakeState
from streams import topics
from streams.engine.envelope import NEVER, applied_of, body_of, is_deleted, wake_of
from streams.pipeline.tables import CATALOGUE, CUSTOMERS, INTAKE, ONLY, PARTITIONS, SATISFACTION
from tests.chaos import reading
from tests.chaos.judge import Judge
from tests.chaos.verdict import Check

LATE_SECONDS = 60.0
"""A deadline that was due so long before the workers stopped must have been reached."""


async def judge_kept(judge: Judge) -> None:
    """Compare rows, wake-ups, accounting and offsets with what the log of events gives."""
    await _rows(judge)
    await _intake_rows(judge)
    await _offsets(judge)
    _forgotten_clocks(judge)


async def _rows(judge: Judge) -> None:
    check = judge.verdict.check("rows")
    last_wins = judge.verdict.check("last rows")
    newest: dict[tuple[int, bytes], bytes] = {}
    last: dict[tuple[int, bytes], bytes | None] = {}
    async for record in reading.records(judge.broker, topics.CUSTOMERS_CHANGELOG):
        at = (record.partition, record.key)
        last[at] = record.value
        if record.value is not None:
            known = newest.get(at)
            if known is None or applied_of(record.value) >= applied_of(known):
                newest[at] = record.value
    for at, row in newest.items():
        last_wins.same(f"last row of {at}", row, last[at])
    for partition in sorted({p for p, _ in newest} | set(judge.oracles)):
        live = {
            key: row for (p, key), row in newest.items() if p == partition and not is_deleted(row)
        }
        oracle = judge.oracles.setdefault(partition, Oracle(judge.rulebook))
        _compare_rows(check, partition, oracle, live)
    judge.verdict.figures["rows"] = len(newest)


def _compare_rows(check: Check, partition: int, oracle: Oracle, live: dict[bytes, bytes]) -> None:
    def rows(table: Any) -> dict[str, object]:
        return {
            key[1:].decode("utf-8", "backslashreplace"): table.decode(body_of(row))
            for key, row in live.items()
            if key[:1] == table.prefix
        }

    counts = {ONLY.decode(): oracle.counts}
    compared: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("customer", oracle.customers, rows(CUSTOMERS)),
        ("table row", _named(oracle.tables.rows), rows(SATISFACTION)),
        ("catalogue", _shelved(_named(oracle.tables.catalogue)), _shelved(rows(CATALOGUE))),
        ("accounting", counts, rows(PARTITIONS) or {ONLY.decode(): type(oracle.counts)()}),
        ("wake-up", _wakes(oracle), _live_wakes(live)),
    )
    for what, expected, found in compared:
        check.compared += len(expected)
        check.wrong += [f"{what} {partition}/{key}" for key in differences(expected, found)]


async def _intake_rows(judge: Judge) -> None:
    check = judge.verdict.check("accounting")
    newest: dict[tuple[str, int], bytes] = {}
    async for record in reading.records(judge.broker, topics.INTAKE_CHANGELOG):
        length = record.key[0]
        at = (record.key[1 : length + 1].decode(), record.partition)
        assert record.key[length + 1 :] == INTAKE.prefix
        if at not in newest or applied_of(record.value) >= applied_of(newest[at]):
            newest[at] = record.value
    for at in sorted(judge.by_partition.keys() | newest.keys()):
        counts = judge.by_partition.get(at, Counter())
        row = INTAKE.decode(body_of(newest[at])) if at in newest else IntakeState()
        for name in ("received", "rejected", "skipped"):
            check.same(f"{name} of {at}", counts[name], getattr(row, name))
    outcomes: dict[str, Counter[str]] = {}
    for oracle in judge.oracles.values():
        for name, found in oracle.counts.counts.items():
            outcomes.setdefault(name, Counter()).update(found)
    for name, counts in judge.counts.items():
        # Intake's own second copies were counted the first time.
        own = outcomes.get(name, Counter())
        once = own.total() - own["replayed"]
        check.same(f"accepted + duplicate of {name}", counts["accepted"], once)


async def _offsets(judge: Judge) -> None:
    check = judge.verdict.check("offsets")
    upto = await reading.ends(judge.broker, *reading.SOURCES)
    done = await reading.committed(judge.broker, judge.group, upto)
    for tp, end in upto.items():
        check.same(f"committed of {tp.topic}/{tp.partition}", end, done[tp])


def _forgotten_clocks(judge: Judge) -> None:
    """Whoever wanted to be woken was, if it was due long enough before the end."""
    check = judge.verdict.check("clocks")
    due_before = judge.stopped_at.timestamp() - LATE_SECONDS
    for oracle in judge.oracles.values():
        for customer, at in oracle.wakes.items():
            check.compared += 1
            if at is not None and at < due_before:
                late = judge.stopped_at.timestamp() - at
                check.wrong.append(f"customer {customer} was due {late:.0f} s ago")


def _named(rows: dict[bytes, Any]) -> dict[str, Any]:
    return {key.decode("utf-8", "backslashreplace"): row for key, row in rows.items()}


def _shelved(rows: dict[str, Any]) -> dict[str, Any]:
    """Catalogue entries without the order of their keys, which depends on how batches were cut."""
    return {
        name: ({k: sorted(v) for k, v in row.keys.items()}, row.starts)
        for name, row in rows.items()
    }


def _wakes(oracle: Oracle) -> dict[str, int]:
    return {name: -int(-at * 1000 // 1) for name, at in oracle.wakes.items() if at is not None}


def _live_wakes(live: dict[bytes, bytes]) -> dict[str, int]:
    return {
        key[1:].decode(): wake_of(row)
        for key, row in live.items()
        if key[:1] == CUSTOMERS.prefix and wake_of(row) != NEVER
    }
