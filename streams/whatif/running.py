"""One what-if from beginning to end: read the history once, judge it under every policy."""

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import glob
from pathlib import Path
from zoneinfo import ZoneInfo

import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agents.complaints.sla.plan import Plan
from agents.complaints.sla.selfcheck import SelfCheck, check_all
from agents.complaints.sla.whatif import Case, PolicyRun, run_policies, run_policy
from schemas.policy import PolicySet
from streams.errors import ExitCode, UserError
from streams.importing.files import STDIN, total_bytes
from streams.importing.mappings import load_mapping
from streams.policy_files import require_policy
from streams.settings import load_settings
from streams.whatif.sources import TOPIC, History, read_history
from streams.whatif.topic import read_topic

CASES_A_STEP = 500
BUILT_IN = "built in"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A history and its verdicts under every policy, in the order they were named."""

    history: History
    policies: list[PolicySet]
    runs: list[PolicyRun]
    zone: ZoneInfo
    self_check: SelfCheck | None


def judge(
    sources: Sequence[str],
    policies: Sequence[Path],
    *,
    mapping: str | None,
    until: datetime | None,
    zone: ZoneInfo | None,
    errors: Console,
) -> Judged:
    """Read the history and judge it. Raises UserError for what the user can mend."""
    sets = [require_policy(path) for path in policies] or [require_policy(None)]
    names = _names(policies) or [BUILT_IN]
    shown_zone = zone or ZoneInfo(sets[0].timezone)
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[pace]}"), TimeRemainingColumn(),
        console=errors, transient=True, disable=not errors.is_terminal,
    )  # fmt: skip
    with bars:
        history = _read(sources, sets[0], mapping, bars)
        if until is not None:
            history.until = until
        _note_reopening(history, sets)
        gc.freeze()  # histories stay to the end: the collector need not look through them again
        plans = [(name, Plan(one)) for name, one in zip(names, sets, strict=True)]
        cases = _counting(history.cases, bars, f"Judging under {', '.join(names)}")
        runs = run_policies(cases, plans, history.until, shown_zone)
    return Judged(
        history=history,
        policies=sets,
        runs=runs,
        zone=shown_zone,
        self_check=_self_check(history, sets, runs, shown_zone),
    )


def _read(sources: Sequence[str], first: PolicySet, mapping: str | None, bars: Progress) -> History:
    started = time.monotonic()
    is_topic = TOPIC in sources
    if is_topic and len(sources) > 1:
        raise UserError("The log and files cannot be mixed", "Name one source", ExitCode.USAGE)
    paths = [path for source in sources for path in _expanded(source)]
    total = None if is_topic else total_bytes(paths)
    task = bars.add_task("Reading", total=total, pace="")

    def tell(what: str, count: int) -> None:
        seconds = max(time.monotonic() - started, 0.001)
        bars.update(task, pace=f"{count:,} {what}, {count / seconds:,.0f}/s")

    if is_topic:
        return uvloop.run(read_topic(load_settings(), first, tell))
    given = load_mapping(mapping) if mapping else None
    return read_history(paths, first, given, tell, lambda count: bars.advance(task, count))


def _expanded(source: str) -> list[str]:
    """The files a pattern means, each under its own name; what is no pattern means itself."""
    if source in (TOPIC, STDIN) or Path(source).exists():
        return [source]
    found = sorted(glob(source, recursive=True))
    if not found:
        raise UserError(f"{source}: no such file", "Check the path", ExitCode.USAGE)
    return found


def _counting(cases: Sequence[Case], bars: Progress, what: str) -> Iterator[Case]:
    task = bars.add_task(what, total=len(cases), pace="")
    for number, case in enumerate(cases):
        if number % CASES_A_STEP == 0:
            bars.update(task, completed=number)
        yield case
    bars.update(task, completed=len(cases))


def _names(policies: Sequence[Path]) -> list[str]:
    """Short names that tell the files apart."""
    short = [path.stem for path in policies]
    return short if len(set(short)) == len(short) else [str(path) for path in policies]


def _note_reopening(history: History, sets: Sequence[PolicySet]) -> None:
    if len({one.reopen_within_seconds for one in sets}) > 1:
        history.notes.append(
            "The policies differ in reopen_within: which message belongs to which complaint is "
            "told by the first"
        )


def _self_check(
    history: History, sets: Sequence[PolicySet], runs: Sequence[PolicyRun], zone: ZoneInfo
) -> SelfCheck | None:
    """Production's verdicts beside those of the very version that gave each.

    The log tells of the versions; what none of them and no named policy judged is not compared.
    """
    if not history.published:
        return None
    judged = {policy.digest: run for policy, run in zip(sets, runs, strict=True)}
    for digest, policy in history.versions.items():
        if digest not in judged:
            cases = [case for case in history.cases if _is_judged_by(history, case, digest)]
            judged[digest] = run_policy(cases, Plan(policy), digest, history.until, zone)
    return check_all(judged, history.published)


def _is_judged_by(history: History, case: Case, digest: str) -> bool:
    complaint = history.published.get(case.complaint_id)
    return complaint is not None and any(
        clock.policy_version == digest for clock in complaint.clocks
    )
