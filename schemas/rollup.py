"""What a partition keeps beside its satisfaction rows: which keys and which window starts exist."""

from msgspec import Struct, field


class SatisfactionCatalogue(Struct, omit_defaults=True):
    """The table of contents of a partition's satisfaction rows, or of one window start.

    In the partition's own entry `keys` lists every key known per dimension, `starts` the starts
    kept per window (epoch hours, ascending), and `newest_hour` the latest hour counted. In the
    entry of one start `keys` lists the keys that have a row there; the rest stays empty.
    """

    keys: dict[str, list[str]] = field(default_factory=dict)
    starts: dict[str, list[int]] = field(default_factory=dict)
    newest_hour: int = -1
