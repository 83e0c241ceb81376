"""The example mappings of the documentation, on the payloads of eight more systems."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.mapping import SkipReason, compile_mapping
from tests.agents.mapping.payloads import EXAMPLES, example, payload, taken_in


def records_of(shared_data: Path, mapping: str, name: str) -> list[dict[str, Any]]:
    """Map a sample; everything in it can be read, and intake takes every record as it is."""
    result = example(mapping).apply(payload(shared_data, name))
    assert (result.errors, result.problems) == ((), ())
    for channel, record in result.records:
        assert taken_in(channel, record).problems == ()
    return [record for _, record in result.records]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_compiles(path: Path) -> None:
    """What the documentation shows works, under the name of its file."""
    assert example(path.stem).name == path.stem
    assert example(path.stem).says


def test_the_first_mapping_of_the_page() -> None:
    """The example a newcomer copies works as the page says."""
    page = (EXAMPLES.parents[1] / "mapping.md").read_text(encoding="utf-8")
    text = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    sample = orjson.loads("{" + page.split("\n`{", 1)[1].split("`", 1)[0])
    ((channel, record),) = compile_mapping(text, "mapping.md").apply(sample).records
    assert (channel, record["id"], record["rating"]["score"]) == ("web", "answer:7", 2)
    assert taken_in(channel, record).problems == ()


def test_twilio(shared_data: Path) -> None:
    """Form fields are all text; `Duration` is minutes and is not read."""
    (call,) = records_of(shared_data, "twilio-voice", "twilio-voice_status_completed")
    assert (call["direction"], call["talk_seconds"], call["sequence"]) == ("in", 49, 3)
    assert call["occurred_at"] == datetime(2018, 3, 25, 9, 53, 19, tzinfo=UTC)
    ringing = {**payload(shared_data, "twilio-voice_status_completed"), "CallStatus": "ringing"}
    assert example("twilio-voice").apply(ringing).skipped is SkipReason.WHEN


def test_tccc_score_is_reversed(shared_data: Path) -> None:
    """Key 5 on this menu means very dissatisfied: the record says that low is best."""
    call, rating = records_of(shared_data, "tencent-tccc", "tencent_tccc-cdr")
    assert (call["kind"], call["talk_seconds"], call["ivr_path"]) == ("call_ended", 93, ["1"])
    assert call["answered_at"] == datetime.fromtimestamp(1650000047, UTC)
    assert rating["rating"]["reversed"] is True
    assert (rating["rating"]["score"], rating["rating"]["label"]) == (5.0, "非常不满意")


def test_tccc_call_nobody_took(shared_data: Path) -> None:
    """A queued call without an answer was abandoned."""
    sample = {**payload(shared_data, "tencent_tccc-cdr"), "AcceptTimestamp": 0, "Duration": 0}
    sample["AcceptTimestamp"] = None
    sample["PostIVRKeyPressed"] = []
    ((_, record),) = example("tencent-tccc").apply(sample).records
    assert record["kind"] == "call_abandoned"
    assert "actor" in record  # the seat that was rung; nobody is said to have spoken
    assert "type" not in record["actor"]


def test_typeform(shared_data: Path) -> None:
    """Each scored question is a record, about the order that came back in `hidden`."""
    (answer,) = records_of(shared_data, "typeform", "typeform-form_response")
    assert answer["question_id"] == "csat_delivery"
    assert answer["rating"] == {
        "instrument": "csat", "score": 2, "scale_min": 1, "scale_max": 5, "comment": "Arrived late."
    }  # fmt: skip
    assert answer["about"] == {"order_id": "A-1001"}


def test_wjx_time_is_beijings(shared_data: Path) -> None:
    """The push has no zone: the mapping supplies it and the record says so."""
    (answer,) = records_of(shared_data, "wjx", "wjx-answer_push")
    assert answer["occurred_at"] == datetime(2016, 8, 23, 2, 1, 59, tzinfo=UTC)
    assert answer["time_quality"] == "assumed_zone"
    assert answer["rating"]["score"] == 1.0


def test_zammad(shared_data: Path) -> None:
    """An article, not the ticket, is the happening; internal ones are notes."""
    (article,) = records_of(shared_data, "zammad", "zammad-ticket_trigger")
    assert (article["id"], article["kind"], article["direction"]) == (
        "article:104",
        "call_ended",
        "in",
    )
    assert (article["visibility"], article["text_format"]) == ("public", "html")
    note = payload(shared_data, "zammad-ticket_trigger")
    note["article"] |= {"internal": True, "sender": "Agent", "type": "note"}
    ((channel, record),) = example("zammad").apply(note).records
    assert (channel, record["visibility"], record["actor"]["type"]) == ("chat", "private", "human")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("message_text", ["message"]),
        ("message_reply", ["message"]),
        ("message_edit", ["message_edited"]),
        ("message_revoke", ["message_deleted"]),
        ("status_failed", ["delivery_failed"]),
        ("status_read", []),
        ("user_changed_number", []),
    ],
)
def test_whatsapp(shared_data: Path, name: str, kinds: list[str]) -> None:
    """Three nested lists explode; receipts vanish, but not the one that says it failed."""
    result = example("whatsapp").apply(payload(shared_data, f"whatsapp-{name}"))
    assert [record["kind"] for _, record in result.records] == kinds
    assert (result.errors, result.problems) == ((), ())
    assert result.skipped == (None if kinds else SkipReason.NOTHING)


def test_whatsapp_text(shared_data: Path) -> None:
    """Sender, account and seconds as text are read from the depth of the payload."""
    (message,) = records_of(shared_data, "whatsapp", "whatsapp-message_text")
    assert message["source"] == "whatsapp:1122334455667"
    assert message["occurred_at"] == datetime(2023, 10, 11, 16, 53, 43, tzinfo=UTC)
    assert message["customer"][0] == {"kind": "chat", "value": "972987654321"}
    assert message["text"] == "Body Text"


def test_wechat_kf(shared_data: Path) -> None:
    """One pull holds the question, the answer, the closing and the score, each by who spoke."""
    asked, answered, closed, rated = records_of(shared_data, "wechat-kf", "wechat_kf-sync_msg")
    assert (asked["direction"], asked["actor"]["type"]) == ("in", "customer")
    assert (answered["direction"], answered["actor"]) == (
        "out",
        {"type": "human", "id": "Zhangsan"},
    )
    assert closed["kind"] == "conversation_closed"
    assert (rated["rating"]["score"], rated["rating"]["scale_max"]) == (1, 3)
    assert len({record["conversation_id"] for record in (asked, answered, closed, rated)}) == 1


def test_delighted(shared_data: Path) -> None:
    """An edited response comes again with a higher revision; its scale is the mapping's to say."""
    (answer,) = records_of(shared_data, "delighted", "delighted-survey_response_updated")
    assert answer["revision"] == 1482590009000000
    assert (answer["rating"]["instrument"], answer["rating"]["score"]) == ("nps", 5)
