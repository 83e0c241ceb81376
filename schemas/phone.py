"""The phone record: one happening of a call, from its start to its rating."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas import limits
from schemas.common import IDENTIFIER, ChannelRecord, ConversationId, Instant, Seconds

PhoneNumber = Annotated[str, Meta(max_length=limits.PHONE_NUMBER, extra=IDENTIFIER)]


class PhoneKind(StrEnum):
    """What happened on the phone. Live and final records of one call share `call_id`."""

    CALL_STARTED = "call_started"
    CALL_QUEUED = "call_queued"
    CALL_ANSWERED = "call_answered"
    CALL_TRANSFERRED = "call_transferred"
    CALL_ENDED = "call_ended"
    CALL_ABANDONED = "call_abandoned"
    VOICEMAIL = "voicemail"
    CALL_RATED = "call_rated"


class EndReason(StrEnum):
    """Who or what ended the call."""

    CUSTOMER_HANGUP = "customer_hangup"
    STAFF_HANGUP = "staff_hangup"
    TRANSFER = "transfer"
    OTHER_PARTY = "other_party"
    SYSTEM = "system"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    TIMEOUT = "timeout"
    OTHER = "other"


class AbandonedIn(StrEnum):
    """Where the caller gave up."""

    IVR = "ivr"
    QUEUE = "queue"
    RING = "ring"
    OTHER = "other"


class Turn(Struct, frozen=True, omit_defaults=True, gc=False):
    """One spoken turn of a transcript; `offset_seconds` counts from the start of the call."""

    speaker: Annotated[str, Meta(max_length=64)]
    text: Annotated[str, Meta(max_length=limits.TRANSCRIPT_CHARS)]
    offset_seconds: Seconds | None = None


class PhoneRecord(ChannelRecord, kw_only=True, omit_defaults=True):
    """A channel record of `interactions.phone.v1`. Times win over durations."""

    kind: PhoneKind
    call_id: ConversationId | None = None
    leg_id: ConversationId | None = None
    from_number: PhoneNumber | None = None
    to_number: PhoneNumber | None = None
    queue: Annotated[str, Meta(max_length=limits.QUEUE)] | None = None
    queue_id: Annotated[str, Meta(max_length=limits.QUEUE)] | None = None
    started_at: Instant | None = None
    queued_at: Instant | None = None
    answered_at: Instant | None = None
    agent_left_at: Instant | None = None
    ended_at: Instant | None = None
    queue_wait_seconds: Seconds | None = None
    ring_seconds: Seconds | None = None
    talk_seconds: Seconds | None = None
    hold_seconds: Seconds | None = None
    wrap_seconds: Seconds | None = None
    end_reason: EndReason | None = None
    abandoned_in: AbandonedIn | None = None
    ivr_path: Annotated[
        list[Annotated[str, Meta(max_length=limits.IVR_KEY)]], Meta(max_length=limits.IVR_PATH)
    ] = []
    transcript: Annotated[list[Turn], Meta(max_length=limits.TRANSCRIPT_TURNS)] = []
