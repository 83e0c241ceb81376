"""A mail becomes an e-mail record: who wrote to whom, when, in which thread, and whether a person
did.

Every mail becomes a record. What cannot be read of it is left out; a mail without a usable date is
taken to have happened when it arrives, and says so.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

from agents.complaints.detection.auto import auto_kind_of
from schemas import limits
from schemas.email import AutoKind
from streams.importing.mail_bodies import DeliveryReport, MailBodies, read_bodies
from streams.importing.mail_headers import MailAddress, MailHeaders, read_date, split_mail

Record = dict[str, Any]

OLDEST = datetime(limits.OLDEST_OCCURRED_AT_YEAR, 1, 1, tzinfo=UTC)
FUTURE = timedelta(seconds=limits.FUTURE_SECONDS)

HASHED_CHARS = 1_000
"""How much of a text goes into the id of a mail that has none of its own."""


class OwnAddresses(NamedTuple):
    """Which addresses are the company's: they tell mails sent from mails received."""

    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    def has(self, address: str) -> bool:
        """Say whether an address is ours; subdomains of our domains are."""
        address = address.lower()
        domain = address.rpartition("@")[2]
        return address in self.addresses or any(
            domain == own or domain.endswith(f".{own}") for own in self.domains
        )


class MailTime(NamedTuple):
    """When a mail happened, as far as it can be told."""

    occurred_at: datetime | None
    quality: str
    received_at: datetime | None
    date_header: datetime | None


def email_record(raw: bytes, own: OwnAddresses, source: str, now: datetime) -> Record:
    """Make the record of one mail, as it stands in a file. Never raises.

    `now` is the time of the import: a later date is a broken clock.
    """
    headers, body = split_mail(raw)
    bodies = read_bodies(headers, body)
    sender = next(iter(headers.addresses("from")), None)
    is_sent = sender is not None and own.has(sender.address)
    time = _time(headers, now)
    auto_kind = _auto_kind(headers, own)
    record: Record = {
        "source": source,
        "kind": _kind(bodies.report, is_sent),
        "direction": "out" if is_sent else "in",
        "auto_kind": auto_kind.value,
        **_times(time),
        **_thread(headers),
        **_parties(headers, sender),
        **_contents(headers, bodies),
    }
    record["actor"] = _actor(sender, is_sent, auto_kind)
    record["id"] = _id(record, raw)
    _add_report(record, bodies.report, headers)
    _add_customer(record, headers, sender, own, is_sent)
    if not (record["message_id"] or record["references"] or record["in_reply_to"]):
        # A mail of nobody, in no thread, is a conversation of its own: it must not get lost.
        record["conversation_id"] = record["id"]
    return {name: value for name, value in record.items() if value not in (None, "", [], {})}


def _kind(report: DeliveryReport | None, is_sent: bool) -> str:
    if report is not None and report.is_complaint:
        return "email_complained"
    if report is not None:
        return "email_bounced"
    return "email_sent" if is_sent else "email_received"


def _time(headers: MailHeaders, now: datetime) -> MailTime:
    """The topmost `Received` is our own server's clock; `Date` is the sender's."""
    received, date = None, None
    for value in headers.all("received")[:1]:
        received = _plausible(read_date(value.rpartition(";")[2]), now)
    for value in headers.all("date"):
        date = date or _plausible(read_date(value), now)
    found = received or date or _plausible(_envelope_date(headers.envelope), now)
    if found is None:
        return MailTime(None, "arrival", received and received[0], date and date[0])
    at, has_zone = found
    quality = "exact" if has_zone else "assumed_zone"
    return MailTime(at, quality, received and received[0], date and date[0])


def _plausible(found: datetime | None, now: datetime) -> tuple[datetime, bool] | None:
    """Return the instant, and whether its zone was written; None for a broken clock."""
    if found is None:
        return None
    has_zone = found.tzinfo is not None
    at = found if has_zone else found.replace(tzinfo=UTC)
    return (at, has_zone) if OLDEST <= at <= now + FUTURE else None


def _envelope_date(line: str) -> datetime | None:
    """Read the date of a mailbox's `From ` line: `From ann@x Thu Aug 22 12:36:23 2002`."""
    words = line.split()[-5:]
    try:
        return datetime.strptime(" ".join(words), "%a %b %d %H:%M:%S %Y")  # noqa: DTZ007
    except ValueError:
        return None


def _times(time: MailTime) -> Record:
    return {
        "occurred_at": time.occurred_at,
        "time_quality": None if time.quality == "exact" else time.quality,
        "received_at": time.received_at,
        "date_header": time.date_header,
    }


def _thread(headers: MailHeaders) -> Record:
    ids = headers.message_ids("message-id", 1)
    answered = headers.message_ids("in-reply-to", limits.IN_REPLY_TO)
    return {
        "message_id": ids[0] if ids else None,
        "in_reply_to": answered,
        "references": headers.message_ids("references", limits.REFERENCES),
        "parent_id": answered[0] if answered else None,
    }


def _parties(headers: MailHeaders, sender: MailAddress | None) -> Record:
    path = headers.text("return-path", limits.HANDLE_VALUE + 2)
    answer_to = headers.addresses("reply-to")
    return {
        "from": _party(sender),
        "reply_to": _party(answer_to[0]) if answer_to else None,
        "to": [_party(one) for one in headers.addresses("to")],
        "cc": [_party(one) for one in headers.addresses("cc")],
        "envelope_from": path.strip("<> ") if path else None,
        "envelope_to": [one.address for one in headers.addresses("delivered-to")],
    }


def _party(one: MailAddress | None) -> Record | None:
    if one is None:
        return None
    return {"address": one.address, "name": one.name} if one.name else {"address": one.address}


def _contents(headers: MailHeaders, bodies: MailBodies) -> Record:
    is_cut = len(bodies.text) > limits.TEXT
    return {
        "subject": headers.text("subject", limits.SUBJECT),
        "text": bodies.text[: limits.TEXT],
        "text_truncated": True if is_cut else None,
        # Pages are many times their text and say the same: they are kept where nothing else is.
        "html": None if bodies.text else bodies.html,
        "attachments": bodies.attachments,
        "language": headers.text("content-language", limits.LANGUAGE),
    }


def _auto_kind(headers: MailHeaders, own: OwnAddresses) -> AutoKind:
    path = headers.all("return-path")
    return auto_kind_of(
        subject=headers.text("subject", limits.SUBJECT) or "",
        headers=headers.lowered(),
        envelope_from=path[0] if path else None,
        own_domains=own.domains,
    ).kind


def _actor(sender: MailAddress | None, is_sent: bool, auto_kind: AutoKind) -> Record:
    if auto_kind is not AutoKind.NONE:
        return {"type": "system"}
    if not is_sent or sender is None:
        return {"type": "customer"}
    found = {"type": "human", "id": sender.address[: limits.REPRESENTATIVE_ID]}
    return {**found, "name": sender.name} if sender.name else found


def _id(record: Record, raw: bytes) -> str:
    """The mail's own id; else a hash of what makes it this mail and no other."""
    own: str | None = record["message_id"]
    if own and len(own) <= limits.SOURCE_ID:
        return own
    parts = [
        str((record["from"] or {}).get("address", "")),
        str(record["date_header"]),
        str(record["subject"]),
        str(record["text"] or record["html"] or "")[:HASHED_CHARS],
    ]
    if not any(parts[index] for index in (0, 3)):
        parts.append(raw[:HASHED_CHARS].hex())
    return f"mail:{blake2b(chr(0).join(parts).encode(), digest_size=16).hexdigest()}"


def _add_report(record: Record, report: DeliveryReport | None, headers: MailHeaders) -> None:
    """A bounce names the address that failed; some mailers name it in a header only."""
    failed = headers.addresses("x-failed-recipients")
    if report is None and failed:
        report = DeliveryReport(failed[0].address, "5")
        record["kind"] = "email_bounced"
    if report is None:
        return
    record["bounced_address"] = report.address
    record["actor"] = {"type": "system"}
    if not report.is_complaint:
        record["direction"] = None
        record["bounce_kind"] = {"5": "hard", "4": "soft"}.get(report.status[:1], "other")


def _add_customer(
    record: Record,
    headers: MailHeaders,
    sender: MailAddress | None,
    own: OwnAddresses,
    is_sent: bool,
) -> None:
    """The customer is the other party: the sender of a mail in, the first stranger of one out."""
    candidates: Iterable[MailAddress] = [sender] if sender is not None else []
    if record["kind"] in ("email_bounced", "email_complained"):
        address = record["bounced_address"]
        candidates = [MailAddress(address, "")] if address else []
    elif is_sent:
        parties = [*headers.addresses("to"), *headers.addresses("cc")]
        candidates = [one for one in parties if not own.has(one.address)][:1]
        if not candidates:
            record["direction"], record["visibility"] = "internal", "private"
    found = list(candidates)
    record["customer"] = [{"kind": "email", "value": one.address} for one in found]
    record["customer_name"] = found[0].name if found else None
