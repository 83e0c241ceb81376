"""Explaining on the real path: a mail becomes a complaint, its clocks are explained from the
views."""

import asyncio
import json

import pytest

from streams.cli.main import run
from streams.embedded import EmbeddedServices
from streams.errors import ExitCode
from streams.views.explaining import explain_kept
from tests.integration.world import a_world, an_email


@pytest.mark.integration
async def test_a_complaint_of_the_worker_can_be_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The history and the policy that judged are in the views once the mail is applied."""
    with EmbeddedServices() as services:
        async with a_world(services) as world:
            await world.send(
                "interactions.email.v1", an_email("m1", "我要投诉！三天了还没有发货。")
            )
            await world.settle()
            (card,) = (await world.reader.complaints("open")).complaints
            found = await explain_kept(world.reader, card.complaint_id, card.opened_at)
            assert found is not None
            assert found.history.policy_version == card.clocks[0].policy_version
            assert [clock.target for clock in found.clocks.clocks] == [
                c.target for c in card.clocks
            ]
            assert [clock.due_at for clock in found.clocks.clocks] == [
                c.due_at for c in card.clocks
            ]
            assert [event.what for event in found.clocks.history] == ["opened"]

            # The command finds it, too, and says in words what the API says as data.
            monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", services.bootstrap_servers)
            monkeypatch.setenv("REDIS_URL", services.redis_url)
            assert await asyncio.to_thread(run, ["explain", card.complaint_id]) == ExitCode.OK
            shown = capsys.readouterr().out
            assert "first_response" in shown
            assert "opened, email" in shown
            asked = ["explain", card.complaint_id, "--json"]
            assert await asyncio.to_thread(run, asked) == ExitCode.OK
            answer = json.loads(capsys.readouterr().out)
            for clock in answer["clocks"]:
                seconds = sum(segment["seconds"] for segment in clock["segments"])
                assert round(seconds, 6) == round(clock["elapsed_seconds"], 6)
            assert await asyncio.to_thread(run, ["explain", "nobody"]) == ExitCode.FAILED
            assert "There is no complaint nobody" in capsys.readouterr().err
