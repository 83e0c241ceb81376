"""Does this interaction make a complaint? Every reason that holds is kept with its evidence.

Explicit kind or category, low rating, words, repeated contact about the same matter, an abandoned
call after a long wait. Bounces, automatic replies and newsletters open nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from agents.complaints.detection.rating import judge_rating
from agents.complaints.detection.words import detect_words
from agents.complaints.rules import ComplaintRules
from agents.customer.threads import is_same_matter
from schemas.common import ActorType, Direction
from schemas.complaint import OpenReason, Reason, Severity
from schemas.customer import Thread
from schemas.email import AutoKind, EmailKind
from schemas.interaction import Interaction

REASON_DETAIL = 200

# A member of an enum is looked up by a name of its class, which costs more than the comparison.
_NOT_AUTOMATIC = AutoKind.NONE
_CUSTOMER = ActorType.CUSTOMER
_OUT = Direction.OUT
_SPEAKERS = frozenset({ActorType.CUSTOMER, ActorType.UNKNOWN, ActorType.OTHER})
_SPAM = EmailKind.EMAIL_COMPLAINED


class Finding(Struct, frozen=True, gc=False):
    """Why an interaction is a complaint, how severe by its own words (None: they do not say), about
    what, and what the customer demands."""

    reasons: tuple[Reason, ...]
    severity: Severity | None = None
    category: str = ""
    cause: str = ""
    demand: str = ""


def find_complaint(
    interaction: Interaction,
    thread: Thread | None,
    threads: Sequence[Thread],
    rules: ComplaintRules,
) -> Finding | None:
    """Decide whether `interaction` is a complaint; None where nothing says so.

    `complaint: false` from the publisher is a person's or system's decision that it is none, and
    holds.
    """
    if interaction.complaint is False or interaction.auto_kind is not _NOT_AUTOMATIC:
        return None
    reasons: list[Reason] = []
    severity: Severity | None = None
    category, cause, demand = interaction.category or "", "", ""

    def add(code: OpenReason, detail: str) -> None:
        reasons.append(Reason(code, detail[:REASON_DETAIL], interaction.interaction_id))

    if interaction.complaint:
        add(OpenReason.EXPLICIT, "marked as a complaint by its publisher")
    if interaction.kind == _SPAM:
        add(OpenReason.SPAM_COMPLAINT, "the recipient reported our mail as spam")
    if category and category.lower() in rules.categories:
        add(OpenReason.CATEGORY, category)
    low = judge_rating(interaction.rating) if interaction.rating is not None else None
    if low is not None and low.is_low:
        add(OpenReason.LOW_RATING, low.detail)
    text = interaction.text
    if text and rules.words and is_customer_word(interaction):
        found = detect_words(text, interaction.language)
        if found is not None:
            add(OpenReason.WORDS, found.reason)
            severity = found.severity
            cause = found.cause
            demand = ", ".join(found.demands)
    if interaction.abandoned:
        wait_seconds = interaction.wait_seconds or 0.0
        if wait_seconds >= rules.abandoned_wait_seconds:
            add(OpenReason.ABANDONED_CALL, f"gave up after waiting {wait_seconds:.0f} s")
    if interaction.contact_at is not None and thread is not None:
        _add_repeats(add, interaction.contact_at, thread, threads, rules)
    if not reasons:
        return None
    return Finding(tuple(reasons), severity, category, cause, demand)


def is_customer_word(interaction: Interaction) -> bool:
    """Whether the text is the customer's own: representatives and bots quote angry words all day.

    A transcript says itself who spoke (`text_by`), whoever recorded the call.
    """
    if not interaction.text:
        return False
    if interaction.text_by is not None:
        return interaction.text_by is _CUSTOMER
    if interaction.direction is _OUT:
        return False
    return interaction.actor.type in _SPEAKERS


def _add_repeats(
    add: Callable[[OpenReason, str], None],
    contact_at: datetime,
    thread: Thread,
    threads: Sequence[Thread],
    rules: ComplaintRules,
) -> None:
    earliest = contact_at - timedelta(days=rules.same_category_days)
    contacts = 1
    for other in threads:
        counted = other.counted
        if (
            counted is not None
            and earliest <= counted.contact_at <= contact_at
            and other.key != thread.key
            and is_same_matter(thread, other)
        ):
            contacts += 1
    if contacts >= rules.repeat_contacts:
        days = rules.same_category_days
        add(OpenReason.REPEATED_CONTACT, f"{contacts} contacts about one matter in {days} days")
        return
    if len(thread.turns) < rules.unanswered_messages:
        return
    answered_at = None
    for turn in thread.turns:
        at = turn.response_at
        if at is not None and (answered_at is None or at > answered_at):
            answered_at = at
    unanswered = sorted(
        turn.contact_at
        for turn in thread.turns
        if turn.contact_at is not None and (answered_at is None or turn.contact_at > answered_at)
    )
    if len(unanswered) < rules.unanswered_messages:
        return
    if unanswered[-1] - unanswered[0] >= timedelta(hours=rules.unanswered_hours):
        hours = (unanswered[-1] - unanswered[0]).total_seconds() / 3600
        add(
            OpenReason.REPEATED_CONTACT,
            f"{len(unanswered)} messages in {hours:.0f} h without an answer",
        )
