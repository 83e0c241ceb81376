"""Wake-up times of a lane against a plain model."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.envelope import NEVER, seal
from streams.engine.stores import MemoryStore
from streams.engine.wakeups import Wakeups

keys = st.sampled_from([b"ra", b"rb", b"rc", b"rd"])
times = st.integers(0, 20)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.one_of(times, st.just(NEVER))),
        st.tuples(st.just("take"), times, st.integers(1, 3)),
        st.tuples(st.just("rebuild"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(steps)
def test_each_wanted_time_comes_out_once_when_due(script: list[tuple[str, object, int]]) -> None:
    """Whatever is put, changed and rebuilt: due times come out in order, once per change."""
    rows = MemoryStore()
    wakeups = Wakeups(rows, rows.wakes)
    wanted: dict[bytes, int] = {}  # the model: what still has to come out
    current: dict[bytes, int] = {}
    for step, first, second in script:
        if step == "put":
            assert isinstance(first, bytes)
            rows[first] = seal(1, second, b"x")
            if current.get(first, NEVER) != second:
                wakeups.change(first, second)
                wanted.pop(first, None)
                if second != NEVER:
                    wanted[first] = second
            current[first] = second
        elif step == "take":
            assert isinstance(first, int)
            expected = sorted((at, key) for key, at in wanted.items() if at <= first)[:second]
            taken = wakeups.take_due(first, second)
            assert [(at, key) for key, at in taken] == expected
            for key, _ in taken:
                del wanted[key]
        else:
            wakeups.rebuild()
        assert wakeups.next_at_ms() == min(wanted.values(), default=None)


def test_stale_entries_do_not_pile_up() -> None:
    """A key whose time moves with every record keeps the heap small."""
    rows = MemoryStore()
    wakeups = Wakeups(rows, rows.wakes)
    for at in range(20_000):
        rows[b"rk"] = seal(at, at, b"x")
        wakeups.change(b"rk", at)
    assert len(wakeups) < 2_000
    assert wakeups.take_due(30_000, 10) == [(b"rk", 19_999)]


def test_a_restored_lane_knows_its_times() -> None:
    """After a rebuild from rows nothing had to be changed to be woken."""
    rows = MemoryStore(
        {b"ra": seal(1, 5, b"x"), b"rb": seal(1, NEVER, b"x"), b"rc": seal(1, 3, b"x")}
    )
    wakeups = Wakeups(rows, rows.wakes)
    wakeups.rebuild()
    assert wakeups.take_due(10, 10) == [(b"rc", 3), (b"ra", 5)]
    wakeups.rebuild()
    assert wakeups.take_due(10, 10) == []
    wakeups.start_over()
    assert wakeups.take_due(10, 10) == [(b"rc", 3), (b"ra", 5)]


def test_idle_rows_are_not_looked_through_for_a_few_that_wake() -> None:
    """What a wake-up costs does not grow with the customers nobody wants to be woken about."""
    rows = MemoryStore({b"r%d" % number: seal(1, NEVER, b"x") for number in range(32_000)})
    looks = 0

    def wakes() -> Iterator[tuple[int, bytes]]:
        nonlocal looks
        looks += 1
        return rows.wakes()

    wakeups = Wakeups(rows, wakes)
    wakeups.rebuild()
    for at in range(2_000):
        key = b"r%d" % at
        rows[key] = seal(2, at, b"x")
        wakeups.change(key, at)
    assert looks == 1
    assert len(wakeups.take_due(2_000, 5_000)) == 2_000
