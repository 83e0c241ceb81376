"""One what-if from beginning to end: read the history once, judge it under every policy."""

import gc
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import glob
from pathlib import Path
from zoneinfo import ZoneInfo

import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agents.complaints.sla.judging import Case, Judged, judge, judge_all
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.selfcheck import Checker
from agents.complaints.sla.whatif import what_if
from schemas.policy import PolicySet
from streams.errors import ExitCode, UserError
from streams.importing.files import STDIN, total_bytes
from streams.importing.mappings import load_mapping
from streams.policy_files import require_policy
from streams.settings import load_settings
from streams.whatif.report import Report, make_report
from streams.whatif.sources import TOPIC, History, read_history
from streams.whatif.topic import read_topic

CASES_A_STEP = 500
BUILT_IN = "built in"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A history, and the policies it is asked about. `bars` tell people how far it is."""

    history: History
    policies: list[PolicySet]
    names: list[str]
    zone: ZoneInfo
    bars: Progress

    def cases(self) -> Iterator[Case]:
        """The complaints, while a bar tells how many of them were judged."""
        cases = self.history.cases
        with self.bars:
            task = self.bars.add_task(
                f"Judging under {', '.join(self.names)}", total=len(cases), pace=""
            )
            for number, case in enumerate(cases):
                if number % CASES_A_STEP == 0:
                    self.bars.update(task, completed=number)
                yield case


def ask(
    sources: Sequence[str],
    policies: Sequence[Path],
    *,
    mapping: str | None,
    until: datetime | None,
    zone: ZoneInfo | None,
    errors: Console,
) -> Asked:
    """Read the history and the policies. Raises UserError for what the user can mend."""
    sets = [require_policy(path) for path in policies] or [require_policy(None)]
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
    return Asked(
        history=history,
        policies=sets,
        names=_names(policies) or [BUILT_IN],
        zone=zone or ZoneInfo(sets[0].timezone),
        bars=bars,
    )


def answer(asked: Asked) -> Report:
    """Judge every complaint under every policy, and report."""
    history, plans = asked.history, [Plan(one) for one in asked.policies]
    digests = [plan.digest for plan in plans]
    judged = judge_all(asked.cases(), plans, history.until)
    checker = Checker(history.published, [*digests, *history.versions])
    if history.published:
        judged = _checking(judged, checker, history, plans)
    figures, comparisons = what_if(judged, asked.names, history.until, asked.zone)
    checked = checker.result() if history.published else None
    return make_report(history, figures, digests, comparisons, asked.zone, checked)


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
        return uvloop.run(read_topic(load_settings(only_kafka=True), first, tell))
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


def _checking(
    judged: Iterable[list[Judged]], checker: Checker, history: History, plans: Sequence[Plan]
) -> Iterator[list[Judged]]:
    """Pass on what was judged, and hold it beside production's verdicts, each found again under the
    very version that gave it.

    The log tells of the versions; what none of them and no named policy judged is not compared.
    """
    known = {digest: Plan(policy) for digest, policy in history.versions.items()}
    known |= {plan.digest: plan for plan in plans}
    for found in judged:
        case = found[0].case
        by_digest = {plan.digest: one for plan, one in zip(plans, found, strict=True)}
        for digest in checker.judged_by(case.complaint_id) & known.keys():
            one = by_digest.get(digest) or judge(case, known[digest], history.until)
            checker.add(digest, case.complaint_id, one.verdicts())
        yield found
