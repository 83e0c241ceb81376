"""Mails become records: parties, times, threads, bodies, bounces, and what no person wrote."""

import tarfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.intake.outcomes import Accepted, Rejected, Skipped
from agents.intake.settings import IntakeSettings
from agents.intake.step import take_in
from schemas.codec import decode_channel_record
from schemas.common import Channel
from schemas.interaction import Origin
from streams.importing import mail_bodies
from streams.importing.mail_headers import split_mail
from streams.importing.mail_records import OwnAddresses, email_record

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OWN = OwnAddresses(frozenset({"help@partner.example"}), frozenset({"acme.example"}))

PLAIN = b"""Return-Path: <ann@example.com>
Delivered-To: support+T-77@acme.example
Received: from mail.example.com by mx.acme.example; Mon, 2 Mar 2026 08:00:30 +0000
Received: from laptop by mail.example.com; Mon, 2 Mar 2026 08:00:10 +0000
From: "Lee, Ann" <Ann@Example.com>
To: Support <support@acme.example>
Cc: bob@example.com, (comment) <carl@example.com>
Subject: =?utf-8?Q?Where_is_my_parcel=3F?=
Date: Mon, 2 Mar 2026 09:00:00 +0100
Message-ID: <m1@example.com>
In-Reply-To: <m0@acme.example>
References: <root@acme.example>
 <m0@acme.example>
Content-Type: text/plain; charset=utf-8

It is two weeks late.
"""


def taken(record: dict[str, Any]) -> Accepted | Rejected | Skipped:
    """Take a record in, as the worker does."""
    raw = orjson.dumps(record)
    return take_in(raw, [], Channel.EMAIL, NOW, Origin("mails", 0, 0), IntakeSettings())


def record_of(raw: bytes, own: OwnAddresses = OWN) -> dict[str, Any]:
    """Make a record and see that intake takes it as it is."""
    record = email_record(raw, own, "mail", NOW)
    decoded = decode_channel_record(Channel.EMAIL, orjson.dumps(record), NOW)
    assert decoded.problems == ()
    assert decoded.unknown_fields == ()
    assert isinstance(taken(record), Accepted)
    return record


def test_a_mail_received() -> None:
    """Parties, times and thread of an ordinary mail."""
    record = record_of(PLAIN)
    assert (record["kind"], record["direction"]) == ("email_received", "in")
    assert record["id"] == record["message_id"] == "m1@example.com"
    assert record["references"] == ["root@acme.example", "m0@acme.example"]
    assert record["in_reply_to"] == ["m0@acme.example"]
    assert record["from"] == {"address": "Ann@Example.com", "name": "Lee, Ann"}
    assert [one["address"] for one in record["cc"]] == ["bob@example.com", "carl@example.com"]
    assert record["envelope_to"] == ["support+T-77@acme.example"]
    assert record["subject"] == "Where is my parcel?"
    assert record["text"] == "It is two weeks late."
    assert record["customer"] == [{"kind": "email", "value": "Ann@Example.com"}]
    assert record["actor"] == {"type": "customer"}
    assert record["auto_kind"] == "none"


def test_the_receipt_is_the_time_of_a_mail() -> None:
    """The topmost `Received` is our server's clock; `Date` is the sender's and only stands in."""
    record = record_of(PLAIN)
    assert record["occurred_at"] == datetime(2026, 3, 2, 8, 0, 30, tzinfo=UTC)
    assert record["date_header"] == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    unreceived = b"\n".join(line for line in PLAIN.split(b"\n") if not line.startswith(b"Received"))
    assert record_of(unreceived)["occurred_at"] == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "occurred_at", "quality"),
    [
        (b"Mon, 2 Mar 2026 08:00:00", datetime(2026, 3, 2, 8, tzinfo=UTC), "assumed_zone"),
        (b"Thu, 1 Jan 1970 00:00:00 +0000", None, "arrival"),
        (b"Mon, 2 Mar 2099 08:00:00 +0000", None, "arrival"),
        (b"yesterday evening", None, "arrival"),
        (b"", None, "arrival"),
    ],
)
def test_a_broken_clock_is_not_believed(
    date: bytes, occurred_at: datetime | None, quality: str
) -> None:
    """A date that is missing, unreadable, ancient or in the future leaves the time of arrival."""
    record = record_of(b"From: a@example.com\nDate: " + date + b"\n\nHello")
    assert record.get("occurred_at") == occurred_at
    assert record["time_quality"] == quality


def test_the_line_of_a_mailbox_dates_a_mail_without_a_date() -> None:
    """The `From ` line tells when the mail was delivered, without a zone."""
    record = record_of(b"From ann@example.com Mon Mar  2 08:00:00 2026\nFrom: a@example.com\n\nHi")
    assert record["occurred_at"] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert record["time_quality"] == "assumed_zone"


@pytest.mark.parametrize(
    "sender", [b"kim@acme.example", b"kim@eu.acme.example", b"help@partner.example"]
)
def test_a_mail_from_our_own_address_was_sent(sender: bytes) -> None:
    """Own domains (with their subdomains) and addresses tell answers from questions."""
    raw = PLAIN.replace(b'"Lee, Ann" <Ann@Example.com>', b"Kim <" + sender + b">").replace(
        b"Support <support@acme.example>", b"kim@acme.example, Ann <ann@example.com>"
    )
    record = record_of(raw)
    assert (record["kind"], record["direction"]) == ("email_sent", "out")
    assert record["customer"] == [{"kind": "email", "value": "ann@example.com"}]
    assert record["customer_name"] == "Ann"
    assert record["actor"] == {"type": "human", "id": sender.decode(), "name": "Kim"}


def test_a_mail_among_ourselves_is_internal() -> None:
    """Colleagues' mail reaches no customer and stops no clock."""
    raw = b"From: kim@acme.example\nTo: lee@acme.example\nMessage-ID: <x@y>\n\nTake this one?"
    record = record_of(raw)
    assert (record["direction"], record["visibility"]) == ("internal", "private")
    assert "customer" not in record


def test_a_lookalike_domain_is_not_ours() -> None:
    """`notacme.example` ends with our domain's name and is somebody else's."""
    record = record_of(b"From: x@notacme.example\nMessage-ID: <x@y>\n\nHi")
    assert record["direction"] == "in"


def test_html_stands_only_where_no_text_is() -> None:
    """Both alternatives say the same; the text is kept, and the page where it is all there is."""
    both = (
        b"From: a@example.com\nContent-Type: multipart/alternative; boundary=x\n\n"
        b"--x\nContent-Type: text/plain\n\nHello\n"
        b"--x\nContent-Type: text/html\n\n<p>Hello</p>\n--x--\n"
    )
    assert record_of(both)["text"] == "Hello"
    assert "html" not in record_of(both)
    page = b"From: a@example.com\nContent-Type: text/html\n\n<p>Hello</p>"
    assert record_of(page)["html"] == "<p>Hello</p>"
    assert "text" not in record_of(page)


def test_a_multipart_with_a_broken_boundary_keeps_its_words() -> None:
    """Where the parts cannot be told apart, the whole is the text."""
    raw = b"From: a@example.com\nContent-Type: multipart/alternative; boundary=x\n\n--y\n\nHello"
    assert "Hello" in record_of(raw)["text"]


def test_attachments_are_named_not_kept() -> None:
    """Name, type and size of what is attached, never the bytes."""
    raw = (
        b"From: a@example.com\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nSee the bill.\n"
        b"--x\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
        b'Content-Disposition: attachment; filename="=?utf-8?B?6LSm5Y2VLnBkZg==?="\n\n'
        b"SGVsbG8=\n--x--\n"
    )
    record = record_of(raw)
    assert record["text"] == "See the bill."
    assert record["attachments"] == [
        {"media_type": "application/pdf", "size_bytes": 5, "name": "账单.pdf"}
    ]


def test_a_bounce_names_the_dead_address() -> None:
    """A delivery report is a bounce, hard or soft by its status; it asks nothing of anybody."""
    raw = (
        b"From: MAILER-DAEMON@mx.example\nTo: kim@acme.example\nSubject: Undelivered\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
        b"--x\n\nSorry.\n--x\nContent-Type: message/delivery-status\n\n"
        b"Reporting-MTA: dns; mx.example\n\n"
        b"Final-Recipient: rfc822; Gone@example.com\nAction: failed\nStatus: 5.1.1\n\n--x--\n"
    )
    record = record_of(raw)
    assert (record["kind"], record["bounce_kind"]) == ("email_bounced", "hard")
    assert record["bounced_address"] == "Gone@example.com"
    assert record["customer"] == [{"kind": "email", "value": "Gone@example.com"}]
    assert (record["auto_kind"], record["actor"]) == ("bounce", {"type": "system"})
    assert record_of(raw.replace(b"5.1.1", b"4.2.2"))["bounce_kind"] == "soft"


def test_a_spam_complaint_is_one() -> None:
    """A feedback report says that the recipient called our mail spam."""
    raw = (
        b"From: fbl@provider.example\nContent-Type: multipart/report; report-type=feedback-report;"
        b" boundary=x\n\n--x\n\nReported.\n--x\nContent-Type: message/feedback-report\n\n"
        b"Feedback-Type: abuse\nOriginal-Rcpt-To: <ann@example.com>\n\n--x--\n"
    )
    record = record_of(raw)
    assert (record["kind"], record["bounced_address"]) == ("email_complained", "ann@example.com")


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"Auto-Submitted: auto-replied", "auto_reply"),
        (b"Auto-Submitted: auto-generated", "auto_generated"),
        (b"List-Id: <news.example.com>", "bulk"),
        (b"Precedence: bulk", "bulk"),
        (b"Return-Path: <>", "bounce"),
        (b"X-Failed-Recipients: gone@example.com", "bounce"),
    ],
)
def test_what_no_person_wrote_is_marked(header: bytes, kind: str) -> None:
    """Holiday notices, newsletters and reports open no complaint."""
    record = record_of(b"From: a@example.com\nMessage-ID: <x@y>\n" + header + b"\n\nHello")
    assert record["auto_kind"] == kind
    assert record["actor"] == {"type": "system"}


def test_a_mail_without_an_id_gets_a_stable_one() -> None:
    """The id is a hash of what makes it this mail, so a second import recognises it."""
    raw = b"From: a@example.com\nDate: Mon, 2 Mar 2026 08:00:00 +0000\nSubject: Hi\n\nHello"
    assert record_of(raw)["id"] == record_of(b"X-Relay: two\n" + raw)["id"]
    assert record_of(raw)["id"] != record_of(raw.replace(b"Hello", b"Hallo"))["id"]
    overlong = b"Message-ID: <" + b"x" * 400 + b"@y>\n" + raw
    assert record_of(overlong)["id"] == record_of(raw)["id"]
    assert len(record_of(overlong)["message_id"]) == 402


def test_a_mail_of_nobody_is_a_conversation_of_its_own() -> None:
    """Without sender, id and thread there is still a mail: intake must be able to keep it."""
    record = record_of(b"Subject: Help\n\nIt broke.")
    assert record["conversation_id"] == record["id"]
    assert "conversation_id" not in record_of(PLAIN)


def test_old_spellings_of_headers_are_read() -> None:
    """A blank before the colon is allowed by RFC 822, and `From :` is no line of a mailbox."""
    record = record_of(b"From : John <john@example.com>\nSubject  : Old\n\nHello")
    assert record["from"] == {"address": "john@example.com", "name": "John"}
    assert (record["subject"], record["text"]) == ("Old", "Hello")


def test_what_pythons_parser_cannot_read_still_arrives() -> None:
    """Nesting too deep for the parser costs the MIME structure, not the mail."""
    depth = 1_000
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )
    raw = b"From: a@example.com\nSubject: Deep\n" + nested + b"\nHelp"
    assert mail_bodies.read_bodies(*split_mail(raw)).is_raw
    record = record_of(raw)
    assert record["subject"] == "Deep"
    assert record["text"].startswith("--b0")


def test_long_texts_are_cut_and_say_so() -> None:
    """A body over the contract's limit is cut where it is made, and marked."""
    record = record_of(b"From: a@example.com\n\n" + b"word " * 10_000)
    assert len(record["text"]) == 20_000
    assert record["text_truncated"] is True


def test_nul_and_surrogates_never_reach_the_record() -> None:
    """What JSON cannot hold is left out."""
    record = record_of(b"From: a@example.com\nSubject: a\x00b\n\nx\x00y \xed\xa0\x80")
    assert record["subject"] == "ab"
    assert "\x00" not in record["text"]


@given(st.binary(max_size=400))
def test_no_bytes_raise(raw: bytes) -> None:
    """Whatever a file holds, it becomes a record that intake can take."""
    record_of(raw)


HEADER_LINES = st.sampled_from(
    rb"""
From: a@example.com
From: =?utf-8?q?x?= <a@
To: undisclosed-recipients:;
 folded
Date: Mon, 32 Foo 2026 99:99:99 +9999
Message-ID: <<>>
References: <a@b> <
: empty
Received: ; x
Content-Type: multipart/mixed; boundary=
Content-Type: multipart/report; boundary=x
Content-Type: text/plain; charset=\xff
Content-Type: message/rfc822
Content-Type: message/delivery-status
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*=utf-8''%
Final-Recipient: rfc822;@
--x
""".split(b"\n")
)


@given(st.lists(HEADER_LINES, max_size=14), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_no_mangled_mail_raises(lines: list[bytes], end: bytes) -> None:
    """Headers and MIME in any order and state of damage give a record."""
    record_of(end.join(lines))


def _mails(path: Path) -> list[tuple[str, bytes]]:
    found = []
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                found.append((member.name, content.read()))
    return found


def test_every_fixture_becomes_a_record(shared_data: Path) -> None:
    """Some 280 raw mails that broke mail libraries: each is a record intake takes unchanged."""
    mails = [
        (name, raw)
        for name, raw in _mails(shared_data / "email_fixtures.tar.gz")
        if name.endswith((".eml", ".txt"))
    ]
    assert len(mails) > 275
    kinds = Counter(record_of(raw)["kind"] for _, raw in mails)
    assert kinds["email_bounced"] > 20
    assert kinds["email_received"] > 200


def test_charsets_of_the_fixtures_are_read(shared_data: Path) -> None:
    """Japanese, Korean and eight-bit mails come out as their writers meant them."""
    mails = dict(_mails(shared_data / "email_fixtures.tar.gz"))
    folder = "mikel_mail/spec/fixtures/emails/multi_charset/"

    def text(name: str) -> str:
        record = record_of(mails[folder + name])
        return f"{record.get('subject')} {record.get('text')}"

    assert "まみむめも" in text("japanese.eml")
    assert text("japanese_iso_2022.eml") == "まみむめも すみません。"
    assert "�" not in text("ks_c_5601-1987.eml")


def test_mails_from_the_wild_become_records(shared_data: Path) -> None:
    """Every fourth of 3,000 real mails, spam among them: none raises, nearly all have a time."""
    mails = [
        (name, raw)
        for name, raw in _mails(shared_data / "email_corpus.tar.gz")
        if name.count("/") == 2
    ]
    assert len(mails) == 3_000
    sample = mails[::4]
    qualities = Counter(record_of(raw).get("time_quality", "exact") for _, raw in sample)
    assert qualities["exact"] > 740
