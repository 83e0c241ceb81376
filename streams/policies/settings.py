"""Limits of the policy service, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Limits of the policy service. Durations in seconds."""

    poll_seconds: float = 5.0
    """How often the file is looked at."""
    rest_seconds: float = 0.5
    """How long a changed file must rest before it is read: an editor may still be writing."""
    tick_seconds: float = 0.5
    """How often lanes are compared with what is published; reads memory only."""
    again_seconds: float = 30.0
    """After which something sent to a lane, and still not in its rows, is sent again."""
    retry_seconds: float = 5.0
    """How long to wait before the topic is read again after an error."""
    reach_at_once: int = 500
    """Customers a retroactive version reaches at once; then others have their turn."""
    reach_pause_seconds: float = 0.1
    """That turn. At most 5,000 customers a second: a tenth of what a worker folds."""
