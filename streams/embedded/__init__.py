"""A broker and a Redis of one's own: what `manyi demo` and the tests run on.

`EmbeddedServices` starts Tansu (a Kafka-compatible broker, in memory) and Valkey from their Python
wheels on free loopback ports. A supervisor process of its own guards them: they end with the
process that started them, however that ends. `find_running` tells other commands where they are.
"""

from streams.embedded.runtime import RunningInstance, find_running, publish, runtime_file
from streams.embedded.services import EmbeddedServices

__all__ = ["EmbeddedServices", "RunningInstance", "find_running", "publish", "runtime_file"]
