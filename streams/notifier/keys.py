"""The names of the ledger's keys in Redis."""


class LedgerKeys:
    """Key names under one prefix; the scripts build the same ones."""

    def __init__(self, redis_prefix: str) -> None:
        self.prefix = f"{redis_prefix}notifier:"

    def seen(self, alert_id: str) -> str:
        """String: this alert was taken in."""
        return f"{self.prefix}seen:{alert_id}"

    def firing(self, complaint_id: str) -> str:
        """Hash: what fires of a complaint, by name."""
        return f"{self.prefix}firing:{complaint_id}"

    def hushed(self, complaint_id: str) -> str:
        """Set: clocks of a complaint whose alerts were quiet."""
        return f"{self.prefix}hushed:{complaint_id}"

    def due(self, transport: str) -> str:
        """Sorted set: what a transport has to do, by when."""
        return f"{self.prefix}due:{transport}"

    def queue(self, transport: str, complaint_id: str) -> str:
        """List: deliveries of a complaint by a transport, in order."""
        return f"{self.prefix}queue:{transport}:{complaint_id}"

    def waiting(self, transport: str) -> str:
        """Hash: undelivered alerts of a transport: tries, since when, last error."""
        return f"{self.prefix}waiting:{transport}"

    def failed(self, transport: str) -> str:
        """List: deliveries of a transport that were given up, newest first."""
        return f"{self.prefix}failed:{transport}"

    def partition(self, partition: str) -> str:
        """String: this partition is being read."""
        return f"{self.prefix}reading:{partition}"
