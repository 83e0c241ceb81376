"""JMESPath, compiled to closures: the same answers as the `jmespath` library, at a tenth of its
time.

The library parses; what mappings use all the time (fields, comparisons, and/or/not, indexes,
projections, filters, multi-selects) becomes closures here, and everything else (functions, slices)
is handed to its interpreter for that subtree. `tests/agents/mapping/test_expressions.py` holds the
two against each other.

Truth in JMESPath: null, false, "", [] and {} are false; everything else is true, 0 too.
"""

import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

from jmespath import parser
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from agents.mapping.errors import OperatorFailed

Evaluate = Callable[[Any], Any]
Path = tuple[str, ...]

DEPTH = 60
"""Deepest nesting of one expression: far beyond a readable one, well inside Python's own limit."""

_INTERPRETER = TreeInterpreter()


def parse(text: str) -> dict[str, Any]:
    """Parse JMESPath into the library's syntax tree. Raises ValueError with a one-line reason."""
    try:
        with warnings.catch_warnings():
            # The library would take the unquoted `word` in backticks for a text, and warn.
            warnings.simplefilter("error", PendingDeprecationWarning)
            tree = cast(dict[str, Any], parser.Parser().parse(text).parsed)
    except (JMESPathError, ValueError, PendingDeprecationWarning) as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (RecursionError, OverflowError):
        raise ValueError("nested too deeply") from None
    if _depth(tree) > DEPTH:
        raise ValueError(f"nested deeper than {DEPTH} levels")
    if _negates_a_step(tree):
        raise ValueError("`!a.b` means `(!a).b` in it, which is always null; write `!(a.b)`")
    return tree


def compile_tree(tree: dict[str, Any]) -> Evaluate:
    """Compile a syntax tree into a closure of the value it is asked about."""
    compiler = _COMPILERS.get(tree["type"])
    return compiler(tree) if compiler else _interpreted(tree)


def is_false(value: object) -> bool:
    """Say whether JMESPath takes a value as false."""
    return value is None or value is False or (value.__class__ in _SIZED and not value)


def is_empty(value: object) -> bool:
    """Say whether a value carries nothing: null, or an empty text, list or object. 0 and false
    carry something."""
    return value is None or (value.__class__ in _SIZED and not value)


def dotted(tree: dict[str, Any]) -> Path | None:
    """Give the names of a plain path `a.b.c`, or None when the expression is more than that."""
    if tree["type"] == "field":
        return (tree["value"],)
    if tree["type"] != "subexpression":
        return None
    parts = [dotted(child) for child in tree["children"]]
    return tuple(name for part in parts if part for name in part) if all(parts) else None


def references(tree: dict[str, Any], tested: bool = False) -> Iterator[tuple[Path, bool]]:
    """Yield every payload path an expression reads, lists left out of the path.

    The flag is true where the whole value is taken, false where it is only tested (`when: Agent`).
    """
    found: dict[Path, bool] = {}
    for path in _trace(tree, [()], found, not tested):
        found[path] = found.get(path, False) or not tested
    yield from found.items()


def endpoints(tree: dict[str, Any]) -> list[Path]:
    """Give the payload paths the value of an expression stands for."""
    return _trace(tree, [()], {}, False)


_SIZED = (str, list, dict)


def _depth(tree: dict[str, Any]) -> int:
    levels, deepest = [(tree, 1)], 1
    while levels:
        node, level = levels.pop()
        deepest = max(deepest, level)
        levels.extend((child, level + 1) for child in node["children"] if isinstance(child, dict))
    return deepest


def _negates_a_step(tree: dict[str, Any]) -> bool:
    children = [child for child in tree["children"] if isinstance(child, dict)]
    if tree["type"] == "subexpression" and children[0]["type"] == "not_expression":
        return True
    return any(_negates_a_step(child) for child in children)


def _field(tree: dict[str, Any]) -> Evaluate:
    name = tree["value"]

    def field(value: Any) -> Any:
        return value.get(name) if isinstance(value, dict) else None

    return field


def _chain(tree: dict[str, Any]) -> Evaluate:
    steps = tuple(compile_tree(child) for child in tree["children"])
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))

    def chain(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return chain


def _index(tree: dict[str, Any]) -> Evaluate:
    position = tree["value"]

    def index(value: Any) -> Any:
        if not isinstance(value, list) or not -len(value) <= position < len(value):
            return None
        return value[position]

    return index


def _literal(tree: dict[str, Any]) -> Evaluate:
    literal = tree["value"]
    return lambda value: literal


def _itself(tree: dict[str, Any]) -> Evaluate:
    return lambda value: value


def _comparator(tree: dict[str, Any]) -> Evaluate:
    left, right = (compile_tree(child) for child in tree["children"])
    if tree["value"] == "eq":
        return lambda value: _equal(left(value), right(value))
    if tree["value"] == "ne":
        return lambda value: not _equal(left(value), right(value))
    compare = {"lt": operator.lt, "gt": operator.gt, "lte": operator.le, "gte": operator.ge}[
        tree["value"]
    ]

    def ordered(value: Any) -> Any:
        a, b = left(value), right(value)
        return compare(a, b) if _ordered(a, b) else None

    return ordered


def _equal(a: Any, b: Any) -> bool:
    # JSON's true is not 1, but Python's is.
    if (a is True or a is False or b is True or b is False) and a.__class__ is not b.__class__:
        return False
    return bool(a == b)


def _ordered(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return False
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    return numbers or (isinstance(a, str) and isinstance(b, str))


def _or(tree: dict[str, Any]) -> Evaluate:
    left, right = (compile_tree(child) for child in tree["children"])

    def either(value: Any) -> Any:
        found = left(value)
        return right(value) if is_false(found) else found

    return either


def _and(tree: dict[str, Any]) -> Evaluate:
    left, right = (compile_tree(child) for child in tree["children"])

    def both(value: Any) -> Any:
        found = left(value)
        return found if is_false(found) else right(value)

    return both


def _not(tree: dict[str, Any]) -> Evaluate:
    inner = compile_tree(tree["children"][0])
    return lambda value: is_false(inner(value))


def _projection(tree: dict[str, Any]) -> Evaluate:
    base, each = (compile_tree(child) for child in tree["children"])

    def projection(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        return [found for element in elements if (found := each(element)) is not None]

    return projection


def _filter(tree: dict[str, Any]) -> Evaluate:
    base, each, condition = (compile_tree(child) for child in tree["children"])

    def filtered(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        kept = (element for element in elements if not is_false(condition(element)))
        return [found for element in kept if (found := each(element)) is not None]

    return filtered


def _flatten(tree: dict[str, Any]) -> Evaluate:
    base = compile_tree(tree["children"][0])

    def flatten(value: Any) -> Any:
        elements = base(value)
        if not isinstance(elements, list):
            return None
        flat: list[Any] = []
        for element in elements:
            flat.extend(element if isinstance(element, list) else [element])
        return flat

    return flatten


def _select_dict(tree: dict[str, Any]) -> Evaluate:
    pairs = tuple((pair["value"], compile_tree(pair["children"][0])) for pair in tree["children"])
    return lambda value: None if value is None else {name: get(value) for name, get in pairs}


def _select_list(tree: dict[str, Any]) -> Evaluate:
    parts = tuple(compile_tree(child) for child in tree["children"])
    return lambda value: None if value is None else [get(value) for get in parts]


def _interpreted(tree: dict[str, Any]) -> Evaluate:
    def interpreted(value: Any) -> Any:
        try:
            return _INTERPRETER.visit(cast(Any, tree), value)
        except _ODD_DATA as error:
            raise OperatorFailed(" ".join(str(error).split())) from None

    return interpreted


_ODD_DATA = (JMESPathError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError)
"""What the interpreter raises on values it did not expect, such as a text below a number."""


_COMPILERS: dict[str, Callable[[dict[str, Any]], Evaluate]] = {
    "field": _field,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "index": _index,
    "literal": _literal,
    "identity": _itself,
    "current": _itself,
    "comparator": _comparator,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "projection": _projection,
    "filter_projection": _filter,
    "flatten": _flatten,
    "multi_select_dict": _select_dict,
    "multi_select_list": _select_list,
}

_TESTING = ("comparator", "not_expression")
_STEPPING = ("subexpression", "index_expression", "pipe", "projection")


def _trace(
    node: dict[str, Any], bases: list[Path], found: dict[Path, bool], whole: bool
) -> list[Path]:
    """Follow an expression from `bases`; give the paths it ends on, note those only tested."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return [(*base, node["value"]) for base in bases]
    if kind in _STEPPING:
        for child in children:
            bases = _trace(child, bases, found, whole)
        return bases
    if kind == "filter_projection":
        elements = _trace(children[0], bases, found, whole)
        for path in _trace(children[2], elements, found, False):
            found.setdefault(path, False)
        return _trace(children[1], elements, found, whole)
    if kind in _TESTING:
        for child in children:
            for path in _trace(child, bases, found, False):
                found.setdefault(path, False)
        return []
    if kind == "value_projection":
        return _trace(children[0], bases, found, whole)
    if kind in ("literal", "slice", "index"):
        return [] if kind == "literal" else bases
    if kind in ("identity", "current"):
        return bases
    return [path for child in children for path in _trace(child, bases, found, whole)]
