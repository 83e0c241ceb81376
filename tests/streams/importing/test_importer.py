"""From files to checked records: everything is counted, nothing is lost silently."""

import gzip
import random
import tarfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from agents.mapping import compile_mapping, shipped
from streams.errors import UserError
from streams.importing.files import open_files
from streams.importing.formats import Format
from streams.importing.importer import PER_RECORD, Importer, ImportOptions
from streams.importing.outgoing import Outgoing
from streams.importing.rows import ReadOptions, Reject
from tests.agents.mapping.payloads import example

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICKETS = ImportOptions(mapping=shipped("helpdesk-export"))


class Run:
    """One import into memory."""

    def __init__(self, options: ImportOptions, *paths: Path) -> None:
        self.rejects: list[Reject] = []
        importer = Importer(options, NOW, self.rejects.append)
        self.records: list[Outgoing] = list(
            importer.records(open_files([str(path) for path in paths]))
        )
        self.tally = importer.tally
        tally = self.tally
        assert tally.read == tally.mapped + sum(tally.skipped.values()) + tally.rejected


def write(path: Path, text: str) -> Path:
    """Write a file."""
    path.write_text(text, encoding="utf-8")
    return path


def test_a_bad_row_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Rows that cannot be read, mapped or taken in are rejects with place and reason."""
    path = write(
        tmp_path / "tickets.csv",
        "ticket_id,created_at,customer_email\n"
        "1,2026-03-01T10:00:00Z,ann@example.com\n"
        "2,yesterday,bob@example.com\n"
        "3,2026-03-01T10:00:00Z\n"
        ",2026-03-01T10:00:00Z,x@example.com\n"
        "5,2999-03-01T10:00:00Z,eve@example.com\n"
        "6,2026-03-01T10:00:00Z,fay@example.com\n",
    )
    run = Run(TICKETS, path)
    assert [record.identity[2] for record in run.records] == ["opened:1", "opened:6"]
    assert (run.tally.read, run.tally.mapped, run.tally.rejected) == (6, 2, 3)
    assert [reject.where for reject in run.rejects] == [f"{path}:{line}" for line in (3, 4, 6)]
    assert run.rejects[0].reason == "occurred_at: 'yesterday' is not an ISO 8601 time"
    assert orjson.loads(run.rejects[0].content)["customer_email"] == "bob@example.com"
    assert "time_out_of_range" in run.rejects[2].reason
    assert list(run.tally.skipped.values()) == [1]


def test_a_table_needs_a_mapping(tmp_path: Path) -> None:
    """What columns mean is never guessed: the error names the next step."""
    with pytest.raises(UserError, match="what do its columns mean") as caught:
        Run(ImportOptions(), write(tmp_path / "a.csv", "a,b\n1,2\n"))
    assert "manyi map list" in str(caught.value.hint)


def test_a_folder_of_mails_may_hold_other_things(tmp_path: Path) -> None:
    """Pictures, licences and tables among mails are skipped, each for its reason."""
    write(tmp_path / "one.eml", "From: ann@example.com\nMessage-ID: <1@x>\n\nHi")
    write(tmp_path / "table.csv", "a,b\n1,2\n")
    write(tmp_path / "LICENSE", "Do what you like.")
    run = Run(ImportOptions(), tmp_path)
    assert [record.channel for record in run.records] == ["email"]
    assert sorted(run.tally.skipped.values()) == [1, 1]
    assert run.rejects == []


def test_mails_of_an_archive_become_records(tmp_path: Path) -> None:
    """A tar of mails is read member by member, in time or out of it."""
    with tarfile.open(tmp_path / "mails.tar.gz", "w:gz") as archive:
        for number in range(3):
            raw = f"From: a{number}@example.com\nMessage-ID: <{number}@x>\n\nHi".encode()
            info = tarfile.TarInfo(f"box/{number}")
            info.size = len(raw)
            archive.addfile(info, BytesIO(raw))
    run = Run(ImportOptions(mail_source="support"), tmp_path / "mails.tar.gz")
    assert [record.identity for record in run.records] == [
        ("record", "support", f"{number}@x") for number in range(3)
    ]
    assert {record.at for record in run.records} == {NOW}


def test_a_limit_ends_the_reading(tmp_path: Path) -> None:
    """`--limit` counts rows, over all files."""
    text = "ticket_id,created_at\n" + "".join(f"{n},2026-03-01\n" for n in range(50))
    paths = [write(tmp_path / f"{name}.csv", text) for name in "ab"]
    assert Run(TICKETS._replace(limit=60), *paths).tally.read == 60


def test_a_damaged_file_is_a_reject_and_the_next_is_read(tmp_path: Path) -> None:
    """A gzip that breaks off in the middle loses its rest, not the import."""
    noise = random.Random(1)
    text = "ticket_id,created_at,subject\n" + "".join(
        f"{n},2026-03-01,{noise.random()}\n" for n in range(6_000)
    )
    packed = gzip.compress(text.encode())
    (tmp_path / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
    write(tmp_path / "b.csv", "ticket_id,created_at\nlast,2026-03-01\n")
    run = Run(TICKETS, tmp_path / "a.csv.gz", tmp_path / "b.csv")
    assert run.tally.mapped > 1_000
    assert run.records[-1].identity[2] == "opened:last"
    assert run.rejects[-1].reason.startswith("damaged, the rest is not read")


def test_native_records_are_checked_as_intake_will(tmp_path: Path) -> None:
    """`manyi publish` takes records of the contract; what intake would refuse is refused here."""
    good = {"source": "s", "id": "1", "kind": "message", "occurred_at": "2026-03-01T10:00:00Z"}
    lines = [
        {**good, "channel": "chat"},
        {**good, "channel": "fax"},
        {**good, "channel": "chat", "kind": "mesage"},
        {**good, "channel": "chat", "id": None},
        {"channel": "commands", "source": "s", "id": "1", "action": "resolve"},
        ["no object"],
    ]
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    run = Run(ImportOptions(native=PER_RECORD), path)
    assert [record.channel for record in run.records] == ["chat", "commands"]
    assert b'"channel"' not in run.records[0].value
    reasons = [reject.reason for reject in run.rejects]
    assert reasons[0].startswith("`channel` must be one of phone, email, chat, web, commands")
    assert "unknown_kind" in reasons[1]
    assert "'mesage' is none of message" in reasons[1]
    assert "`id` is required" in reasons[2]
    assert reasons[3] == "a JSON object is expected"


def test_optional_fields_that_are_lost_are_counted(tmp_path: Path) -> None:
    """A value that cannot be read costs its field, and the summary says how often."""
    text = "ticket_id,created_at,complaint,customer_region\n1,2026-03-01,perhaps," + "x" * 40 + "\n"
    run = Run(TICKETS, write(tmp_path / "a.csv", text))
    assert run.tally.mapped == 1
    problems = dict(run.tally.problems)
    assert problems.pop("complaint: 'perhaps' is neither true nor false") == 1
    assert list(problems.values()) == [1]


def test_keys_keep_neighbours_together(tmp_path: Path) -> None:
    """Records of one conversation share a key, so they share a partition."""
    text = "ticket_id,created_at,closed_at\n7,2026-03-01,2026-03-02\n"
    run = Run(TICKETS, write(tmp_path / "a.csv", text))
    assert {record.key for record in run.records} == {b"helpdesk|ticket:7"}


def test_the_encoding_of_a_file_may_be_said(tmp_path: Path) -> None:
    """A Chinese table is found out or told; both give the same text."""
    text = "ticket_id,created_at,subject\n1,2026-03-01,东西坏了\n"
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030"))
    for read in (ReadOptions(), ReadOptions(encoding="gb18030")):
        (record,) = Run(TICKETS._replace(read=read), tmp_path / "a.csv").records
        assert orjson.loads(record.value)["subject"] == "东西坏了"


@pytest.mark.parametrize(
    ("file", "mapping", "per_row"),
    [
        ("retail_csat.csv.gz", "retail-csat", 3.0),
        ("incident_events.csv.gz", "incident-events", 2.5),
    ],
)
def test_histories_are_read_whole(
    shared_data: Path, file: str, mapping: str, per_row: float
) -> None:
    """Rows of the real exports become records, none rejected, none losing a field."""
    run = Run(ImportOptions(mapping=example(mapping), limit=1_500), shared_data / file)
    assert (run.tally.mapped, run.rejects) == (1_500, [])
    assert not run.tally.problems
    assert len(run.records) / 1_500 > per_row - 0.6


def test_dialogs_are_read_from_their_array(shared_data: Path) -> None:
    """A gzipped JSON array is read item by item."""
    run = Run(ImportOptions(mapping=example("care-dialogs")), shared_data / "care_dialogs.json.gz")
    assert (run.tally.read, run.tally.mapped, len(run.records)) == (525, 525, 1_211)


def test_both_mail_sets_are_read_from_their_archives(shared_data: Path) -> None:
    """Every mail of the archives is a record; what is no mail is skipped, nothing rejected."""
    run = Run(ImportOptions(limit=1_200), shared_data / "email_fixtures.tar.gz",
              shared_data / "email_corpus.tar.gz")  # fmt: skip
    assert run.rejects == []
    assert run.tally.mapped == len(run.records) > 1_100
    assert not run.tally.problems


def test_a_mapping_may_be_forced_on_any_name(tmp_path: Path) -> None:
    """`--format` decides where a name misleads."""
    mapping = compile_mapping(
        "mapping: m\nemit:\n  - { channel: chat, source: { const: s }, id: id, "
        "kind: { const: message }, occurred_at: { const: 2026-03-01T10:00:00Z } }\n",
        "m.yaml",
    )
    path = write(tmp_path / "export.txt", '{"id": 1}\n{"id": 2}\n')
    run = Run(ImportOptions(mapping=mapping, format=Format.JSONL), path)
    assert [record.identity[2] for record in run.records] == ["1", "2"]
