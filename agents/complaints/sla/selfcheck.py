"""Does a replay find what production found? Verdict by verdict, where the same policy judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from agents.complaints.sla.judging import Verdict
from schemas.clock import ClockState
from schemas.complaint import ClockView, Complaint

SHOWN = 20
"""Differences that are named; the rest is counted."""

_JUDGED = frozenset({ClockState.MET, ClockState.BREACHED, ClockState.ENDED})


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Production's verdicts beside the replay's.

    `compared` clocks had a verdict of production under these very versions; `other_policy` clocks
    were judged by others; `not_in_history` complaints were published, but are older than the
    history.
    """

    policy_digest: str
    compared: int
    differ: int
    other_policy: int
    not_in_history: int
    differences: list[str]

    @property
    def says(self) -> str:
        """The outcome in one sentence."""
        if not self.compared:
            return (
                "Self-check: production judged nothing under this policy"
                f" ({self.policy_digest}), so its verdicts could not be compared."
            )
        if self.differ:
            return (
                f"Self-check FAILED: of {self.compared:,} verdicts of production the replay finds"
                f" {self.differ:,} otherwise. Do not trust the figures below."
            )
        return f"Self-check: the replay finds all {self.compared:,} verdicts of production."


class Checker:
    """Compares, complaint by complaint, verdicts found under some versions (by digest) with what
    production published last."""

    def __init__(self, published: Mapping[str, Complaint], digests: Iterable[str]) -> None:
        self._published = published
        self._digests = list(dict.fromkeys(digests))
        self._seen: set[tuple[str, str]] = set()
        self._compared = 0
        self._differences: list[tuple[int, str, str]] = []

    def judged_by(self, complaint_id: str) -> set[str]:
        """The versions under which production judged that complaint."""
        complaint = self._published.get(complaint_id)
        return {clock.policy_version for clock in complaint.clocks} if complaint else set()

    def add(self, digest: str, complaint_id: str, found: Sequence[Verdict]) -> None:
        """Compare the verdicts of a complaint with those production gave under that version."""
        self._seen.add((digest, complaint_id))
        # Two waits of one target may begin at one instant: a call that opens and is answered.
        known: dict[tuple[str, datetime], list[Verdict]] = {}
        for one in found:
            known.setdefault((one.target.value, one.started_at), []).append(one)
        for clock in self._published[complaint_id].clocks:
            if clock.policy_version != digest or clock.state not in _JUDGED:
                continue
            self._compared += 1
            same_start = known.get((clock.target, clock.started_at), [])
            same = [one for one in same_start if one.instance == clock.instance] or same_start
            difference = _difference(clock, same)
            if difference:
                told = f"{complaint_id} {clock.target}: {difference}"
                self._differences.append((self._digests.index(digest), complaint_id, told))

    def result(self) -> SelfCheck:
        """What all comparisons found."""
        versions = Counter(
            (complaint_id, clock.policy_version)
            for complaint_id, complaint in self._published.items()
            for clock in complaint.clocks
        )
        return SelfCheck(
            policy_digest=", ".join(self._digests),
            compared=self._compared,
            differ=len(self._differences),
            other_policy=sum(
                count for (_, digest), count in versions.items() if digest not in self._digests
            ),
            not_in_history=sum(
                digest in self._digests and (digest, complaint_id) not in self._seen
                for complaint_id, digest in versions
            ),
            differences=[told for _, _, told in sorted(self._differences)[:SHOWN]],
        )


def _difference(clock: ClockView, found: list[Verdict]) -> str:
    if not found:
        return f"production says {clock.state}, the replay has no such clock"
    ours = [(str(one.state), one.breached_at, one.ended_at) for one in found]
    theirs = (str(clock.state), clock.breached_at, clock.ended_at)
    if theirs in ours:
        return ""
    return f"production says {_shown(theirs)}, the replay {' or '.join(map(_shown, ours))}"


def _shown(said: tuple[str, datetime | None, datetime | None]) -> str:
    state, breached_at, ended_at = said
    text = str(state)
    if breached_at is not None:
        text += f" at {breached_at.isoformat()}"
    if ended_at is not None:
        text += f", ended {ended_at.isoformat()}"
    return text
