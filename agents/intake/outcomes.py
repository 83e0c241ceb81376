"""What became of one record: accepted, rejected or skipped, each with what is worth counting."""

from enum import StrEnum

from msgspec import Struct

from schemas.command import Command
from schemas.interaction import Interaction, Origin
from schemas.leniency import Problem
from schemas.rejection import RejectReason


class SkipReason(StrEnum):
    """Why a well-formed record says nothing to manyi. Skipped records are counted, not kept."""

    TOMBSTONE = "tombstone"
    """A null value: the publisher deleted its own record."""
    NO_DATA = "no_data"
    """A CloudEvent without data."""
    UNANSWERED = "unanswered"
    """A question of a survey, or a rating prompt, that the customer left open."""


class Accepted(Struct, frozen=True, gc=False):
    """An interaction whose customer is not known yet, and the handles that will say who it is.

    `interaction.customer_id` is "" until `with_customer` fills it. `handles` are normalised texts,
    strongest first, at least one. `problems` are fields that were dropped or cut; `unknown_fields`
    are only looked for in mended records and in a sample of good ones.
    """

    interaction: Interaction
    handles: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    unknown_fields: tuple[str, ...] = ()


class AcceptedCommand(Struct, frozen=True, gc=False):
    """A command; `customer_id` is set when it names one, else `handles` say who is meant."""

    command: Command
    command_id: str
    origin: Origin
    customer_id: str | None
    handles: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


class Rejected(Struct, frozen=True, gc=False):
    """A record for the dead-letter topic; `field` is "" where no single one is to blame."""

    reason: RejectReason
    field: str = ""
    detail: str = ""


class Skipped(Struct, frozen=True, gc=False):
    """A record that is in order and says nothing."""

    reason: SkipReason
