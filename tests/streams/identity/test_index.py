"""The index in Redis decides like the rules, survives crashes, and answers in one round trip."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from agents.identity import IdentityBook, IdentityLimits, Resolution
from schemas.interaction import Origin
from streams.embedded import EmbeddedServices
from streams.identity import IdentityIndex, IndexLost, Restoring

pytestmark = pytest.mark.integration

TIGHT = IdentityLimits(crm=1, email=2, phone=2, chat=2, web=2)


@pytest.fixture
async def client(embedded: EmbeddedServices) -> AsyncIterator[Redis]:
    """Return a client of the embedded Valkey."""
    client = Redis.from_url(embedded.redis_url)
    yield client
    await client.aclose()


async def index_on(client: Redis, limits: IdentityLimits | None = None) -> IdentityIndex:
    """Return an empty and complete index under a key prefix of its own."""
    prefix = f"test-{uuid4().hex}:"
    restoring = Restoring(client, prefix)
    await restoring.begin()
    await restoring.finish(1)
    return IdentityIndex(client, prefix, limits)


async def answers(
    index: IdentityIndex, sets: Sequence[Sequence[str]], places: Sequence[Origin] = ()
) -> list[Resolution]:
    """Ask, and let the links be published."""
    epoch, found = await index.resolve(sets, places)
    if places:
        assert await index.confirm(epoch, places[-1:])
    return found


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
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sets=handle_sets, cut=st.integers(0, 25))
async def test_the_index_decides_like_the_rules(
    client: Redis, sets: list[list[str]], cut: int
) -> None:
    """Batch by batch, the script and the rules in plain Python give the same answers."""
    index, book = await index_on(client, TIGHT), IdentityBook(TIGHT)
    expected = [book.resolve(handles) for handles in sets]
    first = await answers(index, sets[:cut], origins(len(sets[:cut])))
    rest = await answers(index, sets[cut:], origins(len(sets[cut:]), cut))
    assert [*first, *rest] == expected


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sets=handle_sets)
async def test_reading_again_gives_the_same_customers_and_links(
    client: Redis, sets: list[list[str]]
) -> None:
    """A batch read again after a crash has the same customers, and its links to publish again."""
    index = await index_on(client, TIGHT)
    places = origins(len(sets))
    _, first = await index.resolve(sets, places)
    _, again = await index.resolve(sets, places)
    assert [(r.customer_id, r.links) for r in again] == [(r.customer_id, r.links) for r in first]


async def test_a_link_is_reported_until_it_is_published(client: Redis) -> None:
    """Whoever rests on a link that may not be on Kafka yet publishes it, too; once per batch."""
    index = await index_on(client)
    handles = ["email:a@b.example", "phone:+49301"]
    epoch, (first,) = await index.resolve([handles], origins(1))
    elsewhere = [Origin("interactions.phone.v1", 3, n) for n in (7, 8)]
    _, (second, third) = await index.resolve([handles[1:], handles[1:]], elsewhere)
    assert first.links == tuple(handles)
    assert second == Resolution(first.customer_id, links=("phone:+49301",))
    assert third == Resolution(first.customer_id)
    assert await index.confirm(epoch, origins(1))
    _, (later,) = await index.resolve([handles], elsewhere[:1])
    assert later == Resolution(first.customer_id)


async def test_what_is_published_of_another_partition_says_nothing(client: Redis) -> None:
    """Offsets are compared within the partition that made the link, and never go back."""
    index = await index_on(client)
    made = Origin("interactions.chat.v1", 1, 5)
    epoch, _ = await index.resolve([["chat:s:1"]], [made])
    for other in (Origin(made.topic, 0, 9), Origin(made.topic, 1, 4), Origin("x", 1, 9)):
        assert await index.confirm(epoch, [other])
        assert (await index.resolve([["chat:s:1"]], [other])).resolutions[0].links
    assert await index.confirm(epoch, [made])
    assert await index.confirm(epoch, [Origin(made.topic, 1, 2)])
    assert not (await index.resolve([["chat:s:1"]], [made])).resolutions[0].links


async def test_an_index_that_is_not_complete_does_not_answer(client: Redis) -> None:
    """No guess, no link written: an empty Redis looks like one where nobody was ever seen."""
    prefix = f"test-{uuid4().hex}:"
    index = IdentityIndex(client, prefix)
    with pytest.raises(IndexLost):
        await index.resolve([["crm:1"]], origins(1))
    with pytest.raises(IndexLost):
        await index.customer_of("crm:1")
    assert await client.keys(f"{prefix}*") == []


async def test_batches_larger_than_a_call_are_answered_in_order(client: Redis) -> None:
    """More questions than fit one script call are still one batch."""
    index = await index_on(client)
    sets = [[f"crm:{i % 1_500}"] for i in range(2_500)]
    found = await answers(index, sets, origins(2_500))
    assert len({r.customer_id for r in found}) == 1_500
    assert found[0].customer_id == found[1_500].customer_id


async def test_nobody_is_nobody(client: Redis) -> None:
    """A record without handles, a command that names its customer, is not asked about."""
    index = await index_on(client)
    found = await answers(index, [(), ("crm:1",), ()])
    assert [bool(r.customer_id) for r in found] == [False, True, False]
    assert await answers(index, []) == []


async def test_a_server_that_forgot_the_script_is_told_again(client: Redis) -> None:
    """A restarted server, or one that took over, needs no restart of the worker."""
    index = await index_on(client)
    (before,) = await answers(index, [["crm:1"]])
    await client.script_flush()
    (after,) = await answers(index, [["crm:1"]])
    assert before.customer_id == after.customer_id


async def test_a_conversation_ends_being_a_handle(client: Redis) -> None:
    """Conversations are forgotten after a while; the other handles never."""
    index = await index_on(client)
    (found,) = await answers(index, [["crm:1", "conversation:s|9"]])
    assert found.links == ("crm:1", "conversation:s|9")
    assert 0 < await client.ttl(f"{index._prefix}conversation:s|9") <= 30 * 86_400
    assert await client.ttl(f"{index._prefix}crm:1") == -1
    (alone,) = await answers(index, [["conversation:s|9"]])
    assert alone.customer_id == found.customer_id
    assert await index.handles_of(found.customer_id) == ["crm:1"]


async def test_a_server_out_of_reach_is_waited_for(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is guessed: the question is asked until it is answered."""
    index = await index_on(client)
    failures = iter([ConnectionRefusedError, None])
    evalsha = client.evalsha

    async def flaky(*arguments: Any) -> Any:
        from redis.exceptions import ConnectionError as Unreachable

        if next(failures, None) is not None:
            raise Unreachable("refused")
        return await evalsha(*arguments)

    monkeypatch.setattr(client, "evalsha", flaky)
    monkeypatch.setattr("streams.identity.index.FIRST_PAUSE_SECONDS", 0.001)
    (found,) = await answers(index, [["crm:1"]])
    assert found.links == ("crm:1",)
