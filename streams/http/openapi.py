"""The OpenAPI 3.1 description of the API, from the table of routes.

`python -m streams.http.openapi docs/` writes docs/openapi.json; a test compares it.
"""

import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import orjson

from streams.http.commands import request_schema
from streams.http.params import Param
from streams.http.routes import ROUTES, Reply, Route

REF = "#/components/schemas/{name}"
TITLE = "manyi"
ABOUT = (
    "Live customer satisfaction: figures, complaints with their promised clocks, commands. Answers "
    "come from live views; `freshness` says how far they can be trusted. Instants are RFC 3339 "
    "with a zone. Errors carry `error` and `hint`. There is no authentication in the worker: put "
    "it behind a proxy that has it."
)


def describe() -> dict[str, Any]:
    """The description as data."""
    types = [*_types(ROUTES)]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    refs = dict(zip(types, schemas, strict=True))
    components["CommandRequest"] = request_schema(components["Command"])
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": _version(), "description": ABOUT},
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in ROUTES)],
        "paths": paths,
        "components": {"schemas": {name: components[name] for name in sorted(components)}},
    }


@cache
def document() -> bytes:
    """The description as JSON, as it stands in docs/openapi.json."""
    return orjson.dumps(describe(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _types(routes: Iterable[Route]) -> dict[Any, None]:
    found: dict[Any, None] = {}
    for route in routes:
        if route.body is not None:
            found[route.body] = None
        for reply in route.replies.values():
            if reply.body is not None:
                found[reply.body] = None
    return found


def _operation(route: Route, refs: dict[Any, Any]) -> dict[str, Any]:
    summary, _, _ = route.about.partition(". ")
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary.rstrip("."),
        "description": route.about,
        "responses": {str(status): _reply(reply, refs) for status, reply in route.replies.items()},
    }
    if route.params:
        operation["parameters"] = [_param(param) for param in route.params]
    if route.body is not None:
        schema = {"$ref": REF.format(name="CommandRequest")}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _param(param: Param) -> dict[str, Any]:
    described = {
        "name": param.name,
        "in": "path" if param.in_path else "query",
        "required": param.required or param.in_path,
        "description": param.about,
        "schema": param.schema(),
    }
    if param.example:
        described["example"] = param.example
    return described


def _reply(reply: Reply, refs: dict[Any, Any]) -> dict[str, Any]:
    schema = refs[reply.body] if reply.body is not None else {}
    if reply.body is None and reply.media != "application/json":
        schema = {"type": "string"}
    return {"description": reply.about, "content": {reply.media: {"schema": schema}}}


def _version() -> str:
    try:
        return re.sub(r"[^0-9.].*$", "", version("manyi"))
    except PackageNotFoundError:
        return "0"


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openapi.json").write_bytes(document())
