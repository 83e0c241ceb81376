"""Where histories come from: files of records, of events, of histories; or the log on Kafka."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from msgspec import json

from agents.complaints.sla.whatif import Case, read_cases
from agents.mapping import Mapping
from schemas.complaint import Complaint
from schemas.events import CustomerEvent
from schemas.policy import PolicySet
from streams.errors import ExitCode, UserError
from streams.importing.files import Advance, OpenFile, open_files
from streams.importing.importer import PER_RECORD, Importer, ImportOptions
from streams.importing.ordering import TimeOrder
from streams.importing.outgoing import Outgoing
from streams.importing.rows import Reject
from streams.whatif.histories import Histories, Intake, without_promises

TOPIC = "topic"
"""`--history topic`: the log of the settings' Kafka, or of the running demo."""

REJECTS_SHOWN = 5
EVENTS_A_STEP = 1_000
"""How often progress is told."""

_decode_event = json.Decoder(CustomerEvent).decode

Tell = Callable[[str, int], None]
"""Told what is being done and how many of it are done."""


@dataclass(kw_only=True)
class History:
    """Complaints as they happened, and what is known of where they come from."""

    cases: list[Case]
    until: datetime
    source: str
    events: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    published: dict[str, Complaint] = field(default_factory=dict)
    """What production said last of each complaint, where the history comes from its log."""
    versions: dict[str, PolicySet] = field(default_factory=dict)
    """The versions of the policy that log tells of, by digest."""


def read_history(
    paths: Sequence[str],
    policy_set: PolicySet,
    mapping: Mapping | None,
    tell: Tell,
    advance: Advance = lambda count: None,
) -> History:
    """Read files: of histories (as `--save` writes them), of customer events, or of anything
    `manyi import` and `manyi publish` read. Raises UserError."""
    found: list[History] = []
    records: list[OpenFile] = []
    for file in open_files(list(paths), advance):
        kind = _kind_of(file) if mapping is None else ""
        if kind == "history":
            found.append(_from_histories(file, tell))
        elif kind == "event":
            found.append(_from_events(file, policy_set, tell))
        else:
            records.append(file)
            found.append(_from_records(file, policy_set, mapping, tell))
    if not found:
        raise UserError("There is no history there", "Name a file", ExitCode.USAGE)
    return found[0] if len(found) == 1 else _joined(found, records)


def _joined(found: Sequence[History], records: Sequence[OpenFile]) -> History:
    """Histories of several files. Records of several files would need one order of events."""
    if len(records) > 1:
        raise UserError(
            "Records of several files cannot be put in one order here",
            "Join them into one file, or name one",
            ExitCode.USAGE,
        )
    cases = {case.complaint_id: case for one in found for case in one.cases}
    return History(
        cases=list(cases.values()),
        until=max(one.until for one in found),
        source=", ".join(one.source for one in found),
        events=sum(one.events for one in found),
        outcomes=sum((one.outcomes for one in found), Counter()),
        notes=[note for one in found for note in one.notes],
    )


def _kind_of(file: OpenFile) -> str:
    """What the first line of a file of JSON lines is: a history, a customer event, or neither."""
    line = file.head.lstrip().split(b"\n", 1)[0]
    try:
        keys = json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # A first line longer than the head still says what it is in its first keys.
        start = file.head[:200]
        return "history" if start.startswith(b'{"complaint_id":"') else ""
    if {"complaint_id", "context", "history"} <= keys.keys():
        return "history"
    return "event" if {"type", "customer_id"} <= keys.keys() else ""


def _from_histories(file: OpenFile, tell: Tell) -> History:
    cases: list[Case] = []
    events = 0
    try:
        for case in read_cases(file.stream):
            cases.append(case)
            events += len(case.history)
            if len(cases) % EVENTS_A_STEP == 0:
                tell("histories", len(cases))
    except ValueError as error:
        raise UserError(f"{file.name}: {error}", "Save it anew with --save") from None
    latest = [max(event.at for event in case.history) for case in cases if case.history]
    until = max(latest, default=datetime.now(UTC))
    return History(cases=cases, until=until, source=file.name, events=events)


def _from_events(file: OpenFile, policy_set: PolicySet, tell: Tell) -> History:
    histories = Histories(policy_set, fires=False)
    for number, line in enumerate(file.stream, 1):
        if not line.strip():
            continue
        try:
            event = _decode_event(line)
        except msgspec.MsgspecError as error:
            raise UserError(
                f"{file.name}, line {number}, is no customer event: {error}",
                "Lines of customer-events.v1 are expected, as the first one is",
            ) from None
        histories.take(event)
        if number % EVENTS_A_STEP == 0:
            tell("events", number)
    return history_of(histories, file.name)


def _from_records(
    file: OpenFile, policy_set: PolicySet, mapping: Mapping | None, tell: Tell
) -> History:
    rejects: list[Reject] = []

    def reject(one: Reject) -> None:
        if len(rejects) < REJECTS_SHOWN:
            rejects.append(one)

    native = None if mapping is not None else PER_RECORD
    importer = Importer(ImportOptions(mapping=mapping, native=native), datetime.now(UTC), reject)
    order = TimeOrder()
    intake = Intake()
    # What belongs to a complaint is found without its clocks: a third of the work.
    histories = Histories(without_promises(policy_set), fires=True)
    for record in _ordered(importer, order, file, tell):
        event = intake.event_of(record)
        if event is not None:
            histories.take(event)
            if histories.events % EVENTS_A_STEP == 0:
                tell("events", histories.events)
    history = history_of(histories, file.name)
    history.outcomes.update({f"refused: {name}": n for name, n in intake.refused.items()})
    history.notes += _told(importer, order, rejects)
    if not histories.events:
        raise UserError(
            f"{file.name} holds no record that could be read",
            "; ".join(history.notes[:REJECTS_SHOWN]) or "Is it empty?",
        )
    return history


def _ordered(
    importer: Importer, order: TimeOrder, file: OpenFile, tell: Tell
) -> Iterator[Outgoing]:
    for number, record in enumerate(importer.records(iter([file])), 1):
        yield from order.add(record)
        if number % EVENTS_A_STEP == 0:
            tell("records", number)
    yield from order.drain()


def _told(importer: Importer, order: TimeOrder, rejects: Sequence[Reject]) -> list[str]:
    tally = importer.tally
    notes = []
    if tally.rejected:
        notes.append(f"{tally.rejected:,} of {tally.read:,} rows could not be read")
        notes += [f"{one.where}: {one.reason}" for one in rejects]
    if order.folded:
        notes.append(f"{order.folded:,} records told a happening again; the newest of each stayed")
    if not order.is_whole:
        notes.append("the file is too large to be put in order as a whole")
    notes.append("Each record counts as known when it happened: files do not say when it arrived")
    return notes


def history_of(histories: Histories, source: str) -> History:
    """What a finished fold holds."""
    cases = list(histories.cases())
    return History(
        cases=cases,
        until=histories.until,
        source=source,
        events=histories.events,
        outcomes=histories.outcomes,
        versions=histories.versions,
    )


def save(history: History, path: str) -> None:
    """Write the histories as JSON lines, to be read again in a fraction of the time."""
    encode = json.Encoder().encode
    with open(path, "wb") as file:
        for case in history.cases:
            file.write(encode(case) + b"\n")
