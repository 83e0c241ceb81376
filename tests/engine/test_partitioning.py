"""The partition of a key equals that of every other Kafka client."""

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.partitioning import Partitioner, partition_of

# murmur2 as signed 32 bit integers, from the test suite of Apache Kafka's Java client
JAVA = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "hashed"), JAVA)
def test_equals_the_java_client(key: bytes, hashed: int) -> None:
    """`toPositive(murmur2(key)) % partitions`, with and without memory."""
    for partitions in (1, 4, 8, 13):
        expected = (hashed & 0x7FFFFFFF) % partitions
        assert partition_of(key, partitions) == expected
        assert Partitioner()(key, partitions) == expected


@given(st.binary(max_size=600))
def test_equals_aiokafka(key: bytes) -> None:
    """Keys of any length, also those of a few bytes more or less than a word of four."""
    assert partition_of(key, 1 << 31) == murmur2(key) & 0x7FFF_FFFF


def test_the_memory_is_bounded() -> None:
    """It forgets everything rather than growing, and stays right."""
    partitioner = Partitioner(limit=10)
    for number in range(100):
        key = b"%d" % number
        assert partitioner(key, 8) == partition_of(key, 8)
    assert len(partitioner._hashes) <= 10
