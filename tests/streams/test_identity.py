"""The index in Redis decides like the rules, survives crashes, and answers in one round trip."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from agents.identity import IdentityBook, IdentityLimits, Resolution
from schemas.events import IdentityLink
from schemas.interaction import Origin
from streams.embedded import EmbeddedServices
from streams.identity import IdentityIndex

pytestmark = pytest.mark.integration

TIGHT = IdentityLimits(crm=1, email=2, phone=2, chat=2, web=2)


@pytest.fixture
async def client(embedded: EmbeddedServices) -> AsyncIterator[Redis]:
    """Return a client of the embedded Valkey."""
    client = Redis.from_url(embedded.redis_url)
    yield client
    await client.aclose()


def index_on(client: Redis, limits: IdentityLimits | None = None) -> IdentityIndex:
    """Return an index under a key prefix of its own."""
    return IdentityIndex(client, f"test-{uuid4().hex}:", limits)


def origins(count: int, first: int = 0) -> list[Origin]:
    """Return places of consecutive records."""
    return [Origin("interactions.chat.v1", 0, first + i) for i in range(count)]


HANDLES = [
    *(f"crm:{i}" for i in range(3)),
    *(f"email:{i}@b.example" for i in range(4)),
    *(f"phone:+4930{i}" for i in range(3)),
    *(f"chat:s:1:{i}" for i in range(3)),
    *(f"conversation:s:1|{i}" for i in range(3)),
]
handle_sets = st.lists(
    st.lists(st.sampled_from(HANDLES), min_size=1, max_size=5, unique=True).map(
        lambda handles: sorted(handles, key=HANDLES.index)
    ),
    min_size=1,
    max_size=25,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sets=handle_sets, cut=st.integers(0, 25))
async def test_the_index_decides_like_the_rules(
    client: Redis, sets: list[list[str]], cut: int
) -> None:
    """Batch by batch, the script and the rules in plain Python give the same answers."""
    index, book = index_on(client, TIGHT), IdentityBook(TIGHT)
    expected = [book.resolve(handles) for handles in sets]
    first = await index.resolve(sets[:cut], origins(len(sets[:cut])))
    rest = await index.resolve(sets[cut:], origins(len(sets[cut:]), cut))
    assert [*first, *rest] == expected


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sets=handle_sets)
async def test_reading_again_gives_the_same_customers_and_links(
    client: Redis, sets: list[list[str]]
) -> None:
    """A batch read again after a crash has the same customers, and its links to publish again."""
    index = index_on(client, TIGHT)
    places = origins(len(sets))
    first = await index.resolve(sets, places)
    again = await index.resolve(sets, places)
    assert [(r.customer_id, r.links) for r in again] == [(r.customer_id, r.links) for r in first]


async def test_links_are_reported_to_the_record_that_made_them_only(client: Redis) -> None:
    """Another record with the same handles has nothing to publish."""
    index = index_on(client)
    handles = ["email:a@b.example", "phone:+49301"]
    (first,) = await index.resolve([handles], origins(1))
    (second,) = await index.resolve([handles], origins(1, 7))
    assert first.links == tuple(handles)
    assert second == Resolution(first.customer_id)


async def test_batches_larger_than_a_call_are_answered_in_order(client: Redis) -> None:
    """More questions than fit one script call are still one batch."""
    index = index_on(client)
    sets = [[f"crm:{i % 1_500}"] for i in range(2_500)]
    found = await index.resolve(sets, origins(2_500))
    assert len({r.customer_id for r in found}) == 1_500
    assert found[0].customer_id == found[1_500].customer_id
    assert found[1_500].links == ()


async def test_nobody_is_nobody(client: Redis) -> None:
    """A record without handles, a command that names its customer, is not asked about."""
    index = index_on(client)
    found = await index.resolve([(), ("crm:1",), ()])
    assert [bool(r.customer_id) for r in found] == [False, True, False]
    assert await index.resolve([]) == []


async def test_a_server_that_forgot_the_script_is_told_again(client: Redis) -> None:
    """A restarted server, or one that took over, needs no restart of the worker."""
    index = index_on(client)
    (before,) = await index.resolve([["crm:1"]])
    await client.script_flush()
    (after,) = await index.resolve([["crm:1"]])
    assert before.customer_id == after.customer_id


async def test_a_conversation_ends_being_a_handle(client: Redis) -> None:
    """Conversations are forgotten after a while; the other handles never."""
    index = index_on(client)
    (found,) = await index.resolve([["crm:1", "conversation:s|9"]])
    assert found.links == ("crm:1",)
    lifetimes = {
        key.decode().partition("{identity}:")[2]: await client.ttl(key)
        for key in [k async for k in client.scan_iter(f"{index._prefix}*")]
    }
    assert 0 < lifetimes["conversation:s|9"] <= 30 * 86_400
    assert lifetimes["crm:1"] == -1
    (alone,) = await index.resolve([["conversation:s|9"]])
    assert alone.customer_id == found.customer_id
    assert await index.handles_of(found.customer_id) == ["crm:1"]


async def test_the_index_can_be_rebuilt_from_its_links(client: Redis) -> None:
    """What was published is enough to decide as before, limits included."""
    lost = index_on(client, TIGHT)
    sets: list[Sequence[str]] = [
        ["crm:1", "email:a@b.example"],
        ["email:a@b.example", "phone:+49301"],
        ["crm:2", "email:a@b.example"],
    ]
    found = await lost.resolve(sets, origins(3))

    async def published() -> AsyncIterator[IdentityLink]:
        for resolution in found:
            for handle in resolution.links:
                yield IdentityLink(
                    handle=handle,
                    customer_id=resolution.customer_id,
                    linked_at=datetime(2026, 3, 1, tzinfo=UTC),
                )

    rebuilt = index_on(client, TIGHT)
    assert await rebuilt.restore(published()) == 4
    assert await rebuilt.restore(published()) == 0
    again = await rebuilt.resolve(sets, origins(3))
    assert [r.customer_id for r in again] == [r.customer_id for r in found]
    assert await rebuilt.customer_of("phone:+49301") == found[0].customer_id
    assert await rebuilt.customer_of("phone:+49309") is None


async def test_a_server_out_of_reach_is_waited_for(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is guessed: the question is asked until it is answered."""
    index = index_on(client)
    failures = iter([ConnectionRefusedError, None])
    evalsha = client.evalsha

    async def flaky(*arguments: Any) -> Any:
        from redis.exceptions import ConnectionError as Unreachable

        if next(failures, None) is not None:
            raise Unreachable("refused")
        return await evalsha(*arguments)

    monkeypatch.setattr(client, "evalsha", flaky)
    monkeypatch.setattr("streams.identity.FIRST_PAUSE_SECONDS", 0.001)
    (found,) = await index.resolve([["crm:1"]])
    assert found.links == ("crm:1",)
