"""What an import is asked to do, and what it did."""

from dataclasses import dataclass, field
from pathlib import Path

from streams.errors import ExitCode
from streams.importing.importer import ImportOptions, Tally
from streams.importing.ordering import WINDOW
from streams.importing.outgoing import Outgoing

BATCH = 500
"""Records taken from the reading thread at a time."""


@dataclass(frozen=True, kw_only=True)
class ImportJob:
    """What `manyi import` is asked to do."""

    paths: list[str]
    options: ImportOptions
    alerts: bool = False
    sort: bool = True
    window: int = WINDOW
    dry_run: bool = False
    rejects: str | None = None
    serve: bool = False
    port: int | None = None
    """Port of the worker that is started; None takes the usual one."""
    policy: Path | None = None
    batch: int = BATCH


@dataclass
class Outcome:
    """What an import did. `stopped` when it was ended by the user; `held` records were not sent."""

    tally: Tally
    sent: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    folded: int = 0
    held: int = 0
    is_ordered: bool | None = None
    stopped: bool = False
    balance: bool = True
    sample: list[Outgoing] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """Failed if a send failed, the books do not balance, or of the rows none was good."""
        if self.stopped:
            return ExitCode.INTERRUPTED
        nothing = self.tally.read > 0 and self.tally.rejected == self.tally.read
        failed = bool(self.failed) or not self.balance or nothing
        return ExitCode.FAILED if failed else ExitCode.OK
