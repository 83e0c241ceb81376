"""The runtime file tells where a living instance is, and never where a dead one was."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from streams.embedded import EmbeddedServices, RunningInstance, find_running, publish, runtime_file
from streams.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place for the runtime file that no other process uses."""
    return tmp_path / "manyi" / "embedded.json"


def instance(services: EmbeddedServices, pid: int | None = None) -> RunningInstance:
    """Describe these services as an instance owned by this process, or by another one."""
    return RunningInstance(
        pid=os.getpid() if pid is None else pid,
        bootstrap_servers=services.bootstrap_servers,
        redis_url=services.redis_url,
        http_port=6066,
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MANYI_RUNTIME_DIR": "/a", "XDG_RUNTIME_DIR": "/b"}, "/a/embedded.json"),
        ({"XDG_RUNTIME_DIR": "/b", "XDG_CACHE_HOME": "/c"}, "/b/manyi/embedded.json"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/manyi/embedded.json"),
        ({}, str(Path.home() / ".cache/manyi/embedded.json")),
    ],
)
def test_the_place_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    """manyi's own variable wins, then the session's directory, then the user's cache."""
    assert runtime_file(environ) == Path(expected)


@pytest.mark.integration
def test_a_published_instance_is_found_and_then_gone(
    embedded: EmbeddedServices, path: Path
) -> None:
    """While published it is found, readable by its owner alone; after that there is no file."""
    published = instance(embedded)
    with publish(published, path):
        assert find_running(path) == published
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in path.parent.iterdir()] == ["embedded.json"]
    assert find_running(path) is None
    assert not path.exists()


@pytest.mark.integration
def test_a_second_instance_is_refused(embedded: EmbeddedServices, path: Path) -> None:
    """A file about another living process stays as it is, and the error says what to do."""
    first = instance(embedded, os.getppid())
    with publish(first, path):
        with (
            pytest.raises(UserError, match=f"process {os.getppid()}") as raised,
            publish(instance(embedded), path),
        ):
            pass
        assert find_running(path) == first
    assert "MANYI_RUNTIME_DIR" in (raised.value.hint or "")


@pytest.mark.integration
def test_a_dead_process_is_not_believed(embedded: EmbeddedServices, path: Path) -> None:
    """A file left behind by a crash is ignored, and a new instance replaces it."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with publish(instance(embedded, ended.pid), path):
        assert path.exists()
        assert find_running(path) is None
        living = instance(embedded)
        with publish(living, path):
            assert find_running(path) == living


@pytest.mark.integration
def test_ports_that_do_not_answer_are_not_believed(path: Path) -> None:
    """The pid may have passed to another program: without answering servers nothing runs."""
    with EmbeddedServices() as services:
        published = instance(services)
    with publish(published, path):
        assert find_running(path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 100_000])
def test_a_broken_file_is_no_instance(content: bytes, path: Path) -> None:
    """Whatever stands in the file, looking for an instance does not fail."""
    path.parent.mkdir()
    path.write_bytes(content)
    assert find_running(path) is None


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the way of the directory is an error with a way out, not a trace."""
    (tmp_path / "manyi").write_text("in the way")
    nobody = RunningInstance(0, "127.0.0.1:1", "redis://127.0.0.1:1/0", 6066)
    with (
        pytest.raises(UserError, match="Cannot write") as raised,
        publish(nobody, tmp_path / "manyi" / "embedded.json"),
    ):
        pass
    assert "MANYI_RUNTIME_DIR" in (raised.value.hint or "")
