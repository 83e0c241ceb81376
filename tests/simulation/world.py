"""What one run consists of besides its workers: the cluster, its group, and the trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from streams.engine import TopicPartition
from tests.simulation.broker import Broker, Draft
from tests.simulation.group import Group
from tests.simulation.loop import BOOT, Process, VirtualLoop, running

__all__ = ["Cluster", "Trace", "here", "present"]


class Trace:
    """What happened, in order; two runs of a seed must have the same digest."""

    def __init__(self, loop: VirtualLoop, keep: bool) -> None:
        self._loop = loop
        self._keep = keep
        self._digest = sha256()
        self.lines: list[str] = []
        self.count = 0

    def add(self, who: object, what: str, *details: object) -> None:
        """Note an event of a process, or of the world."""
        line = f"{self._loop.now - BOOT:9.3f}  {who!s:<8} {what} {' '.join(map(str, details))}"
        self.count += 1
        self._digest.update(line.encode())
        if self._keep:
            self.lines.append(line.rstrip())

    @property
    def digest(self) -> str:
        """Of everything so far, and of how many callbacks it took."""
        digest = self._digest.copy()
        digest.update(f"{self._loop.callbacks} {self._loop.now!r}".encode())
        return digest.hexdigest()[:16]


@dataclass
class Cluster:
    """The cluster as its clients see it."""

    loop: VirtualLoop
    rng: Random
    broker: Broker
    group: Group
    trace: Trace
    refused_share: float = 0.0
    """Share of appends that are answered with an error although they were made."""
    watch_append: Callable[[TopicPartition, Sequence[Draft]], None] = lambda tp, drafts: None

    def note(self, what: str, *details: object) -> None:
        """Trace something the running process did."""
        self.trace.add(running() or "world", what, *details)

    def appended(
        self, tp: TopicPartition, process: Process | None, base: int, drafts: Sequence[Draft]
    ) -> None:
        """Trace an append."""
        self.watch_append(tp, drafts)
        self.trace.add(
            process or "world", "append", f"{tp.topic}/{tp.partition}", base, len(drafts)
        )

    def refuses_after_append(self) -> bool:
        """Whether this append is answered with an error."""
        return bool(self.refused_share) and self.rng.random() < self.refused_share


present: list[Cluster] = []
"""The cluster of the run that goes on; clients are made deep inside the engine and ask for it."""


def here() -> tuple[Cluster, Process | None]:
    """The cluster, and the process that asks."""
    return present[-1], running()
