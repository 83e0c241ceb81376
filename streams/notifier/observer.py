"""What can be counted about delivery. Metrics implement it; the default counts nothing."""


class NotifierObserver:
    """Hooks of the notifier, called on its event loop; each must be quick and must not raise."""

    def delivered(self, transport: str, count: int) -> None:
        """`count` alerts were accepted; Alertmanager's regular re-sends count too."""

    def retried(self, transport: str, reason: str) -> None:
        """A delivery failed and will be tried again."""

    def failed(self, transport: str, reason: str) -> None:
        """A delivery was given up; it is on the list of `Notifier.failed`."""

    def skipped(self, reason: str) -> None:
        """An alert was not delivered on purpose: quiet, repeated, outdated, unreadable."""

    def lag(self, seconds: float) -> None:
        """An alert was taken in so long after it was announced."""
