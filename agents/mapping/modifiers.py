"""What is done to a value once its source has given it, always in this order.

`unset` (what spells "nothing") · `json` (text holding JSON) · `split`, `strip` · `map` (words to
words) · `unit` (durations to seconds) · `to` (int, float, text, bool, epoch_us) · `default` (when
nothing is left).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import yaml

from agents.mapping import times
from agents.mapping.document import Document, Scalar, spelling, suggestion
from agents.mapping.errors import OperatorFailed
from agents.mapping.targets import Target, to_bool, to_float, to_int, to_text

Table = Mapping[str, tuple[yaml.Node, yaml.Node]]
Step = Callable[[Any], Any]

MODIFIERS = (
    "when", "unset", "json", "split", "strip", "map", "unit", "to", "default",
    "sep", "format", "zone", "plus",
)  # fmt: skip
"""Every word that may stand beside a source; the last four belong to one source only."""

_ONLY_WITH = {"sep": "join", "format": "time", "zone": "time", "plus": "time"}


def check(document: Document, source: str, table: Table) -> None:
    """Refuse modifiers that mean nothing beside this source."""
    for name, (key, _) in table.items():
        wanted = _ONLY_WITH.get(name, source)
        if wanted != source:
            document.fail(key, f"`{name}` belongs to `{wanted}`, not to `{source}`; remove it")
    if "map" in table and source == "time":
        document.fail(table["map"][0], "`map` turns words into words; a time is none")


def steps(document: Document, source: str, table: Table, target: Target) -> list[Step]:
    """Compile the modifiers of one operator into the steps its value goes through; None stops at
    any of them."""
    made: list[Step] = []
    if "unset" in table and source != "time":
        made.append(unset(document, table["unset"][1]))
    if "json" in table:
        made.append(_json(document, table["json"][1]))
    if "split" in table:
        made.append(_split(document.text(table["split"][1], "`split`")))
    if "strip" in table:
        made.append(_strip(document.text(table["strip"][1], "`strip`")))
    if "map" in table:
        made.append(_map(document, table["map"][1], "default" in table, target))
    if "unit" in table and "plus" not in table:
        made.append(_unit(unit(document, table)))
    if "to" in table:
        made.append(_to(document, table["to"][1]))
    return made


def default(document: Document, table: Table, target: Target) -> Scalar:
    """Read `default`, checked against the words its place knows."""
    if "default" not in table:
        return None
    node = table["default"][1]
    value = document.scalar(node, "`default`")
    check_word(document, node, value, target)
    return value


def unset(document: Document, node: yaml.Node) -> Step:
    """Compile `unset`: the values that spell "nothing" become null. `0` also means the text `0`."""
    words = _words(document, node)

    def forget(value: Any) -> Any:
        if value.__class__ is str:
            return None if value in words else value
        if isinstance(value, (dict, list, datetime)):
            return value
        return None if spelling(value) in words else value

    return forget


def unset_everywhere(document: Document, node: yaml.Node) -> Step:
    """Compile the `unset` of a whole file: these values mean nothing anywhere in the payload."""
    words = _words(document, node)

    def forget(value: Any) -> Any:
        if value.__class__ is str:
            return None if value in words else value
        if isinstance(value, dict):
            return {
                name: (None if inner in words else inner)
                if inner.__class__ is str
                else forget(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [forget(inner) for inner in value]
        return None if spelling(value) in words else value

    return forget


def _words(document: Document, node: yaml.Node) -> frozenset[str]:
    return frozenset(
        spelling(document.scalar(item, "an `unset` value"))
        for item in document.items(node, "`unset`")
    )


def unit(document: Document, table: Table) -> str:
    """Read `unit`, seconds where none is given."""
    if "unit" not in table:
        return "s"
    node = table["unit"][1]
    name = document.text(node, "`unit`")
    if name not in times.UNITS:
        document.fail(node, f"`unit` knows no `{name}`{suggestion(name, times.UNITS)}")
    return name


def check_word(document: Document, node: yaml.Node, value: Scalar, target: Target) -> None:
    """Refuse a constant that its place in the contract would refuse."""
    if value is not None and target.words and value not in target.words:
        fix = suggestion(spelling(value), target.words)
        document.fail(node, f"`{spelling(value)}` is not one of its words{fix}")


def _json(document: Document, node: yaml.Node) -> Step:
    if document.scalar(node, "`json`") is not True:
        document.fail(node, "`json` is either `true` or left out")

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise OperatorFailed(f"{value!r:.60} is not JSON: {error}") from None

    return parse


def _split(separator: str) -> Step:
    def split(value: Any) -> list[str]:
        parts = to_text(value).split(separator if separator.strip() else None)
        return [part.strip() for part in parts if part.strip()]

    return split


def _strip(characters: str) -> Step:
    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [to_text(item).strip(characters) for item in value]
        return to_text(value).strip(characters)

    return strip


def _map(document: Document, node: yaml.Node, has_default: bool, target: Target) -> Step:
    words: dict[str, Scalar] = {}
    for name, (_, value) in document.table(node, "`map`").items():
        words[name] = document.scalar(value, f"what `{name}` becomes")
        check_word(document, value, words[name], target)

    def translate(value: Any) -> Any:
        if isinstance(value, (dict, list)):
            raise OperatorFailed("`map` works on single values, not on a list or an object")
        word = spelling(value)
        if word in words:
            return words[word]
        if has_default:
            return None
        raise OperatorFailed(f"`map` has no entry for {word!r:.60} and there is no `default`")

    return translate


def _unit(name: str) -> Step:
    return lambda value: times.seconds(value, name)


def _to(document: Document, node: yaml.Node) -> Step:
    name = document.text(node, "`to`")
    if name not in _TO:
        document.fail(node, f"`to` knows no `{name}`{suggestion(name, _TO)}")
    return _TO[name]


def _epoch_us(value: Any) -> int:
    if not isinstance(value, datetime):
        raise OperatorFailed("`to: epoch_us` needs a time; read it with `time:`")
    return times.epoch_us(value)


_TO: dict[str, Step] = {
    "int": to_int,
    "float": to_float,
    "text": to_text,
    "bool": to_bool,
    "epoch_us": _epoch_us,
}
