"""The rows of one partition as the tally board sees them, and the same in memory."""

from collections.abc import Callable
from typing import Protocol

from schemas.rollup import SatisfactionCatalogue
from schemas.satisfaction import SatisfactionRow


class RowState(Protocol):
    """The rows of one partition, as the engine's batch shows them."""

    def get_row(self, key: bytes) -> SatisfactionRow | None:
        """A satisfaction row, never to be changed in place."""
        ...

    def put_row(self, key: bytes, row: SatisfactionRow) -> None:
        """Write a satisfaction row."""
        ...

    def delete_row(self, key: bytes) -> None:
        """Remove a satisfaction row."""
        ...

    def get_catalogue(self, key: bytes) -> SatisfactionCatalogue | None:
        """A catalogue entry, never to be changed in place."""
        ...

    def put_catalogue(self, key: bytes, entry: SatisfactionCatalogue) -> None:
        """Write a catalogue entry."""
        ...

    def delete_catalogue(self, key: bytes) -> None:
        """Remove a catalogue entry."""
        ...


class MemoryRows:
    """Rows in two dictionaries: for the oracle, the journeys and tests."""

    def __init__(self) -> None:
        self.rows: dict[bytes, SatisfactionRow] = {}
        self.catalogue: dict[bytes, SatisfactionCatalogue] = {}
        self.get_row: Callable[[bytes], SatisfactionRow | None] = self.rows.get
        self.put_row = self.rows.__setitem__
        self.delete_row = self.rows.__delitem__
        self.get_catalogue: Callable[[bytes], SatisfactionCatalogue | None] = self.catalogue.get
        self.put_catalogue = self.catalogue.__setitem__
        self.delete_catalogue = self.catalogue.__delitem__
