"""What a what-if costs: `python -m benchmarks.whatif [RECORDS] [HISTORY_EVENTS]`, CPU seconds.

Reads simulated records into histories, repeats those histories until there are enough events, and
judges them under two of the example policies: each alone, one with a file that differs in one
policy only, and both together with the report, as `manyi whatif` does.
"""

import gc
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
from msgspec.structs import replace

from agents.complaints.sla.judging import Case, judge_all
from agents.complaints.sla.plan import Plan
from agents.complaints.sla.whatif import what_if
from agents.simulation import simulate
from streams.policy_files import load_policy
from streams.whatif.report import make_report
from streams.whatif.sources import History, read_history, save

POLICIES = Path(__file__).parents[1] / "deploy" / "policies"
ZONE = ZoneInfo("Asia/Shanghai")


def main(records: int, events: int) -> None:
    """Measure reading, reading again, and judging."""
    first = load_policy(POLICIES / "china.yaml")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.jsonl")
        with path.open("wb") as file:
            for event in simulate(7, records, datetime(2026, 3, 2, tzinfo=UTC)):
                if isinstance(event.record, dict):
                    line = {**event.record, "channel": event.channel}
                    file.write(orjson.dumps(line) + b"\n")
        started = time.process_time()
        history = read_history([str(path)], first, None, lambda what, count: None)
        _say("records into histories", history.events, started)
        many = History(cases=_many(history, events), until=history.until, source="repeated")
        saved = Path(folder, "histories.jsonl")
        save(many, str(saved))
        started = time.process_time()
        many = read_history([str(saved)], first, None, lambda what, count: None)
        _say("saved histories read", many.events, started)
    gc.freeze()
    changed = replace(first.policies[0], bot_replies_count=not first.policies[0].bot_replies_count)
    nearly = replace(first, policies=(changed, *first.policies[1:]))
    strict = load_policy(POLICIES / "strict.yaml")
    for names, policies in (
        (("china",), (first,)),
        (("strict",), (strict,)),
        (("china", "one nearly alike"), (first, nearly)),
        (("china", "strict"), (first, strict)),
    ):
        started = time.process_time()
        judged = judge_all(many.cases, [Plan(policy) for policy in policies], history.until)
        figures, comparisons = what_if(judged, names, history.until, ZONE)
        _say(f"judged under {' and '.join(names)}", many.events, started)
        if "strict" not in names[1:]:
            continue
        started = time.process_time()
        digests = [policy.digest for policy in policies]
        make_report(many, figures, digests, comparisons, ZONE, None)
        _say("reported", many.events, started)


def _many(history: History, events: int) -> list[Case]:
    """The same histories again and again under other names, until there are enough events."""
    cases: list[Case] = []
    count = 0
    for number, case in enumerate(islice(cycle(history.cases), 100_000_000)):
        if count >= events:
            return cases
        cases.append(replace(case, complaint_id=f"{case.complaint_id}/{number}"))
        count += len(case.history)
    return cases


def _say(what: str, count: int, started: float) -> None:
    seconds = time.process_time() - started
    print(f"{what}: {count:,} events in {seconds:.1f} s, {seconds / count * 1e6:.0f} us each")


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    main(*(arguments + [100_000, 1_000_000][len(arguments) :]))
