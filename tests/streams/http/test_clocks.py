"""`/v1/complaints/{id}/clocks`: the explanation over HTTP, from what the views keep."""

from datetime import timedelta
from typing import Any

from agents.complaints.sla.policy_file import default_policy, parse_policy
from schemas.clock import ComplaintEvent
from schemas.clock import ComplaintEventKind as Kind
from schemas.explanation import ComplaintHistory
from schemas.policy import ComplaintContext
from tests.streams.http.conftest import World
from tests.streams.http.test_api import Client, got
from tests.streams.views.examples import NOW

POLICY = parse_policy(
    """
version: 1
timezone: Asia/Shanghai
policies: [{name: all, targets: {total_resolution: {within: 10h}}}]
"""
)
OPENED = NOW - timedelta(hours=12)
HISTORY = [
    ComplaintEvent(OPENED, "mail", Kind.OPENED, channel="email"),
    ComplaintEvent(OPENED + timedelta(hours=1), "wait", Kind.PAUSED, reason="waiting_for_customer"),
    ComplaintEvent(OPENED + timedelta(hours=4), "call", Kind.CUSTOMER_MESSAGE, channel="phone"),
]


def kept(policy_version: str) -> ComplaintHistory:
    """What the views keep of a complaint."""
    return ComplaintHistory(
        complaint_id="k-1",
        customer_id="c-1",
        context=ComplaintContext(channel="email"),
        history=HISTORY,
        policy_version=policy_version,
    )


def shape(clock: Any) -> list[tuple[Any, ...]]:
    """What matters of the segments of a clock."""
    return [
        (s["state"], s["seconds"] / 3_600, s["cause"] and s["cause"]["id"], s["reason"])
        for s in clock["segments"]
    ]


async def test_every_stretch_has_its_cause_and_they_sum_up(world: World, client: Client) -> None:
    """Running, paused, running: twelve hours elapsed, nine of them counted."""
    world.writer.put_policy(POLICY)
    world.writer.put_policy(default_policy())
    world.writer.put_history(0, kept(POLICY.digest))
    await world.show()
    answer = await got(client, "/v1/complaints/k-1/clocks")
    (clock,) = answer["clocks"]
    assert shape(clock) == [
        ("running", 1, "mail", ""),
        ("paused", 3, "wait", "waiting_for_customer"),
        ("running", 8, "call", ""),
    ]
    assert sum(s["seconds"] for s in clock["segments"]) == clock["elapsed_seconds"] == 12 * 3_600
    assert sum(s["counted_seconds"] for s in clock["segments"]) == clock["used_seconds"]
    assert clock["used_seconds"] == 9 * 3_600
    assert (clock["state"], clock["ended_at"]) == ("running", None)
    assert {s["policy_version"] for s in clock["segments"]} == {POLICY.digest}
    assert answer["timezone"] == "Asia/Shanghai"


async def test_an_unknown_complaint_or_policy_is_not_found(world: World, client: Client) -> None:
    """No guess under another policy: what judged it is gone, and the answer says so."""
    assert "hint" in await got(client, "/v1/complaints/k-9/clocks", 404)
    world.writer.put_history(0, kept("gone"))
    await world.show()
    await got(client, "/v1/complaints/k-1/clocks", 404)
