"""The handlers of the API: each takes the services and its parameters, and returns a record."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from agents.intake.handles import normalise_handle, parse_handle
from schemas.explanation import ComplaintClocks
from schemas.satisfaction import Dimension, Window
from schemas.view import Board, ComplaintCard, CustomerCard
from streams.http.answers import (
    Channels,
    CommandTaken,
    ComplaintsAnswer,
    Health,
    SatisfactionAnswer,
    StatsAnswer,
)
from streams.http.commands import COMMAND_BYTES, SOURCE, take_command
from streams.http.errors import MEDIA_JSON, ApiError, bad_request, not_found
from streams.http.feed import BoardFeed
from streams.http.services import Services
from streams.views.explaining import explain_kept

Args = Mapping[str, Any]

FILTERS = ("channel", "team", "tier", "category", "region", "severity", "owner")
"""Fields of a complaint that a list can be narrowed by."""


class Api:
    """The handlers, with what they share."""

    def __init__(self, services: Services, feed: BoardFeed) -> None:
        self.services = services
        self.feed = feed

    async def satisfaction(self, args: Args) -> SatisfactionAnswer:
        """Rows of a table with their figures."""
        dimension, window = Dimension(args["by"]), Window(args["window"])
        reader = self.services.reader
        return SatisfactionAnswer(
            by=dimension,
            window=window,
            rows=await reader.satisfaction(
                dimension, window, from_at=args["from"], to_at=args["to"], limit=args["limit"]
            ),
            freshness=await reader.freshness(),
        )

    async def customer(self, args: Args) -> CustomerCard:
        """A customer's card by id."""
        card = await self.services.reader.customer(args["customer_id"])
        if card is None:
            raise not_found(
                f"there is no customer {args['customer_id']}",
                "look by a handle: GET /v1/customers?handle=email:ann@example.com",
            )
        return card

    async def customer_by_handle(self, args: Args) -> CustomerCard:
        """A customer's card by a handle, normalised as intake does."""
        try:
            handle = parse_handle(args["handle"])
        except ValueError as error:
            hint = "handle: KIND:VALUE, such as email:ann@example.com or phone:+8613800138000"
            raise bad_request(str(error), hint, "handle") from None
        text, fault = normalise_handle(handle, SOURCE, self.services.intake)
        if text is None:
            reason = "" if fault is None else f" ({fault.value})"
            hint = "handle: numbers need a country code, such as phone:+8613800138000"
            raise bad_request(f"{args['handle']} names nobody{reason}", hint, "handle")
        customer_id = await self.services.customer_of(text)
        card = None if customer_id is None else await self.services.reader.customer(customer_id)
        if card is None:
            raise not_found(
                f"nobody is known by {text}",
                "chat and web ids need the system they come from: chat:SYSTEM:ID",
            )
        return card

    async def complaints(self, args: Args) -> ComplaintsAnswer:
        """A page of complaints."""
        reader, state = self.services.reader, args["state"]
        filters = {name: args[name] for name in FILTERS if args[name]}
        try:
            page = await reader.complaints(
                state, limit=args["limit"], cursor=args["cursor"] or "", filters=filters
            )
        except ValueError as error:
            raise bad_request(str(error), "cursor: leave it out to begin", "cursor") from None
        return ComplaintsAnswer(
            state=state,
            complaints=page.complaints,
            next_cursor=page.next_cursor,
            freshness=await reader.freshness(),
        )

    async def complaints_of(self, args: Args) -> ComplaintsAnswer:
        """All complaints of a customer, newest first."""
        reader = self.services.reader
        return ComplaintsAnswer(
            state="all",
            complaints=await reader.complaints_of(args["customer_id"]),
            next_cursor=None,
            freshness=await reader.freshness(),
        )

    async def complaint(self, args: Args) -> ComplaintCard:
        """One complaint with its clocks."""
        card = await self.services.reader.complaint(args["complaint_id"])
        if card is None:
            raise not_found(
                f"there is no complaint {args['complaint_id']}",
                "look for it: GET /v1/complaints?state=all, or by its customer",
            )
        return card

    async def clocks(self, args: Args) -> ComplaintClocks:
        """A complaint's clocks, stretch by stretch."""
        return await self.explained(args["complaint_id"])

    async def explained(self, complaint_id: str) -> ComplaintClocks:
        """The same for one complaint, by its id, as of this second."""
        now = datetime.fromtimestamp(int(self.services.clock()), UTC)
        found = await explain_kept(self.services.reader, complaint_id, now)
        if found is None:
            raise not_found(
                f"there is no history of a complaint {complaint_id}",
                "look for it: GET /v1/complaints?state=all, or by its customer",
            )
        return found.clocks

    async def command(self, request: web.Request) -> CommandTaken:
        """Take a command: published, not yet done."""
        if request.content_type != MEDIA_JSON:
            raise ApiError(
                415, f"a body of type {request.content_type}", f"send Content-Type: {MEDIA_JSON}"
            )
        body = await request.content.read(COMMAND_BYTES + 1)
        while len(body) <= COMMAND_BYTES and not request.content.at_eof():
            body += await request.content.read(COMMAND_BYTES + 1 - len(body))
        if len(body) > COMMAND_BYTES:
            raise ApiError(413, f"more than {COMMAND_BYTES} bytes", "shorten the comment")
        return await take_command(body, self.services)

    async def stats(self, args: Args) -> StatsAnswer:
        """Counts over all workers."""
        found = await self.services.reader.stats()
        return StatsAnswer(
            channels=Channels(
                phone=found["phone"], email=found["email"], chat=found["chat"], web=found["web"]
            ),
            commands=found["commands"],
        )

    async def board(self, args: Args) -> Board:
        """The wallboard's data."""
        return await self.feed.current()

    async def live(self, args: Args) -> Health:
        """The process answers."""
        return Health(status="live")

    async def ready(self, args: Args) -> tuple[int, Health]:
        """Whether the worker has its rows and takes part."""
        reasons, notes = list(self.services.not_ready()), list(self.services.notes())
        if reasons:
            return 503, Health(status="not_ready", reasons=reasons, notes=notes)
        return 200, Health(status="ready", notes=notes)
