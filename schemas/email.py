"""The e-mail record: a mail received or sent, a bounce, a spam complaint."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from schemas import limits
from schemas.common import IDENTIFIER, ChannelRecord, Instant, Name, Text

MailAddressText = Annotated[
    str, Meta(min_length=1, max_length=limits.HANDLE_VALUE, extra=IDENTIFIER)
]
MessageId = Annotated[str, Meta(max_length=limits.MESSAGE_ID, extra=IDENTIFIER)]


class EmailKind(StrEnum):
    """What happened to a mail."""

    EMAIL_RECEIVED = "email_received"
    EMAIL_SENT = "email_sent"
    EMAIL_BOUNCED = "email_bounced"
    EMAIL_COMPLAINED = "email_complained"


class AutoKind(StrEnum):
    """Mail that no person wrote opens no complaint, stops no clock (RFC 3834, 2919, 3464)."""

    NONE = "none"
    AUTO_REPLY = "auto_reply"
    AUTO_GENERATED = "auto_generated"
    BULK = "bulk"
    BOUNCE = "bounce"
    OTHER = "other"


class BounceKind(StrEnum):
    """Hard bounces are final, soft ones may still arrive, blocked ones were refused by policy."""

    HARD = "hard"
    SOFT = "soft"
    BLOCKED = "blocked"
    OTHER = "other"


class MailAddress(Struct, frozen=True, omit_defaults=True, gc=False):
    """An address with its display name."""

    address: MailAddressText
    name: Name | None = None


class MailAttachment(Struct, frozen=True, omit_defaults=True, gc=False):
    """What was attached, never the bytes."""

    name: Annotated[str, Meta(max_length=limits.FILE_NAME)] | None = None
    media_type: Annotated[str, Meta(max_length=limits.MEDIA_TYPE)] | None = None
    size_bytes: Annotated[int, Meta(ge=0)] | None = None


class EmailRecord(ChannelRecord, kw_only=True, omit_defaults=True):
    """A channel record of `interactions.email.v1`. Message ids come without `<>`, case kept."""

    kind: EmailKind
    message_id: MessageId | None = None
    in_reply_to: Annotated[list[MessageId], Meta(max_length=limits.IN_REPLY_TO)] = []
    references: Annotated[list[MessageId], Meta(max_length=limits.REFERENCES)] = []
    provider_id: Annotated[str, Meta(max_length=limits.SOURCE_ID, extra=IDENTIFIER)] | None = None
    from_: MailAddress | None = field(default=None, name="from")
    reply_to: MailAddress | None = None
    to: Annotated[list[MailAddress], Meta(max_length=limits.ADDRESSES)] = []
    cc: Annotated[list[MailAddress], Meta(max_length=limits.ADDRESSES)] = []
    envelope_from: Annotated[str, Meta(max_length=limits.HANDLE_VALUE, extra=IDENTIFIER)] | None = (
        None
    )
    envelope_to: Annotated[
        list[Annotated[str, Meta(max_length=limits.HANDLE_VALUE, extra=IDENTIFIER)]],
        Meta(max_length=limits.ADDRESSES),
    ] = []
    mailbox_tag: Annotated[str, Meta(max_length=limits.MAILBOX_TAG, extra=IDENTIFIER)] | None = None
    subject: Annotated[str, Meta(max_length=limits.SUBJECT)] | None = None
    date_header: Instant | None = None
    received_at: Instant | None = None
    text_new: Text | None = None
    html: Annotated[str, Meta(max_length=limits.HTML)] | None = None
    auto_kind: AutoKind | None = None
    bounce_kind: BounceKind | None = None
    bounced_address: (
        Annotated[str, Meta(max_length=limits.HANDLE_VALUE, extra=IDENTIFIER)] | None
    ) = None
    attachments: Annotated[list[MailAttachment], Meta(max_length=limits.MAIL_ATTACHMENTS)] = []
    spam_score: float | None = None
    spf: Annotated[str, Meta(max_length=32)] | None = None
    dkim: Annotated[str, Meta(max_length=32)] | None = None
    dmarc: Annotated[str, Meta(max_length=32)] | None = None
