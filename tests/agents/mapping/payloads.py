"""Real and documented payloads of channel systems, from the data beside the checkout."""

from pathlib import Path
from typing import Any

import orjson

from agents.mapping import Mapping, compile_mapping
from schemas.codec import Decoded, decode_channel_record, decode_command
from schemas.common import Channel

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples" / "mappings"


def payload(shared_data: Path, name: str) -> Any:
    """Read `channel_payloads/<name>.json`."""
    return orjson.loads((shared_data / "channel_payloads" / f"{name}.json").read_bytes())


def example(name: str) -> Mapping:
    """Compile a mapping of `docs/examples/mappings`."""
    path = EXAMPLES / f"{name}.yaml"
    return compile_mapping(path.read_text(encoding="utf-8"), path.name)


def taken_in(channel: str, record: dict[str, Any]) -> Decoded[Any]:
    """Read a mapped record as intake will; raises MalformedRecord where intake would refuse it."""
    raw = orjson.dumps(record)
    if channel == "commands":
        return decode_command(raw)
    return decode_channel_record(Channel(channel), raw)
