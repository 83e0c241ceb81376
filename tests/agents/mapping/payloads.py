"""Real and documented payloads of channel systems, from the data beside the checkout."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agents.intake.outcomes import Accepted, AcceptedCommand
from agents.intake.settings import IntakeSettings
from agents.intake.step import take_command, take_in
from agents.mapping import Mapping, compile_mapping
from schemas.codec import Decoded, decode_channel_record, decode_command
from schemas.common import Channel
from schemas.interaction import Origin

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples" / "mappings"


def payload(shared_data: Path, name: str) -> Any:
    """Read `channel_payloads/<name>.json`."""
    return orjson.loads((shared_data / "channel_payloads" / f"{name}.json").read_bytes())


def example(name: str) -> Mapping:
    """Compile a mapping of `docs/examples/mappings`."""
    path = EXAMPLES / f"{name}.yaml"
    return compile_mapping(path.read_text(encoding="utf-8"), path.name)


def taken_in(channel: str, record: dict[str, Any]) -> Decoded[Any]:
    """Read a mapped record as intake does, having seen that intake accepts it.

    Raises MalformedRecord where intake would refuse it.
    """
    raw = orjson.dumps(record)
    origin = Origin("mapped", 0, 0)
    if channel == "commands":
        assert isinstance(take_command(raw, [], NOW, origin, IntakeSettings()), AcceptedCommand)
        return decode_command(raw)
    found = decode_channel_record(Channel(channel), raw)
    taken = take_in(raw, [], Channel(channel), NOW, origin, IntakeSettings())
    assert isinstance(taken, Accepted), taken
    return found
