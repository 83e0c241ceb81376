"""Pauses between attempts that fail: they grow, to a limit."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0


class Backoff:
    """When to try again."""

    def __init__(self) -> None:
        self.retry_at = 0.0
        """No attempt is due before this instant."""
        self._failures = 0

    def fail(self, now: float) -> bool:
        """An attempt failed at `now`; True if it was the first one of a row."""
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_SECONDS)
        self.retry_at = now + pause
        self._failures += 1
        return self._failures == 1

    def end(self) -> None:
        """An attempt succeeded."""
        self._failures = 0
