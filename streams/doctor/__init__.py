"""`manyi doctor`: checks settings, Kafka, Redis, rules and receivers, and says how to mend them.

It only looks. The one thing it writes is a key in Redis that it removes again.
"""

from streams.doctor.examination import examine
from streams.doctor.findings import Finding, Health

__all__ = ["Finding", "Health", "examine"]
