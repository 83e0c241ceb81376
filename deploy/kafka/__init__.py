"""A real Apache Kafka on this machine, for tests and for trying things out.

One broker in KRaft mode from Maven Central, or several, on free loopback ports, with the data in a
directory of their own. `python -m deploy.kafka` runs them in the foreground; `LocalKafka` is for
programs.
"""

from deploy.kafka.emptying import remove_topics
from deploy.kafka.local import KafkaUnavailable, LocalKafka, missing_tools

__all__ = ["KafkaUnavailable", "LocalKafka", "missing_tools", "remove_topics"]
