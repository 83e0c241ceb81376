"""What `manyi simulate` writes, publishes and refuses."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.simulation import EventClass, SimulatedEvent, simulate
from streams import topic_plan
from streams.cli.main import run
from streams.cli.simulate import Wish, command, due_seconds
from streams.embedded import EmbeddedServices
from streams.errors import ExitCode
from streams.topics import EMBEDDED_PARTITIONS, INTAKE_TOPICS, topics
from tests.topic_records import records_of

START = "2026-03-02T08:00+08:00"


def lines(path: Path) -> list[dict[str, object]]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_file_holds_the_records_with_their_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a record, as `manyi publish` reads them, the very ones the simulation yields."""
    out = tmp_path / "out.jsonl"
    assert run(["simulate", "--count", "300", "--start", START, "--out", str(out)]) == ExitCode.OK
    written = lines(out)
    expected = simulate(1, 300, datetime.fromisoformat(START))
    assert written == [
        {"channel": e.channel, **e.record} for e in expected if isinstance(e.record, dict)
    ]
    assert "300 records written to" in capsys.readouterr().out


def test_broken_records_are_left_out_of_a_file_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no JSON object cannot stand in a file of them."""
    out = tmp_path / "out.jsonl"
    arguments = ["--count", "300", "--messy", "0.2", "--start", START, "--out", str(out)]
    assert run(["simulate", *arguments]) == ExitCode.OK
    left_out = 300 - len(lines(out))
    assert left_out > 10
    assert f"{left_out:,} broken or odd records" in capsys.readouterr().out


def test_without_a_start_history_ends_about_now(tmp_path: Path) -> None:
    """Intake refuses records from beyond tomorrow, so what is sent at once lies in the past."""
    out = tmp_path / "out.jsonl"
    assert run(["simulate", "--count", "4000", "--out", str(out)]) == ExitCode.OK
    last = datetime.fromisoformat(str(lines(out)[-1]["occurred_at"]))
    assert abs(datetime.now(UTC) - last) < timedelta(hours=12)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--start", "2026-03-02T08:00"],
        ["--start", "soon"],
        ["--channel", "fax"],
        ["--speed", "-1"],
        ["--customers", "0"],
        ["--contacts-per-day", "0"],
    ],
)
def test_senseless_wishes_are_usage_errors(arguments: list[str]) -> None:
    """Each is told before anything is sent."""
    assert run(["simulate", *arguments]) == ExitCode.USAGE


@pytest.fixture
def at_embedded(embedded: EmbeddedServices, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment of the embedded servers, with the topics created."""

    async def create() -> None:
        admin = await topic_plan.open_admin({"bootstrap_servers": embedded.bootstrap_servers})
        await topic_plan.apply(admin, topics(EMBEDDED_PARTITIONS), 1)
        await admin.close()

    asyncio.run(create())
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    monkeypatch.setenv("REDIS_URL", embedded.redis_url)
    return embedded.bootstrap_servers


async def standing(bootstrap_servers: str) -> int:
    """How many records stand on the intake topics."""
    return len(await records_of({"bootstrap_servers": bootstrap_servers}, *INTAKE_TOPICS))


@pytest.mark.integration
def test_all_records_reach_the_topics(at_embedded: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the summary says was published stands there, broken records too."""
    before = asyncio.run(standing(at_embedded))
    arguments = ["simulate", "--count", "2000", "--messy", "0.05", "--start", START]
    assert run(arguments) == ExitCode.OK
    assert asyncio.run(standing(at_embedded)) - before == 2_000
    assert "2,000 records published to" in capsys.readouterr().out


@pytest.mark.parametrize(("speed", "seconds"), [(0.0, 0.0), (1.0, 90.0), (60.0, 1.5)])
def test_an_event_is_due_as_late_as_the_speed_says(speed: float, seconds: float) -> None:
    """Ninety simulated seconds take ninety, or at sixty times the speed one and a half."""
    start_at = datetime.fromisoformat(START)
    wish = Wish(
        count=1,
        seed=1,
        speed=speed,
        start_at=start_at,
        channels=("chat",),
        customers=10,
        contacts_per_day=1_000.0,
        messy_share=0.0,
    )
    event = SimulatedEvent(start_at + timedelta(seconds=90), "chat", "k", {}, EventClass.CONTACT)
    assert due_seconds(event, wish) == seconds


def test_help_names_the_defaults() -> None:
    """The defaults stand in the help, so nobody must read the code."""
    assert {option.name for option in command.params} >= {"count", "seed", "speed", "start", "out"}
