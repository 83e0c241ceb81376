"""Tallies that move the same series of the metrics, gathered before any series is looked up."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from agents.effects import Measure, Tally


class Counted(NamedTuple):
    """What tallies that move the same series have in common."""

    measure: Measure
    channel: str
    tier: str
    value: float | str | None
    is_correction: bool


def alike(tallies: Iterable[Tally]) -> Counter[Counted]:
    """How often each came: to look up a series costs more than to gather many tallies for it.

    Interactions are left out: the outcomes of admission count them already.
    """
    found: Counter[Counted] = Counter()
    for tally in tallies:
        if tally.measure is not Measure.INTERACTIONS:
            labels, count = tally.labels, tally.count
            what = Counted(tally.measure, labels.channel, labels.tier, tally.value, count < 0)
            found[what] += abs(count)
    return found
