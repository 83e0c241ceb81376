"""The whole of manyi on one page: what reads which topic, keeps which state, writes which topic.

    interactions.{phone,email,chat,web}.v1, commands.v1
        ► INTAKE ► customer-events.v1 ► CUSTOMERS ► complaints.v1
                          ▲                 │     ► sla-alerts.v1 ► NOTIFIER ► on-call staff
                          ├─── DEADLINES ◄──┘     ► live views ► HTTP, wallboard
                          └─── POLICIES ◄── policy file, sla-policies.v1

`FLOWS` is read by `build`, which makes it run, and by `draw`, which draws it, so the picture is
never out of date.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streams import topics
from streams.engine import Engine, EngineObserver, EngineSettings, Stage, Table
from streams.pipeline.customers import CustomerPipeline
from streams.pipeline.intake import IntakePipeline
from streams.pipeline.tables import (
    CATALOGUE,
    CUSTOMERS,
    INTAKE,
    PARTITIONS,
    POLICIES,
    POLICY_HISTORY,
    SATISFACTION,
)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One box of the picture: its name, what it does, and the topics on either side."""

    name: str
    does: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    changelog: str | None = None
    tables: tuple[Table[Any], ...] = ()


INTAKE_STAGE = Flow(
    name="intake",
    does="validate, normalise, say who the customer is",
    reads=topics.INTAKE_TOPICS,
    writes=(
        topics.CUSTOMER_EVENTS,
        topics.IDENTITY_LINKS,
        topics.CONVERSATION_LINKS,
        *(topics.dead_letters_of(name) for name in topics.INTAKE_TOPICS),
    ),
    changelog=topics.INTAKE_CHANGELOG,
    tables=(INTAKE,),
)
CUSTOMER_STAGE = Flow(
    name="customers",
    does="one row per customer: admit once, timeline, complaints and their clocks, scores",
    reads=(topics.CUSTOMER_EVENTS,),
    writes=(
        topics.COMPLAINTS,
        topics.SLA_ALERTS,
        topics.SATISFACTION_SCORES,
        topics.dead_letters_of(topics.CUSTOMER_EVENTS),
    ),
    changelog=topics.CUSTOMERS_CHANGELOG,
    tables=(CUSTOMERS, PARTITIONS, SATISFACTION, CATALOGUE, POLICIES, POLICY_HISTORY),
)
DEADLINES = Flow(
    name="deadlines",
    does="wake a customer when a clock is due and everything before it was read",
    reads=(),
    writes=(topics.CUSTOMER_EVENTS,),
)
POLICIES_FLOW = Flow(
    name="policies",
    does="check the policy file, tell every partition what is in force",
    reads=(topics.SLA_POLICIES,),
    writes=(topics.SLA_POLICIES, topics.CUSTOMER_EVENTS),
)
NOTIFIER = Flow(
    name="notifier",
    does="deliver each alert once: Alertmanager, signed webhook, terminal",
    reads=(topics.SLA_ALERTS,),
    writes=(),
)
FLOWS: Sequence[Flow] = (INTAKE_STAGE, CUSTOMER_STAGE, DEADLINES, POLICIES_FLOW, NOTIFIER)


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What `build` made: the engine and its two stages."""

    engine: Engine
    intake: Stage
    customers: Stage


def build(
    app: Any,
    settings: EngineSettings,
    intake: IntakePipeline,
    customers: CustomerPipeline,
    observer: EngineObserver | None = None,
) -> Topology:
    """Bind topics, tables and Faust agents: one agent per stage folds all its lanes."""

    def stage(flow: Flow) -> Stage:
        return Stage(
            name=flow.name,
            topics=flow.reads,
            changelog=flow.changelog,
            tables=flow.tables,
            channel=app.channel(maxsize=16),
        )

    intake_stage, customer_stage = stage(INTAKE_STAGE), stage(CUSTOMER_STAGE)
    # stream of batches of channel records and commands -> customer events, links, dead letters
    app.agent(intake_stage.channel, name="intake")(intake.run)
    # stream of batches of customer events -> complaints, alerts, rows, views
    app.agent(customer_stage.channel, name="customers")(customers.run)
    engine = Engine(settings, [intake_stage, customer_stage], observer)
    return Topology(engine=engine, intake=intake_stage, customers=customer_stage)


def draw() -> str:
    """The picture, as text: every flow with its topics and tables."""
    lines: list[str] = []
    for flow in FLOWS:
        reads = [f"{name}  ──►" for name in flow.reads] or [""]
        writes = [f"──►  {name}" for name in flow.writes] or [""]
        kept = [f"[{table.name}]" for table in flow.tables]
        if flow.changelog:
            kept.append(f"log: {flow.changelog}")
        box = [flow.name.upper(), *_wrapped(flow.does, 30), *kept]
        lines += _beside(reads, _boxed(box), writes)
        lines.append("")
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _boxed(lines: Sequence[str]) -> list[str]:
    width = max(map(len, lines))
    edge = "─" * (width + 2)
    return [f"┌{edge}┐", *(f"│ {line:<{width}} │" for line in lines), f"└{edge}┘"]


def _beside(left: Sequence[str], box: Sequence[str], right: Sequence[str]) -> list[str]:
    height = max(len(left), len(box), len(right))
    left_width = 31

    def centred(lines: Sequence[str]) -> list[str]:
        above = (height - len(lines)) // 2
        return [""] * above + list(lines) + [""] * (height - len(lines) - above)

    box_width = len(box[0])
    rows = zip(centred(left), centred(box), centred(right), strict=True)
    return [f"{one:>{left_width}}  {two:<{box_width}}  {three}" for one, two, three in rows]
