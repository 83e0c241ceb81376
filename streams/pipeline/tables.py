"""The tables of both stages: what is kept per lane, under which prefix of the changelog."""

import msgspec

from schemas.customer import ROW_FORMAT, CustomerState, IntakeState, PartitionState, PolicyHistory
from schemas.policy import PolicySet
from schemas.rollup import SatisfactionCatalogue
from schemas.satisfaction import SatisfactionRow
from streams import topics
from streams.engine import EngineError, Table


class RowFormatError(EngineError):
    """A row was written in another format than this version of manyi reads."""


class CustomerTable(Table[CustomerState]):
    """Customers' rows, which say their format: another one is refused, never misread."""

    def decode(self, body: bytes | memoryview) -> CustomerState:
        """The row from its bytes; raises `RowFormatError`."""
        try:
            return super().decode(body)
        except msgspec.ValidationError as error:
            raise RowFormatError(
                f"a customer's row is not of format {ROW_FORMAT}, which this version reads "
                f"({error}). Start the version that wrote it; or rebuild the rows from the log: "
                f"stop all workers, delete and create anew {topics.CUSTOMERS_CHANGELOG} and set "
                f"the consumer group back to the beginning of {topics.CUSTOMER_EVENTS}"
            ) from error


CUSTOMERS = CustomerTable(name="customers", prefix=b"c", row_type=CustomerState)
"""customer_id -> the one state of that customer."""

PARTITIONS = Table(name="partitions", prefix=b"p", row_type=PartitionState)
"""One row per partition: what the accounting counts."""

SATISFACTION = Table(name="satisfaction", prefix=b"s", row_type=SatisfactionRow)
"""Window, start, dimension, key -> counts of this partition."""

CATALOGUE = Table(name="catalogue", prefix=b"k", row_type=SatisfactionCatalogue)
"""Which keys and window starts the partition's satisfaction rows have."""

POLICIES = Table(name="policies", prefix=b"v", row_type=PolicySet)
"""Digest -> that version of the policy, complete in itself."""

POLICY_HISTORY = Table(name="policy_history", prefix=b"h", row_type=PolicyHistory)
"""One row per partition: the versions it was told of, in order."""

INTAKE = Table(name="intake", prefix=b"i", row_type=IntakeState)
"""One row per source partition: received, rejected and skipped."""

ONLY = b""
"""The key of a table that has one row per lane."""

INTAKE_STAGE = "intake"
CUSTOMERS_STAGE = "customers"
"""Names of the two stages; agents, logs and metrics use them."""
