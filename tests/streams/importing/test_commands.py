"""`manyi import`, `manyi map` and `manyi publish` as people meet them."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from agents.mapping import shipped_names
from schemas.codec import decode_channel_record, decode_command
from schemas.common import Channel
from streams.cli.main import run
from streams.cli.publish import example_of
from streams.errors import ExitCode
from streams.importing.outgoing import CHANNELS, topic_of
from streams.settings import Settings
from tests.agents.mapping.payloads import EXAMPLES
from tests.streams.importing.test_publisher import NOW, read_all

TICKETS = """ticket_id,created_at,channel,customer_email,description,resolved_at
1,2026-03-01T10:00:00Z,email,ann@example.com,Where is it?,2026-03-02T10:00:00Z
2,2026-02-01T10:00:00Z,chat,bob@example.com,Broken!,
3,someday,chat,eve@example.com,Hello,
"""


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """A help desk's export with one bad row."""
    path = tmp_path / "tickets.csv"
    path.write_text(TICKETS, encoding="utf-8")
    return path


Captured = pytest.CaptureFixture[str]
_NOT_SET = ("KAFKA_", "REDIS_", "MANYI_")


def test_a_dry_run_tells_what_would_happen(tickets: Path, tmp_path: Path, capsys: Captured) -> None:
    """Rows, records, skips and rejects are counted without any broker; rejects go to their file."""
    rejects = tmp_path / "rejects.jsonl"
    arguments = ["--mapping", "helpdesk-export", "--dry-run", "--rejects", str(rejects)]
    assert run(["import", str(tickets), *arguments]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "3 read = 2 mapped + 0 skipped + 1 rejected" in shown
    assert f"{tickets}:4: occurred_at: 'someday' is not an ISO 8601 time" in shown
    assert "Nothing was published" in shown
    (line,) = rejects.read_bytes().splitlines()
    assert orjson.loads(line)["where"] == f"{tickets}:4"
    assert orjson.loads(orjson.loads(line)["content"])["customer_email"] == "eve@example.com"


def test_a_format_may_be_said(tmp_path: Path, capsys: Captured) -> None:
    """A file whose name misleads is read as told; mails need no mapping."""
    path = tmp_path / "export.csv"
    path.write_text("From: ann@example.com\nMessage-ID: <1@x>\n\nHi", encoding="utf-8")
    assert run(["import", str(path), "--format", "eml", "--dry-run"]) == ExitCode.OK
    assert "1 read = 1 mapped" in capsys.readouterr().out


def test_an_import_without_one_good_row_has_failed(tmp_path: Path) -> None:
    """Scripts notice when nothing of a file could be used."""
    path = tmp_path / "tickets.csv"
    path.write_text("ticket_id,created_at\n1,someday\n", encoding="utf-8")
    code = run(["import", str(path), "--mapping", "helpdesk-export", "--dry-run"])
    assert code == ExitCode.FAILED


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.csv"], "nothing.csv: no such file"),
        (["FILE"], "Name a mapping: --mapping NAME"),
        (["FILE", "--mapping", "unheard-of"], "Name a file, or one of amazon-connect"),
        (["FILE", "--mapping", "FILE"], "must be a mapping of names to values"),
        (["FILE", "--encoding", "utf-9"], "There is no encoding 'utf-9'"),
        (["FILE", "--delimiter", ";;"], "is not one character"),
        (["FILE", "--limit", "0"], "--limit"),
    ],
)
def test_what_the_user_can_mend_is_said(
    tickets: Path, capsys: Captured, arguments: list[str], says: str
) -> None:
    """Each mistake of the command line ends in one line and the next step, with status 2."""
    words = [str(tickets) if word == "FILE" else word for word in arguments]
    assert run(["import", "--dry-run", *words]) == ExitCode.USAGE
    assert says in " ".join(capsys.readouterr().err.split())


def test_foreign_text_does_not_steer_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    """Escape sequences of a row are shown, not obeyed."""
    path = tmp_path / "tickets.csv"
    path.write_text("ticket_id,created_at\n1,\x1b[2Jsoon\n2,2026-03-01\n", encoding="utf-8")
    run(["import", str(path), "--mapping", "helpdesk-export", "--dry-run"])
    assert "\x1b[2J" not in capsys.readouterr().out


def test_mappings_are_listed_and_shown(capsys: Captured) -> None:
    """Every mapping that comes along is on the list; showing one gives a file to start from."""
    assert run(["map", "list"]) == ExitCode.OK
    listed = capsys.readouterr().out
    assert all(name in listed for name in shipped_names())
    assert run(["map", "show", "helpdesk-export"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert shown.startswith("# A help desk's ticket export")
    assert "mapping: helpdesk-export" in shown


def test_map_check_shows_records_skips_and_the_unread(tmp_path: Path, capsys: Captured) -> None:
    """A mapping is tried on samples: what becomes of each, and what no expression reads."""
    sample = tmp_path / "sample.jsonl"
    lines = [
        {"activity": 1, "joinid": 2, "submittime": "2026-03-01 10:00:00", "q1": "5", "q9": "x"},
        {"activity": 1},
        {"activity": 1, "joinid": 3, "submittime": "noon", "q1": "5"},
    ]
    sample.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    code = run(["map", "check", str(EXAMPLES / "wjx.yaml"), str(sample)])
    shown = capsys.readouterr().out
    assert code == ExitCode.FAILED
    assert '"id": "1:2"' in shown
    assert "sample.jsonl:2  skipped: `when` is false" in shown
    assert "no record: occurred_at: 'noon' is not a time like" in shown
    assert "3 payloads: 1 records, 1 skipped, 1 faults" in shown
    assert "Fields no expression reads (1): q9" in shown


def test_map_check_of_a_broken_file_points_at_the_place(tmp_path: Path, capsys: Captured) -> None:
    """File, line, column and the fix."""
    path = tmp_path / "my.yaml"
    path.write_text("mapping: my\nemit:\n  - channel: chatt\n", encoding="utf-8")
    assert run(["map", "check", str(path)]) == ExitCode.USAGE
    assert (
        f"{path}:3:14: there is no channel `chatt`; did you mean `chat`?" in capsys.readouterr().err
    )


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_example_of_every_channel_is_a_good_record(channel: str) -> None:
    """What `manyi publish CHANNEL --example` prints is taken by intake as it is."""
    raw = orjson.dumps(example_of(channel, NOW))
    if channel == "commands":
        assert decode_command(raw, NOW).problems == ()
    else:
        assert decode_channel_record(Channel(channel), raw, NOW).problems == ()


def test_publish_checks_before_it_sends(tmp_path: Path, capsys: Captured) -> None:
    """A record that intake would refuse is told with its line, and nothing pretends it went."""
    path = tmp_path / "records.jsonl"
    good = orjson.dumps(example_of("email", NOW))
    path.write_bytes(good + b'\n{"source": "s", "kind": "email_received"}\n{"a"\n')
    assert run(["publish", "email", str(path), "--dry-run"]) == ExitCode.FAILED
    streams = capsys.readouterr()
    assert "1 records are in order, 2 rows are not" in streams.out
    assert "records.jsonl:2: missing_field in `id`: `id` is required" in streams.err
    assert "records.jsonl:3: not JSON" in streams.err


def test_a_mapping_and_a_channel_exclude_each_other(capsys: Captured) -> None:
    """A mapping says itself which channels its records are of."""
    arguments = ["publish", "--channel", "email", "--mapping", "chatwoot-messages"]
    assert run(arguments) == ExitCode.USAGE
    assert "leave out one" in capsys.readouterr().err


@pytest.fixture
def environ(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """An environment that names the broker of this module, and nothing else."""
    found = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "MANYI_RUNTIME_DIR": str(tmp_path),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **found}


@pytest.mark.integration
def test_an_import_publishes_in_the_order_of_time(
    tickets: Path, environ: dict[str, str], settings: Settings, capsys: Captured
) -> None:
    """Needs the brokers alone, no Redis; a repeated row is folded; the summary counts what went."""
    tickets.write_text(TICKETS + TICKETS.split("\n", 2)[1] + "\n", encoding="utf-8")
    assert run(["import", str(tickets), "--mapping", "helpdesk-export"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "4 read = 3 mapped + 0 skipped + 1 rejected" in shown
    assert "Folded 2 records" in shown
    assert f"Published to {settings.bootstrap_servers}, in the order of their times" in shown
    mails = asyncio.run(read_all(settings, topic_of("email"), 1))
    (command,) = asyncio.run(read_all(settings, topic_of("commands"), 1))
    assert orjson.loads(command.value)["action"] == "resolve"
    assert dict(command.headers)["manyi-alerts"] == b"off"
    assert any(orjson.loads(mail.value)["id"] == "opened:1" for mail in mails)


@pytest.mark.slow
@pytest.mark.integration
def test_where_nothing_runs_an_import_brings_its_own_worker(tmp_path: Path) -> None:
    """No Kafka, no Redis, no demo: the rows of standard input end in tables and balanced books."""
    environ = {name: value for name, value in os.environ.items() if name[:6] not in _NOT_SET}
    environ["MANYI_RUNTIME_DIR"] = str(tmp_path)
    words = ["import", "-", "--format", "csv", "--mapping", "helpdesk-export"]
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *words],
        env=environ,
        input=TICKETS.encode(),
        capture_output=True,
        check=False,
    )
    shown = done.stdout.decode()
    assert done.returncode == ExitCode.OK, done.stderr.decode()
    assert "3 read = 2 mapped + 0 skipped + 1 rejected" in shown
    assert "Published to a worker of its own" in shown
    assert "It adds up" in shown


@pytest.mark.integration
def test_the_first_event_is_one_line(environ: dict[str, str], settings: Settings) -> None:
    """`manyi publish phone --example | manyi publish phone` puts a record on its topic."""
    manyi = [sys.executable, "-m", "streams.cli.main", "publish", "phone"]
    example = subprocess.run([*manyi, "--example"], env=environ, capture_output=True, check=True)
    sent = subprocess.run(manyi, env=environ, input=example.stdout, capture_output=True, check=True)
    assert b"Published 1 to interactions.phone.v1" in sent.stdout
    (record,) = asyncio.run(read_all(settings, topic_of("phone"), 1))
    assert orjson.loads(record.value) == orjson.loads(example.stdout)
    assert "manyi-alerts" not in dict(record.headers)


@pytest.mark.integration
def test_ctrl_c_while_waiting_for_a_line_ends_with_what_was_sent(
    environ: dict[str, str], settings: Settings
) -> None:
    """Lines go out as they come; an interrupt ends the wait for the next and counts those sent."""
    manyi = [sys.executable, "-m", "streams.cli.main", "publish", "web"]
    with subprocess.Popen(
        manyi, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdin is not None
        process.stdin.write(orjson.dumps(example_of("web", NOW)) + b"\n")
        process.stdin.flush()
        asyncio.run(read_all(settings, topic_of("web"), 1))  # it was sent before the next line came
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert b"Published 1 to interactions.web.v1" in out
