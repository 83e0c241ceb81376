"""Mail: who wrote to whom, which thread it belongs to, and whether a person wrote it at all.

A thread is the system's own id where it sends one, else the first message of it. Message ids are
keys without their source, `mail|<id>`, so the same mail seen by two systems is one conversation.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from agents.complaints.detection.auto import auto_kind_of
from agents.intake.parts import (
    KEY_CHARS,
    PARENT_KEYS,
    Context,
    Draft,
    common_fields,
    is_unset,
    plausible,
    with_actor,
)
from agents.intake.words import own_words
from schemas.common import (
    ActorType,
    Channel,
    Direction,
    Handle,
    HandleKind,
    TextFormat,
    Visibility,
)
from schemas.email import AutoKind, EmailKind, EmailRecord, MailAddress
from schemas.interaction import Interaction

DATE_HEADER_TRUST = timedelta(days=7)
"""A `Date` header further from the arrival than this is a broken clock."""

_DIRECTIONS = {
    EmailKind.EMAIL_RECEIVED: Direction.IN,
    EmailKind.EMAIL_SENT: Direction.OUT,
    EmailKind.EMAIL_BOUNCED: Direction.INTERNAL,
    EmailKind.EMAIL_COMPLAINED: Direction.IN,
}
_ANSWERS = (ActorType.HUMAN, ActorType.BOT)


def to_interaction(record: EmailRecord, context: Context) -> Draft:
    """Make the interaction of a mail record."""
    fields = common_fields(record, context)
    if record.occurred_at is None:
        fields["occurred_at"] = _arrival(record, context.received_at)
    occurred_at = fields["occurred_at"]
    direction = record.direction or _DIRECTIONS[record.kind]
    auto_kind = _auto_kind(record, context)
    actor = with_actor(record.actor, _default_actor(record.kind, direction, auto_kind))
    by_person = auto_kind is AutoKind.NONE and record.visibility is Visibility.PUBLIC
    asks = (
        by_person
        and record.kind is EmailKind.EMAIL_RECEIVED
        and direction is Direction.IN
        and actor.type in (ActorType.CUSTOMER, ActorType.OTHER)
    )
    answers = (
        by_person
        and record.kind is EmailKind.EMAIL_SENT
        and direction is Direction.OUT
        and actor.type in _ANSWERS
    )
    parent_keys = _thread(fields, record)
    if fields["customer_name"] is None:
        fields["customer_name"] = _name(record, direction)
    return Draft(
        Interaction(
            **fields,
            kind=record.kind,
            direction=direction,
            actor=actor,
            contact_at=occurred_at if asks else None,
            response_at=occurred_at if answers else None,
            parent_keys=parent_keys,
            text=_text(record, direction),
            subject=record.subject,
            auto_kind=auto_kind,
        ),
        tuple(_correspondents(record, direction, context)),
    )


def _arrival(record: EmailRecord, received_at: datetime) -> datetime:
    """When a mail without an event time happened: at its receipt, else by a trusted Date."""
    arrived = plausible(record.received_at, received_at)
    if arrived is not None:
        return arrived
    written = plausible(record.date_header, received_at)
    if written is not None and abs(written - received_at) <= DATE_HEADER_TRUST:
        return written
    return received_at


def _auto_kind(record: EmailRecord, context: Context) -> AutoKind:
    if record.kind is EmailKind.EMAIL_BOUNCED:
        return AutoKind.BOUNCE
    if record.kind is EmailKind.EMAIL_COMPLAINED:
        return AutoKind.NONE  # the report is a machine's, the complaint is the customer's
    sender = record.from_
    return auto_kind_of(
        subject=record.subject,
        from_address=f"{sender.name or ''} <{sender.address}>" if sender is not None else None,
        reply_to=record.reply_to.address if record.reply_to is not None else None,
        envelope_from=record.envelope_from,
        declared=record.auto_kind,
        own_domains=context.settings.own_domains,
    ).kind


def _default_actor(kind: EmailKind, direction: Direction, auto_kind: AutoKind) -> ActorType:
    if kind is EmailKind.EMAIL_BOUNCED or auto_kind is not AutoKind.NONE:
        return ActorType.SYSTEM
    return ActorType.CUSTOMER if direction is Direction.IN else ActorType.HUMAN


def _thread(fields: dict[str, Any], record: EmailRecord) -> list[str]:
    """Settle the conversation of a mail and return the other keys its thread is known by."""
    named = [*record.references, *record.in_reply_to]
    if record.message_id:
        named.append(record.message_id)
    keys = list(dict.fromkeys(key for key in map(_mail_key, named) if key is not None))
    if not keys:
        return []
    if fields["conversation_key"] is None:
        fields["conversation_key"] = keys[0]
        keys = keys[1:]
    return keys if len(keys) <= PARENT_KEYS else [keys[0], *keys[1 - PARENT_KEYS :]]


def _mail_key(message_id: str) -> str | None:
    text = message_id.strip().strip("<>").strip()
    if is_unset(text):
        return None
    if len(text) > KEY_CHARS:
        text = f"#{blake2b(text.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"
    return f"mail|{text}"


def _text(record: EmailRecord, direction: Direction) -> str | None:
    """Return the words of the mail itself; the reply alone where the source cut it out.

    Only a customer's words are judged, so only they are freed of quotes and signatures.
    """
    if direction is Direction.OUT and (record.text_new or record.text):
        return record.text_new or record.text
    subject = record.subject if direction is Direction.IN else None
    if record.text_new and record.text_new.strip():
        return own_words(Channel.EMAIL, record.text_new, TextFormat.PLAIN, subject)
    if record.text and record.text.strip():
        return own_words(Channel.EMAIL, record.text, record.text_format, subject)
    if record.html:
        return own_words(Channel.EMAIL, record.html, TextFormat.HTML, subject)
    comment = record.rating.comment if record.rating is not None else None
    return own_words(Channel.EMAIL, comment, TextFormat.PLAIN, subject)


def _name(record: EmailRecord, direction: Direction) -> str | None:
    if direction is Direction.IN:
        return record.from_.name if record.from_ is not None else None
    return record.to[0].name if direction is Direction.OUT and len(record.to) == 1 else None


def _correspondents(
    record: EmailRecord, direction: Direction, context: Context
) -> Iterable[Handle]:
    """Yield the customer's address: of the first candidates that is none of ours, one."""
    own = context.settings.own_domains
    for address in _candidates(record, direction):
        domain = address.rpartition("@")[2].strip("> ").lower()
        if address and domain not in own:
            yield Handle(HandleKind.EMAIL, address)
            if direction is not Direction.IN or not _is_no_reply(address):
                return


def _candidates(record: EmailRecord, direction: Direction) -> Iterable[str]:
    if record.kind in (EmailKind.EMAIL_BOUNCED, EmailKind.EMAIL_COMPLAINED):
        yield from filter(None, [record.bounced_address])
    if direction is Direction.IN:
        # A contact form sends from no-reply@ and names the customer in Reply-To.
        yield from _addresses([record.from_, record.reply_to])
        yield from filter(None, [record.envelope_from])
    else:
        yield from _addresses(record.to)
        yield from record.envelope_to


def _addresses(addresses: Iterable[MailAddress | None]) -> Iterable[str]:
    return (entry.address for entry in addresses if entry is not None)


def _is_no_reply(address: str) -> bool:
    local = address.lower().rpartition("<")[2]
    return local.startswith(("no-reply", "noreply", "do-not-reply", "donotreply", "no_reply"))
