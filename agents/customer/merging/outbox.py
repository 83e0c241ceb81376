"""What a row sends to the logs of other customers, numbered, in pieces a topic takes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec.structs import replace

from agents.complaints.settle import uncount
from agents.effects import Effect, TellCustomer
from schemas.customer import (
    ComplaintState,
    CustomerState,
    Guest,
    Held,
    JoinedComplaint,
    Merges,
)
from schemas.merging import (
    Belongings,
    BetweenCustomers,
    ComplaintsMoved,
    Forwarded,
)

PIECE_EVENTS = 1_000
"""Events of complaints in one record, some 200 bytes each: far below what a topic takes."""

COMPLAINT_WEIGHT = 10
"""What a complaint weighs besides its events."""


class Draft:
    """A row while a record about merges is folded into it: a copy of its own, and what follows."""

    def __init__(self, row: CustomerState) -> None:
        self.row = replace(row, merges=replace(row.merges or Merges()))
        self.effects: list[Effect] = []

    @property
    def id(self) -> str:
        """Whose row it is."""
        return self.row.customer_id

    @property
    def merges(self) -> Merges:
        """The row's own copy."""
        assert self.row.merges is not None
        return self.row.merges

    @property
    def is_away(self) -> bool:
        """Whether the complaints are with another customer, and nobody asked for them back."""
        return bool(self.merges.into) and not self.merges.leaving

    def send(self, event: BetweenCustomers) -> None:
        """Send it, with this row's name and its next number."""
        self.merges.sent += 1
        self.effects.append(TellCustomer(replace(event, sender=self.id, number=self.merges.sent)))

    def pass_on(self, event: BetweenCustomers, to: str) -> None:
        """Send on what was sent here."""
        self.send(replace(event, customer_id=to))

    def forward(self, held: Held, to: str, at: datetime) -> None:
        """Send on what happened to somebody."""
        self.send(
            Forwarded(
                customer_id=to,
                sender=self.id,
                sent_at=at,
                origin=held.origin,
                event=held.event,
                changes=held.changes,
                added=held.added,
            )
        )

    def send_complaints(
        self,
        shape: ComplaintsMoved,
        complaints: Iterable[ComplaintState],
        joined: Iterable[JoinedComplaint],
    ) -> None:
        """Send complaints away, as pieces that are like `shape`; the last says that it is."""
        leaving, count = [], 0
        for state in complaints:
            self.effects += uncount(state.counted)
            leaving.append(self._named(state))
            count += 1
        aside = [replace(each, state=self._named(each.state)) for each in joined]
        self.row.complaint_count -= count + len(aside)
        pieces = list(_pieces([*leaving, *aside])) or [[]]
        for number, piece in enumerate(pieces, 1):
            self.send(
                replace(
                    shape,
                    complaints=[each for each in piece if isinstance(each, ComplaintState)],
                    joined=[each for each in piece if isinstance(each, JoinedComplaint)],
                    policy_at=self.row.policy_at,
                    is_last=number == len(pieces),
                )
            )

    def _named(self, state: ComplaintState) -> ComplaintState:
        """As it travels: it says whose it is, and no table holds it."""
        return replace(state, origin=state.origin or self.id, counted=[])


def _pieces(
    moving: Sequence[ComplaintState | JoinedComplaint],
) -> Iterator[list[ComplaintState | JoinedComplaint]]:
    piece: list[ComplaintState | JoinedComplaint] = []
    weight = 0
    for each in moving:
        state = each if isinstance(each, ComplaintState) else each.state
        weight += COMPLAINT_WEIGHT + len(state.history)
        if piece and weight > PIECE_EVENTS:
            yield piece
            piece, weight = [], COMPLAINT_WEIGHT + len(state.history)
        piece.append(each)
    if piece:
        yield piece


def belongings_of(row: CustomerState) -> Belongings:
    """What of a customer the complaints depend on."""
    return Belongings(
        customer_id=row.customer_id,
        profile=row.profile,
        profile_at=row.profile_at,
        threads=row.threads,
        amounts=row.amounts,
        totals=row.totals,
    )


def guest_of(belongings: Belongings, merge_id: str, via: str) -> Guest:
    """The same, as the row of who has the complaints keeps it."""
    return Guest(
        merge_id,
        via,
        CustomerState(
            belongings.customer_id,
            profile=belongings.profile,
            profile_at=belongings.profile_at,
            threads=belongings.threads,
            amounts=belongings.amounts,
            totals=belongings.totals,
        ),
    )
