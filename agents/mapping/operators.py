"""The operators of mapping files, compiled from YAML nodes to closures of (scope, problems).

An expression is a JMESPath text, a nested object, or an operator: one source (`const path first
join hash list time object`) and what is done to its value (`modifiers.py`). A closure gives the
value or None; it raises OperatorFailed when it cannot read what it found, and notes a Problem for
each part it can do without.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import orjson
import yaml

from agents.mapping import instants, modifiers, paths
from agents.mapping.document import suggestion
from agents.mapping.errors import OperatorFailed, Problem
from agents.mapping.expressions import is_empty
from agents.mapping.modifiers import MODIFIERS, Table
from agents.mapping.paths import Context, Evaluate, Expression
from agents.mapping.targets import ANY, Target, coercion, to_text

NAMESPACE = UUID("5c5f8f0e-6a0e-5d0c-9a55-6d616e796921")
"""UUIDv5 namespace of the `hash` operator. Changing it would change ids, so it never changes."""

SOURCES = ("const", "path", "first", "join", "hash", "list", "time", "object")


def compile_field(context: Context, node: yaml.Node, target: Target = ANY) -> Expression:
    """Compile what stands behind a field's name. Raises MappingFileError."""
    document = context.document
    document.count(node)
    if isinstance(node, yaml.ScalarNode):
        if node.value in target.words:
            word = node.value
            document.fail(
                node, f"`{word}` reads the payload's field; for the word itself: {{const: {word}}}"
            )
        return _converted(paths.value(context, node), target)
    if isinstance(node, yaml.SequenceNode):
        document.fail(node, "a list of values is written `list: […]`")
    table = document.table(node, "a field")
    sources = [name for name in table if name in SOURCES]
    words = {*SOURCES, *MODIFIERS}
    if sources and (set(table) <= words or target.kind not in ("object", "map")):
        return _operator(context, table, sources, target)
    if not sources and set(table) <= words and table:
        name, (key, _) = next(iter(table.items()))
        document.fail(key, f"`{name}` needs a value to work on; add one of {', '.join(SOURCES)}")
    return _object(context, node, target, strict=False)


def _converted(inner: Expression, target: Target) -> Expression:
    """Bring the value to the type of its place; what is empty becomes null."""
    evaluate, convert = inner.evaluate, coercion(target)
    if convert is None:
        return Expression(_kept(evaluate), inner.assumed)

    def converted(scope: Any, problems: list[Problem]) -> Any:
        value = evaluate(scope, problems)
        if value is None or is_empty(value):
            return None
        return convert(value)

    def text(scope: Any, problems: list[Problem]) -> Any:
        value = evaluate(scope, problems)
        if value.__class__ is str:
            return value or None
        return None if value is None or is_empty(value) else convert(value)

    return Expression(text if target.kind == "text" else converted, inner.assumed)


def _kept(evaluate: Evaluate) -> Evaluate:
    def kept(scope: Any, problems: list[Problem]) -> Any:
        value = evaluate(scope, problems)
        return None if value is None or is_empty(value) else value

    return kept


def _operator(context: Context, table: Table, sources: list[str], target: Target) -> Expression:
    document, source = context.document, sources[0]
    if len(sources) > 1:
        key = table[sources[1]][0]
        document.fail(key, f"`{source}` and `{sources[1]}` are both sources; keep one")
    for name, (key, _) in table.items():
        if name not in SOURCES and name not in MODIFIERS:
            fix = suggestion(name, (*SOURCES, *MODIFIERS))
            document.fail(key, f"an operator knows no `{name}`{fix}")
    modifiers.check(document, source, table)
    # A value that is still to be changed need not fit its place yet.
    changed = {"json", "split", "strip", "map", "unit", "plus", "to"} & set(table)
    inner = _COMPILERS[source](context, table, ANY if changed else target)
    inner = _modified(context, inner, source, table, target)
    if "when" in table:
        condition, evaluate = paths.condition(context, table["when"][1]), inner.evaluate
        inner = Expression(
            lambda scope, problems: evaluate(scope, problems) if condition(scope) else None,
            inner.assumed,
        )
    # Constants were brought to their type when the file was read.
    return inner if set(table) <= {"const", "when"} else _converted(inner, target)


def _modified(
    context: Context, inner: Expression, source: str, table: Table, target: Target
) -> Expression:
    made = modifiers.steps(context.document, source, table, target)
    fallback = modifiers.default(context.document, table, target)
    evaluate = inner.evaluate
    if not made and fallback is None:
        return inner

    def modified(scope: Any, problems: list[Problem]) -> Any:
        value = evaluate(scope, problems)
        for step in made:
            if is_empty(value):
                return fallback
            value = step(value)
        return fallback if is_empty(value) else value

    return Expression(modified, inner.assumed)


def _const(context: Context, table: Table, target: Target) -> Expression:
    node = table["const"][1]
    value = context.document.scalar(node, "`const`")
    value = None if value == "" else value
    modifiers.check_word(context.document, node, value, target)
    convert = coercion(target)
    if convert is not None and value is not None:
        try:
            value = convert(value)
        except OperatorFailed as error:
            context.document.fail(node, f"its place refuses this constant: {error}")
    return Expression(lambda scope, problems: value)


def _path_of(context: Context, table: Table, target: Target) -> Expression:
    return paths.value(context, table["path"][1])


def _first(context: Context, table: Table, target: Target) -> Expression:
    nodes = context.document.items(table["first"][1], "`first`")
    choices = tuple(compile_field(context, node, target) for node in nodes)

    def first(scope: Any, problems: list[Problem]) -> Any:
        failed = None
        for choice in choices:
            try:
                value = choice.evaluate(scope, problems)
            except OperatorFailed as error:
                failed = error
                continue
            if value is not None:
                return value
        if failed is not None:
            raise failed
        return None

    def assumed(scope: Any) -> bool:
        for choice in choices:
            try:
                if choice.evaluate(scope, []) is not None:
                    return choice.assumed is not None and choice.assumed(scope)
            except OperatorFailed:
                continue
        return False

    return Expression(first, assumed if any(choice.assumed for choice in choices) else None)


def _join(context: Context, table: Table, target: Target) -> Expression:
    parts = _parts(context, table, "join")
    sep = ":"
    if "sep" in table:
        sep = str(context.document.scalar(table["sep"][1], "`sep`"))

    def join(scope: Any, problems: list[Problem]) -> str | None:
        texts = []
        for part in parts:
            value = part(scope, problems)
            if value is None:
                return None
            texts.append(value if value.__class__ is str else to_text(value))
        return sep.join(texts)

    return Expression(join)


def _hash(context: Context, table: Table, target: Target) -> Expression:
    parts = _parts(context, table, "hash")

    def hashed(scope: Any, problems: list[Problem]) -> str:
        values = [part(scope, problems) for part in parts]
        if all(value is None for value in values):
            raise OperatorFailed("every value to hash is empty")
        return str(uuid5(NAMESPACE, orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()))

    return Expression(hashed)


def _parts(context: Context, table: Table, source: str) -> tuple[Evaluate, ...]:
    nodes = context.document.items(table[source][1], f"`{source}`")
    if not nodes:
        context.document.fail(table[source][1], f"`{source}` needs at least one value")
    return tuple(compile_field(context, node).evaluate for node in nodes)


def _list(context: Context, table: Table, target: Target) -> Expression:
    item = target.item or (Target("text") if target.kind == "texts" else ANY)
    entries = []
    for node in context.document.items(table["list"][1], "`list`"):
        is_object = isinstance(node, yaml.MappingNode) and not (
            {key.value for key, _ in node.value} & set(SOURCES)
        )
        entry = (
            _object(context, node, item, strict=True)
            if is_object
            else compile_field(context, node, ANY)
        )
        entries.append(entry.evaluate)

    def collect(scope: Any, problems: list[Problem]) -> list[Any]:
        found: list[Any] = []
        for index, entry in enumerate(entries):
            try:
                value = entry(scope, problems)
            except OperatorFailed as error:
                problems.append(Problem(f"[{index}]", str(error)))
                continue
            if value.__class__ is list:
                found.extend(part for part in value if not _has_hole(part))
            elif value is not None:
                found.append(value)
        return found

    return Expression(collect)


def _has_hole(part: Any) -> bool:
    return is_empty(part) or (isinstance(part, dict) and any(map(is_empty, part.values())))


def _time(context: Context, table: Table, target: Target) -> Expression:
    raw = compile_field(context, table["time"][1])
    duration = compile_field(context, table["plus"][1]).evaluate if "plus" in table else None
    return instants.compile_time(context, table, raw, duration)


def _object_of(context: Context, table: Table, target: Target) -> Expression:
    return _object(context, table["object"][1], target, strict=False)


def _object(context: Context, node: yaml.Node, target: Target, strict: bool) -> Expression:
    """Compile a nested object. It vanishes when it is empty, and, if `strict`, when any part of it
    is."""
    document = context.document
    if target.kind not in ("object", "map", "any"):
        document.fail(
            node,
            f"one value is expected here, not an object; use an operator: {', '.join(SOURCES)}",
        )
    parts = []
    for name, (key, value) in document.table(node, "an object").items():
        if target.fields is not None and name not in target.fields:
            document.fail(
                key, f"the contract knows no `{name}` here{suggestion(name, target.fields)}"
            )
        place = target.fields[name] if target.fields is not None else target.item or ANY
        parts.append((name, compile_field(context, value, place).evaluate))

    def build(scope: Any, problems: list[Problem]) -> dict[str, Any] | None:
        built = {}
        for name, evaluate in parts:
            try:
                value = evaluate(scope, problems)
            except OperatorFailed as error:
                problems.append(Problem(name, str(error)))
                value = None
            if value is not None:
                built[name] = value
            elif strict:
                return None
        return built or None

    return Expression(build)


_COMPILERS: dict[str, Callable[[Context, Table, Target], Expression]] = {
    "const": _const,
    "path": _path_of,
    "first": _first,
    "join": _join,
    "hash": _hash,
    "list": _list,
    "time": _time,
    "object": _object_of,
}
