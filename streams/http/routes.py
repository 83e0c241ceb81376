"""The routes of the API: one table, from which it is served and documented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.command import Command
from schemas.explanation import ComplaintClocks
from schemas.satisfaction import Dimension, Window
from schemas.view import Board, ComplaintCard, CustomerCard
from streams.http.answers import (
    CommandTaken,
    ComplaintsAnswer,
    Health,
    SatisfactionAnswer,
    StatsAnswer,
)
from streams.http.errors import MEDIA_JSON, Problem
from streams.http.params import Kind, Param

MEDIA_EVENTS = "text/event-stream"
MEDIA_METRICS = "text/plain"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One possible answer: what it means and what is in it."""

    about: str
    body: Any = None
    media: str = MEDIA_JSON


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation. `name` is its operation id and the method of `Api` (or page) that answers."""

    name: str
    path: str
    about: str
    tag: str
    method: str = "GET"
    params: Sequence[Param] = ()
    body: type | None = None
    replies: Mapping[int, Reply] = field(default_factory=dict)


def _problem(about: str) -> Reply:
    return Reply(about=about, body=Problem)


BAD_REQUEST = _problem("A parameter or field is wrong; `hint` says what would be right.")
NO_VIEWS = _problem("The live views cannot be read at the moment; try again.")


def _limit(default: int, maximum: int) -> Param:
    return Param(
        name="limit",
        about="How many at most.",
        kind=Kind.INTEGER,
        default=default,
        minimum=1,
        maximum=maximum,
    )


def _filter(name: str, about: str, example: str) -> Param:
    return Param(name=name, about=about, example=example)


CUSTOMER_ID = Param(name="customer_id", about="The customer's id.", in_path=True)
COMPLAINT_ID = Param(name="complaint_id", about="The complaint's id.", in_path=True)

ROUTES: tuple[Route, ...] = (
    Route(
        name="satisfaction",
        path="/v1/satisfaction",
        tag="satisfaction",
        about="How satisfied customers are. By channel, team, category, region or tier: counts, "
        "and every ratio with its 95 % interval. Windows are by event time in UTC; newest first. "
        "A figure of fewer than five answers is not `judged`.",
        params=(
            Param(
                name="by",
                about="What the rows are broken down by.",
                kind=Kind.CHOICE,
                choices=[d.value for d in Dimension],
                default=Dimension.ALL.value,
            ),
            Param(
                name="window",
                about="Hours, days (UTC), or everything so far.",
                kind=Kind.CHOICE,
                choices=[w.value for w in Window],
                default=Window.DAY.value,
            ),
            Param(
                name="from",
                about="Only windows that start at or after this instant.",
                kind=Kind.INSTANT,
                example="2026-03-02T00:00:00Z",
            ),
            Param(
                name="to",
                about="Only windows that start before this instant.",
                kind=Kind.INSTANT,
                example="2026-03-09T00:00:00Z",
            ),
            _limit(200, 2_000),
        ),
        replies={
            200: Reply(about="The rows.", body=SatisfactionAnswer),
            400: BAD_REQUEST,
            503: NO_VIEWS,
        },
    ),
    Route(
        name="customer_by_handle",
        path="/v1/customers",
        tag="customers",
        about="The customer a handle belongs to. Handles are normalised as intake does, so "
        "`Ann@Example.com` finds `ann@example.com`.",
        params=(
            Param(
                name="handle",
                about="KIND:VALUE; kinds are crm, email, phone, chat and web. Chat and web ids "
                "need the system they come from: chat:SYSTEM:ID.",
                required=True,
                example="email:ann@example.com",
            ),
        ),
        replies={
            200: Reply(about="The card.", body=CustomerCard),
            400: BAD_REQUEST,
            404: _problem("Nobody is known by this handle."),
            503: NO_VIEWS,
        },
    ),
    Route(
        name="customer",
        path="/v1/customers/{customer_id}",
        tag="customers",
        about="One customer across all channels. The id of a customer who was merged into another "
        "leads to the other's card.",
        params=(CUSTOMER_ID,),
        replies={
            200: Reply(about="The card.", body=CustomerCard),
            404: _problem("There is no such customer."),
            503: NO_VIEWS,
        },
    ),
    Route(
        name="complaints_of",
        path="/v1/customers/{customer_id}/complaints",
        tag="customers",
        about="All complaints of a customer, newest first.",
        params=(CUSTOMER_ID,),
        replies={200: Reply(about="The complaints.", body=ComplaintsAnswer), 503: NO_VIEWS},
    ),
    Route(
        name="complaints",
        path="/v1/complaints",
        tag="complaints",
        about="List complaints. Open ones by what falls due next (broken promises first), "
        "resolved and closed ones newest first.",
        params=(
            Param(
                name="state",
                about="Which complaints.",
                kind=Kind.CHOICE,
                choices=("open", "resolved", "closed", "all"),
                default="open",
            ),
            _filter("channel", "Only those opened in this channel.", "chat"),
            _filter("team", "Only those of this team.", "billing"),
            _filter("tier", "Only customers of this tier.", "vip"),
            _filter("category", "Only this category.", "refund"),
            _filter("region", "Only this region.", "DE"),
            _filter("severity", "Only this severity.", "high"),
            _filter("owner", "Only those of this representative.", "rep-7"),
            _limit(50, 500),
            Param(name="cursor", about="Where to go on: `next_cursor` of the answer before."),
        ),
        replies={
            200: Reply(about="A page of complaints.", body=ComplaintsAnswer),
            400: BAD_REQUEST,
            503: NO_VIEWS,
        },
    ),
    Route(
        name="complaint",
        path="/v1/complaints/{complaint_id}",
        tag="complaints",
        about="One complaint with its clocks.",
        params=(COMPLAINT_ID,),
        replies={
            200: Reply(about="The complaint.", body=ComplaintCard),
            404: _problem("There is no such complaint."),
            503: NO_VIEWS,
        },
    ),
    Route(
        name="clocks",
        path="/v1/complaints/{complaint_id}/clocks",
        tag="complaints",
        about="Why a complaint's clocks stand where they stand. Every stretch of every clock "
        "(running, paused, closed hours) with its cause and the version of the policy that judges; "
        "the stretches tile the clock and sum to what elapsed and what was used.",
        params=(COMPLAINT_ID,),
        replies={
            200: Reply(about="The clocks, stretch by stretch.", body=ComplaintClocks),
            404: _problem("There is no such complaint, or its history is no longer kept."),
            503: NO_VIEWS,
        },
    ),
    Route(
        name="command",
        method="POST",
        path="/v1/commands",
        tag="complaints",
        about="Tell manyi what to do with a complaint. The command is published to `commands.v1` "
        "and takes its place in the customer's one order of events; 202 means that the broker has "
        "it, not that it is done. The same `source` and `id` again is the same command, so it can "
        "be sent again safely. Without `occurred_at` it happened now.",
        body=Command,
        replies={
            202: Reply(about="Published.", body=CommandTaken),
            400: BAD_REQUEST,
            404: _problem("There is no such complaint or customer."),
            413: _problem("The body is too large."),
            415: _problem("The body is no JSON."),
            503: _problem("The broker or the live views cannot be reached; nothing was done."),
        },
    ),
    Route(
        name="board",
        path="/v1/board",
        tag="board",
        about="What the wallboard shows. Counts, the head of the queue, the last day's figures.",
        replies={200: Reply(about="The board.", body=Board)},
    ),
    Route(
        name="stream",
        path="/v1/stream",
        tag="board",
        about="The board as server-sent events. `board` whenever something changed (at most once a "
        "second), `beat` every five seconds. The current board comes first, so nothing need be "
        "asked for after a reconnect.",
        params=(
            Param(
                name="view",
                about="`data` sends a Board as JSON; `wall` the wallboard's part of the page.",
                kind=Kind.CHOICE,
                choices=("data", "wall"),
                default="data",
            ),
            Param(
                name="lang",
                about="Language of `wall`.",
                kind=Kind.CHOICE,
                choices=("en", "zh"),
                default="en",
            ),
        ),
        replies={
            200: Reply(about="The events.", media=MEDIA_EVENTS),
            503: _problem("Too many streams are open on this worker."),
        },
    ),
    Route(
        name="stats",
        path="/v1/stats",
        tag="operation",
        about="What became of all records, over all workers. received = accepted + duplicate + "
        "rejected + skipped, once everything is read.",
        replies={200: Reply(about="The counts.", body=StatsAnswer), 503: NO_VIEWS},
    ),
    Route(
        name="metrics",
        path="/metrics",
        tag="operation",
        about="This worker's metrics for Prometheus.",
        replies={200: Reply(about="Prometheus text format.", media=MEDIA_METRICS)},
    ),
    Route(
        name="live",
        path="/health/live",
        tag="operation",
        about="Whether the process answers.",
        replies={200: Reply(about="It does.", body=Health)},
    ),
    Route(
        name="ready",
        path="/health/ready",
        tag="operation",
        about="Whether the worker has restored its rows and takes part.",
        replies={
            200: Reply(about="It is ready.", body=Health),
            503: Reply(about="It is not; `reasons` say why.", body=Health),
        },
    ),
    Route(
        name="openapi",
        path="/openapi.json",
        tag="operation",
        about="This description.",
        replies={200: Reply(about="OpenAPI 3.1.")},
    ),
)
