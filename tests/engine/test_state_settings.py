"""Where a worker keeps its rows, from the environment to the engine."""

import sys
from pathlib import Path

import pytest

from streams.errors import UserError
from streams.settings import load_settings
from streams.worker import engine_settings

SERVERS = {"KAFKA_BOOTSTRAP_SERVERS": "a:9092", "REDIS_URL": "redis://store:6379/0"}


def test_rows_are_in_memory_unless_told_otherwise() -> None:
    """Nothing is written to disk, and lost rows are not accepted."""
    chosen = engine_settings(load_settings(SERVERS))
    assert (chosen.state_store, chosen.state_dir, chosen.accept_missing_rows) == (
        "memory",
        None,
        False,
    )


def test_a_directory_and_its_kind_come_through(tmp_path: Path) -> None:
    """What an operator sets is what the engine does."""
    environ = {"MANYI_STATE_STORE": "rocksdb", "MANYI_STATE_DIR": str(tmp_path)}
    environ["MANYI_ACCEPT_MISSING_ROWS"] = "on"
    chosen = engine_settings(load_settings(SERVERS | environ))
    assert (chosen.state_store, chosen.state_dir) == ("rocksdb", str(tmp_path))
    assert chosen.accept_missing_rows


@pytest.mark.parametrize("half", [{"MANYI_STATE_STORE": "rocksdb"}, {"MANYI_STATE_DIR": "/x"}])
def test_one_without_the_other_is_refused(half: dict[str, str]) -> None:
    """A directory nobody writes to is as much a mistake as a store without a place."""
    with pytest.raises(UserError, match="go together"):
        load_settings(SERVERS | half)


def test_a_missing_library_is_a_users_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what to install instead of showing a traceback."""
    monkeypatch.setitem(sys.modules, "rocksdict", None)
    environ = {"MANYI_STATE_STORE": "rocksdb", "MANYI_STATE_DIR": str(tmp_path)}
    with pytest.raises(UserError, match="pip install rocksdict"):
        engine_settings(load_settings(SERVERS | environ))
