"""What docs/contract.md shows works: its examples are taken in as they stand there."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from agents.identity import IdentityLimits
from agents.intake import Accepted, AcceptedCommand, IntakeSettings, take_command, take_in
from schemas.common import Channel
from schemas.rejection import DeadLetterHeader, RejectReason
from tests.agents.intake.making import ORIGIN, RECEIVED_AT

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "contract.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.parametrize("channel", Channel)
def test_the_first_record_of_each_channel_is_taken_in(channel: Channel) -> None:
    """Copied from the page, it is accepted without a problem or an unknown field."""
    raw = EXAMPLES[channel.value].encode()
    arrival = RECEIVED_AT + timedelta(hours=1)
    sampled = ORIGIN.__class__(ORIGIN.topic, 0, 0)
    found = take_in(raw, (), channel, arrival, sampled, IntakeSettings())
    assert isinstance(found, Accepted)
    assert found.problems == ()
    assert found.unknown_fields == ()
    assert json.loads(raw)["id"] == found.interaction.source_id


def test_the_first_command_is_taken_in() -> None:
    """Copied from the page, it is accepted."""
    raw = EXAMPLES["command"].encode()
    found = take_command(raw, (), RECEIVED_AT, ORIGIN, IntakeSettings())
    assert isinstance(found, AcceptedCommand)
    assert found.handles == ("crm:c7",)


def test_the_page_names_every_reason_and_header() -> None:
    """A reason or header that is added is explained."""
    words = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))
    assert {reason.value for reason in RejectReason} <= words
    assert {header.value for header in DeadLetterHeader} <= words


def test_the_page_names_the_limits_of_handles() -> None:
    """The figures are those of the code."""
    limits = IdentityLimits()
    said = f"up to {limits.crm} CRM ids, {limits.email} addresses, {limits.phone} numbers"
    assert said in PAGE
    assert f"{limits.chat} chat and {limits.web} web ids" in PAGE
