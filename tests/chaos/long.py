"""The long run: `python -m tests.chaos.long --kills 100 --interactions 500000 --seed 7`.

Three workers on an Apache Kafka and a Valkey of their own. In every round a share of the traffic is
fed and a worker is killed, from outside (`kill -9`) or by a failpoint inside; now and then a worker
is paused, leaves or gets a wrong clock, Redis is emptied, the broker restarts. At the end the judge
and `manyi audit` compare everything. The exit status is 1 on any difference.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from agents.complaints.rules import ComplaintRules
from agents.complaints.settle import Rulebook
from agents.complaints.sla.plan import Plan
from deploy.kafka import LocalKafka
from streams.audit import audit, lines
from streams.embedded import EmbeddedServices
from streams.policy_files import require_policy
from tests.chaos import faults
from tests.chaos.everything import judge_everything
from tests.chaos.faults import Fault
from tests.chaos.fleet import NAMES, Fleet, Stuck
from tests.chaos.traffic import traffic
from tests.chaos.verdict import Verdict

KILLS: tuple[Fault, ...] = (faults.kill, faults.kill, faults.die_inside)
OTHERS: tuple[Fault, ...] = (
    faults.pause,
    faults.jump_clock,
    faults.flush_redis,
    faults.join_or_leave,
)
OTHER_EVERY = 8
"""Rounds between faults that kill nobody."""
BOUNCE_EVERY = 40
"""Rounds between restarts of the broker, orderly and hard in turns."""
RECOVER_SHARE = 0.7
"""After so many of the kills the next one waits until all are ready; the others come at once."""
RECOVER_SECONDS = 30.0
CUSTOMERS = 5_000
SAY_SECONDS = 10.0


@dataclass
class Run:
    """One long run and what it has done so far."""

    options: argparse.Namespace
    kafka: LocalKafka
    fleet: Fleet
    done: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)
    phase: str = "starting"

    @property
    def kills(self) -> int:
        """Workers that ended by SIGKILL."""
        return self.fleet.exits[-9]

    async def storm(self) -> None:
        """Rounds of traffic and faults until there were enough of both."""
        options, fleet = self.options, self.fleet
        chance = random.Random(options.seed)
        records = traffic(options.seed, options.interactions, customers=CUSTOMERS)
        portion = -(-options.interactions // options.kills)
        fleet.start(*NAMES)
        await fleet.until_ready()
        self.phase = "storm"
        number = 0
        while self.kills < options.kills or fleet.fed < options.interactions:
            number += 1
            part = list(islice(records, portion))
            feeding = fleet.feed_meanwhile(part, options.rate)
            await asyncio.sleep(chance.uniform(0.2, 3.0))
            if number % BOUNCE_EVERY == 0:
                # In this thread: on Linux the broker ends with the thread that started it.
                self.kafka.bounce(hard=number % (2 * BOUNCE_EVERY) == 0, pause_seconds=1)
                self.done["broker bounce"] += 1
            await self._fault(chance, number)
            await feeding
            if self.kills >= options.kills and not part:
                break

    async def _fault(self, chance: random.Random, number: int) -> None:
        fault = chance.choice(OTHERS if number % OTHER_EVERY == 0 else KILLS)
        self.done[fault.__name__] += 1
        await fault(self.fleet, chance)
        resting = [name for name in NAMES if name not in self.fleet.workers]
        if resting and number % OTHER_EVERY:
            self.fleet.start(*resting)
        if chance.random() < RECOVER_SHARE:
            try:
                await self.fleet.until_ready(seconds=RECOVER_SECONDS)
            except Stuck:
                self.done["not ready in time"] += 1  # the next fault comes anyway

    async def calm(self) -> datetime:
        """Everybody reads the rest and stops in order; when that began."""
        fleet = self.fleet
        self.phase = "reading the rest"
        fleet.start(*(name for name in NAMES if name not in fleet.workers))
        await fleet.settle()
        await fleet.until_ready()
        await asyncio.sleep(3)
        await fleet.settle()
        stopped_at = datetime.now(UTC)
        await fleet.stop_all()
        return stopped_at

    async def judge(self, stopped_at: datetime) -> tuple[Verdict, str]:
        """Both verdicts; how long they take depends on the log alone, so nothing hurries them."""
        fleet = self.fleet
        self.phase = "judging"
        verdict = await judge_everything(fleet, stopped_at)
        self.phase = "auditing"
        rulebook = Rulebook(Plan(require_policy(fleet.policy)), ComplaintRules())
        report = await audit(fleet.settings, rulebook, lambda *_: None)
        check = verdict.check("manyi audit")
        check.compared = report.customers
        if not report.clean:
            check.wrong += list(lines(report))
        return verdict, list(lines(report))[-1]

    async def say(self) -> None:
        """A line now and then."""
        while True:
            await asyncio.sleep(SAY_SECONDS)
            print(
                f"{time.monotonic() - self.began:6.0f} s  {self.phase}: "
                f"{self.fleet.fed:,} of {self.options.interactions:,} fed, "
                f"{self.kills} of {self.options.kills} kills, "
                f"{self.fleet.starts} starts, exits {dict(self.fleet.exits)}",
                flush=True,
            )


async def run(options: argparse.Namespace, kafka: LocalKafka, redis_url: str) -> int:
    """The whole run; its exit status."""
    directory = Path(options.directory or tempfile.mkdtemp(prefix="manyi-chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    again = (
        f"python -m tests.chaos.long --kills {options.kills} "
        f"--interactions {options.interactions} --seed {options.seed} --brokers {options.brokers}"
    )
    print(f"again: {again}\nlogs: {directory}", flush=True)
    async with Fleet(kafka.bootstrap_servers, redis_url, directory) as fleet:
        it = Run(options, kafka, fleet)
        saying = asyncio.create_task(it.say())
        verdict, audited, stuck = Verdict(), "not made", ""
        try:
            async with asyncio.timeout(options.minutes * 60):
                await it.storm()
                stormed = time.monotonic() - it.began
                stopped_at = await it.calm()
            verdict, audited = await it.judge(stopped_at)
        except (Stuck, TimeoutError, AssertionError) as error:
            why = str(error) or f"not done after {options.minutes:g} minutes, while {it.phase}"
            stuck = why if isinstance(error, Stuck) else f"{why}\n{await fleet.diagnosis()}"
            stormed = time.monotonic() - it.began
        saying.cancel()
        report = {
            "again": again,
            "seed": options.seed,
            "kills": it.kills,
            "records": fleet.fed,
            "faults": dict(it.done),
            "starts": fleet.starts,
            "exits": {str(status): count for status, count in fleet.exits.items()},
            "storm_seconds": round(stormed),
            "seconds": round(time.monotonic() - it.began),
            "compared": {name: check.compared for name, check in verdict.checks.items()},
            "wrong": {name: len(check.wrong) for name, check in verdict.checks.items()},
            "first": verdict.wrong,
            "figures": verdict.figures,
            "audit": audited,
            "stuck": stuck,
        }
    for name in ("seed", "kills", "records", "faults", "starts", "exits", "seconds", "audit"):
        print(f"{name:<22} {report[name]}")
    print("\n".join(verdict.lines()))
    (directory / "report.json").write_text(json.dumps(report, indent=2, default=str))
    print(f"report: {directory / 'report.json'}")
    right = bool(verdict.checks) and not verdict.wrong and not stuck
    print(stuck or ("Everything is as it must be." if right else "NOT as it must be."))
    if not right:
        print(f"again: {again}")
    return 0 if right else 1


def main() -> int:
    """Read the options, start the servers, run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.long", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="at least so many")
    parser.add_argument("--interactions", type=int, default=500_000, help="records to feed")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument(
        "--minutes",
        type=float,
        default=45.0,
        help="give up if the workers are not done after so long",
    )
    parser.add_argument("--brokers", type=int, default=1, help="1, or 3 with three copies")
    parser.add_argument("--rate", type=float, default=1_500.0, help="records a second, at most")
    parser.add_argument("--directory", help="where logs and report go; default: a new one")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # clients complain of what is done to their broker
    with LocalKafka(brokers=options.brokers) as kafka, EmbeddedServices(broker=False) as valkey:
        return asyncio.run(run(options, kafka, valkey.redis_url))


if __name__ == "__main__":
    sys.exit(main())
