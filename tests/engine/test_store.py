"""Stores: what a lane keeps its rows in gives back what was put, in memory and on disk alike."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.engine import ConfigurationError, EngineSettings, TopicPartition
from streams.engine import rocks as rocks_module
from streams.engine.envelope import HEADER_BYTES, NEVER, seal
from streams.engine.rocks import RocksStore, require_rocksdb
from streams.engine.shelves import SLOTS, Shelves
from streams.engine.stores import MemoryStore, Store, StoreMark

TP = TopicPartition("log", 3)
keys = st.sampled_from([b"ra", b"rb", b"rc", b"oa", b"\0"])
rows = st.builds(
    seal, st.integers(0, 9), st.sampled_from([NEVER, 5, 7]), st.sampled_from([b"", b"x", b"yy"])
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, rows),
        st.tuples(st.just("pop"), keys, st.just(b"")),
        st.tuples(st.just("flush"), st.just(b""), st.just(b"")),
        st.tuples(st.just("reopen"), st.just(b""), st.just(b"")),
    ),
    max_size=30,
)


@pytest.fixture(params=["memory", "rocksdb"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Makes empty stores of either kind."""
    made: list[Store] = []

    def make() -> Store:
        memory = request.param == "memory"
        store = MemoryStore() if memory else RocksStore(str(tmp_path / f"rows{len(made)}"))
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


def flush(store: Store, position: int = 0) -> None:
    """Keep everything, with the times a lane would know of its deleted rows."""
    deleted = {key: 4_000 for key, row in _all(store).items() if len(row) == HEADER_BYTES}
    store.flush(StoreMark(position=position), deleted)


def _all(store: Store) -> dict[bytes, bytes]:
    return {key: row for key in KEYS if (row := store.get(key)) is not None}


KEYS = (b"ra", b"rb", b"rc", b"oa", b"\0")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=steps)
def test_a_store_is_a_mapping_with_an_index(
    new_store: Callable[[], Store], script: list[tuple[str, bytes, bytes]]
) -> None:
    """Whatever is put, taken out and flushed: rows, counts, wake-up times equal a dictionary's."""
    store, model = new_store(), dict[bytes, bytes]()
    for step, key, row in script:
        if step == "put":
            store[key] = row
            model[key] = row
        elif step == "pop":
            assert store.pop(key, None) == model.pop(key, None)
        elif step == "flush":
            flush(store)
        elif isinstance(store, RocksStore):
            flush(store)
            store.close()
            store = RocksStore(store.path)
            assert dict(store.deleted()) == {
                key: 4_000 for key, row in model.items() if len(row) == HEADER_BYTES
            }
        assert _all(store) == model
        assert len(store) == len(model)
        assert all((key in store) == (key in model) for key in KEYS)
    flush(store)
    assert dict(store.items()) == model
    assert dict(store.scan(b"r")) == {k: row for k, row in model.items() if k.startswith(b"r")}
    wanted = {(5, k) for k, row in model.items() if row[8:16] == (5).to_bytes(8, "big")}
    wanted |= {(7, k) for k, row in model.items() if row[8:16] == (7).to_bytes(8, "big")}
    assert set(store.wakes()) == wanted
    store.close()


def test_a_scan_goes_on_while_rows_change(
    new_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views are built from it while batches are applied: no error, and no untouched row missing."""
    monkeypatch.setattr(rocks_module, "_SCAN_ROWS", 10)
    store = new_store()
    for number in range(100):
        store[b"r%03d" % number] = seal(1, NEVER, b"x")
    flush(store)
    seen = []
    for key, _ in store.scan(b"r"):
        seen.append(key)
        store[key] = seal(2, NEVER, b"longer")
        store[key + b"new"] = seal(2, NEVER, b"x")
        flush(store)
    assert {key for key in seen if not key.endswith(b"new")} == {b"r%03d" % n for n in range(100)}


def test_what_was_not_flushed_is_not_kept(tmp_path: Path) -> None:
    """After a crash the store stands at its last flush, mark included."""
    store = RocksStore(str(tmp_path / "rows"))
    store[b"ra"] = seal(1, 5, b"x")
    store.flush(StoreMark(position=7, applied=1, checks={6: 99}), {})
    store[b"rb"] = seal(2, NEVER, b"x")
    store.close()
    again = RocksStore(str(tmp_path / "rows"))
    assert again.mark == StoreMark(position=7, applied=1, checks={6: 99})
    assert dict(again.items()) == {b"ra": seal(1, 5, b"x")}
    again.close()


def shelves(path: Path, cluster: str = "one", **limits: float) -> Shelves:
    """The directories of a worker of this group."""
    base = EngineSettings(
        bootstrap_servers="none",
        group_id="g/..",
        state_store="rocksdb",
        state_dir=str(path),
        **limits,  # type: ignore[arg-type]
    )
    return Shelves(base, cluster)


def put_row(store: Store) -> None:
    """Something to find again."""
    store[b"ra"] = seal(1, NEVER, b"x")
    flush(store, 1)


def test_a_lane_finds_its_directory_again(tmp_path: Path) -> None:
    """The same lane gets the same rows; other lanes, groups and scopes get none of them."""
    first = shelves(tmp_path).open(TP, b"\x01a")
    put_row(first)
    first.close()
    again = shelves(tmp_path).open(TP, b"\x01a")
    assert len(again) == 1
    others = [
        shelves(tmp_path).open(TP, b"\x01b"),
        shelves(tmp_path).open(TopicPartition("log", 4), b"\x01a"),
    ]
    assert [len(other) for other in others] == [0, 0]
    for store in (again, *others):
        store.close()
    assert all(tmp_path in path.parents for path in tmp_path.rglob("lane.json"))


def test_rows_of_another_cluster_are_wiped(tmp_path: Path) -> None:
    """The same topic on another cluster is another topic."""
    first = shelves(tmp_path).open(TP, b"")
    put_row(first)
    first.close()
    other = shelves(tmp_path, "two").open(TP, b"")
    assert (len(other), other.mark) == (0, None)
    other.close()


def test_rows_beside_a_foreign_writer_are_wiped(tmp_path: Path) -> None:
    """An owner that saw somebody else write marks its rows; whoever comes next begins anew."""
    first = shelves(tmp_path).open(TP, b"")
    first[b"ra"] = seal(1, NEVER, b"x")
    first.flush(StoreMark(position=1, is_clean=False), {})
    first.close()
    again = shelves(tmp_path).open(TP, b"")
    assert len(again) == 0
    again.close()


def test_broken_files_begin_anew(tmp_path: Path) -> None:
    """Files RocksDB cannot read are thrown away: everything is in the changelog."""
    first = shelves(tmp_path).open(TP, b"")
    put_row(first)
    first.close()
    (Path(first.path) / "CURRENT").write_text("nonsense")
    again = shelves(tmp_path).open(TP, b"")
    assert len(again) == 0
    again.close()


def test_a_directory_in_use_is_left_to_its_user(tmp_path: Path) -> None:
    """A worker that hangs keeps its directory; its successor takes another, up to a limit."""
    held = [shelves(tmp_path).open(TP, b"") for _ in range(SLOTS)]
    assert len({store.path for store in held}) == SLOTS
    with pytest.raises(ConfigurationError, match="a state directory of its own"):
        shelves(tmp_path).open(TP, b"")
    for store in held:
        store.close()


def age(store: RocksStore, seconds: float) -> None:
    """Say that it was last in use so long ago."""
    at = time.time() - seconds
    os.utime(Path(store.path).parent / "lane.json", (at, at))


def test_rows_that_were_away_too_long_are_wiped_and_cleaned(tmp_path: Path) -> None:
    """The changelog may have forgotten a deletion since; and disks are not for ever."""
    lanes = [TopicPartition("log", number) for number in range(3)]
    stores = [shelves(tmp_path).open(lane, b"") for lane in lanes]
    for store in stores:
        put_row(store)
    for store in stores[:2]:
        store.close()
        age(store, 4_000)
    age(stores[2], 4_000)  # open, although nobody has touched it
    late = shelves(tmp_path, state_keep_seconds=3_600.0)
    again = late.open(lanes[0], b"")
    assert len(again) == 0
    assert [path.name for path in late.clean()] == ["log-1~0"]
    assert Path(stores[2].path).exists()
    again.close()
    stores[2].close()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "rocksdict", None)
    with pytest.raises(ConfigurationError, match="pip install rocksdict"):
        require_rocksdb()


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"state_store": "rocksdb"}, "needs a state_dir"),
        (
            {"state_store": "rocksdb", "state_dir": "x", "state_keep_seconds": 90_000.0},
            "deleted rows come back",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    limits: dict[str, object], problem: str
) -> None:
    """Rows on disk need a place, and must not outlive the memory of deletions."""
    with pytest.raises(ConfigurationError, match=problem):
        EngineSettings(bootstrap_servers="none", group_id="g", **limits)  # type: ignore[arg-type]
