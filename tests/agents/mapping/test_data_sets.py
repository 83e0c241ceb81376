"""Histories of real help desks, mapped by the examples of the documentation."""

import csv
import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.agents.mapping.payloads import example, taken_in

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def incidents(shared_data: Path) -> Rows:
    """The first 5,000 rows of the audit log: whole incidents but for the last."""
    path = shared_data / "incident_events.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(islice(csv.DictReader(file), 5_000))
    last = rows[-1]["number"]
    return [row for row in rows if row["number"] != last]


@pytest.fixture(scope="module")
def mapped(incidents: Rows) -> dict[str, list[dict[str, Any]]]:
    """Every record of the log by its id, in the order of the rows."""
    mapping = example("incident-events")
    found = defaultdict(list)
    for row in incidents:
        result = mapping.apply(row)
        assert (result.errors, result.problems) == ((), ())
        for channel, record in result.records:
            found[record["id"]].append({"channel": channel, **record})
    return found


def test_incident_rows_repeat_the_same_happenings(
    incidents: Rows, mapped: dict[str, list[dict[str, Any]]]
) -> None:
    """However many rows tell of an incident, it is opened once and closed once."""
    numbers = {row["number"] for row in incidents}
    assert {name for name in mapped if name.startswith("opened:")} == {
        f"opened:{n}" for n in numbers
    }
    assert {name for name in mapped if name.startswith("closed:")} == {
        f"closed:{n}" for n in numbers
    }
    for name, records in mapped.items():
        if name.startswith(("opened:", "closed:")):
            assert len({record["occurred_at"] for record in records}) == 1
    reopened = {name for name in mapped if name.startswith("reopened:")}
    most = Counter[str]()
    for row in incidents:
        most[row["number"]] = max(most[row["number"]], int(row["reopen_count"]))
    last_ones = {f"reopened:{number}:{count}" for number, count in most.items() if count}
    assert last_ones <= reopened


def test_incident_records_are_what_intake_expects(
    mapped: dict[str, list[dict[str, Any]]],
) -> None:
    """Complaints with category, priority and ticket, commands with their ticket; none malformed."""
    for records in list(mapped.values())[:2_000]:
        record = dict(records[-1])
        assert taken_in(record.pop("channel"), record).problems == ()
    opened = mapped["opened:INC0000045"][-1]
    assert opened["complaint"] is True
    assert (opened["category"], opened["priority"]) == ("Category 55", "3 - Moderate")
    assert opened["refs"] == [{"kind": "ticket", "value": "INC0000045"}]
    assert opened["occurred_at"] == datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    assert opened["time_quality"] == "assumed_zone"
    assert [record["revision"] for record in mapped["opened:INC0000045"]] == [0, 2, 3, 4]


def test_incident_times_reproduce_the_logs_own_verdict(
    incidents: Rows, mapped: dict[str, list[dict[str, Any]]]
) -> None:
    """From opening to closing, 153 weekday hours divide what the log calls made and missed.

    The log judges at closing; `resolved_at` would agree on 84 % only.
    """
    verdicts = {row["number"]: row["made_sla"] == "true" for row in incidents}
    agreed = []
    for number, made in verdicts.items():
        opened = mapped[f"opened:{number}"][-1]
        if opened["priority"] == "3 - Moderate":
            closed = mapped[f"closed:{number}"][-1]
            used = _weekday_hours(opened["occurred_at"], closed["occurred_at"])
            agreed.append((used < 153) == made)
    assert len(agreed) > 500
    assert sum(agreed) / len(agreed) > 0.98


def _weekday_hours(start: datetime, end: datetime) -> float:
    total, at = timedelta(), start
    while at < end:
        midnight = (at + timedelta(days=1)).replace(hour=0, minute=0)
        until = min(end, midnight)
        total += (until - at) if at.weekday() < 5 else timedelta()
        at = until
    return total / timedelta(hours=1)


@pytest.fixture(scope="module")
def contacts(shared_data: Path) -> Rows:
    """The first 2,000 support contacts."""
    path = shared_data / "retail_csat.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        return list(islice(csv.DictReader(file), 2_000))


def test_a_contact_gives_question_answer_and_score(contacts: Rows) -> None:
    """Three records a row, in one conversation, each in the channel of the contact."""
    mapping = example("retail-csat")
    ids = set()
    for row in contacts:
        result = mapping.apply(row)
        assert (result.errors, result.problems) == ((), ())
        (asked_in, asked), (answered_in, answered), (rated_in, rated) = result.records
        assert asked_in == answered_in == ("email" if row["channel_name"] == "Email" else "phone")
        assert rated_in == "web"
        assert rated["rating"]["score"] == float(row["CSAT Score"])
        assert answered.get("direction") == ("in" if row["channel_name"] == "Inbound" else "out")
        assert len({record["conversation_id"] for record in (asked, answered, rated)}) == 1
        ids |= {asked["id"], answered["id"], rated["id"]}
        for channel, record in result.records:
            assert taken_in(channel, record).problems == ()
    assert len(ids) == 3 * len(contacts)


def test_contacts_that_were_answered_before_they_were_reported_stay_so(contacts: Rows) -> None:
    """The mapping does not mend the source's clock: some answers carry an earlier time."""
    mapping = example("retail-csat")
    earlier = 0
    for row in contacts:
        (_, asked), (_, answered), _ = mapping.apply(row).records
        earlier += answered["occurred_at"] < asked["occurred_at"]
    assert 0 < earlier < len(contacts) / 10


def test_dialogs_are_messages_of_both_sides(shared_data: Path) -> None:
    """Every turn is a message at its own time; the id of a turn proves it."""
    with gzip.open(shared_data / "care_dialogs.json.gz") as file:
        dialogs = orjson.loads(file.read())
    mapping = example("care-dialogs")
    speakers = Counter[str]()
    for dialog in dialogs:
        result = mapping.apply(dialog)
        assert (result.errors, result.problems) == ((), ())
        assert len(result.records) == len(dialog["dialogContent"]) + 1
        for channel, record in result.records:
            speakers[record["actor"]["type"]] += 1
            assert record["direction"] == ("out" if record["actor"]["type"] == "human" else "in")
            assert taken_in(channel, record).problems == ()
            posted = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC) + timedelta(
                milliseconds=int(record["id"].removeprefix("message:")) >> 22
            )
            assert abs(posted - record["occurred_at"]) < timedelta(seconds=2)
    assert speakers == {"customer": 625, "human": 586}
