"""Commands over HTTP: checked, completed, published. The pipeline decides what they do."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import orjson
from msgspec.structs import replace

from agents.intake.handles import normalise_handles
from agents.intake.ids import command_id
from schemas.codec import time_fault
from schemas.command import Action, Command
from streams.http.answers import CommandTaken
from streams.http.errors import ApiError, bad_request, not_found, unavailable
from streams.http.services import Services

SOURCE = "http"
"""The source of a command that names none."""

COMMAND_BYTES = 65_536
"""Largest body: the longest comment in UTF-8 and the other fields, with room."""

NEEDS: dict[Action, tuple[str, ...]] = {
    Action.ASSIGN: ("team", "owner"),
    Action.SET_PRIORITY: ("priority",),
    Action.SET_CAUSE: ("cause",),
    Action.CHANGE: ("severity", "category", "tier"),
    Action.COMMENT: ("comment",),
    Action.MERGE: ("into",),
}
"""What an action is about: at least one of these fields must be there."""

_FIELDS = frozenset(Command.__struct_fields__) | {"type"}


async def take_command(body: bytes, services: Services) -> CommandTaken:
    """Check a command and publish it; what is wrong with it is an ApiError."""
    now = datetime.fromtimestamp(services.clock(), UTC)
    command = read_command(body, now)
    command = await _with_customer(command, services)
    if command.into is not None:
        command = replace(command, into=await _who_goes_on(command.into, services))
    try:
        await services.publish(command)
    except ApiError:
        raise
    except Exception as error:
        raise unavailable(
            f"the command could not be published: {type(error).__name__}",
            "nothing was done; send it again with the same source and id in a moment",
        ) from error
    return CommandTaken(
        command_id=command_id(command.source, command.id),
        complaint_id=command.complaint_id or "",
        customer_id=command.customer_id or "",
        occurred_at=command.occurred_at or now,
    )


def read_command(body: bytes, now: datetime) -> Command:
    """The command in a request's body, completed: `source`, `id` and `occurred_at` may be left out.

    Who leaves out `id` cannot repeat the command safely: every attempt is another command.
    """
    if not body:
        raise bad_request("the body is empty", 'send a JSON object such as {"action": "resolve"}')
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is no JSON: {error}", "send a JSON object") from None
    if not isinstance(fields, dict):
        raise bad_request("the body is no JSON object", 'send {"action": …}')
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        hint = f"known fields: {', '.join(sorted(_FIELDS - {'type'}))}"
        raise bad_request(f"unknown field {unknown[0]}", hint, unknown[0])
    fields.setdefault("source", SOURCE)
    fields.setdefault("id", str(uuid4()))
    fields.setdefault("occurred_at", now.isoformat())
    try:
        command = msgspec.convert(fields, Command)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    _check(command, now)
    return command


def _invalid(error: msgspec.ValidationError) -> ApiError:
    """`Invalid enum value 'x' - at `$.action`` as an error with its field."""
    message, _, place = str(error).partition(" - at ")
    field = place.strip("`").removeprefix("$.")
    hint = "see Command in /openapi.json"
    if "`action`" in message:
        field = "action"
    if field == "action":
        hint = f"action: one of {', '.join(Action)}"
    elif field == "source":
        hint = "source: lower-case letters, digits and . _ : - such as crm:1"
    return bad_request(message, hint, field)


def _check(command: Command, now: datetime) -> None:
    needed = NEEDS.get(command.action, ())
    if needed and not any(getattr(command, name) for name in needed):
        raise bad_request(
            f"{command.action.value} without {' or '.join(needed)}",
            f"add {' or '.join(needed)}",
            needed[0],
        )
    fault = time_fault(command.occurred_at or now, now)
    if fault:
        raise bad_request(f"occurred_at: {fault}", "leave it out to take now", "occurred_at")


async def _with_customer(command: Command, services: Services) -> Command:
    """Name the customer: by the complaint, by id, or by handles, which intake resolves."""
    if command.complaint_id:
        card = await services.reader.complaint(command.complaint_id)
        if card is None:
            raise not_found(
                f"there is no complaint {command.complaint_id}",
                "look for it: GET /v1/complaints or GET /v1/customers?handle=…",
            )
        return replace(command, customer_id=card.customer_id)
    if command.customer_id:
        if await services.reader.customer(command.customer_id) is None:
            raise not_found(
                f"there is no customer {command.customer_id}",
                "look for the customer: GET /v1/customers?handle=email:…",
            )
        return command
    if normalise_handles(command.customer, command.source, services.intake).handles:
        return command
    if command.conversation_id:
        return command
    raise bad_request(
        "the command names no complaint and no customer",
        "add complaint_id, customer_id or customer handles",
        "complaint_id",
    )


async def _who_goes_on(customer_id: str, services: Services) -> str:
    """The customer, or whoever it was merged into: nobody is merged into somebody who was."""
    card = await services.reader.customer(customer_id)
    if card is None:
        raise not_found(
            f"there is no customer {customer_id}",
            "look for the customer: GET /v1/customers?handle=email:…",
        )
    return card.customer_id


def request_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of `Command` as a request: what is completed here is not required."""
    optional = {"type", "source", "id"}
    required = [name for name in schema.get("required", ()) if name not in optional]
    properties = {k: v for k, v in schema["properties"].items() if k != "type"}
    return {**schema, "required": required, "properties": properties, "title": "CommandRequest"}
