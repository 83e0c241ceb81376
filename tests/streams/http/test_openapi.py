"""The description of the API: current, whole, and true to what is served."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp.test_utils import TestClient

from streams.http.openapi import describe, document
from streams.http.routes import ROUTES
from tests.streams.http.conftest import World
from tests.streams.http.scenes import put_busy_board
from tests.streams.views.examples import card

ROOT = Path(__file__).resolve().parents[3]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def test_the_file_is_current() -> None:
    """docs/openapi.json is what the code describes."""
    assert (ROOT / "docs" / "openapi.json").read_bytes() == document(), (
        "docs/openapi.json is old: run `python -m streams.http.openapi docs`"
    )


def test_every_reference_leads_somewhere() -> None:
    """Every `$ref` names a component, and every component is a valid JSON Schema."""
    described = describe()
    components = described["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(described)))
    assert references <= set(components)
    for schema in components.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_path_parameter_is_described() -> None:
    """The names in a path are its path parameters, no more, no less; operation ids are unique."""
    for route in ROUTES:
        named = set(re.findall(r"{(\w+)}", route.path))
        assert named == {param.name for param in route.params if param.in_path}, route.path
    assert len({route.name for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize(
    ("path", "described", "status"),
    [
        ("/v1/satisfaction?by=channel&window=1h", "/v1/satisfaction", 200),
        ("/v1/satisfaction?by=mood", "/v1/satisfaction", 400),
        ("/v1/customers/c-1", "/v1/customers/{customer_id}", 200),
        ("/v1/customers/c-0", "/v1/customers/{customer_id}", 404),
        ("/v1/customers/c-k-01/complaints", "/v1/customers/{customer_id}/complaints", 200),
        ("/v1/customers?handle=email:ann@example.com", "/v1/customers", 200),
        ("/v1/complaints", "/v1/complaints", 200),
        ("/v1/complaints/k-01", "/v1/complaints/{complaint_id}", 200),
        ("/v1/board", "/v1/board", 200),
        ("/v1/stats", "/v1/stats", 200),
        ("/health/live", "/health/live", 200),
        ("/health/ready", "/health/ready", 200),
    ],
)
async def test_answers_are_what_is_described(
    world: World, client: TestClient[Any, Any], path: str, described: str, status: int
) -> None:
    """Real answers validate against the schema that is promised for them."""
    put_busy_board(world.writer)
    world.writer.put_customer(0, card("c-1", handles=["email:ann@example.com"]))
    world.handles["email:ann@example.com"] = "c-1"
    await world.show()
    async with client.get("/openapi.json") as response:
        whole = await response.json()
    reply = whole["paths"][described]["get"]["responses"][str(status)]
    schema = reply["content"]["application/json"]["schema"]
    async with client.get(path) as response:
        assert response.status == status
        body = await response.json()
    root = {"$schema": DIALECT, "components": whole["components"], **schema}
    jsonschema.Draft202012Validator(root).validate(body)
