"""Errors of the API: what is wrong, and what to do about it, as JSON."""

from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

MEDIA_JSON = "application/json"

encode = msgspec.json.Encoder().encode


class Problem(Struct, omit_defaults=True, kw_only=True):
    """The body of every error: `error` says what is wrong, `hint` what to do, `field` where."""

    error: str
    hint: str
    field: str = ""


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: str, hint: str, field: str = "") -> None:
        super().__init__(error)
        self.status = status
        self.problem = Problem(error=error, hint=hint, field=field)


def bad_request(error: str, hint: str, field: str = "") -> ApiError:
    """The caller can mend it: 400."""
    return ApiError(400, error, hint, field)


def not_found(error: str, hint: str) -> ApiError:
    """There is no such thing: 404."""
    return ApiError(404, error, hint)


def unavailable(error: str, hint: str) -> ApiError:
    """Try again in a moment: 503."""
    return ApiError(503, error, hint)


def json_response(
    body: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A JSON answer that nobody may keep: live figures age by the second."""
    return web.Response(
        body=encode(body),
        status=status,
        content_type=MEDIA_JSON,
        charset="utf-8",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        | (headers or {}),
    )
