"""JMESPath texts inside a mapping file: compiled, with the file's names, noting what they read."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from agents.mapping import expressions
from agents.mapping.document import Document
from agents.mapping.errors import Problem
from agents.mapping.expressions import Path

Evaluate = Callable[[Any, list[Problem]], Any]
Assumed = Callable[[Any], bool]


class Expression(NamedTuple):
    """A compiled expression; `assumed` says of a scope whether its time had to assume a zone."""

    evaluate: Evaluate
    assumed: Assumed | None = None


class Context(NamedTuple):
    """What a file has said so far.

    `names` are those of `let` and `each` with the payload paths they stand for, `assumed` what is
    known of the times behind names, `reads` every payload path read so far (true where the whole
    value is taken).
    """

    document: Document
    names: Mapping[str, tuple[Path, ...]]
    assumed: Mapping[str, Assumed | None]
    reads: dict[Path, bool]


def value(context: Context, node: yaml.Node) -> Expression:
    """Compile a JMESPath text whose value a field takes. Raises MappingFileError."""
    tree = _tree(context, node, "a field", tested=False)
    names = expressions.dotted(tree)
    assumed = context.assumed.get(names[0]) if names and len(names) == 1 else None
    return Expression(_evaluation(tree), assumed)


def condition(context: Context, node: yaml.Node) -> Callable[[Any], bool]:
    """Compile a `when`: JMESPath that is asked for its truth. Raises MappingFileError."""
    ask = expressions.compile_tree(_tree(context, node, "`when`", tested=True))
    return lambda scope: not expressions.is_false(ask(scope))


def items(context: Context, node: yaml.Node, what: str) -> tuple[Evaluate, tuple[Path, ...]]:
    """Compile what `each` explodes, and tell which payload paths the items stand for.

    Raises MappingFileError.
    """
    tree = _tree(context, node, what, tested=True)
    ends = expressions.endpoints(tree)
    return _evaluation(tree), tuple(full for end in ends for full in _expand(context, end))


def _tree(context: Context, node: yaml.Node, what: str, tested: bool) -> dict[str, Any]:
    text = context.document.text(node, what)
    try:
        tree = expressions.parse(text)
    except ValueError as error:
        context.document.fail(
            node, f"{what} is not JMESPath: {error}; a fixed text is written {{const: …}}"
        )
    for path, whole in expressions.references(tree, tested):
        for full in _expand(context, path):
            context.reads[full] = context.reads.get(full, False) or whole
    return tree


def _expand(context: Context, path: Path) -> Iterator[Path]:
    if path and path[0] in context.names:
        for base in context.names[path[0]]:
            yield (*base, *path[1:])
    else:
        yield path


def _evaluation(tree: dict[str, Any]) -> Evaluate:
    """Make the closure of an expression; a dotted path, the common case, takes no detour."""
    names = expressions.dotted(tree)
    if names is None:
        ask = expressions.compile_tree(tree)
        return lambda scope, problems: ask(scope)
    head, *rest = names
    if not rest:
        return lambda scope, problems: scope.get(head)
    if len(rest) == 1:
        tail = rest[0]

        def two(scope: Any, problems: list[Problem]) -> Any:
            inner = scope.get(head)
            return inner.get(tail) if isinstance(inner, dict) else None

        return two

    def many(scope: Any, problems: list[Problem]) -> Any:
        value = scope.get(head)
        for name in rest:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return many
