"""What the pipelines tell whoever counts: plain calls after the barrier, nothing by default."""

from collections.abc import Mapping, Sequence

from agents.effects import Tally
from schemas.alert import SlaAlert


class PipelineObserver:
    """Override what you want to count. Called from the event loop: be quick, do not raise."""

    def taken_in(
        self, channel: str, received: int, skipped: int, rejected: Mapping[str, int]
    ) -> None:
        """Intake applied a batch of one channel (or `commands`); rejected ones by reason."""

    def field_problems(self, channel: str, problems: Mapping[str, int]) -> None:
        """Optional fields that were dropped or cut, by field."""

    def unknown_words(self, words: Mapping[tuple[str, str], int]) -> None:
        """Words for a severity or tier that the policy does not know, by (field, word)."""

    def identity_conflicts(self, count: int) -> None:
        """Handles of one record that belong to different customers."""

    def applied(
        self,
        outcomes: Mapping[tuple[str, str], int],
        tallies: Sequence[Tally],
        alerts: Sequence[SlaAlert],
        rejected: Mapping[str, int],
    ) -> None:
        """The customer pipeline applied a batch: outcomes by (channel, admission), and effects."""
