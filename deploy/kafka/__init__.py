"""A real Apache Kafka on this machine, for tests and for trying things out.

One broker in KRaft mode from Maven Central, on a free loopback port, with its data in a directory
of its own. `python -m deploy.kafka` runs it in the foreground; `LocalKafka` is for programs.
"""

from deploy.kafka.local import KafkaUnavailable, LocalKafka, missing_tools

__all__ = ["KafkaUnavailable", "LocalKafka", "missing_tools"]
