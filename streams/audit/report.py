"""What an audit found, and how it is told."""

from collections.abc import Iterable

from msgspec import Struct, field

SHOWN = 10
"""First differences that are named; the rest is counted."""


class PartitionAudit(Struct):
    """What the comparison of one partition found."""

    partition: int
    applied: int
    """The source offset as of which rows and log were compared."""
    begin: int = 0
    """The first offset that is still in the log."""
    since: int | None = None
    """Only customers whom the log names from this offset on were compared; None: all."""
    events: int = 0
    """Folded."""
    customers: int = 0
    """Compared, those that cannot be judged included."""
    unprovable: int = 0
    """Customers whose history begins before the log does."""
    expired_alerts: int = 0
    """Alerts the log gives that are older than what is kept of their topic."""
    rows: int = 0
    tables: bool = True
    """Whether the tables and the accounting were compared: that needs the whole log."""
    differences: list[str] = field(default_factory=list)

    @property
    def truncated(self) -> bool:
        """The log no longer reaches back to its beginning."""
        return self.begin > 0


class Audit(Struct):
    """The whole report."""

    partitions: list[PartitionAudit] = field(default_factory=list)
    complaints: int = 0
    alerts: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything that can be judged equals what the log gives."""
        return not self.differences and not any(p.differences for p in self.partitions)

    @property
    def customers(self) -> int:
        """Customers that were judged."""
        return sum(part.customers - part.unprovable for part in self.partitions)

    @property
    def unprovable(self) -> int:
        """Customers that could not be judged."""
        return sum(part.unprovable for part in self.partitions)


def lines(report: Audit) -> Iterable[str]:
    """The report as text: a line per partition, the first differences, and what it comes to."""
    for part in report.partitions:
        yield _line(part)
        yield from (f"  - {text}" for text in part.differences[:SHOWN])
    yield f"{report.complaints:,} complaints and {report.alerts:,} alerts on their topics"
    yield from (f"  - {text}" for text in report.differences[:SHOWN])
    yield _sum(report)


def _line(part: PartitionAudit) -> str:
    state = f"{len(part.differences):,} differences" if part.differences else "equal"
    notes = []
    if part.unprovable:
        notes.append(
            f"{part.unprovable:,} not provable: the log now begins at offset {part.begin:,}"
        )
    if part.expired_alerts:
        notes.append(f"{part.expired_alerts:,} alerts are older than their topic keeps")
    if not part.tables:
        notes.append("tables and accounting not compared")
    since = "" if part.since is None else f" named since offset {part.since:,}"
    return (
        f"partition {part.partition}: {part.events:,} events to offset {part.applied:,}, "
        f"{part.customers:,} customers{since}, {part.rows:,} rows: " + "; ".join([state, *notes])
    )


def _sum(report: Audit) -> str:
    if not report.clean:
        return "Not equal."
    whole = not report.unprovable and all(part.tables for part in report.partitions)
    if whole:
        return f"Equal: {report.customers:,} customers, their tables and the accounting."
    beyond = f"; {report.unprovable:,} cannot be proved" if report.unprovable else ""
    return f"Equal: {report.customers:,} customers{beyond}."
