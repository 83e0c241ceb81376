"""Short ways to make mappings in tests."""

from typing import Any

from agents.mapping import Mapping, MappingResult, compile_mapping

Payload = dict[str, Any]


def mapping_of(fields: str, head: str = "") -> Mapping:
    """Compile a mapping with one chat entry; `fields` replace or add to its fields, one a line."""
    given = {line.split(":")[0] for line in fields.splitlines() if line and line[0] != " "}
    base = {
        "source": "{ const: shop }",
        "id": "id",
        "kind": "{ const: message }",
        "occurred_at": "{ const: 2026-03-01T10:00:00Z }",
    }
    lines = [f"{name}: {value}" for name, value in base.items() if name not in given]
    body = "\n".join(f"    {line}" for line in [*lines, *fields.splitlines()])
    return compile_mapping(
        f"mapping: trial\n{head}\nemit:\n  - channel: chat\n{body}\n", "trial.yaml"
    )


def map_one(fields: str, payload: Payload, head: str = "") -> MappingResult:
    """Map one payload; `id` is given unless the payload has one."""
    return mapping_of(fields, head).apply({"id": "1", **payload})


def value_of(expression: str, payload: Payload, field: str = "text", head: str = "") -> Any:
    """Give what one field's expression makes of a payload, having asserted that it could."""
    result = map_one(f"{field}: {expression}", payload, head)
    assert not result.errors
    assert not result.problems
    return result.records[0][1].get(field)
