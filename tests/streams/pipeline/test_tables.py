"""Rows say their format, so that no row is misread by another version."""

import msgspec
import pytest

from schemas.customer import ROW_FORMAT, CustomerState
from streams.pipeline.tables import CUSTOMERS, RowFormatError

encode = msgspec.msgpack.encode


def test_a_row_comes_back_as_it_was() -> None:
    """What is written in this format is read in it."""
    row = CustomerState("ann", name="Ann", interaction_count=3)
    assert CUSTOMERS.decode(encode(row)) == row


@pytest.mark.parametrize(
    "older_or_newer",
    [
        {"customer_id": "ann", "interaction_count": 3},  # format 1 named its fields
        ["ann", ROW_FORMAT + 1, "Ann"],
        ["ann", "Ann"],
    ],
)
def test_a_row_of_another_format_is_refused(older_or_newer: object) -> None:
    """The error names the format and what to do; nothing is guessed."""
    with pytest.raises(RowFormatError, match=f"format {ROW_FORMAT}.*rebuild the rows"):
        CUSTOMERS.decode(encode(older_or_newer))
