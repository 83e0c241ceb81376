"""From the text of a mapping file to a `Mapping`; errors name file, line, column and the fix."""

import yaml

from agents.mapping import modifiers, operators, paths
from agents.mapping.document import Document, suggestion
from agents.mapping.engine import HEADERS, TOP, Emit, Field, Mapping
from agents.mapping.errors import MappingFileError
from agents.mapping.paths import Assumed, Context, Evaluate
from agents.mapping.targets import COMMANDS, REQUIRED, TARGETS, Target, target_of

KEYS = ("mapping", "version", "says", "when", "unset", "each", "let", "common", "emit")
EMITS = 64
"""Most `emit` entries of one file: each is tried on every payload."""

_MANDATORY = {False: ("source", "id", "kind"), True: ("source", "id", "action")}
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")

Nodes = dict[str, tuple[yaml.Node, yaml.Node]]
Fields = dict[str, tuple[Field, Assumed | None]]
Shared = dict[tuple[str, frozenset[str], bool], tuple[Fields, tuple[Field, ...]]]


def compile_mapping(text: str, name: str) -> Mapping:
    """Compile a mapping file. `name` stands for the file in messages. Raises MappingFileError."""
    try:
        return _compile(Document(text, name), text)
    except RecursionError:
        raise MappingFileError(name, 1, 1, "nested too deeply") from None


def _compile(document: Document, text: str) -> Mapping:
    table = document.table(document.root, "a mapping file")
    for key, (node, _) in table.items():
        document.only([key], KEYS, node, "a mapping file")
    for key in ("mapping", "emit"):
        if key not in table:
            document.fail(document.root, f"`{key}` is missing")
    called = _name(document, table["mapping"][1])
    version = _version(document, table)
    context = Context(document, {TOP: ((),), HEADERS: ()}, {}, {})
    when = paths.condition(context, table["when"][1]) if "when" in table else None
    context, each = _each(context, table)
    context, let = _let(context, table)
    emits = _emits(context, table)
    return Mapping(
        name=called,
        version=version,
        says=document.text(table["says"][1], "`says`") if "says" in table else "",
        channels=tuple(dict.fromkeys(emit.channel for emit in emits)),
        reads=context.reads,
        when=when,
        each=each,
        let=let,
        emits=emits,
        forget=modifiers.unset_everywhere(document, table["unset"][1])
        if "unset" in table
        else None,
        wants_headers=HEADERS in text,
    )


def _name(document: Document, node: yaml.Node) -> str:
    name = document.text(node, "`mapping`")
    if len(name) > 64 or not set(name) <= _NAME_CHARACTERS:
        document.fail(node, "a mapping's name has at most 64 of a-z 0-9 - _ . and nothing else")
    return name


def _version(document: Document, table: Nodes) -> int:
    if "version" not in table:
        return 1
    node = table["version"][1]
    version = document.scalar(node, "`version`")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        document.fail(node, "`version` counts 1, 2, 3 …; raise it with every change of meaning")
    return version


def _each(context: Context, table: Nodes) -> tuple[Context, tuple[tuple[str, Evaluate], ...]]:
    if "each" not in table:
        return context, ()
    compiled = []
    for name, (_, node) in context.document.table(table["each"][1], "`each`").items():
        evaluate, bases = paths.items(context, node, "`each`")
        compiled.append((name, evaluate))
        context = context._replace(names={**context.names, name: bases})
    return context, tuple(compiled)


def _let(context: Context, table: Nodes) -> tuple[Context, tuple[tuple[str, Evaluate], ...]]:
    if "let" not in table:
        return context, ()
    compiled = []
    for name, (key, node) in context.document.table(table["let"][1], "`let`").items():
        if name in (TOP, HEADERS):
            context.document.fail(key, f"`{name}` is taken; choose another name")
        expression = operators.compile_field(context, node)
        compiled.append((name, expression.evaluate))
        # What a `let` reads is noted when it is compiled, so its name itself stands for no path.
        context = context._replace(
            names={**context.names, name: ()},
            assumed={**context.assumed, name: expression.assumed},
        )
    return context, tuple(compiled)


def _emits(context: Context, table: Nodes) -> tuple[Emit, ...]:
    document = context.document
    common = document.table(table["common"][1], "`common`") if "common" in table else {}
    nodes = document.items(table["emit"][1], "`emit`")
    if not 1 <= len(nodes) <= EMITS:
        document.fail(table["emit"][1], f"`emit` needs 1 to {EMITS} entries")
    shared: Shared = {}
    emits = tuple(_emit(context, node, common, shared) for node in nodes)
    known = {name for emit in emits for name in (target_of(emit.channel).fields or {})}
    for name, (key, _) in common.items():
        if name not in known:
            document.fail(key, f"no emitted record has a field `{name}`{suggestion(name, known)}")
    return emits


def _emit(context: Context, node: yaml.Node, common: Nodes, shared: Shared) -> Emit:
    document = context.document
    own = document.table(node, "an `emit` entry")
    if "channel" not in own:
        document.fail(node, f"`channel` is missing; it is one of {', '.join(TARGETS)}")
    key, channel_node = own.pop("channel")
    channel = document.text(channel_node, "`channel`")
    if channel not in TARGETS:
        document.fail(
            channel_node, f"there is no channel `{channel}`{suggestion(channel, TARGETS)}"
        )
    target = target_of(channel)
    known = target.fields or {}
    each_nodes = {"each": own.pop("each")} if "each" in own else {}
    context, each = _each(context, each_nodes)
    when = paths.condition(context, own.pop("when")[1]) if "when" in own else None
    for name, (name_node, _) in own.items():
        if name not in known:
            fix = suggestion(name, known)
            document.fail(name_node, f"a {channel} record has no field `{name}`{fix}")
    taken = {name: at for name, at in common.items() if name in known and name not in own}
    nodes = {**taken, **own}
    for name in _MANDATORY[channel == COMMANDS]:
        if name not in nodes:
            document.fail(key, f"this entry gives no `{name}`; every {channel} record needs one")
    group = (channel, frozenset(taken), bool(each))
    if group not in shared:
        fields = _fields(context, taken, known)
        shared[group] = fields, tuple(field for field, _ in fields.values())
    (base, common_fields), given = shared[group], _fields(context, own, known)
    assumed = {**base, **given}.get("occurred_at", (None, None))[1]
    return Emit(
        channel=channel,
        when=when,
        each=each,
        common=common_fields,
        fields=tuple(field for field, _ in given.values()),
        assumed=assumed if "time_quality" in known else None,
        timed=_is_timed(document, channel, key, nodes),
    )


def _fields(context: Context, nodes: Nodes, known: dict[str, Target]) -> Fields:
    fields: Fields = {}
    for name, (_, node) in nodes.items():
        expression = operators.compile_field(context, node, known[name])
        fields[name] = (Field(name, expression.evaluate, name in REQUIRED), expression.assumed)
    return fields


def _is_timed(document: Document, channel: str, key: yaml.Node, nodes: Nodes) -> bool:
    """Say whether every record must have a time, or the broker's may stand for it."""
    if "time_quality" in nodes:
        return False
    if "occurred_at" not in nodes and channel != COMMANDS:
        document.fail(
            key,
            "this entry gives no `occurred_at`; where the payload has no time, say "
            "`time_quality: {const: arrival}`",
        )
    return "occurred_at" in nodes
