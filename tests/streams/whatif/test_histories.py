"""Histories from files: the same complaints whether clocks run or not, saved or read anew."""

from pathlib import Path

import orjson
import pytest
from msgspec.structs import replace

from agents.complaints.sla.judging import Case
from agents.complaints.sla.policy_file import default_policy
from schemas.clock import ComplaintEventKind as Kind
from streams.errors import UserError
from streams.importing.files import open_files
from streams.importing.importer import PER_RECORD, Importer, ImportOptions
from streams.importing.ordering import TimeOrder
from streams.whatif.histories import Histories, Intake, without_promises
from streams.whatif.running import _expanded
from streams.whatif.sources import History, read_history, save
from tests.streams.whatif.conftest import traffic

__all__ = ["traffic"]


def read(*paths: Path) -> History:
    """The history of some files."""
    return read_history([str(path) for path in paths], default_policy(), None, lambda w, n: None)


def folded(path: Path, *, with_clocks: bool) -> list[Case]:
    """The complaints of a file, with the clocks of a policy or without any."""
    from datetime import UTC, datetime

    policy = default_policy()
    histories = Histories(policy if with_clocks else without_promises(policy), fires=True)
    importer = Importer(ImportOptions(native=PER_RECORD), datetime(2026, 3, 9, tzinfo=UTC))
    order, intake = TimeOrder(), Intake()
    for record in importer.records(open_files([str(path)])):
        assert not list(order.add(record))
    for record in order.drain():
        event = intake.event_of(record)
        if event is not None:
            histories.take(event)
    return list(histories.cases())


def test_records_become_the_histories_of_complaints(traffic: Path) -> None:
    """Openings, answers, commands; every complaint begins with its opening."""
    history = read(traffic)
    assert len(history.cases) > 30
    assert history.events > 1_000
    kinds = {event.what for case in history.cases for event in case.history}
    assert {Kind.OPENED, Kind.HUMAN_REPLY, Kind.CUSTOMER_MESSAGE, Kind.RESOLVED} <= kinds
    assert not any(name.startswith("failed") for name in history.outcomes)
    assert history.until >= max(case.history[-1].at for case in history.cases)


def test_what_belongs_to_a_complaint_does_not_depend_on_its_clocks(traffic: Path) -> None:
    """The short cut of reading without promises finds the same histories."""
    assert folded(traffic, with_clocks=True) == folded(traffic, with_clocks=False)


def test_saved_histories_are_read_as_they_were(traffic: Path, tmp_path: Path) -> None:
    """`--save` keeps everything a policy is judged on."""
    history, path = read(traffic), tmp_path / "histories.jsonl"
    save(history, str(path))
    assert read(path).cases == history.cases


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A file without a single record is a mistake that names its reasons, not an empty report."""
    path = tmp_path / "odd.jsonl"
    path.write_text('{"channel": "telepathy", "id": "1"}\n')
    with pytest.raises(UserError, match="no record") as told:
        read(path)
    assert told.value.hint is not None
    assert "channel" in told.value.hint


def test_a_broken_line_of_saved_histories_is_named(traffic: Path, tmp_path: Path) -> None:
    """Half a line is no complaint."""
    path = tmp_path / "histories.jsonl"
    save(read(traffic), str(path))
    path.write_bytes(path.read_bytes() + b'{"complaint_id": 7}\n')
    with pytest.raises(UserError, match=r"line \d+"):
        read(path)


def by_channel(traffic: Path, folder: Path) -> list[Path]:
    """The same records, a file for each channel."""
    lines: dict[str, list[bytes]] = {}
    for line in traffic.read_bytes().splitlines():
        lines.setdefault(orjson.loads(line)["channel"], []).append(line)
    paths = []
    for channel, found in lines.items():
        paths.append(folder / f"{channel}.jsonl")
        paths[-1].write_bytes(b"\n".join(found) + b"\n")
    return paths


def test_records_of_several_files_are_one_history(traffic: Path, tmp_path: Path) -> None:
    """Split by channel, named in any order, one file twice: the complaints are the same."""
    whole, paths = read(traffic), by_channel(traffic, tmp_path)
    assert len(paths) > 3
    split = read(*reversed(paths), paths[0])
    # Of one instant, records stand in the order in which they were read.
    assert {case.complaint_id for case in split.cases} == {
        case.complaint_id for case in whole.cases
    }
    assert split.events == whole.events
    assert read(tmp_path).events == whole.events


def test_a_complaint_of_two_files_counts_once(traffic: Path, tmp_path: Path) -> None:
    """A history that was saved earlier and one that was saved later tell one story."""
    history = read(traffic)
    early, late = tmp_path / "early.jsonl", tmp_path / "late.jsonl"
    save(history, str(late))
    history.cases = [replace(case, history=case.history[:1], csat=None) for case in history.cases]
    save(history, str(early))
    for paths in ((early, late), (late, early)):
        both = read(*paths)
        assert both.cases == read(late).cases
        assert both.events == read(late).events
        assert any("each counts once" in note for note in both.notes)
    assert read(late, traffic).cases == read(traffic).cases


def test_a_pattern_names_files(traffic: Path, tmp_path: Path) -> None:
    """What the shell did not expand is expanded; a pattern that means nothing is a mistake."""
    paths = by_channel(traffic, tmp_path)
    assert _expanded(str(tmp_path / "*.jsonl")) == sorted(map(str, paths))
    assert _expanded("-") == ["-"]
    with pytest.raises(UserError, match="no such file"):
        _expanded(str(tmp_path / "*.csv"))
