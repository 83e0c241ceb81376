"""What all tests share: the embedded servers, started once, and the place of the real data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedServices

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedServices]:
    """One broker and one Valkey for all tests of a run: use topics and key prefixes of your own."""
    with EmbeddedServices() as services:
        yield services


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout, `../shared/data`; it is not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data is not here: no directory ../shared/data beside the checkout")
    return SHARED_DATA
