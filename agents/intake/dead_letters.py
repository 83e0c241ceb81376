"""Dead letters: a refused record with the reason beside it, fit to be read and sent again."""

from agents.intake.envelope import Headers
from agents.intake.outcomes import Rejected
from schemas.interaction import Origin
from schemas.rejection import DeadLetterHeader

INTAKE_STAGE = "intake"
DETAIL_CHARS = 500


def dead_letter_headers(
    rejected: Rejected,
    original_headers: Headers,
    origin: Origin,
    timestamp_ms: int,
    stage: str = INTAKE_STAGE,
) -> list[tuple[str, bytes]]:
    """Return the headers of a dead letter: the original's own first, then the reason, UTF-8 text.

    A dead letter that was sent again and refused again counts its attempts; of the headers an
    earlier refusal left, only that count is kept.
    """
    ours = frozenset(header.value for header in DeadLetterHeader)
    attempt = 1
    kept: list[tuple[str, bytes]] = []
    for name, value in original_headers:
        if name == DeadLetterHeader.ATTEMPT:
            attempt = _count(value) + 1
        if name not in ours:
            kept.append((name, value if value is not None else b""))
    reasons = {
        DeadLetterHeader.REASON: rejected.reason.value,
        DeadLetterHeader.FIELD: rejected.field,
        DeadLetterHeader.DETAIL: rejected.detail[:DETAIL_CHARS],
        DeadLetterHeader.STAGE: stage,
        DeadLetterHeader.ATTEMPT: str(attempt),
        DeadLetterHeader.ORIGINAL_TOPIC: origin.topic,
        DeadLetterHeader.ORIGINAL_PARTITION: str(origin.partition),
        DeadLetterHeader.ORIGINAL_OFFSET: str(origin.offset),
        DeadLetterHeader.ORIGINAL_TIMESTAMP: str(timestamp_ms),
    }
    return kept + [(name.value, text.encode("utf-8", "replace")) for name, text in reasons.items()]


def _count(value: bytes | None) -> int:
    try:
        return max(0, int(value or b"0"))
    except ValueError:
        return 0
