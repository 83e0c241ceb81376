"""What can happen to workers and brokers; each takes a fleet and draws from one seeded chance."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from redis.asyncio import Redis

from streams.engine.failpoints import PLACES, VARIABLE
from tests.chaos.fleet import NAMES, Fleet

PAUSE_SESSIONS = 1.6
"""A pause lasts so many group sessions: the others have taken over when it ends."""
CLOCK_JUMPS_SECONDS = (1_500.0, -7_200.0, 7_200.0, -30.0)
"""Half an hour ahead; hours behind; more than the hour that brokers accept; a leap."""

Fault = Callable[[Fleet, Random], Awaitable[None]]


async def kill(fleet: Fleet, chance: Random) -> None:
    """Kill -9 one worker."""
    fleet.kill(chance.choice(sorted(fleet.workers)))


async def join_or_leave(fleet: Fleet, chance: Random) -> None:
    """Stop a worker in order, or start one that rests."""
    name = chance.choice(NAMES)
    if name not in fleet.workers:
        fleet.start(name)
    elif len(fleet.workers) > 1:
        await fleet.until_ready(name)
        status = await fleet.stop(name)
        assert status == 0, f"{name} ended with {status}:\n{fleet.tail(name)}"


async def pause(fleet: Fleet, chance: Random) -> None:
    """Stop a worker in mid-air for longer than its session, then let it go on."""
    name = chance.choice(sorted(fleet.workers))
    await fleet.pause(name, fleet.session_seconds * PAUSE_SESSIONS)


async def jump_clock(fleet: Fleet, chance: Random) -> None:
    """Set the clock of one worker wrong for some seconds, then right."""
    name = chance.choice(sorted(fleet.workers))
    fleet.set_clock(name, chance.choice(CLOCK_JUMPS_SECONDS))
    await asyncio.sleep(chance.uniform(1.0, 4.0))
    fleet.set_clock(name, 0.0)


async def die_inside(fleet: Fleet, chance: Random) -> None:
    """Kill a worker at once; it comes back with an armed failpoint, and as itself after that."""
    name = chance.choice(sorted(fleet.workers))
    stage = chance.choice(("intake/", "customers/"))
    place = chance.choice(PLACES)
    where = place if "commit" in place else stage + place
    fleet.rearm(name, **{VARIABLE: f"{where}:{chance.randint(2, 9)}"})
    fleet.kill(name)


async def flush_redis(fleet: Fleet, chance: Random) -> None:
    """Empty Redis at once: identities and views are to come back from the topics."""
    redis: Redis = Redis.from_url(fleet.redis_url)
    await redis.flushall()
    await redis.aclose()
    fleet.redis_was_emptied = True
