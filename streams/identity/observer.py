"""What the identity index tells whoever counts."""


class IdentityObserver:
    """Override what you want to count. Called from the event loop: be quick, do not raise."""

    def rebuilding(self) -> None:
        """A rebuild began on this worker."""

    def progressed(self, links: int) -> None:
        """So many links were restored so far, by this worker or by the one that has the claim."""

    def rebuilt(self, links: int, seconds: float) -> None:
        """This worker has rebuilt the index."""

    def failed(self, reason: str) -> None:
        """A rebuild of this worker came to nothing and begins anew."""
