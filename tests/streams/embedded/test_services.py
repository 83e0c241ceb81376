"""The embedded services start, answer, and leave nothing behind however their parent ends."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from redis.asyncio import Redis

from streams.embedded import EmbeddedServices, probes, services
from streams.errors import ExitCode, UserError

pytestmark = pytest.mark.integration

PARENT = Path(__file__).with_name("parent.py")
ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 20.0


def is_running(pid: int) -> bool:
    """Tell whether the process lives; one that only waits to be reaped does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    if sys.platform == "linux":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def are_gone(pids: list[int], directories: list[str]) -> bool:
    """Wait until all processes and directories are gone; False if they are not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not any(map(is_running, pids)) and not any(map(os.path.exists, directories)):
            return True
        time.sleep(0.02)
    return False


@contextmanager
def parent(mode: str, directory: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run parent.py in a process group of its own and yield it with what it printed."""
    process = subprocess.Popen(
        [sys.executable, str(PARENT), mode, str(directory)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()
            process.wait()


async def test_both_servers_answer_their_own_clients(embedded: EmbeddedServices) -> None:
    """A Kafka client lists topics and a Redis client gets its PONG."""
    admin = AIOKafkaAdminClient(bootstrap_servers=embedded.bootstrap_servers)
    await admin.start()
    try:
        assert (await admin.describe_cluster())["brokers"]
    finally:
        await admin.close()
    async with Redis.from_url(embedded.redis_url) as redis:
        assert await redis.ping()


async def test_nothing_is_left_after_the_block(tmp_path: Path) -> None:
    """At the end of the block all three processes are gone, and a given directory stays."""
    async with EmbeddedServices(tmp_path) as running:
        pids = list(running.pids.values())
        assert set(running.pids) == {"supervisor", "broker", "valkey"}
        assert all(map(is_running, pids))
    assert not any(map(is_running, pids))
    assert tmp_path.is_dir()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
def test_nothing_is_left_when_the_parent_is_killed(number: int, tmp_path: Path) -> None:
    """A parent that had no chance to clean up leaves no process and no directory behind."""
    with parent("wait", tmp_path) as (process, facts):
        assert facts["directories"]
        assert all(map(is_running, facts["pids"].values()))
        process.send_signal(number)
        assert are_gone(list(facts["pids"].values()), facts["directories"])


def test_nothing_is_left_when_a_fork_of_the_killed_parent_lives_on(tmp_path: Path) -> None:
    """A fork that holds the parent's pipes open does not keep the servers alive."""
    with parent("fork", tmp_path) as (process, facts):
        try:
            process.kill()
            assert are_gone(list(facts["pids"].values()), facts["directories"])
            assert is_running(facts["fork"])
        finally:
            os.kill(facts["fork"], signal.SIGKILL)


def test_ctrl_c_reaches_the_parent_alone(tmp_path: Path) -> None:
    """After Ctrl-C in a terminal the broker still answers, so that a worker can drain first."""
    with parent("drain", tmp_path) as (process, facts):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["still"].startswith("manyi-")
        assert process.wait(PATIENCE_SECONDS) == 0
        assert are_gone(list(facts["pids"].values()), facts["directories"])


def test_servers_end_with_their_supervisor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Even a supervisor killed with -9 leaves nothing behind, and the failure is told."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with EmbeddedServices() as running:
        pids = dict(running.pids)
        os.kill(pids["supervisor"], signal.SIGKILL)
        assert are_gone([pids["broker"], pids["valkey"]], list(map(str, tmp_path.iterdir())))
        failure = await_failure(running)
    assert failure.exit_code is ExitCode.UNREACHABLE
    assert "supervisor ended on its own" in failure.message


def test_a_server_that_ends_on_its_own_is_told() -> None:
    """The death of a server shows in `failure`, with its name and its last lines."""
    with EmbeddedServices() as running:
        assert running.failure() is None
        os.kill(running.pids["broker"], signal.SIGTERM)
        failure = await_failure(running)
    assert "broker ended on its own" in failure.message
    assert "listening on" in (failure.hint or "")


def await_failure(running: EmbeddedServices) -> UserError:
    """Return the failure as soon as it is known."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if failure := running.failure():
            return failure
        time.sleep(0.02)
    raise AssertionError("no failure was told")


def test_a_lost_race_for_a_port_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program takes the port first, other ports are found and both servers run."""
    choose = services._choose_ports
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        choices = iter([(taken, choose(None)[0]), (choose(None)[0], taken)])
        monkeypatch.setattr(services, "_choose_ports", lambda *ports: next(choices, choose(*ports)))
        with EmbeddedServices() as running:
            assert str(taken) not in running.bootstrap_servers + running.redis_url
        assert next(choices, None) is None


def test_a_port_that_was_asked_for_and_is_taken_is_refused() -> None:
    """A port the caller insists on is not silently replaced by another."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        wanted = EmbeddedServices(redis_port=stranger.getsockname()[1])
        with pytest.raises(UserError, match="valkey ended on its own") as raised:
            wanted.start()
    assert "in use" in (raised.value.hint or "")


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the broker's program the error says so, says what to do, and leaves nothing."""
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "absent"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserError, match="embedded broker cannot be started") as raised:
        EmbeddedServices().start()
    assert "make setup" in (raised.value.hint or "")
    assert not list(tmp_path.iterdir())


async def test_a_cancelled_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the servers start ends what was already started."""
    starting = EmbeddedServices()
    launched: list[subprocess.Popen[bytes]] = []
    loop, is_launched = asyncio.get_running_loop(), asyncio.Event()
    launch = services._launch_supervisor

    def remember() -> subprocess.Popen[bytes]:
        launched.append(launch())
        loop.call_soon_threadsafe(is_launched.set)
        return launched[0]

    monkeypatch.setattr(services, "_launch_supervisor", remember)
    task = asyncio.create_task(starting.__aenter__())
    await is_launched.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert launched[0].poll() is not None
    assert not starting.pids


def test_valkey_alone_beside_a_real_kafka() -> None:
    """`broker=False` starts no broker, and asking for its address is a mistake that shows."""
    with EmbeddedServices(broker=False) as running:
        assert set(running.pids) == {"supervisor", "valkey"}
        with pytest.raises(RuntimeError, match="no embedded broker"):
            _ = running.bootstrap_servers


def test_a_stranger_on_the_port_is_not_taken_for_a_server() -> None:
    """A server that accepts and hangs up, like a stranger after a lost race, fails both probes."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        host, port = stranger.getsockname()
        stranger.settimeout(PATIENCE_SECONDS)
        for probe in (probes.broker_cluster_id, probes.valkey_process_id):
            with pytest.raises(OSError, match=r"timed out"):
                probe(host, port, timeout=0.05)
