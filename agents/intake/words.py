"""The customer's own words in a record: no quotes, signatures or markup."""

from agents.complaints.detection.clean import own_words as clean_words
from schemas.common import Channel, TextFormat


def own_words(
    channel: Channel,
    text: str | None,
    text_format: TextFormat = TextFormat.PLAIN,
    subject: str | None = None,
) -> str | None:
    """Return what was said, without what was quoted; None where nothing is left."""
    if not text and not subject:
        return None
    return (
        clean_words(text or "", channel=channel, subject=subject, text_format=text_format) or None
    )
