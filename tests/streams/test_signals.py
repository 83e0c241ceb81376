"""SIGHUP asks for the policy file to be read, and ends nothing."""

import asyncio
import os
import signal

from streams.signals import reload_on_hangup


async def test_a_hangup_reloads_and_the_process_lives() -> None:
    """As often as it comes."""
    asked = asyncio.Event()
    with reload_on_hangup(asked.set):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.wait_for(asked.wait(), 5)
            asked.clear()
