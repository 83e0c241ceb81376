"""A wall clock that is set: what it told before counts for nothing, and nothing fires early."""

from tests.engine.test_deadlines import World


async def test_a_clock_that_was_ahead_and_is_right_again_fires_nothing_early() -> None:
    """What was read through by a wrong clock counts for nothing once the clock was set back."""
    world = World()
    service = await world.started()
    await service.tick()
    right_ms = world.now_ms
    world.now_ms += 1_500_000  # somebody sets the clock 25 minutes ahead
    await service.tick()
    world.now_ms = right_ms + 5_000  # and right again
    world.lane.wake(b"ann", right_ms + 600_000)
    await service.tick()
    assert world.fired() == []
    world.now_ms = right_ms + 600_000
    await service.tick()
    assert len(world.fired()) == 1


async def test_a_clock_that_was_ahead_does_not_outrun_what_is_read() -> None:
    """After it was set back a due deadline waits for what is still unread, as ever."""
    world = World()
    service = await world.started()
    right_ms = world.now_ms
    world.now_ms += 1_500_000
    await service.tick()
    world.now_ms = right_ms + 5_000
    world.append(0)
    world.lane.wake(b"ann", right_ms + 6_000)
    world.now_ms = right_ms + 7_000
    await service.tick()
    assert world.fired() == []
    world.intake(0)
    world.apply(1)
    await service.tick()
    await service.tick()
    assert len(world.fired()) == 1


async def test_a_lane_that_reads_on_fires_without_asking_the_broker_again() -> None:
    """What the broker said stands; that the lane has come so far is in its own memory."""
    world = World()
    service = await world.started()
    await service.tick()
    world.lane.wake(b"ann", world.now_ms + 100)
    world.now_ms += 100
    world.append(0)
    world.intake(0)
    await service.tick()
    assert (await service.look(), world.fired()) == (0, [])
    world.apply(1)
    asked = world.asked
    assert (await service.look(), world.asked) == (1, asked)
    assert await service.look() == 0


async def test_a_clock_that_was_set_back_fires_nothing_between_two_questions() -> None:
    """An instant that has not come yet may have been asked for; reaching it means nothing."""
    world = World()
    service = await world.started()
    right_ms = world.now_ms
    world.lane.wake(b"ann", right_ms + 600_000)
    world.now_ms += 1_500_000
    world.append(0)
    world.intake(0)
    await service.tick()
    world.now_ms = right_ms + 5_000
    world.apply(1)
    assert (await service.look(), world.fired()) == (0, [])
