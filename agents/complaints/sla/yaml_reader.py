"""YAML with its places: reads nodes instead of values, so that every problem has line and column.

Scalars stay the text that was written. `NO` is Norway and not false, `12:30` is a time and not 750.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import yaml

from schemas.policy import Problem

MAX_BYTES = 1_048_576
"""A file of a megabyte was not written by a person."""

MAX_NODES = 200_000
"""Aliases let a short file spell out a huge one; reading stops here. A thousand journeys are half
of it."""

MAX_PROBLEMS = 50
"""More than anybody corrects in one go."""

T = TypeVar("T")
Node = yaml.nodes.Node
ScalarNode = yaml.nodes.ScalarNode
MappingNode = yaml.nodes.MappingNode
SequenceNode = yaml.nodes.SequenceNode

Field = tuple[Node, Node]
"""Key node and value node of a mapping's entry."""


ReadFeed = Callable[[str], str]
"""Gives the text of a file that is named beside the policy; raises OSError."""


class PolicyError(Exception):
    """A file that cannot be used. `problems` has at least one entry, in order of place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Reader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, file: str, read_feed: ReadFeed | None = None) -> None:
        self.file = file
        self.read_feed = read_feed
        self.feeds: list[str] = []
        """Texts of the feeds that were read; they are part of what the file says."""
        self.problems: list[Problem] = []
        self._nodes = 0

    def documents(self, text: str) -> list[Node]:
        """The root node of every document. Raises PolicyError where the text is no YAML."""
        if len(text.encode("utf-8", "replace")) > MAX_BYTES:
            self._report(1, 1, f"the file is larger than {MAX_BYTES:,} bytes", "split it")
            raise PolicyError(self.problems)
        try:
            nodes = list(yaml.compose_all(text, yaml.SafeLoader))
            return [node for node in nodes if not isinstance(node, ScalarNode) or node.value]
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
            message = error.problem or "the text is not YAML"
            self._report(line, column, f"not YAML: {message}", "check indentation and quotes here")
        except (yaml.YAMLError, RecursionError) as error:
            reason = str(error).split("\n", 1)[0]
            self._report(1, 1, f"not YAML: {reason}", "save it as UTF-8 text")
        raise PolicyError(self.problems)

    def problem(self, node: Node, message: str, fix: str) -> None:
        """Something is wrong at this node."""
        self._report(node.start_mark.line + 1, node.start_mark.column + 1, message, fix)

    def mapping(
        self, node: Node, what: str, known: Iterable[str] | None, required: Iterable[str] = ()
    ) -> dict[str, Field]:
        """The entries of a mapping by key. `known` None allows every key."""
        if not isinstance(node, MappingNode):
            self.problem(node, f"{what} must be a mapping", "write `key: value` lines")
            return {}
        entries: dict[str, Field] = {}
        names = None if known is None else list(known)
        for key_node, value_node in node.value:
            self._count(key_node)
            key = self.text(key_node, f"a key of {what}")
            if key is None:
                continue
            if names is not None and key not in names:
                self.problem(key_node, f"{what} has no key {key!r}", suggest(key, names))
            elif key in entries:
                first = entries[key][0].start_mark.line + 1
                self.problem(key_node, f"{key!r} stands here again", f"see line {first}; keep one")
            else:
                entries[key] = (key_node, value_node)
        for key in required:
            if key not in entries:
                self.problem(node, f"{what} has no {key!r}", f"add `{key}:`")
        return entries

    def sequence(self, node: Node, what: str) -> list[Node]:
        """The items of a list."""
        if not isinstance(node, SequenceNode):
            self.problem(node, f"{what} must be a list", "write it in brackets: [a, b]")
            return []
        for item in node.value:
            self._count(item)
        return list(node.value)

    def text(self, node: Node, what: str) -> str | None:
        """A scalar as it was written; None (and a problem) for anything else or for nothing."""
        if isinstance(node, ScalarNode) and (node.value or node.style is not None):
            return str(node.value)
        kind = "empty" if isinstance(node, ScalarNode) else "not a single value"
        self.problem(node, f"{what} is {kind}", "write one value")
        return None

    def parsed(self, node: Node, what: str, parse: Callable[[str], T]) -> T | None:
        """A scalar read by `parse`, whose ValueError becomes the problem."""
        text = self.text(node, what)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            message, _, fix = str(error).partition(": ")
            self.problem(node, f"{what}: {message}", fix or "correct it")
            return None

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        """One value or a list of them."""
        items = [node] if isinstance(node, ScalarNode) else self.sequence(node, what)
        read = [self.text(item, what) for item in items]
        return tuple(text for text in read if text is not None)

    def flag(self, node: Node, what: str) -> bool:
        """`true` or `false`."""
        text = self.text(node, what)
        if text is not None and text.lower() not in ("true", "false"):
            self.problem(node, f"{what} is {text!r}", "write true or false")
        return text is not None and text.lower() == "true"

    def done(self) -> None:
        """Raises PolicyError if anything was wrong."""
        if self.problems:
            raise PolicyError(self.problems)

    def _count(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self.problem(node, "the file spells out too much", "use fewer aliases, or split it")
            raise PolicyError(self.problems)

    def _report(self, line: int, column: int, message: str, fix: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                Problem(file=self.file, line=line, column=column, message=message, fix=fix)
            )


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...` if something is near, all that is known otherwise."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + ", ".join(names[:20]) if names else "remove it"


def entry(fields: Mapping[str, Field], key: str) -> Node | None:
    """The value of a key, if it is there."""
    field = fields.get(key)
    return None if field is None else field[1]
