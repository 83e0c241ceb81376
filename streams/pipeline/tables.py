"""The tables of both stages: what is kept per lane, under which prefix of the changelog."""

from schemas.customer import CustomerState, IntakeState, PartitionState, PolicyHistory
from schemas.policy import PolicySet
from schemas.rollup import SatisfactionCatalogue
from schemas.satisfaction import SatisfactionRow
from streams.engine import Table

CUSTOMERS = Table(name="customers", prefix=b"c", row_type=CustomerState)
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
