"""Parameters of the API: declared once, read and checked from it, and documented from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from aiohttp import web

from streams.http.errors import bad_request

TEXT_CHARACTERS = 400
"""Longest text parameter: the longest handle and its kind."""


class Kind(StrEnum):
    """What a parameter's text is read as."""

    TEXT = "text"
    INTEGER = "integer"
    INSTANT = "instant"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True)
class Param:
    """One parameter of a path or a query."""

    name: str
    about: str
    kind: Kind = Kind.TEXT
    default: Any = None
    required: bool = False
    in_path: bool = False
    choices: Sequence[str] = ()
    minimum: int = 0
    maximum: int = 0
    example: str = ""

    def read(self, text: str) -> Any:
        """The value of `text`; an ApiError says what would be right."""
        match self.kind:
            case Kind.INTEGER:
                return self._integer(text)
            case Kind.INSTANT:
                return self._instant(text)
            case Kind.CHOICE:
                if text not in self.choices:
                    raise self._wrong(text, f"it is one of {', '.join(self.choices)}")
                return text
            case Kind.TEXT:
                if len(text) > TEXT_CHARACTERS:
                    raise self._wrong(text[:40] + "…", f"at most {TEXT_CHARACTERS} characters")
                return text

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        schema: dict[str, Any] = {"type": "string", "maxLength": TEXT_CHARACTERS}
        if self.kind is Kind.INTEGER:
            schema = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        elif self.kind is Kind.INSTANT:
            schema = {"type": "string", "format": "date-time"}
        elif self.kind is Kind.CHOICE:
            schema = {"type": "string", "enum": list(self.choices)}
        if self.default is not None:
            schema["default"] = self.default
        return schema

    def _integer(self, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = self.minimum - 1
        if not self.minimum <= value <= self.maximum:
            raise self._wrong(text, f"a whole number from {self.minimum} to {self.maximum}")
        return value

    def _instant(self, text: str) -> datetime:
        hint = "an instant with its zone, such as 2026-03-02T09:00:00Z, or a date (UTC)"
        try:
            if len(text) == len("2026-03-02"):
                value = datetime.combine(date.fromisoformat(text), time(), UTC)
            else:
                # A plus sign that was not encoded arrives as a space.
                value = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise self._wrong(text, hint) from None
        if value.tzinfo is None:
            raise self._wrong(text, hint)
        if not 1970 <= value.year <= 9000:
            raise self._wrong(text, "a year from 1970 to 9000")
        return value

    def _wrong(self, text: str, hint: str) -> Exception:
        return bad_request(f"{self.name}={text} cannot be used", f"{self.name}: {hint}", self.name)


def read_params(params: Sequence[Param], request: web.Request) -> Mapping[str, Any]:
    """The values of a request's parameters; whatever is wrong with them is an ApiError."""
    known = {param.name: param for param in params if not param.in_path}
    for name in request.query:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise bad_request(f"unknown parameter {name}", f"known parameters: {listed}", name)
        if len(request.query.getall(name)) > 1:
            raise bad_request(f"{name} is given more than once", "give it once", name)
    values: dict[str, Any] = {}
    for param in params:
        text = (request.match_info if param.in_path else request.query).get(param.name, "")
        if text:
            values[param.name] = param.read(text)
        elif param.required or param.in_path:
            raise bad_request(
                f"{param.name} is missing", f"{param.name}: {param.about}", param.name
            )
        else:
            values[param.name] = param.default
    return values
