"""The index comes back from its links: the same customers, one worker at a time, and no guess."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Unreachable

from agents.identity import IdentityLimits
from schemas.interaction import Origin
from streams.embedded import EmbeddedServices
from streams.identity import (
    Claim,
    IdentityIndex,
    IdentityObserver,
    IdentityRebuild,
    IndexLost,
    Link,
    Restoring,
)
from tests.streams.identity.test_index import TIGHT, handle_sets, origins

pytestmark = pytest.mark.integration

QUICK = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
async def client(embedded: EmbeddedServices) -> AsyncIterator[Redis]:
    """Return a client of the embedded Valkey."""
    client = Redis.from_url(embedded.redis_url)
    yield client
    await client.aclose()


class Log:
    """The links on Kafka, and the offsets of its fences."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.fences = 0
        self.reads = 0
        self.on_read: Callable[[], Awaitable[None]] | None = None
        """Happens once, between two parts of a read."""

    async def append_fence(self) -> int:
        """The number of a new epoch."""
        self.fences += 1
        return self.fences

    async def read(self, keep: Callable[[], Awaitable[object]]) -> AsyncIterator[list[Link]]:
        """Everything, in two parts."""
        self.reads += 1
        half = len(self.links) // 2
        links = list(self.links)
        yield links[:half]
        if self.on_read is not None:
            act, self.on_read = self.on_read, None
            await act()
        await keep()
        yield links[half:]


class Heard(IdentityObserver):
    """What the observer was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def rebuilt(self, links: int, seconds: float) -> None:
        """Note it."""
        self.told.append(f"rebuilt {links}")

    def failed(self, reason: str) -> None:
        """Note it."""
        self.told.append(reason)


class Worker:
    """An index with its rebuild, as a worker has them."""

    def __init__(
        self, client: Redis, prefix: str, log: Log, limits: IdentityLimits = TIGHT
    ) -> None:
        self.log = log
        self.heard = Heard()
        self.restoring = Restoring(client, prefix, claim_seconds=1.0)
        self.signs_of_life = 0
        self.rebuild = IdentityRebuild(
            self.restoring, log.append_fence, log.read, self.heard, self._lives
        )
        self.index = IdentityIndex(client, prefix, limits, rebuild=self.rebuild.ensure)

    def _lives(self) -> None:
        self.signs_of_life += 1

    async def take(self, sets: Sequence[Sequence[str]], places: Sequence[Origin]) -> list[str]:
        """Resolve, publish, confirm: the customers, as intake would have published them."""
        while True:
            epoch, found = await self.index.resolve(sets, places)
            self.log.links += [
                Link(h, r.customer_id, epoch, 60 if h.startswith("conv") else 0)
                for r in found
                for h in r.links
            ]
            if await self.index.confirm(epoch, places[-1:]):
                return [r.customer_id for r in found]


async def lose(client: Redis, prefix: str) -> None:
    """What FLUSHALL does to one installation."""
    if keys := await client.keys(f"{prefix}*"):
        await client.delete(*keys)


async def content(client: Redis, prefix: str) -> dict[str, object]:
    """Handles with their customers, and the counts of customers."""
    found: dict[str, object] = {}
    for key in await client.keys(f"{prefix}*"):
        assert isinstance(key, bytes)
        name = key.decode().removeprefix(prefix + "{identity}:")
        if name.startswith("customer:"):
            found[name] = await client.hgetall(key)
        elif not name.startswith("#"):
            found[name] = await client.getrange(key, 0, 35)
    return found


@QUICK
@given(sets=handle_sets, chance=st.randoms(use_true_random=False))
async def test_a_rebuilt_index_equals_the_lost_one(
    client: Redis, sets: list[list[str]], chance: object
) -> None:
    """Handles, customers and counts; links may come in any order and any number of times."""
    prefix, log = f"test-{uuid4().hex}:", Log()
    worker = Worker(client, prefix, log)
    customers = await worker.take(sets, origins(len(sets)))
    before = await content(client, prefix)
    log.links += log.links[::2]
    chance.shuffle(log.links)  # type: ignore[attr-defined]
    await lose(client, prefix)
    await worker.rebuild.ensure()
    assert await content(client, prefix) == before
    assert await worker.take(sets, origins(len(sets))) == customers
    await lose(client, prefix)


@QUICK
@given(
    links=st.lists(
        st.builds(
            Link,
            handle=st.sampled_from(["crm:1", "email:a", "phone:1"]),
            customer_id=st.sampled_from(["a" * 36, "b" * 36]),
            epoch=st.integers(0, 3),
            seconds=st.just(0),
        ),
        max_size=12,
    ),
    data=st.data(),
)
async def test_of_two_links_the_later_index_holds(
    client: Redis, links: list[Link], data: st.DataObject
) -> None:
    """In whatever order links are read, the same ones hold, and the counts follow them."""
    seen = []
    for order in (links, data.draw(st.permutations(links))):
        prefix, log = f"test-{uuid4().hex}:", Log()
        log.links = list(order)
        await Worker(client, prefix, log).rebuild.ensure()
        seen.append(await content(client, prefix))
        await lose(client, prefix)
    assert seen[0] == seen[1]
    for handle in {link.handle for link in links}:
        epoch = max(link.epoch for link in links if link.handle == handle)
        owners = [e.customer_id for e in links if e.handle == handle and e.epoch == epoch]
        assert seen[0][handle] == min(owners).encode()


async def test_a_link_nobody_confirmed_does_not_make_two_customers(client: Redis) -> None:
    """Two workers, and a loss while one has its links resolved but not on Kafka.

    Its customer must not be published under the lost index: the other worker has meanwhile given
    the same handle to somebody else.
    """
    prefix, log = f"test-{uuid4().hex}:", Log()
    slow, quick = Worker(client, prefix, log), Worker(client, prefix, log)
    here, there = Origin("interactions.email.v1", 0, 1), Origin("interactions.phone.v1", 0, 1)

    epoch, (lost,) = await slow.index.resolve([["email:ann", "phone:1"]], [here])
    await lose(client, prefix)
    (by_phone,) = await quick.take([["phone:1"]], [there])
    assert by_phone != lost.customer_id  # the strongest handle they saw differs

    # Its links arrive on Kafka late, behind those of the new index.
    log.links += [Link(handle, lost.customer_id, epoch) for handle in lost.links]
    assert not await slow.index.confirm(epoch, [here])
    assert await slow.take([["email:ann", "phone:1"]], [here]) == [by_phone]

    # And the late links of the dead index do not win the next time either.
    await lose(client, prefix)
    assert await quick.take([["phone:1"], ["email:ann"]], [there, there]) == [by_phone] * 2


async def test_a_link_of_another_worker_is_published_before_it_is_used(client: Redis) -> None:
    """One worker dies with links on Kafka that nobody sent: who used them has sent them."""
    prefix, log = f"test-{uuid4().hex}:", Log()
    dying, living = Worker(client, prefix, log), Worker(client, prefix, log)
    here, there = Origin("interactions.email.v1", 0, 1), Origin("interactions.phone.v1", 0, 1)
    await dying.index.resolve([["email:ann", "phone:1"]], [here])
    (customer,) = await living.take([["phone:1"]], [there])
    await lose(client, prefix)
    assert await living.take([["phone:1"]], [there]) == [customer]
    assert await living.take([["email:ann", "phone:1"]], [here]) == [customer]


async def test_one_worker_rebuilds_and_the_others_wait(client: Redis) -> None:
    """However many ask at once, the log is read once."""
    prefix, log = f"test-{uuid4().hex}:", Log()
    log.links = [Link(f"crm:{n}", f"{n:036}", 1) for n in range(3_000)]
    workers = [Worker(client, prefix, log) for _ in range(4)]

    async def look() -> None:
        assert await workers[0].restoring.epoch() is None
        told = {worker.rebuild.links or 0 for worker in workers}
        assert max(told) == 1_500  # who waits may have looked before

    log.on_read = look
    asked = [worker.index.resolve([["crm:7"]]) for worker in workers for _ in range(2)]
    for answer in await asyncio.gather(*asked):
        assert answer.resolutions[0].customer_id == f"{7:036}"
    assert log.reads == 1
    assert [told for worker in workers for told in worker.heard.told] == ["rebuilt 3000"]
    assert all(worker.rebuild.links is None for worker in workers)
    assert all(worker.signs_of_life for worker in workers)  # the watchdogs of all leave them alone


async def test_a_loss_during_a_rebuild_begins_it_anew(client: Redis) -> None:
    """What was restored before is gone; a half index never answers."""
    prefix, log = f"test-{uuid4().hex}:", Log()
    log.links = [Link(f"crm:{n}", f"{n:036}", 1) for n in range(10)]
    worker = Worker(client, prefix, log)
    log.on_read = lambda: lose(client, prefix)
    await worker.rebuild.ensure()
    assert worker.heard.told == ["IndexLost", "rebuilt 10"]
    assert [await worker.index.customer_of(f"crm:{n}") for n in range(10)] == [
        f"{n:036}" for n in range(10)
    ]


async def test_a_paused_rebuild_cannot_end_another_ones(client: Redis) -> None:
    """After its claim ran out, neither links nor the end of a rebuild are taken from it."""
    prefix = f"test-{uuid4().hex}:"
    paused, other = (Restoring(client, prefix, claim_seconds=s) for s in (0.05, 10))
    assert (await paused.begin()).claim is Claim.OURS
    assert (await other.begin()).claim is Claim.BUSY
    await asyncio.sleep(0.1)
    assert (await other.begin()).claim is Claim.OURS
    with pytest.raises(IndexLost):
        await paused.restore([Link("crm:1", "a" * 36, 1)], 0)
    with pytest.raises(IndexLost):
        await paused.finish(1)
    assert await other.epoch() is None
    assert await other.restore([Link("crm:1", "b" * 36, 1)], 0) == 1
    await other.finish(2)
    assert (await paused.begin()).claim is Claim.COMPLETE


@pytest.mark.parametrize("server", ["another-run 0", "{run} 7"])
async def test_another_server_or_an_eviction_voids_the_index(client: Redis, server: str) -> None:
    """A replica that took over, a restart from disk, a key evicted: links may be missing."""
    prefix, log = f"test-{uuid4().hex}:", Log()
    worker = Worker(client, prefix, log)
    (customer,) = await worker.take([["email:ann", "phone:1"]], [Origin("t", 0, 1)])
    run = (await client.info("server"))["run_id"]
    await client.set(f"{prefix}{{identity}}:#complete", f"1 {server.format(run=run)}")
    await client.delete(f"{prefix}{{identity}}:phone:1")  # it had not come across
    assert await worker.restoring.epoch() is None
    assert await worker.take([["phone:1"]], [Origin("t", 1, 1)]) == [customer]
    assert await worker.restoring.epoch() == 2
    fields = await client.hgetall(f"{prefix}{{identity}}:customer:{customer}")
    assert fields[b"#phone"] == b"1"  # counted before, and not counted twice


async def test_conversations_come_back_with_what_is_left_of_their_time(client: Redis) -> None:
    """A reply in a known conversation finds its customer, and not for longer than before."""
    prefix, log = f"test-{uuid4().hex}:", Log()
    worker = Worker(client, prefix, log)
    (customer,) = await worker.take([["crm:1", "conversation:s|1"]], [Origin("t", 0, 1)])
    await lose(client, prefix)
    assert await worker.take([["conversation:s|1"]], [Origin("t", 1, 1)]) == [customer]
    assert 0 < await client.ttl(f"{prefix}{{identity}}:conversation:s|1") <= 60


async def test_a_rebuild_outlives_what_fails(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis or Kafka out of reach: it begins anew after a pause, and nothing is raised."""
    monkeypatch.setattr("streams.identity.rebuild.FIRST_PAUSE_SECONDS", 0.001)
    prefix, log = f"test-{uuid4().hex}:", Log()
    worker = Worker(client, prefix, log)

    async def fail() -> None:
        raise Unreachable("refused")

    log.on_read = fail
    await worker.rebuild.check()
    assert worker.heard.told == ["ConnectionError", "rebuilt 0"]
    await worker.rebuild.check()
    assert log.reads == 2  # in force: nothing to do
