"""The names of all live views in Redis, and how many of each are kept.

| key (after `manyi:view:`) | type | holds |
|---|---|---|
| `customer:<id>` | string | CustomerCard, JSON |
| `customers` | sorted set | customer ids by last contact (epoch ms), to remove the oldest |
| `complaint:<id>` | string | ComplaintCard, JSON |
| `history:<id>` | string | ComplaintHistory, JSON: what its clocks follow from |
| `policy:<digest>` | string | PolicySet, JSON: every version that judged a complaint |
| `complaints:open` | sorted set | ids by the next due time (epoch ms; `+inf` where nothing runs) |
| `complaints:open:facts` | hash | id -> QueueFacts, JSON: what the board counts |
| `complaints:resolved`, `complaints:closed` | sorted set | ids by when (epoch ms), newest kept |
| `complaints:of:<customer id>` | sorted set | ids by when they opened |
| `satisfaction:<window>:<hour>:<dimension>` | hash | `<partition>:<key>` -> SatisfactionRow, JSON |
| `satisfaction:starts:<window>` | sorted set | the hours of the starts that exist |
| `counts:intake` | hash | `<topic>/<partition>` -> received, rejected, skipped |
| `counts:customers` | hash | `<partition>` -> outcomes per channel |
| `progress` | hash | `<partition>` -> PartitionProgress, JSON: how fresh its views are |
| `partitions` | string | how many partitions write views |
| `life` | string | a name that a flush takes away: whoever remembers another one writes again |

Values are absolute and belong to one partition, so writing one again changes nothing, and a reader
adds partitions up.
"""

from agents.satisfaction.rollup import KEPT_STARTS
from schemas.complaint import Stage
from schemas.satisfaction import Dimension, Window

KEPT_ENDED = 20_000
"""Resolved, and closed, complaints that can still be looked up: some weeks of a busy centre."""

KEPT_CUSTOMERS = 1_000_000
"""Customer cards, by last contact: about 2 GB of Redis at 2 kB a card."""

KEPT_OF_CUSTOMER = 100
"""Complaints listed per customer, newest kept."""

KEYS_REMEMBERED = 10_000
"""Names of satisfaction rows that are not built again: live traffic writes the same ones."""

KEPT_WINDOW_STARTS = KEPT_STARTS
"""Window starts in the tables: as many as the state keeps."""


class ViewKeys:
    """Key names under one prefix, such as `manyi:`."""

    def __init__(self, prefix: str) -> None:
        base = f"{prefix}view:"
        self._base = base
        self._satisfaction: dict[tuple[Window, int, Dimension], str] = {}
        self._starts = {window: f"{base}satisfaction:starts:{window.value}" for window in Window}
        self.customers = f"{base}customers"
        self.open = f"{base}complaints:open"
        self.open_facts = f"{base}complaints:open:facts"
        self.resolved = f"{base}complaints:resolved"
        self.closed = f"{base}complaints:closed"
        self.intake_counts = f"{base}counts:intake"
        self.customer_counts = f"{base}counts:customers"
        self.progress = f"{base}progress"
        self.partitions = f"{base}partitions"
        self.life = f"{base}life"

    def customer(self, customer_id: str) -> str:
        """A customer's card."""
        return f"{self._base}customer:{customer_id}"

    def complaint(self, complaint_id: str) -> str:
        """A complaint."""
        return f"{self._base}complaint:{complaint_id}"

    def history(self, complaint_id: str) -> str:
        """What a complaint's clocks follow from."""
        return f"{self._base}history:{complaint_id}"

    def policy(self, digest: str) -> str:
        """A version of the policy file."""
        return f"{self._base}policy:{digest}"

    def complaints_of(self, customer_id: str) -> str:
        """The complaints of a customer."""
        return f"{self._base}complaints:of:{customer_id}"

    def ended(self, stage: Stage) -> str | None:
        """Where a complaint of this stage is listed besides the open ones; None if it is open."""
        return {Stage.RESOLVED: self.resolved, Stage.CLOSED: self.closed}.get(stage)

    def satisfaction(self, window: Window, hour: int, dimension: Dimension) -> str:
        """The rows of one window start by one dimension."""
        place = window, hour, dimension
        key = self._satisfaction.get(place)
        if key is None:
            if len(self._satisfaction) >= KEYS_REMEMBERED:
                self._satisfaction.clear()
            key = f"{self._base}satisfaction:{window.value}:{hour}:{dimension.value}"
            self._satisfaction[place] = key
        return key

    def starts(self, window: Window) -> str:
        """Which starts a window has."""
        return self._starts[window]
