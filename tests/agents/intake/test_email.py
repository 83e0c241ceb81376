"""Mail: whose words, which thread, and whether a person wrote it."""

from typing import Any

import pytest

from schemas.common import ActorType, Channel, Direction
from schemas.email import AutoKind
from schemas.interaction import Interaction
from tests.agents.intake.making import RECEIVED_AT, accepted, at, interaction

ANN = {"address": "Ann@Example.com", "name": "Ann Lee"}
DESK = {"address": "support@shop.example"}


def mail(kind: str = "email_received", **fields: Any) -> Interaction:
    """Return the interaction of a mail record."""
    return interaction(Channel.EMAIL, kind=kind, **fields)


def test_a_mail_received_asks_and_a_mail_sent_answers() -> None:
    """The customer's mail is a contact, ours a response, both at the time of the mail."""
    received, sent = mail(from_=ANN, to=[DESK]), mail("email_sent", from_=DESK, to=[ANN])
    assert (received.contact_at, received.response_at) == (at("10:00"), None)
    assert (received.direction, received.actor.type) == (Direction.IN, ActorType.CUSTOMER)
    assert (sent.contact_at, sent.response_at) == (None, at("10:00"))
    assert (sent.direction, sent.actor.type) == (Direction.OUT, ActorType.HUMAN)


@pytest.mark.parametrize(
    ("fields", "auto_kind"),
    [
        ({"auto_kind": "auto_reply"}, AutoKind.AUTO_REPLY),
        ({"subject": "Automatic reply: away"}, AutoKind.AUTO_REPLY),
        ({"subject": "自动回复：休假中"}, AutoKind.AUTO_REPLY),
        ({"from_": {"address": "MAILER-DAEMON@mx.example"}}, AutoKind.BOUNCE),
        ({"kind": "email_bounced", "bounced_address": "ann@example.com"}, AutoKind.BOUNCE),
        ({"kind": "email_sent", "auto_kind": "auto_generated"}, AutoKind.AUTO_GENERATED),
    ],
)
def test_mail_that_no_person_wrote_asks_and_answers_nothing(
    fields: dict[str, Any], auto_kind: AutoKind
) -> None:
    """Automatic replies, bounces and notifications stop no clock and are no contact."""
    made = mail(**fields)
    assert (made.auto_kind, made.contact_at, made.response_at) == (auto_kind, None, None)
    assert made.actor.type is ActorType.SYSTEM


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "email_sent", "visibility": "private"},
        {"kind": "email_sent", "direction": "internal"},
        {"kind": "email_received", "actor": {"type": "human"}},
        {"kind": "email_complained"},
    ],
)
def test_what_does_not_reach_the_other_side_is_neither(fields: dict[str, Any]) -> None:
    """A forwarded note, a colleague's mail and a spam report are no contact and no answer."""
    made = mail(**fields)
    assert (made.contact_at, made.response_at) == (None, None)


def test_a_thread_is_known_by_its_first_message() -> None:
    """Root of the references, else what it replies to, else the mail itself."""
    first = mail(message_id="<m0@x>")
    reply = mail("email_sent", message_id="m1@y", in_reply_to=["m0@x"])
    again = mail(message_id="m2@x", references=["<m0@x>", "m1@y"], in_reply_to=["m1@y"])
    assert first.conversation_key == reply.conversation_key == again.conversation_key == "mail|m0@x"
    assert again.parent_keys == ["mail|m1@y", "mail|m2@x"]


def test_a_system_s_own_thread_id_comes_first_and_keeps_the_message_ids() -> None:
    """So that another system's record of the same mail still joins it."""
    made = mail(conversation_id="T9", message_id="m1@x", references=["m0@x"])
    assert made.conversation_key == "s:1|T9"
    assert made.parent_keys == ["mail|m0@x", "mail|m1@x"]


def test_a_long_thread_is_known_by_its_root_and_its_newest() -> None:
    """Keys are bounded in number and in length."""
    made = mail(references=[f"m{i}@x" for i in range(100)], message_id="y" * 900)
    assert made.conversation_key == "mail|m0@x"
    assert len(made.parent_keys) == 16
    assert made.parent_keys[-2] == "mail|m99@x"
    assert len(made.parent_keys[-1]) < 50


def test_only_the_mail_s_own_words_are_kept() -> None:
    """Quotes go; the reply a source cut out wins; HTML is read where there is no text."""
    quoted = "Where is it?\n\n> thank you for your order\n> 4711"
    assert mail(text=quoted).text == "Where is it?"
    assert mail(text=quoted, text_new="Where?").text == "Where?"
    assert mail(text="", text_new=" ", html="<p>Where <b>is</b> it?</p>").text == "Where is it?"
    assert mail(text="It is late.", subject="Complaint").text == "Complaint\nIt is late."
    assert mail(text="It is late.", subject="Re: Complaint").text == "It is late."


def test_the_correspondent_is_the_customer() -> None:
    """The sender of a mail in, the first foreign recipient of a mail out; never ourselves."""
    received = accepted(Channel.EMAIL, kind="email_received", from_=ANN, to=[DESK])
    sent = accepted(Channel.EMAIL, kind="email_sent", from_=DESK, to=[DESK, ANN])
    bounced = accepted(Channel.EMAIL, kind="email_bounced", bounced_address="ann@example.com")
    assert received.handles == sent.handles == bounced.handles == ("email:ann@example.com",)
    assert received.interaction.customer_name == "Ann Lee"


def test_a_contact_form_names_the_customer_in_reply_to() -> None:
    """The form's own no-reply address is nobody."""
    made = accepted(
        Channel.EMAIL,
        kind="email_received",
        from_={"address": "no-reply@forms.example"},
        reply_to=ANN,
    )
    assert made.handles == ("email:ann@example.com",)
    assert made.interaction.contact_at is not None


def test_named_handles_come_before_addresses() -> None:
    """Where the record names its customer, addresses are not guessed at."""
    made = accepted(
        Channel.EMAIL,
        kind="email_received",
        from_=ANN,
        customer=[{"kind": "crm", "value": "7"}],
        message_id="m1@x",
    )
    assert made.handles == ("crm:7", "conversation:mail|m1@x")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"received_at": at("9:00"), "date_header": at("8:00")}, at("9:00")),
        ({"date_header": at("8:00")}, at("8:00")),
        ({"date_header": "2026-01-01T00:00:00Z"}, RECEIVED_AT),
        ({"date_header": "1970-01-01T00:00:00Z"}, RECEIVED_AT),
        ({}, RECEIVED_AT),
    ],
)
def test_mail_without_a_time_happened_at_its_receipt(
    fields: dict[str, Any], expected: object
) -> None:
    """Receipt, else a `Date` within a week of the arrival, else the arrival itself."""
    made = mail(occurred_at=None, time_quality="arrival", **fields)
    assert made.occurred_at == made.contact_at == expected
