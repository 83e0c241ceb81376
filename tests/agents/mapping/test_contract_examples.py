"""The two examples of the contract's page on mapping files work as they stand there."""

from pathlib import Path

from agents.mapping import SkipReason, compile_mapping
from tests.agents.mapping.payloads import payload, taken_in

# ruff: noqa: E501 (the examples stand here as they stand on the page)
AMAZON_CONNECT = """
mapping: amazon-connect-contact-record
version: 1
when: ContactId && Channel == 'VOICE'
let:
  abandoned: "!Agent && Queue.EnqueueTimestamp && InitiationMethod == 'INBOUND'"
  agent_end: { first: [TransferCompletedTimestamp, DisconnectTimestamp] }
common:
  source: { const: amazon-connect }
  revision: { time: LastUpdateTimestamp, to: epoch_us }
  conversation_id: { first: [InitialContactId, ContactId] }
  parent_id: PreviousContactId
  direction: { path: InitiationMethod, default: in, map: { OUTBOUND: out, API: out, CALLBACK: out } }
  customer: { list: [ { kind: { const: phone }, value: { path: CustomerEndpoint.Address, when: CustomerEndpoint.Type == 'TELEPHONE_NUMBER' } } ] }
  refs: { list: [ { kind: { const: order }, value: Attributes.orderId } ] }
emit:
  - channel: phone
    kind: { path: abandoned, default: call_ended, map: { true: call_abandoned } }
    id: { join: [ { const: contact }, ContactId ] }
    occurred_at: { time: DisconnectTimestamp }
    started_at: { time: InitiationTimestamp }
    queued_at: { time: Queue.EnqueueTimestamp }
    answered_at: { time: Agent.ConnectedToAgentTimestamp }
    agent_left_at: { time: agent_end, when: Agent }
    queue: Queue.Name
    queue_wait_seconds: Queue.Duration
    talk_seconds: Agent.AgentInteractionDuration
    hold_seconds: Agent.CustomerHoldDuration
    actor: { type: { const: human, when: Agent }, id: Agent.Username }
    end_reason: { path: DisconnectReason, default: other, map: { CUSTOMER_DISCONNECT: customer_hangup, AGENT_DISCONNECT: staff_hangup, TELECOM_PROBLEM: failed } }
  - channel: phone                         # the same payload also holds a survey result
    when: Attributes.csat
    kind: { const: call_rated }
    id: { join: [ { const: csat }, ContactId ] }
    occurred_at: { time: DisconnectTimestamp }
    rating: { instrument: { const: csat }, score: { path: Attributes.csat, to: float }, scale_min: { const: 1 }, scale_max: { const: 5 } }
"""

CHATWOOT = """
mapping: chatwoot-messages
version: 1
when: event == 'message_created' || event == 'message_updated'
common:
  source: { join: [ { const: chatwoot }, account.id ] }
  conversation_id: { path: conversation.id, to: text }
  customer: { list: [ { kind: { const: email }, value: conversation.meta.sender.email }, { kind: { const: phone }, value: conversation.meta.sender.phone_number },
                      { kind: { const: crm }, value: conversation.meta.sender.identifier }, { kind: { const: chat }, value: conversation.contact_inbox.source_id } ] }
emit:
  - channel: chat
    when: event == 'message_created' && message_type != 'activity'
    kind: { const: message }
    id: { join: [ { const: message }, id ] }
    occurred_at: { time: created_at }
    direction: { path: message_type, map: { incoming: in, outgoing: out, template: out } }
    visibility: { path: private, map: { true: private }, default: public }
    actor:
      type: { first: [ { const: system, when: message_type == 'template' }, { path: sender.type, default: bot, map: { contact: customer, user: human, agent_bot: bot } } ] }
      id: { path: sender.id, to: text }
    text: content
  - channel: chat
    when: event == 'message_updated' && content_attributes.submitted_values.csat_survey_response
    kind: { const: conversation_rated }
    id: { join: [ { const: csat }, id ] }
    revision: { time: conversation.updated_at, format: epoch_s, to: epoch_us }
    occurred_at: { time: conversation.updated_at, format: epoch_s }
    rating: { instrument: { const: csat }, score: content_attributes.submitted_values.csat_survey_response.rating, scale_min: { const: 1 }, scale_max: { const: 5 }, comment: content_attributes.submitted_values.csat_survey_response.feedback_message }
"""


def test_contact_record(shared_data: Path) -> None:
    """A call and the score in its attributes are two records; an update is the same two, newer."""
    mapping = compile_mapping(AMAZON_CONNECT, "contract")
    first = mapping.apply(payload(shared_data, "amazon_connect-contact_record"))
    (_, call), (_, rating) = first.records
    assert (call["kind"], call["revision"]) == ("call_ended", 1649430182000000)
    assert (rating["kind"], rating["rating"]["score"]) == ("call_rated", 2)
    assert call["customer"] == [{"kind": "phone", "value": "+12025550100"}]
    assert call["refs"] == [{"kind": "order", "value": "A-1001"}]
    assert call["actor"] == {"type": "human", "id": "agent-1"}

    again = mapping.apply(payload(shared_data, "amazon_connect-contact_record_updated"))
    assert [record["id"] for _, record in again.records] == [call["id"], rating["id"]]
    assert all(record["revision"] > call["revision"] for _, record in again.records)
    assert again.records[1][1]["rating"]["score"] == 1


def test_abandoned_contact_record(shared_data: Path) -> None:
    """A queued call without an agent was abandoned: its wait is told, an actor is not."""
    mapping = compile_mapping(AMAZON_CONNECT, "contract")
    result = mapping.apply(payload(shared_data, "amazon_connect-contact_record_abandoned"))
    ((channel, record),) = result.records
    assert (channel, record["kind"], record["queue_wait_seconds"]) == (
        "phone",
        "call_abandoned",
        260,
    )
    assert "actor" not in record
    assert result.problems == ()


def test_messages(shared_data: Path) -> None:
    """Who spoke, to whom, and whether the customer could read it."""
    mapping = compile_mapping(CHATWOOT, "contract")

    def of(name: str) -> dict[str, object]:
        ((channel, record),) = mapping.apply(payload(shared_data, f"chatwoot-{name}")).records
        assert taken_in(channel, record).problems == ()
        return record

    asked = of("message_created")
    assert (asked["direction"], asked["actor"]) == ("in", {"type": "customer", "id": "12"})
    assert [handle["kind"] for handle in asked["customer"]] == ["email", "crm", "chat"]  # type: ignore[attr-defined]
    note = of("message_created_private_note")
    assert (note["direction"], note["visibility"]) == ("out", "private")
    assert of("message_created_agent_reply")["actor"] == {"type": "human", "id": "5"}
    rated = of("message_updated_csat")
    assert (rated["kind"], rated["rating"]["score"]) == ("conversation_rated", 2)  # type: ignore[index]

    bot = payload(shared_data, "chatwoot-message_created_agent_reply")
    bot["sender"] = {"id": 9, "type": "agent_bot"}
    assert mapping.apply(bot).records[0][1]["actor"] == {"type": "bot", "id": "9"}
    changed = mapping.apply(payload(shared_data, "chatwoot-conversation_status_changed"))
    assert changed.skipped is SkipReason.WHEN
