"""Does a replay find what production found? Verdict by verdict, where the same policy judged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from agents.complaints.sla.whatif import PolicyRun, Verdict
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


def check(run: PolicyRun, digest: str, published: Mapping[str, Complaint]) -> SelfCheck:
    """Compare a run under the policy with that digest with what production published last."""
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in run.verdicts:
        verdicts.setdefault(verdict.complaint_id, []).append(verdict)
    compared = other = missing = 0
    differences: list[str] = []
    for complaint_id, complaint in sorted(published.items()):
        found = verdicts.get(complaint_id)
        mine = [clock for clock in complaint.clocks if clock.policy_version == digest]
        other += len(complaint.clocks) - len(mine)
        if found is None:
            missing += bool(mine)
            continue
        # Two waits of one target may begin at one instant: a call that opens and is answered.
        known: dict[tuple[str, datetime], list[Verdict]] = {}
        for one in found:
            known.setdefault((one.target.value, one.started_at), []).append(one)
        for clock in mine:
            if clock.state not in _JUDGED:
                continue
            compared += 1
            same_start = known.get((clock.target, clock.started_at), [])
            same = [one for one in same_start if one.instance == clock.instance] or same_start
            difference = _difference(clock, same)
            if difference:
                differences.append(f"{complaint_id} {clock.target}: {difference}")
    return SelfCheck(
        policy_digest=digest,
        compared=compared,
        differ=len(differences),
        other_policy=other,
        not_in_history=missing,
        differences=differences[:SHOWN],
    )


def check_all(runs: Mapping[str, PolicyRun], published: Mapping[str, Complaint]) -> SelfCheck:
    """Compare runs under several versions, by digest: each verdict with the one that gave it."""
    checks = [check(run, digest, published) for digest, run in runs.items()]
    return SelfCheck(
        policy_digest=", ".join(runs),
        compared=sum(one.compared for one in checks),
        differ=sum(one.differ for one in checks),
        other_policy=sum(
            clock.policy_version not in runs
            for complaint in published.values()
            for clock in complaint.clocks
        ),
        not_in_history=sum(one.not_in_history for one in checks),
        differences=[text for one in checks for text in one.differences][:SHOWN],
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
