"""`manyi customers`: say that two customers are one person, and take it back."""

from datetime import UTC, datetime
from uuid import uuid4

import click
import uvloop
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from agents.intake.handles import normalise_handle, parse_handle
from agents.intake.settings import IntakeSettings
from schemas.codec import encode_json
from schemas.command import Action, Command
from schemas.view import CustomerCard
from streams import topics
from streams.errors import ExitCode, UserError
from streams.identity.index import IdentityIndex
from streams.settings import Settings, load_settings
from streams.views import ViewReader

SOURCE = "cli"
JSON_HEADERS = [("content-type", b"application/json")]


@click.group("customers", short_help="Merge two customers who are one person, and part them again")
def command() -> None:
    """Merge customers, and take it back.

    A customer is named by its id or by a handle: email:ann@example.com, phone:+8613800138000,
    chat:SYSTEM:ID. manyi never merges customers by itself: that two handles are one person is
    something that people, or their systems, know.
    """


@command.command("merge")
@click.argument("gone")
@click.argument("into")
def merge(gone: str, into: str) -> ExitCode:
    """Say that GONE is INTO: complaints of GONE go on with INTO.

    Of two about the same matter the later joins the earlier. All that is said under the handles of
    either reaches the complaints of both.
    """
    given = uvloop.run(give_command(load_settings(), Action.MERGE, gone, into))
    click.echo(f"Told the workers: {given.customer_id} is merged into {given.into}.")
    click.echo(f"To take it back: manyi customers unmerge {given.customer_id}")
    return ExitCode.OK


@command.command("unmerge")
@click.argument("gone")
def unmerge(gone: str) -> ExitCode:
    """Take back that GONE was merged: it gets back what is its own."""
    given = uvloop.run(give_command(load_settings(), Action.UNMERGE, gone))
    click.echo(f"Told the workers: {given.customer_id} gets its own complaints back.")
    return ExitCode.OK


async def give_command(
    settings: Settings, action: Action, gone: str, into: str | None = None
) -> Command:
    """Publish the command; raises UserError where somebody is unknown."""
    redis = Redis.from_url(settings.redis_url)
    try:
        customer_id = await _customer_id(redis, settings, gone)
        survivor = None if into is None else await _card(redis, settings, into)
    finally:
        await redis.aclose()
    given = Command(
        source=SOURCE,
        id=str(uuid4()),
        action=action,
        occurred_at=datetime.now(UTC),
        customer_id=customer_id,
        into=None if survivor is None else survivor.customer_id,
    )
    async with AIOKafkaProducer(**settings.kafka_clients(), acks="all") as producer:
        await producer.send_and_wait(
            topics.COMMANDS, encode_json(given), customer_id.encode(), headers=JSON_HEADERS
        )
    return given


async def _customer_id(redis: Redis, settings: Settings, name: str) -> str:
    """The customer of an id or a handle, whether it was merged or not."""
    if ":" not in name:
        await _card(redis, settings, name)
        return name
    try:
        handle = parse_handle(name)
    except ValueError as error:
        raise UserError(f"{name}: {error}", "Write KIND:VALUE, such as email:a@b.c") from None
    intake = IntakeSettings(default_region=settings.default_region)
    text, _ = normalise_handle(handle, SOURCE, intake)
    found = None
    if text is not None:
        found = await IdentityIndex(redis, settings.redis_prefix).customer_of(text)
    if found is None:
        raise UserError(f"Nobody is known by {name}", "A handle is known once it was seen")
    return found


async def _card(redis: Redis, settings: Settings, name: str) -> CustomerCard:
    """The card of whoever goes on."""
    customer_id = name if ":" not in name else await _customer_id(redis, settings, name)
    card = await ViewReader(redis, settings.redis_prefix).customer(customer_id)
    if card is None:
        raise UserError(f"There is no customer {name}", "Look: GET /v1/customers?handle=KIND:VALUE")
    return card
