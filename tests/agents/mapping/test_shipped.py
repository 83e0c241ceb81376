"""The mappings that come with manyi, on the payloads of the systems they are for."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.mapping import shipped, shipped_names
from tests.agents.mapping.payloads import payload, taken_in


def records_of(shared_data: Path, mapping: str, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Map a sample; everything in it can be read, and intake takes every record as it is."""
    result = shipped(mapping).apply(payload(shared_data, name))
    assert (result.errors, result.problems) == ((), ())
    for channel, record in result.records:
        assert taken_in(channel, record).problems == ()
        assert taken_in(channel, record).unknown_fields == ()
    return result.records


def test_every_shipped_mapping_says_what_it_is_for() -> None:
    """`manyi map list` shows a line for each, under the name of its file."""
    assert shipped_names() == (
        "amazon-connect-contact-record",
        "chatwoot-conversations",
        "chatwoot-messages",
        "helpdesk-export",
        "postmark-inbound",
        "shopify-orders",
    )
    for name in shipped_names():
        assert shipped(name).name == name
        assert shipped(name).says


def test_amazon_connect_times_of_the_call(shared_data: Path) -> None:
    """Queue, answer and end of the call are told, with the numbers of both ends."""
    name = "amazon_connect-contact_record"
    (_, call), (_, rating) = records_of(shared_data, "amazon-connect-contact-record", name)
    assert call["queued_at"] == datetime(2022, 4, 8, 15, 0, 42, tzinfo=UTC)
    assert call["answered_at"] == datetime(2022, 4, 8, 15, 0, 49, tzinfo=UTC)
    assert call["agent_left_at"] == call["ended_at"] == datetime(2022, 4, 8, 15, 1, 22, tzinfo=UTC)
    assert (call["from_number"], call["to_number"]) == ("+12025550100", "+12025550111")
    assert (call["queue"], call["queue_wait_seconds"], call["talk_seconds"]) == (
        "BasicQueue",
        7,
        33,
    )
    assert rating["rating"] == {"instrument": "csat", "score": 2, "scale_min": 1, "scale_max": 5}


def test_amazon_connect_agent_leaves_at_an_external_transfer(shared_data: Path) -> None:
    """After a transfer the record ends with the third party; the agent left before."""
    sample = payload(shared_data, "amazon_connect-contact_record")
    sample["TransferCompletedTimestamp"] = "2022-04-08T15:01:00Z"
    record = shipped("amazon-connect-contact-record").apply(sample).records[0][1]
    assert record["agent_left_at"] == datetime(2022, 4, 8, 15, 1, tzinfo=UTC)
    assert record["ended_at"] == datetime(2022, 4, 8, 15, 1, 22, tzinfo=UTC)


def test_amazon_connect_transfers_hand_the_call_over(shared_data: Path) -> None:
    """A contact that a transfer began went to the team of its queue, when the transfer began."""
    sample = payload(shared_data, "amazon_connect-contact_record")
    records = shipped("amazon-connect-contact-record").apply(sample).records
    assert [record["kind"] for _, record in records] == ["call_ended", "call_rated"]
    sample["InitiationMethod"] = "QUEUE_TRANSFER"
    records = shipped("amazon-connect-contact-record").apply(sample).records
    (transfer,) = [record for _, record in records if record["kind"] == "call_transferred"]
    assert transfer["team"] == "BasicQueue"
    assert transfer["occurred_at"] == datetime(2022, 4, 8, 14, 59, 38, tzinfo=UTC)
    taken = taken_in("phone", transfer)
    assert (taken.problems, taken.unknown_fields) == ((), ())


def test_chatwoot_conversations_go_to_another_team(shared_data: Path) -> None:
    """Only a change of the team hands over; its source and conversation are the messages' own."""
    sample = payload(shared_data, "chatwoot-conversation_status_changed")
    mapping = shipped("chatwoot-conversations")
    assert mapping.apply(sample).skipped
    sample |= {"event": "conversation_updated", "account_id": 1}
    assert mapping.apply(sample).skipped
    sample["changed_attributes"] = [{"team_id": {"previous_value": 1, "current_value": 2}}]
    assert mapping.apply(sample).skipped, "nobody has it now"
    sample["meta"]["team"] = {"id": 2, "name": "Billing"}
    ((channel, record),) = mapping.apply(sample).records
    assert (record["kind"], record["team"]) == ("conversation_assigned", "Billing")
    assert (record["source"], record["conversation_id"]) == ("chatwoot:1", "57")
    taken = taken_in(channel, record)
    assert (taken.problems, taken.unknown_fields) == ((), ())


def test_amazon_connect_reads_calls_only(shared_data: Path) -> None:
    """A chat's contact record has another shape and is left to another mapping."""
    sample = {**payload(shared_data, "amazon_connect-contact_record"), "Channel": "CHAT"}
    assert shipped("amazon-connect-contact-record").apply(sample).skipped


@pytest.mark.parametrize(
    ("name", "kind", "direction", "visibility", "actor"),
    [
        ("message_created", "message", "in", "public", "customer"),
        ("message_created_private_note", "message", "out", "private", "human"),
        ("message_created_agent_reply", "message", "out", "public", "human"),
        ("message_updated_csat", "conversation_rated", None, None, None),
    ],
)
def test_chatwoot(
    shared_data: Path,
    name: str,
    kind: str,
    direction: str | None,
    visibility: str | None,
    actor: str | None,
) -> None:
    """Customer, note, reply and score are told apart; all belong to one conversation."""
    ((channel, record),) = records_of(shared_data, "chatwoot-messages", f"chatwoot-{name}")
    assert (channel, record["kind"]) == ("chat", kind)
    assert (record.get("direction"), record.get("visibility")) == (direction, visibility)
    assert record.get("actor", {}).get("type") == actor
    assert (record["source"], record["conversation_id"]) == ("chatwoot:1", "57")


def test_postmark_inbound(shared_data: Path) -> None:
    """The mail's own Message-ID wins over Postmark's; reply, scores and attachment are kept."""
    ((_, mail),) = records_of(shared_data, "postmark-inbound", "postmark-inbound_with_headers")
    assert mail["id"] == mail["message_id"] == "CAEPk3R+4Zr@mail.example.org"
    assert mail["provider_id"] == "22c74902-a0c1-4511-804f2-341342852c90"
    assert mail["occurred_at"] == datetime(2017, 10, 12, 1, 31, 4, tzinfo=UTC)
    assert mail["from"] == {"address": "from+test@example.org", "name": "Displayed From"}
    assert mail["envelope_from"] == "envelope-from@example.org"
    assert (mail["spam_score"], mail["auto_kind"]) == (1.7, "none")

    ((_, plain),) = records_of(shared_data, "postmark-inbound", "postmark-inbound")
    assert plain["id"] == "00000000-0000-0000-0000-000000000000"
    assert (plain["mailbox_tag"], plain["text_new"]) == ("SampleHash", "This is the reply text")
    assert plain["attachments"] == [
        {"name": "test.txt", "media_type": "text/plain", "size_bytes": 45}
    ]


@pytest.mark.parametrize(
    ("name", "value", "auto_kind"),
    [
        ("Auto-Submitted", "auto-replied", "auto_reply"),
        ("Auto-Submitted", "auto-generated", "auto_generated"),
        ("Auto-Submitted", "no", "none"),
        ("Precedence", "bulk", "bulk"),
        ("List-Id", "<news.example.com>", "bulk"),
        ("Return-Path", "<>", "bounce"),
    ],
)
def test_postmark_marks_what_no_person_wrote(
    shared_data: Path, name: str, value: str, auto_kind: str
) -> None:
    """Holiday notices, newsletters and bounces open no complaint."""
    sample = payload(shared_data, "postmark-inbound")
    sample["Headers"] = [{"Name": name, "Value": value}]
    assert shipped("postmark-inbound").apply(sample).records[0][1]["auto_kind"] == auto_kind


def test_postmark_mail_without_a_readable_date_arrives(shared_data: Path) -> None:
    """A broken `Date` header costs the event time, not the mail."""
    sample = {**payload(shared_data, "postmark-inbound"), "Date": "yesterday"}
    result = shipped("postmark-inbound").apply(sample)
    ((channel, record),) = result.records
    assert record["time_quality"] == "arrival"
    assert taken_in(channel, record).record.occurred_at is None
    assert result.problems[0].field == "let.sent"


def test_postmark_thread_headers(shared_data: Path) -> None:
    """References become a list of ids without their brackets."""
    sample = payload(shared_data, "postmark-inbound")
    sample["Headers"] = [
        {"Name": "References", "Value": "<a@x>\n <b@y>"},
        {"Name": "In-Reply-To", "Value": "<b@y>"},
    ]
    record = shipped("postmark-inbound").apply(sample).records[0][1]
    assert (record["references"], record["in_reply_to"]) == (["a@x", "b@y"], ["b@y"])


def test_postmark_bounce(shared_data: Path) -> None:
    """A bounce says which address is dead and why."""
    ((_, bounce),) = records_of(shared_data, "postmark-inbound", "postmark-bounce")
    assert (bounce["kind"], bounce["bounce_kind"]) == ("email_bounced", "hard")
    assert bounce["bounced_address"] == "bounce@example.com"
    assert bounce["occurred_at"] == datetime(2016, 4, 27, 20, 28, 50, 396393, tzinfo=UTC)


def test_shopify_order_and_refund_belong_together(shared_data: Path) -> None:
    """A refund names no customer; the order's conversation and reference say whose it is."""
    ((_, order),) = records_of(shared_data, "shopify-orders", "shopify-order")
    ((_, refund),) = records_of(shared_data, "shopify-orders", "shopify-refund")
    assert (order["kind"], order["amount"], order["currency"]) == ("purchase", "409.94", "USD")
    assert (refund["kind"], refund["amount"], refund["currency"]) == ("refund", "209.00", "USD")
    assert order["conversation_id"] == refund["conversation_id"] == "order:450789469"
    assert order["order_id"] == refund["order_id"]
    assert order["customer"][0] == {"kind": "email", "value": "bob.norman@hostmail.com"}
    assert order["item_count"] == 3
    assert order["revision"] == 1199980800000000


def test_shopify_webhook_sends_the_inner_object(shared_data: Path) -> None:
    """The webhook's body is what the REST API wraps; both give the same record."""
    wrapped = payload(shared_data, "shopify-order")
    headers = {"X-Shopify-Triggered-At": "2026-01-01T00:00:00Z"}
    ((_, inner),) = shipped("shopify-orders").apply(wrapped["order"], headers).records
    ((_, outer),) = shipped("shopify-orders").apply(wrapped).records
    assert inner.pop("sent_at") == datetime(2026, 1, 1, tzinfo=UTC)
    assert inner == outer


def test_shopify_refund_inside_its_order_counts_once(shared_data: Path) -> None:
    """The same refund, alone and inside its order, has the same id; several payments add up."""
    order = payload(shared_data, "shopify-order")["order"]
    refund = payload(shared_data, "shopify-refund")["refund"]
    again = {**refund["transactions"][0], "amount": "0.10"}
    order["refunds"] = [{**refund, "transactions": [*refund["transactions"], again]}]
    _, (_, inside) = shipped("shopify-orders").apply(order).records
    ((_, alone),) = shipped("shopify-orders").apply(refund).records
    assert inside["id"] == alone["id"]
    assert inside["amount"] == "209.1"
    assert inside["customer"]


def test_shopify_test_orders_are_left_out(shared_data: Path) -> None:
    """A test order is nobody's purchase."""
    order = payload(shared_data, "shopify-order")["order"]
    assert shipped("shopify-orders").apply({**order, "test": True}).skipped


TICKET = {
    "ticket_id": "T-1",
    "created_at": "2026-01-05T09:00:00Z",
    "channel": "email",
    "customer_email": "ann@example.com",
    "customer_id": "C1",
    "subject": "Parcel",
    "description": "Where is it?",
    "category": "delivery",
    "priority": "high",
    "tags": "late, second time",
    "team": "north",
    "agent": "kim",
    "complaint": "yes",
    "acknowledged_at": "2026-01-05T09:05:00Z",
    "first_response_at": "2026-01-05T09:30:00Z",
    "resolved_at": "2026-01-06T10:00:00Z",
    "cause": "carrier",
    "csat": "2",
    "csat_comment": "slow",
}


def test_helpdesk_export_tells_a_tickets_life() -> None:
    """A row becomes the contact, the answer, the commands and the score, in one conversation."""
    result = shipped("helpdesk-export").apply(TICKET)
    assert (result.errors, result.problems) == ((), ())
    told = [(channel, record.get("kind") or record["action"]) for channel, record in result.records]
    assert told == [
        ("email", "email_received"),
        ("email", "email_sent"),
        ("commands", "assign"),
        ("commands", "acknowledge"),
        ("commands", "resolve"),
        ("commands", "set_cause"),
        ("web", "survey_answer"),
    ]
    for channel, record in result.records:
        assert taken_in(channel, record).problems == ()
        assert record["conversation_id"] == "ticket:T-1"
        assert record["customer"][0] == {"kind": "crm", "value": "C1"}
    opened = result.records[0][1]
    assert (opened["complaint"], opened["tags"]) == (True, ["late", "second time"])
    assert result.records[-1][1]["about"] == {"conversation_id": "ticket:T-1"}


@pytest.mark.parametrize(
    ("channel", "asked", "answered"),
    [
        ("phone", ("phone", "call_ended"), ("phone", "call_ended")),
        ("chat", ("chat", "message"), ("chat", "message")),
        ("web", ("web", "form_submitted"), ("email", "email_sent")),
        ("", ("email", "email_received"), ("email", "email_sent")),
        ("fax", ("email", "email_received"), ("email", "email_sent")),
    ],
)
def test_helpdesk_export_channels(
    channel: str, asked: tuple[str, str], answered: tuple[str, str]
) -> None:
    """Each channel asks and answers in its own kind of record; an unknown one counts as mail."""
    records = shipped("helpdesk-export").apply({**TICKET, "channel": channel}).records
    kinds = [(name, record["kind"]) for name, record in records if name not in ("commands", "web")]
    opening = (records[0][0], records[0][1]["kind"])
    assert opening == asked
    assert answered in kinds


def test_helpdesk_export_reads_zoneless_times_as_utc() -> None:
    """A time without a zone is taken for UTC, and the record says that it was assumed."""
    row = {"ticket_id": "T-2", "created_at": "2026-01-05 09:00:00", "closed_at": "2026-01-06"}
    (_, opened), (_, resolved) = shipped("helpdesk-export").apply(row).records
    assert opened["occurred_at"] == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert opened["time_quality"] == "assumed_zone"
    assert resolved["action"] == "resolve"
    assert resolved["occurred_at"] == datetime(2026, 1, 6, tzinfo=UTC)
