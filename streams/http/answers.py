"""The bodies of answers that are more than one record."""

from msgspec import Struct

from schemas.common import Instant
from schemas.satisfaction import Dimension, Window
from schemas.view import ChannelCounts, ComplaintCard, Freshness, SatisfactionEntry


class SatisfactionAnswer(Struct, kw_only=True):
    """Rows of a satisfaction table, newest start first. `freshness` says how far to trust them."""

    by: Dimension
    window: Window
    rows: list[SatisfactionEntry]
    freshness: Freshness


class ComplaintsAnswer(Struct, kw_only=True):
    """A page of complaints; `next_cursor` goes on, None at the end."""

    state: str
    complaints: list[ComplaintCard]
    next_cursor: str | None
    freshness: Freshness


class CommandTaken(Struct, kw_only=True):
    """The command is on its way: its id, the complaint it names, and the time it was given."""

    command_id: str
    complaint_id: str = ""
    customer_id: str = ""
    occurred_at: Instant


class Channels(Struct, kw_only=True):
    """One entry per channel, always all four."""

    phone: ChannelCounts
    email: ChannelCounts
    chat: ChannelCounts
    web: ChannelCounts


class StatsAnswer(Struct, kw_only=True):
    """What became of all records over all workers; commands stand beside the channels.

    Once everything is read, received = accepted + duplicate + rejected + skipped.
    """

    channels: Channels
    commands: ChannelCounts


class Health(Struct, kw_only=True, omit_defaults=True):
    """Whether the process lives, or the worker is ready; `reasons` why it is not.

    `notes` is what a person should look at, although the worker is ready: a refused policy file.
    """

    status: str
    reasons: list[str] = []
    notes: list[str] = []
