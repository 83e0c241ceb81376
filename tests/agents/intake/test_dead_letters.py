"""Dead letters: the reason beside the record, the record untouched."""

from agents.intake import Rejected, dead_letter_headers
from schemas.interaction import Origin
from schemas.rejection import RejectReason

REJECTED = Rejected(RejectReason.INVALID_FIELD, "occurred_at", "时间没有时区")
ORIGIN = Origin("interactions.chat.v1", 3, 42)


def test_a_dead_letter_says_why_and_whence() -> None:
    """Reason, field, detail, stage, attempt and origin are UTF-8 texts after the original's own."""
    headers = dead_letter_headers(REJECTED, (("trace", b"t-1"), ("empty", None)), ORIGIN, 17)
    assert headers[:2] == [("trace", b"t-1"), ("empty", b"")]
    assert dict(headers[2:]) == {
        "x-error-reason": b"invalid_field",
        "x-error-field": b"occurred_at",
        "x-error-detail": "时间没有时区".encode(),
        "x-error-stage": b"intake",
        "x-error-attempt": b"1",
        "x-original-topic": b"interactions.chat.v1",
        "x-original-partition": b"3",
        "x-original-offset": b"42",
        "x-original-timestamp": b"17",
    }


def test_a_dead_letter_sent_again_counts_its_attempts() -> None:
    """Refused again, it has each header once, and one attempt more."""
    first = dead_letter_headers(REJECTED, (("trace", b"t-1"),), ORIGIN, 17)
    again = dead_letter_headers(REJECTED, first, ORIGIN, 18)
    assert len(again) == len(first)
    assert dict(again)["x-error-attempt"] == b"2"
    odd = dead_letter_headers(REJECTED, (("x-error-attempt", b"many"),), ORIGIN, 18)
    assert dict(odd)["x-error-attempt"] == b"1"
