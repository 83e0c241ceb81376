"""Reads settings from environment variables: typed, checked, all mistakes named at once.

A setting is a dataclass field made by `variable`; its description, default and reader stand there
and nowhere else, so the checks and the documentation cannot disagree.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

REQUIRED: Any = MISSING
"""The default of a setting that has none."""

SECRET_FILE_BYTES = 65_536
"""A password, token or URL is shorter; a larger file was named by mistake."""

TYPO_LIKENESS = 0.9
"""How alike an unknown variable must be to a setting to be called a slip, by difflib's ratio. What
Kubernetes adds for services (MANYI_SERVICE_HOST, MANYI_PORT_6066_TCP) stays below."""


@dataclass(frozen=True)
class Variable:
    """What is known about one setting."""

    name: str
    read: Callable[[str], Any]
    says: str
    section: str
    shown_default: str
    secret: bool


def variable(
    name: str,
    read: Callable[[str], Any],
    default: Any,
    section: str,
    says: str,
    *,
    shown_default: str | None = None,
    secret: bool = False,
) -> Any:
    """Declare a dataclass field that is read from `name`, or for a secret from `name`_FILE too.

    `default` may be REQUIRED. `shown_default` words a default that does not speak for itself.
    """
    if shown_default is None:
        shown_default = as_text(default)
    about = Variable(name, read, says, section, shown_default, secret)
    return dataclasses.field(default=default, repr=not secret, metadata={"variable": about})


def variables(settings: type) -> dict[str, Variable]:
    """Return the variables of a settings class by field name, in their order."""
    return {
        field.name: field.metadata["variable"]
        for field in dataclasses.fields(settings)
        if "variable" in field.metadata
    }


def read_all(settings: type, environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that are set, by field name, and a sentence for every mistake.

    An empty variable counts as not set: that is how compose files leave a setting out.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field, about in variables(settings).items():
        try:
            text = _text_of(about, environ)
            if text:
                values[field] = about.read(text)
        except ValueError as error:
            problems.append(f"{about.name}: {error}")
    return values, problems


def slips(known: set[str], environ: Mapping[str, str], prefix: str) -> list[str]:
    """Return a sentence for every variable that looks like a misspelt setting."""
    strangers = sorted(name for name in set(environ) - known if name.startswith(prefix))
    return [
        f"{name} is not a setting; did you mean {close[0]}?"
        for name in strangers
        if (close := get_close_matches(name, known, 1, TYPO_LIKENESS))
    ]


def page(settings: type, beside: Mapping[str, str]) -> str:
    """Return the page that documents every variable, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Written by `make docs` from streams/settings.py. Each is an environment variable; an",
        "empty one counts as not set. A secret (marked *) may stand in a file instead: `NAME_FILE`",
        "names it. All are checked at the start, and every mistake is named at once.",
    ]
    section = None
    for about in variables(settings).values():
        if about.section != section:
            section = about.section
            lines += ["", f"## {section}", ""]
            lines += ["| variable | default | what it is |", "|---|---|---|"]
        default = about.shown_default
        is_value = default and " " not in default
        default = f"`{default}`" if is_value else default
        lines.append(f"| `{about.name}`{'*' * about.secret} | {default} | {about.says} |")
    lines += ["", "## Beside them", "", "| variable | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {says} |" for name, says in beside.items()]
    return "\n".join(lines) + "\n"


def _text_of(about: Variable, environ: Mapping[str, str]) -> str:
    text = environ.get(about.name, "").strip()
    path = environ.get(f"{about.name}_FILE", "").strip() if about.secret else ""
    if text and path:
        raise ValueError(f"is set, and so is {about.name}_FILE; keep one of them")
    if not path:
        return text
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(SECRET_FILE_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValueError(f"{about.name}_FILE={path} cannot be read: {reason}") from error
    if len(text) > SECRET_FILE_BYTES:
        raise ValueError(f"{about.name}_FILE={path} is larger than {SECRET_FILE_BYTES} bytes")
    if not (text := text.strip()):
        raise ValueError(f"{about.name}_FILE={path} is empty")
    return text


def as_text(value: Any) -> str:
    """Return a value as one would write it into its variable; nothing for what is not set."""
    if value is None or value is REQUIRED:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, tuple) else str(value)


# --- readers: text in, value out, ValueError with what is expected -------------------------------


def text(value: str) -> str:
    """Any text."""
    return value


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"{number} is not from {low} to {high}")
        return number

    return read


def port(value: str) -> int:
    """A TCP port."""
    if value.startswith("tcp://"):
        raise ValueError(
            f"{value} was put there by Kubernetes for a service of that name; "
            "set enableServiceLinks: false in the pod, or the port itself"
        )
    return whole_number(1, 65_535)(value)


def switch(value: str) -> bool:
    """`on` or `off`."""
    if value not in ("on", "off"):
        raise ValueError(f"{value!r} is neither on nor off")
    return value == "on"


def one_of(*choices: str) -> Callable[[str], str]:
    """One of the given words, in any case."""

    def read(value: str) -> str:
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise ValueError(f"{value!r} is none of {', '.join(choices)}")

    return read


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """Text of the given form; `expected` says in words which."""

    def read(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is not {expected}")
        return value

    return read


def servers(value: str) -> str:
    """`host:port`, several separated by commas."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    for server in found:
        host, colon, number = server.rpartition(":")
        if not host or not colon or not number.isdigit() or not 0 < int(number) < 65_536:
            raise ValueError(f"{server!r} is not host:port")
    if not found:
        raise ValueError(f"{value!r} names no server")
    return ",".join(found)


def url(*schemes: str) -> Callable[[str], str]:
    """A URL of one of the given schemes. The value is not repeated: it may hold a password."""

    def read(value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise ValueError("is not a URL") from None
        if parts.scheme not in schemes or not (parts.hostname or parts.path):
            expected = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"is not a URL that starts with {expected}")
        return value

    return read


def urls(value: str) -> tuple[str, ...]:
    """HTTP URLs, separated by commas."""
    read = url("http", "https")
    return tuple(read(part.strip()).rstrip("/") for part in value.split(",") if part.strip())


def existing_file(value: str) -> Path:
    """A file that can be read."""
    path = Path(value)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"{value} cannot be read: {error.strerror}") from None


def directory(value: str) -> Path:
    """A directory; it is made when it is first used."""
    path = Path(value)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{value} is not a directory")
    return path


def time_zone(value: str) -> ZoneInfo:
    """A time zone of the IANA database."""
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone such as Asia/Shanghai") from None


def region(value: str) -> str:
    """A region by ISO 3166, in two letters, whose telephone numbers are known."""
    from phonenumbers import SUPPORTED_REGIONS  # takes 50 ms: only where it is asked for

    if value.upper() not in SUPPORTED_REGIONS:
        raise ValueError(f"{value!r} is not a region such as CN")
    return value.upper()
