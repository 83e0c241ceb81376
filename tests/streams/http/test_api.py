"""The API: answers from the views, clear errors, commands that are published or refused."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from agents.satisfaction.rollup import RowKey, hour_of
from schemas.common import Handle, HandleKind
from schemas.satisfaction import Dimension, SatisfactionRow, Window
from streams.views.freshness import STALE_SECONDS
from tests.streams.http.conftest import World
from tests.streams.views.examples import NOW, card, clock_view, complaint

Client = TestClient[Any, Any]


async def got(client: Client, path: str, status: int = 200) -> Any:
    """The JSON at a path."""
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        return await response.json()


async def posted(client: Client, body: Any, status: int) -> Any:
    """The answer to a command."""
    async with client.post("/v1/commands", json=body) as response:
        assert response.status == status, await response.text()
        return await response.json()


def put_day(world: World, key: str, row: SatisfactionRow, days_ago: int = 0) -> None:
    """Put a row of a day by channel."""
    start = hour_of(NOW - timedelta(days=days_ago)) // 24 * 24
    world.writer.put_satisfaction(0, RowKey(Window.DAY, start, Dimension.CHANNEL, key), row)


async def test_satisfaction_has_counts_ratios_and_intervals(world: World, client: Client) -> None:
    """Every ratio comes with its counts and its interval; nothing answered gives null."""
    put_day(world, "chat", SatisfactionRow(csat={4: 32, 5: 42, 3: 20, 2: 5, 1: 8}))
    put_day(world, "web", SatisfactionRow(contacts=3))
    put_day(world, "chat", SatisfactionRow(csat={5: 1}), days_ago=1)
    await world.show()
    answer = await got(client, "/v1/satisfaction?by=channel&window=1d&from=2026-03-02")
    chat, web = answer["rows"]
    assert (chat["key"], chat["counts"]["csat"]["5"]) == ("chat", 42)
    satisfied = chat["figures"]["csat"]["satisfied"]
    assert round(100 * satisfied["ratio"], 2) == 69.16
    assert [round(100 * satisfied[k], 2) for k in ("low_ratio", "high_ratio")] == [59.87, 77.12]
    assert web["figures"]["csat"]["satisfied"]["ratio"] is None
    assert chat["start_at"] == "2026-03-02T00:00:00Z"
    assert answer["freshness"]["state"] == "live"
    assert len((await got(client, "/v1/satisfaction?by=channel"))["rows"]) == 3
    assert len((await got(client, "/v1/satisfaction?by=channel&limit=1"))["rows"]) == 1


async def test_stale_views_say_so(world: World, client: Client) -> None:
    """An answer from views that nobody confirmed lately is marked as stale."""
    world.clock.now += STALE_SECONDS + 1
    answer = await got(client, "/v1/satisfaction")
    assert answer["freshness"]["state"] == "stale"
    assert answer["freshness"]["as_of_at"] == "2026-03-02T09:00:00Z"


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [
        ("by=mood", "by", "by: it is one of all, channel, team, category, region, tier"),
        ("window=1w", "window", "window: it is one of 1h, 1d, all"),
        ("limit=0", "limit", "limit: a whole number from 1 to 2000"),
        ("limit=ten", "limit", "limit: a whole number from 1 to 2000"),
        ("from=yesterday", "from", "from: an instant with its zone"),
        ("from=2026-03-02T09:00:00", "from", "from: an instant with its zone"),
        ("to=0001-01-01", "to", "to: a year from 1970 to 9000"),
        ("colour=red", "colour", "known parameters: by, window, from, to, limit"),
        ("by=team&by=tier", "by", "give it once"),
    ],
)
async def test_wrong_parameters_are_refused_with_a_hint(
    client: Client, query: str, field: str, hint: str
) -> None:
    """A parameter that cannot be used is named, with what would be right."""
    problem = await got(client, f"/v1/satisfaction?{query}", 400)
    assert problem["field"] == field
    assert problem["hint"].startswith(hint)
    assert problem["error"]


async def test_a_plus_in_an_instant_need_not_be_encoded(client: Client) -> None:
    """`+08:00` arrives as ` 08:00` where nobody encoded it, and is understood."""
    await got(client, "/v1/satisfaction?from=2026-03-02T17:00:00+08:00")


async def test_customers_by_id_and_by_handle(world: World, client: Client) -> None:
    """A handle is normalised as intake does; what names nobody is a clear 404 or 400."""
    world.writer.put_customer(0, card("c-1", purchases={"EUR": "12.50"}))
    await world.show()
    world.handles["email:ann@example.com"] = "c-1"
    assert (await got(client, "/v1/customers/c-1"))["purchases"] == {"EUR": "12.50"}
    found = await got(client, "/v1/customers?handle=email:%20Ann@Example.COM")
    assert found["customer_id"] == "c-1"
    assert (await got(client, "/v1/customers/nobody", 404))["hint"]
    assert (await got(client, "/v1/customers?handle=email:x@example.com", 404))["error"] == (
        "nobody is known by email:x@example.com"
    )
    for handle in ("email", "fax:1", "email:", "phone:1380013", "email:nobody"):
        problem = await got(client, f"/v1/customers?handle={handle}", 400)
        assert problem["field"] == "handle"
    assert (await got(client, "/v1/customers", 400))["error"] == "handle is missing"


async def test_complaints_are_listed_filtered_and_paged(world: World, client: Client) -> None:
    """Open complaints by due time, narrowed by fields, page by page."""
    world.writer.put_complaint(0, complaint("later", clock_view(50)), "Ann")
    world.writer.put_complaint(0, complaint("soon", clock_view(5), channel="chat"), "Ben")
    await world.show()
    answer = await got(client, "/v1/complaints")
    assert [c["complaint_id"] for c in answer["complaints"]] == ["soon", "later"]
    assert answer["complaints"][0]["next_due_at"] == "2026-03-02T09:05:00Z"
    assert answer["complaints"][0]["customer_name"] == "Ben"
    only = await got(client, "/v1/complaints?channel=email&team=billing")
    assert [c["complaint_id"] for c in only["complaints"]] == ["later"]
    first = await got(client, "/v1/complaints?limit=1")
    rest = await got(client, f"/v1/complaints?cursor={first['next_cursor']}")
    assert [c["complaint_id"] for c in rest["complaints"]] == ["later"]
    assert (await got(client, "/v1/complaints?cursor=zzz", 400))["field"] == "cursor"
    assert (await got(client, "/v1/complaints/soon"))["clocks"][0]["target"] == "first_response"
    assert (await got(client, "/v1/complaints/none", 404))["hint"]
    of_customer = await got(client, "/v1/customers/c-1/complaints")
    assert len(of_customer["complaints"]) == 2


async def test_stats_have_exactly_the_promised_shape(world: World, client: Client) -> None:
    """All four channels are always there, with five counts each; commands stand beside them."""
    world.writer.put_intake_counts("interactions.web.v1", 0, {"received": 2, "rejected": 1})
    world.writer.put_customer_counts(0, {"web": {"accepted": 1}})
    await world.show()
    zero = {"received": 0, "accepted": 0, "duplicate": 0, "rejected": 0, "skipped": 0}
    assert await got(client, "/v1/stats") == {
        "channels": {
            "phone": zero,
            "email": zero,
            "chat": zero,
            "web": zero | {"received": 2, "accepted": 1, "rejected": 1},
        },
        "commands": zero,
    }


async def test_a_command_is_completed_and_published(world: World, client: Client) -> None:
    """The complaint tells the customer; source, id and time are filled in; 202 names the id."""
    world.writer.put_complaint(0, complaint("k-1", customer_id="c-9"), "Ann")
    await world.show()
    taken = await posted(client, {"action": "resolve", "complaint_id": "k-1"}, 202)
    (command,) = world.published
    assert (command.customer_id, command.source, command.occurred_at) == ("c-9", "http", NOW)
    assert taken["complaint_id"] == "k-1"
    body = {"action": "resolve", "complaint_id": "k-1", "source": "crm:1", "id": "77"}
    first = await posted(client, body, 202)
    again = await posted(client, body, 202)
    assert first["command_id"] == again["command_id"], "the same source and id, the same command"
    assert first["command_id"] != taken["command_id"]


async def test_a_command_may_name_the_customer_by_handle(world: World, client: Client) -> None:
    """Intake resolves handles, so a customer nobody has seen in the views is no error."""
    body = {
        "action": "comment",
        "comment": "called back",
        "customer": [{"kind": "email", "value": "ann@example.com"}],
    }
    await posted(client, body, 202)
    assert world.published[0].customer == [Handle(HandleKind.EMAIL, "ann@example.com")]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"action": "resolve", "complaint_id": "none"}, 404, ""),
        ({"action": "resolve", "customer_id": "none"}, 404, ""),
        ({"action": "resolve"}, 400, "complaint_id"),
        ({"action": "resolve", "customer": [{"kind": "email", "value": "x"}]}, 400, "complaint_id"),
        ({"action": "explode", "complaint_id": "k-1"}, 400, "action"),
        ({"complaint_id": "k-1"}, 400, "action"),
        ({"action": "resolve", "complaint": "k-1"}, 400, "complaint"),
        ({"action": "assign", "complaint_id": "k-1"}, 400, "team"),
        ({"action": "change", "complaint_id": "k-1"}, 400, "severity"),
        ({"action": "comment", "complaint_id": "k-1", "comment": "x" * 5_000}, 400, "comment"),
        ({"action": "resolve", "complaint_id": "k-1", "source": "CRM 1"}, 400, "source"),
        (
            {"action": "resolve", "complaint_id": "k-1", "occurred_at": "2026-03-02"},
            400,
            "occurred_at",
        ),
        (
            {"action": "resolve", "complaint_id": "k-1", "occurred_at": "2026-03-09T00:00:00Z"},
            400,
            "occurred_at",
        ),
        ([], 400, ""),
    ],
)
async def test_a_wrong_command_is_refused_with_its_field(
    world: World, client: Client, body: Any, status: int, field: str
) -> None:
    """Nothing is published; the answer names the field and says what to do."""
    world.writer.put_complaint(0, complaint("k-1"), "Ann")
    await world.show()
    problem = await posted(client, body, status)
    assert problem.get("field", "") == field
    assert problem["error"]
    assert problem["hint"]
    assert world.published == []


async def test_bodies_that_are_no_commands(world: World, client: Client) -> None:
    """No JSON, no content type, or far too much is refused before anything is read into it."""
    cases = [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"action":"resolve"}', "text/plain", 415),
        (b'{"comment":"' + b"x" * 70_000 + b'"}', "application/json", 413),
    ]
    for data, media, status in cases:
        async with client.post("/v1/commands", data=data, headers={"Content-Type": media}) as found:
            assert found.status == status
            assert (await found.json())["hint"]
    assert world.published == []


async def test_a_merge_names_two_customers_who_are_there(world: World, client: Client) -> None:
    """Who was merged stands for whoever goes on; somebody nobody knows is refused."""
    world.writer.put_customer(0, card("ann"))
    world.writer.put_customer(0, card("caller", merged_into="ann"))
    world.writer.put_customer(0, card("visitor"))
    await world.show()
    order = {"action": "merge", "customer_id": "visitor"}
    assert (await posted(client, order, 400))["field"] == "into"
    assert "nobody" in (await posted(client, {**order, "into": "nobody"}, 404))["error"]
    await posted(client, {**order, "into": "caller"}, 202)
    [given] = world.published
    assert (given.customer_id, given.into) == ("visitor", "ann")


async def test_a_command_that_cannot_be_published_says_that_nothing_was_done(
    world: World, client: Client
) -> None:
    """With the broker away the answer is 503, and safe to send again."""
    world.writer.put_complaint(0, complaint("k-1"), "Ann")
    await world.show()
    world.broken = RuntimeError("no broker")
    problem = await posted(client, {"action": "resolve", "complaint_id": "k-1"}, 503)
    assert "nothing was done" in problem["hint"]


async def test_health(world: World, client: Client) -> None:
    """A worker that restores lives but is not ready, and says why."""
    assert await got(client, "/health/live") == {"status": "live"}
    assert await got(client, "/health/ready") == {"status": "ready"}
    world.reasons.append("restoring customers: 3 of 8 partitions")
    found = await got(client, "/health/ready", 503)
    assert found["reasons"] == ["restoring customers: 3 of 8 partitions"]


async def test_metrics_are_prometheus_text(world: World, client: Client) -> None:
    """What was counted is exposed, with the open complaints of the whole installation."""
    world.writer.put_complaint(0, complaint("k-1", clock_view(-5, "breached")), "Ann")
    await world.show()
    assert world.services.metrics is not None
    world.services.metrics.contacts.labels("chat").inc(3)
    async with client.get("/metrics") as response:
        assert response.content_type == "text/plain"
        text = await response.text()
    assert 'manyi_contacts_total{channel="chat"} 3.0' in text
    assert 'manyi_complaints_open{state="breached"} 1.0' in text
    assert 'manyi_complaints_open{state="running"} 0.0' in text


async def test_unknown_paths_and_methods(client: Client) -> None:
    """What is not there says what is; what is there but otherwise says how."""
    assert "/v1/complaints" in (await got(client, "/v1/tickets", 404))["hint"]
    async with client.delete("/v1/stats") as response:
        assert response.status == 405
        assert (await response.json())["hint"] == "use GET, HEAD"


async def test_views_out_of_reach_are_a_503(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Redis away the API says so and that nothing is lost; health and metrics go on."""
    monkeypatch.setattr(world.services.reader, "redis", _Broken())
    for path in ("/v1/stats", "/v1/complaints", "/v1/customers/c-1", "/v1/satisfaction"):
        assert "nothing is lost" in (await got(client, path, 503))["hint"]
    await got(client, "/health/live")
    async with client.get("/metrics") as response:
        assert response.status == 200
        assert "manyi_complaints_open{" not in await response.text()
    assert (await got(client, "/v1/board"))["freshness"]["state"] == "stale"


class _Broken:
    """A Redis that is not there."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionRefusedError(f"{name}: connection refused")
