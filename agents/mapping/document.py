"""A mapping file as YAML nodes that know their line and column, so that every error can point at
its cause.

YAML 1.2's plain words only: `yes`, `on` and `12:30` stay text, because they are values of real
exports, and a mapping that silently turns them into booleans or numbers maps nothing.
"""

import difflib
import re
from collections.abc import Iterable
from typing import NoReturn

import yaml

from agents.mapping.errors import MappingFileError

FILE_CHARS = 262_144
"""Longest mapping file in characters: the longest known one has 6,000; a larger file is not a
mapping."""

EXPRESSIONS = 5_000
"""Most expressions in one file, aliases counted where they are used: keeps a hostile file from
growing."""

Scalar = str | int | float | bool | None

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2 and the merge key."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_RESOLVERS = (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
    ("merge", r"^<<$", "<"),
)
for _name, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))


class Document:
    """One mapping file: its name for messages, its root node, and the readers that check shape."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.expressions = 0
        if len(text) > FILE_CHARS:
            raise MappingFileError(
                name, 1, 1, f"longer than {FILE_CHARS} characters; not a mapping"
            )
        try:
            root = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise MappingFileError(name, *where, f"not YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise MappingFileError(name, 1, 1, f"not YAML: {error}") from None
        if root is None:
            raise MappingFileError(name, 1, 1, "the file is empty; it needs `mapping` and `emit`")
        self.root = root

    def fail(self, node: yaml.Node, message: str) -> NoReturn:
        """Raise `MappingFileError` at a node."""
        mark = node.start_mark
        raise MappingFileError(self.name, mark.line + 1, mark.column + 1, message)

    def table(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Read a YAML mapping as key text -> (key node, value node); merge keys are resolved."""
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} must be a mapping of names to values, not {_shape(node)}")
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for part in reversed(parts):
                    merged.update(self.table(part, f"what `<<` brings into {what}"))
                continue
            name = spelling(self.scalar(key, "a name"))
            if name in own:
                self.fail(key, f"`{name}` stands twice in {what}; remove one")
            own[name] = (key, value)
        return {**merged, **own}

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """Read a YAML sequence."""
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, f"{what} must be a list in [ ] or with dashes, not {_shape(node)}")
        return list(node.value)

    def scalar(self, node: yaml.Node, what: str) -> Scalar:
        """Read a single value: text, number, boolean or null."""
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, f"{what} must be a single value, not {_shape(node)}")
        if node.tag == _TAG + "bool":
            return bool(node.value == "true")
        if node.tag == _TAG + "null":
            return None
        if node.tag == _TAG + "int":
            return int(node.value)
        if node.tag == _TAG + "float":
            return float(node.value)
        return str(node.value)

    def text(self, node: yaml.Node, what: str) -> str:
        """Read a non-empty text."""
        value = self.scalar(node, what)
        if not isinstance(value, str) or not value:
            self.fail(node, f"{what} must be text, not {spelling(value)}; put it in quotes")
        return value

    def only(
        self, entries: Iterable[str], known: Iterable[str], node: yaml.Node, what: str
    ) -> None:
        """Refuse names that mean nothing, and say which was probably meant."""
        known = list(known)
        for name in entries:
            if name not in known:
                self.fail(node, f"{what} knows no `{name}`{suggestion(name, known)}")

    def count(self, node: yaml.Node) -> None:
        """Count one expression against the limit of the file."""
        self.expressions += 1
        if self.expressions > EXPRESSIONS:
            self.fail(node, f"more than {EXPRESSIONS} expressions; split the mapping")


def spelling(value: object) -> str:
    """Write a scalar as JSON does, without the quotes of text: `true`, `3`, `in`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Word the fix for an unknown name: the nearest known one, or all where they are few."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    if len(known) <= 16:
        return "; it knows " + ", ".join(f"`{word}`" for word in known)
    return ""


def _shape(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f"`{node.value}`"
