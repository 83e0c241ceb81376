"""Where histories come from: files of records, of events, of histories; or the log on Kafka."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from msgspec import json
from msgspec.structs import replace

from agents.complaints.sla.fold import in_order
from agents.complaints.sla.judging import Case, read_cases
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
FILES_SHOWN = 3
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
    `manyi import` and `manyi publish` read; records of all files together, by time. Raises
    UserError."""
    saved: list[History] = []
    events = _Events(policy_set, tell)
    records = _Records(policy_set, mapping, tell)
    for file in open_files(list(paths), advance):
        kind = _kind_of(file) if mapping is None else ""
        if kind == "history":
            saved.append(_from_histories(file, tell))
        elif kind == "event":
            events.read(file)
        else:
            records.read(file)
    found = [*saved]
    if events.names:
        found.append(history_of(events.histories, _named(events.names)))
    if records.names:
        found.append(records.history())
    if not found:
        raise UserError("There is no history there", "Name a file", ExitCode.USAGE)
    return found[0] if len(found) == 1 else _joined(found)


def _joined(found: Sequence[History]) -> History:
    """Histories of several kinds or files side by side; a complaint that stands in two is one."""
    cases: dict[str, Case] = {}
    twice = repeated = 0
    for case in (case for one in found for case in one.cases):
        known = cases.get(case.complaint_id)
        if known is not None:
            told = len(known.history) + len(case.history)
            case = _united(known, case)
            twice += 1
            repeated += told - len(case.history)
        cases[case.complaint_id] = case
    notes = [note for one in found for note in one.notes]
    if twice:
        notes.append(f"{twice:,} complaints stood in more than one file: each counts once")
    return History(
        cases=list(cases.values()),
        until=max(one.until for one in found),
        source=", ".join(one.source for one in found),
        events=sum(one.events for one in found) - repeated,
        outcomes=sum((one.outcomes for one in found), Counter()),
        notes=notes,
    )


def _united(one: Case, other: Case) -> Case:
    """What either file tells of a complaint; the file that tells more says how it was opened."""
    more, less = (one, other) if len(one.history) >= len(other.history) else (other, one)
    known = {(event.id, event.what) for event in more.history}
    added = [event for event in less.history if (event.id, event.what) not in known]
    return replace(
        more,
        history=tuple(in_order([*more.history, *added])) if added else more.history,
        arrivals={**less.arrivals, **more.arrivals},
        csat=less.csat if more.csat is None else more.csat,
    )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:FILES_SHOWN])
    rest = len(names) - FILES_SHOWN
    return f"{shown} and {rest:,} more" if rest > 0 else shown


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


class _Events:
    """Files of customer events, folded as one log: what stands in two of them counts once."""

    def __init__(self, policy_set: PolicySet, tell: Tell) -> None:
        self.names: list[str] = []
        self.histories = Histories(policy_set, fires=False)
        self._tell = tell

    def read(self, file: OpenFile) -> None:
        self.names.append(file.name)
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
            self.histories.take(event)
            if self.histories.events % EVENTS_A_STEP == 0:
                self._tell("events", self.histories.events)


class _Records:
    """Files of records, of any channels, put in one order of time and folded as one history."""

    def __init__(self, policy_set: PolicySet, mapping: Mapping | None, tell: Tell) -> None:
        self.names: list[str] = []
        self._rejects: list[Reject] = []
        native = None if mapping is not None else PER_RECORD
        options = ImportOptions(mapping=mapping, native=native)
        self._importer = Importer(options, datetime.now(UTC), self._reject)
        self._order = TimeOrder()
        self._intake = Intake()
        # What belongs to a complaint is found without its clocks: a third of the work.
        self._histories = Histories(without_promises(policy_set), fires=True)
        self._count = 0
        self._tell = tell

    def _reject(self, one: Reject) -> None:
        if len(self._rejects) < REJECTS_SHOWN:
            self._rejects.append(one)

    def read(self, file: OpenFile) -> None:
        """Take in the records of one file; they are folded when all files are read."""
        self.names.append(file.name)
        for record in self._importer.records(iter([file])):
            self._fold(self._order.add(record))
            self._count += 1
            if self._count % EVENTS_A_STEP == 0:
                self._tell("records", self._count)

    def history(self) -> History:
        """Fold what was read. Raises UserError where nothing could be read."""
        self._fold(self._order.drain())
        history = history_of(self._histories, _named(self.names))
        refused = self._intake.refused
        history.outcomes.update({f"refused: {name}": n for name, n in refused.items()})
        history.notes += _told(self._importer, self._order, self._rejects)
        if not self._histories.events:
            raise UserError(
                f"{history.source}: no record that could be read",
                "; ".join(history.notes[:REJECTS_SHOWN]) or "Is it empty?",
            )
        return history

    def _fold(self, records: Iterator[Outgoing]) -> None:
        for record in records:
            event = self._intake.event_of(record)
            if event is not None:
                self._histories.take(event)
                if self._histories.events % EVENTS_A_STEP == 0:
                    self._tell("events", self._histories.events)


def _told(importer: Importer, order: TimeOrder, rejects: Sequence[Reject]) -> list[str]:
    tally = importer.tally
    notes = []
    if tally.rejected:
        notes.append(f"{tally.rejected:,} of {tally.read:,} rows could not be read")
        notes += [f"{one.where}: {one.reason}" for one in rejects]
    if order.folded:
        notes.append(f"{order.folded:,} records told a happening again; the newest of each stayed")
    if not order.is_whole:
        notes.append("the records are too many to be put in order as a whole")
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
