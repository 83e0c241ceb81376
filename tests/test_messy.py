"""The mess of tests/messy.py is really messy, and intake sorts it as it must be sorted."""

from datetime import UTC, datetime

from agents.intake import Accepted, IntakeSettings, Rejected, Skipped, take_in
from schemas.interaction import Origin
from tests.messy import MESSES, Outcome, messy_events

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_every_messy_event_becomes_what_it_must() -> None:
    """Accepted, rejected for the right reason, or skipped: event by event."""
    for offset, event in enumerate(messy_events(4 * MESSES, seed=7)):
        origin = Origin("interactions.test.v1", 0, offset)
        found = take_in(
            event.value, event.headers, event.channel, RECEIVED_AT, origin, IntakeSettings()
        )
        outcomes = {
            Accepted: Outcome.ACCEPTED,
            Rejected: Outcome.REJECTED,
            Skipped: Outcome.SKIPPED,
        }
        assert outcomes[type(found)] is event.expected.outcome, (event.expected, found)
        if isinstance(found, Rejected):
            assert found.reason is event.expected.reason, event.expected


def test_the_same_seed_makes_the_same_mess() -> None:
    """A failure can be repeated; another seed is another mess."""
    first = list(messy_events(MESSES, seed=1))
    assert first == list(messy_events(MESSES, seed=1))
    assert first != list(messy_events(MESSES, seed=2))
