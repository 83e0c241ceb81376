"""What the live views and the identity index in Redis must show, given what the judge expects."""

from typing import Any

from msgspec.structs import asdict
from redis.asyncio import Redis

from agents.satisfaction.rollup import decode_row_key, merge_rows
from schemas.complaint import Stage
from schemas.satisfaction import SatisfactionRow
from schemas.view import ComplaintCard
from streams.identity import IdentityIndex
from streams.pipeline.cards import card_of as customer_card
from streams.views import ViewReader
from streams.views.facts import card_of as complaint_card
from tests.chaos.judge import Judge
from tests.chaos.verdict import Check

ENDED = {Stage.RESOLVED, Stage.CLOSED}
UNTOLD = {"customer_name", "reasons", "channels", "conversation_keys"}
"""Fields of a complaint that may change without a new version of it being published."""


async def judge_views(judge: Judge, *, redis_was_emptied: bool) -> None:
    """Compare cards, lists, tables, counts and the identity index with what the topics say.

    Views come back from the rows, and a row keeps a customer's last ended complaints: cards of
    those before may be gone with a Redis that was emptied.
    """
    settings = judge.settings
    redis: Redis = Redis.from_url(settings.redis_url)
    try:
        reader = ViewReader(redis, settings.redis_prefix)
        check = judge.verdict.check("views")
        await _customers(judge, reader, check)
        await _complaints(judge, reader, check, redis_was_emptied)
        await _tables(judge, reader, check)
        await _counts(judge, reader, check)
        index = IdentityIndex(redis, settings.redis_prefix)
        known = judge.verdict.check("identity index")
        for handle, owner in judge.links.items():
            known.same(f"owner of {handle} in Redis", owner, await index.customer_of(handle))
    finally:
        await redis.aclose()


async def _customers(judge: Judge, reader: ViewReader, check: Check) -> None:
    for oracle in judge.oracles.values():
        for name, state in oracle.customers.items():
            found = await reader.customer(name)
            check.same(f"card of customer {name}", customer_card(state, judge.words), found)


async def _complaints(
    judge: Judge, reader: ViewReader, check: Check, redis_was_emptied: bool
) -> None:
    still_open = []
    for oracle in judge.oracles.values():
        rows = {
            state.complaint.complaint_id: state.complaint
            for customer in oracle.customers.values()
            for state in customer.complaints
        }
        for name, complaint in oracle.complaints.items():
            found = _told(await reader.complaint(name))
            expected = _told(complaint_card(complaint, ""))
            if found != expected and name in rows:  # written anew from the row, which knows more
                expected = _told(complaint_card(rows[name], ""))
            if not found and redis_was_emptied and name not in rows and complaint.stage in ENDED:
                judge.verdict.figures["cards gone with Redis"] += 1
                continue
            check.compared += 1
            if found != expected:
                check.wrong.append(f"card of complaint {name}: {_differing(expected, found)}")
            if complaint.stage not in ENDED:
                still_open.append(name)
    listed = [fact.complaint_id for fact in await reader.open_facts()]
    check.sets("open complaint", still_open, listed)


def _told(card: ComplaintCard | None) -> dict[str, object]:
    """What every change of a card is published for; the rest may be as of then, or of the row."""
    if card is None:
        return {}
    told = {name: value for name, value in asdict(card).items() if name not in UNTOLD}
    told["clocks"] = [(c.target, c.instance, c.state, c.due_at) for c in card.clocks]
    return told


def _differing(expected: dict[str, object], found: dict[str, object]) -> str:
    names = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    return "; ".join(f"{n} is {found.get(n)!r:.60}, not {expected.get(n)!r:.60}" for n in names)


async def _tables(judge: Judge, reader: ViewReader, check: Check) -> None:
    total: dict[Any, SatisfactionRow] = {}
    for oracle in judge.oracles.values():
        for encoded, row in oracle.tables.rows.items():
            key = decode_row_key(encoded)
            total[key] = merge_rows(total[key], row) if key in total else row
    shown: dict[Any, dict[str, SatisfactionRow]] = {}
    for key, row in total.items():
        place = (key.window, key.hour, key.dimension)
        if place not in shown:
            shown[place] = (await reader.rows(key.window, [key.hour], key.dimension))[key.hour]
        check.same(f"table {key}", row, shown[place].get(key.key))


async def _counts(judge: Judge, reader: ViewReader, check: Check) -> None:
    for name, found in (await reader.stats()).items():
        counts = judge.counts[name]
        check.same(f"received of {name}", counts["received"], found.received)
        parts = found.accepted + found.duplicate + found.rejected + found.skipped
        check.same(f"accounting of {name}", found.received, parts)
